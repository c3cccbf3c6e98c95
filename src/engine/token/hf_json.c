/* hf_json.c - tokenizer.json of Hugging Face's tokenizers: taking the file apart, and its lists.
 *
 * Source of the format: the tokenizers library's serialisation (models BPE, Unigram, WordPiece).
 */
#include "engine/token/hf_json.h"

#include <string.h>

static void read_top(eng_hf_json *f, eng_jscan *s)
{
    sk_buf key = SK_BUF_INIT;
    bool first = true;
    (void)eng_jscan_open(s, '{');
    while (!s->st && eng_jscan_member(s, &first, &key)) {
        eng_jnode **tree = strcmp(key.p, "normalizer") == 0       ? &f->normalizer
                           : strcmp(key.p, "pre_tokenizer") == 0  ? &f->pre
                           : strcmp(key.p, "post_processor") == 0 ? &f->post
                                                                  : NULL;
        if (tree && !*tree)
            (void)eng_jtree_read(s, f->r->mem, tree);
        else if (strcmp(key.p, "model") == 0)
            (void)eng_jscan_skip(s, &f->model);
        else
            (void)eng_jscan_skip(s, strcmp(key.p, "added_tokens") == 0 ? &f->added : NULL);
    }
    if (!s->st && !eng_jscan_end(s)) (void)eng_jscan_fail(s, "something behind the end");
    sk_buf_fini(&key);
}

/* A member of the model that is a flag or a place in the text; all others are passed over.  c: the
 * first byte of its value. */
static void read_model_member(eng_hf_json *f, eng_jscan *s, const char *key, char c)
{
    eng_str *place = strcmp(key, "vocab") == 0    ? &f->vocab
                     : strcmp(key, "merges") == 0 ? &f->merges
                                                  : NULL;
    if (strcmp(key, "byte_fallback") == 0) f->byte_fallback = c == 't';
    if (strcmp(key, "ignore_merges") == 0) f->ignore_merges = c == 't';
    (void)eng_jscan_skip(s, place);
}

/* The member "model": what is small as trees, the vocabulary and the merges as places in the text,
 * to be walked once all else is known.  Of members that come twice the first tree counts. */
static void read_model(eng_hf_json *f, eng_jscan *s)
{
    sk_buf key = SK_BUF_INIT, b = SK_BUF_INIT;
    bool first = true;
    (void)eng_jscan_open(s, '{');
    while (!s->st && eng_jscan_member(s, &first, &key)) {
        struct {
            const char *key;
            eng_jnode **to;
        } trees[] = {{"continuing_subword_prefix", &f->prefix},
                     {"end_of_word_suffix", &f->suffix},
                     {"unk_token", &f->unk}};
        char c = eng_jscan_peek(s);
        size_t k = 0;
        while (k < 3 && strcmp(key.p, trees[k].key) != 0)
            k++;
        if (strcmp(key.p, "type") == 0) {
            sk_buf_reset(&b);
            if (eng_jscan_string(s, &b) && b.len < sizeof f->type) memcpy(f->type, b.p, b.len + 1);
        } else if (strcmp(key.p, "unk_id") == 0 && c != 'n') {
            (void)eng_jscan_int(s, &f->unk_id);
        } else if (k < 3 && !*trees[k].to) {
            (void)eng_jtree_read(s, f->r->mem, trees[k].to);
        } else {
            read_model_member(f, s, key.p, c);
        }
    }
    sk_buf_fini(&key);
    sk_buf_fini(&b);
}

/* ---- the lists ---- */

/* {"token": id, ...} */
static void read_vocab(eng_hf_json *f, eng_jscan *s)
{
    eng_hf_read *r = f->r;
    bool first = true;
    sk_buf key = SK_BUF_INIT;
    (void)eng_jscan_open(s, '{');
    while (!s->st && eng_jscan_member(s, &first, &key)) {
        int64_t id = -1;
        size_t at = r->text.len;
        if (!eng_jscan_int(s, &id)) break;
        sk_buf_add(&r->text, key.p, key.len);
        if (!eng_hf_read_token(r, at, id, ENG_TOKEN_NORMAL, 0)) s->st = eng_hf_read_no_memory(r);
    }
    sk_buf_fini(&key);
}

/* ["token", score] */
static bool read_pair(eng_jscan *s, sk_buf *text, double *score)
{
    bool inner = true;
    return eng_jscan_open(s, '[') && eng_jscan_element(s, &inner) && eng_jscan_string(s, text) &&
           eng_jscan_element(s, &inner) && eng_jscan_num(s, score) && !eng_jscan_element(s, &inner);
}

/* [["token", score], ...]; the id of a token is its place. */
static void read_scored(eng_hf_json *f, eng_jscan *s)
{
    eng_hf_read *r = f->r;
    bool first = true;
    int64_t id = 0;
    (void)eng_jscan_open(s, '[');
    while (!s->st && eng_jscan_element(s, &first)) {
        size_t at = r->text.len;
        double score = 0;
        if (!read_pair(s, &r->text, &score)) break;
        uint8_t type = id == f->unk_id ? ENG_TOKEN_UNKNOWN : ENG_TOKEN_NORMAL;
        if (!eng_hf_read_token(r, at, id++, type, (float)score)) s->st = eng_hf_read_no_memory(r);
    }
    if (!s->st && (eng_jscan_peek(s) || s->p != s->end))
        (void)eng_jscan_fail(s, "a token and its score expected");
}

/* ["a", "b"]: put as "a b", so that a space inside a part would make it another merge. */
static void read_merge_pair(eng_hf_read *r, eng_jscan *s)
{
    bool inner = true;
    (void)eng_jscan_open(s, '[');
    for (int k = 0; k < 2 && !s->st; k++) {
        if (!eng_jscan_element(s, &inner)) (void)eng_jscan_fail(s, "a pair expected");
        size_t at = r->merges.len;
        if (!s->st && !eng_jscan_string(s, &r->merges)) return;
        if (!s->st && memchr(r->merges.p + at, ' ', r->merges.len - at))
            (void)eng_jscan_fail(s, "a merge with a space in it");
        if (!k) sk_buf_addc(&r->merges, ' ');
    }
    if (!s->st && eng_jscan_element(s, &inner)) (void)eng_jscan_fail(s, "a pair expected");
}

/* ["a b", ...] or [["a", "b"], ...]; a space inside a part is written in GPT-2's way. */
static void read_merges(eng_hf_json *f, eng_jscan *s)
{
    eng_hf_read *r = f->r;
    bool first = true;
    (void)eng_jscan_open(s, '[');
    while (!s->st && eng_jscan_element(s, &first)) {
        if (eng_jscan_peek(s) == '[')
            read_merge_pair(r, s);
        else
            (void)eng_jscan_string(s, &r->merges);
        sk_buf_add(&r->merge_ends, &r->merges.len, sizeof r->merges.len);
        if (!s->st && (!sk_buf_ok(&r->merges) || !sk_buf_ok(&r->merge_ends)))
            s->st = eng_hf_read_no_memory(r);
    }
}

static void read_added(eng_hf_json *f, eng_jscan *s)
{
    bool first = true;
    (void)eng_jscan_open(s, '[');
    while (!s->st && eng_jscan_element(s, &first))
        (void)eng_hf_read_added(f->r, s, -1);
}

/* Runs one of the above over a part of the file. */
static sk_status walk(eng_hf_json *f, eng_str part, void (*fn)(eng_hf_json *f, eng_jscan *s))
{
    eng_jscan s;
    if (!part.p) return SK_OK;
    eng_jscan_init(&s, part.p, part.n, "tokenizer.json", f->r->e);
    s.start = f->start; /* lines are counted from the beginning of the file */
    fn(f, &s);
    return s.st;
}

/* Reads tokenizer.json.  The file is walked several times and never held as a tree: the
 * vocabulary alone would take ten times its text. */
sk_status eng_hf_read_json(eng_hf_read *r, const char *p, size_t n)
{
    eng_hf_json f = {.r = r, .start = p, .unk_id = -1};
    sk_status st = walk(&f, (eng_str){p, n}, read_top);
    if (!st && !f.model.p) st = sk_fail(r->e, SK_E_FORMAT, "tokenizer.json has no model");
    if (!st) st = walk(&f, f.model, read_model);
    if (!st && !f.vocab.p) st = sk_fail(r->e, SK_E_FORMAT, "tokenizer.json has no vocabulary");
    if (!st) st = walk(&f, f.vocab, *f.vocab.p == '[' ? read_scored : read_vocab);
    if (!st && strcmp(f.type, "Unigram") != 0) st = walk(&f, f.merges, read_merges);
    if (!st) st = walk(&f, f.added, read_added);
    if (!st) st = eng_hf_read_lay_out(r);
    if (!st) st = eng_hf_json_interpret(&f);
    return st;
}
