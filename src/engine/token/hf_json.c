/* hf_json.c - tokenizer.json of Hugging Face's tokenizers: the vocabulary, and what its other parts
 * are in the terms of a GGUF.
 *
 * Source of the format: the tokenizers library's serialisation (models BPE, Unigram, WordPiece).
 * What is not known is refused by name: ids that are nearly right are worth nothing.
 */
#include "engine/token/hf_read.h"

#include "engine/token/base64.h"
#include "engine/token/hf_pretok.h"
#include "engine/token/jtree.h"
#include "engine/token/strindex.h"

#include <string.h>

/* The parts of the file: small ones as trees, large ones as places in the text. */
typedef struct file {
    eng_hf_read *r;
    const char *start;
    eng_jnode *normalizer, *pre, *post;
    eng_str model, added;
    /* of the model */
    char type[32];
    eng_str vocab, merges;
    bool byte_fallback, ignore_merges;
    int64_t unk_id;
    eng_jnode *prefix, *suffix, *unk;
} file;

static sk_status unsupported(const file *f, const char *what, const char *name)
{
    return sk_fail(f->r->e, SK_E_UNSUPPORTED, "tokenizer.json: %s \"%.64s\" is not supported", what,
                   name);
}

static bool is(const eng_jnode *o, const char *type)
{
    return strcmp(eng_jtree_text(o, "type"), type) == 0;
}

/* The n-th part of a sequence under `key`; of a single one, itself. */
static const eng_jnode *part_of(const eng_jnode *o, const char *key, size_t i)
{
    if (is(o, "Sequence")) return eng_jtree_at(eng_jtree_get(o, key), i);
    return i || !o || o->kind != '{' ? NULL : o;
}

/* ---- taking the file apart ---- */

static void read_top(file *f, eng_jscan *s)
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

static void read_model(file *f, eng_jscan *s)
{
    sk_buf key = SK_BUF_INIT, b = SK_BUF_INIT;
    bool first = true;
    (void)eng_jscan_open(s, '{');
    while (!s->st && eng_jscan_member(s, &first, &key)) {
        eng_jnode **tree = strcmp(key.p, "continuing_subword_prefix") == 0 ? &f->prefix
                           : strcmp(key.p, "end_of_word_suffix") == 0      ? &f->suffix
                           : strcmp(key.p, "unk_token") == 0               ? &f->unk
                                                                           : NULL;
        char c = eng_jscan_peek(s);
        if (strcmp(key.p, "type") == 0) {
            sk_buf_reset(&b);
            if (eng_jscan_string(s, &b) && b.len < sizeof f->type) memcpy(f->type, b.p, b.len + 1);
        } else if (strcmp(key.p, "unk_id") == 0 && c != 'n') {
            (void)eng_jscan_int(s, &f->unk_id);
        } else if (tree && !*tree) {
            (void)eng_jtree_read(s, f->r->mem, tree);
        } else {
            if (strcmp(key.p, "byte_fallback") == 0) f->byte_fallback = c == 't';
            if (strcmp(key.p, "ignore_merges") == 0) f->ignore_merges = c == 't';
            (void)eng_jscan_skip(s, strcmp(key.p, "vocab") == 0    ? &f->vocab
                                    : strcmp(key.p, "merges") == 0 ? &f->merges
                                                                   : NULL);
        }
    }
    sk_buf_fini(&key);
    sk_buf_fini(&b);
}

/* ---- the lists ---- */

/* {"token": id, ...} */
static void read_vocab(file *f, eng_jscan *s)
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

/* [["token", score], ...] */
static void read_scored(file *f, eng_jscan *s)
{
    eng_hf_read *r = f->r;
    bool first = true;
    int64_t id = 0;
    (void)eng_jscan_open(s, '[');
    while (!s->st && eng_jscan_element(s, &first)) {
        bool inner = true;
        size_t at = r->text.len;
        double score = 0;
        if (!eng_jscan_open(s, '[') || !eng_jscan_element(s, &inner) ||
            !eng_jscan_string(s, &r->text) || !eng_jscan_element(s, &inner) ||
            !eng_jscan_num(s, &score) || eng_jscan_element(s, &inner))
            break;
        uint8_t type = id == f->unk_id ? ENG_TOKEN_UNKNOWN : ENG_TOKEN_NORMAL;
        if (!eng_hf_read_token(r, at, id++, type, (float)score)) s->st = eng_hf_read_no_memory(r);
    }
    if (!s->st && (eng_jscan_peek(s) || s->p != s->end))
        (void)eng_jscan_fail(s, "a token and its score expected");
}

/* ["a b", ...] or [["a", "b"], ...]; a space inside a part is written in GPT-2's way. */
static void read_merges(file *f, eng_jscan *s)
{
    eng_hf_read *r = f->r;
    bool first = true;
    (void)eng_jscan_open(s, '[');
    while (!s->st && eng_jscan_element(s, &first)) {
        if (eng_jscan_peek(s) == '[') {
            bool inner = true;
            (void)eng_jscan_open(s, '[');
            for (int k = 0; k < 2 && !s->st; k++) {
                if (!eng_jscan_element(s, &inner)) (void)eng_jscan_fail(s, "a pair expected");
                size_t at = r->merges.len;
                if (!s->st && !eng_jscan_string(s, &r->merges)) break;
                if (!s->st && memchr(r->merges.p + at, ' ', r->merges.len - at))
                    (void)eng_jscan_fail(s, "a merge with a space in it");
                if (!k) sk_buf_addc(&r->merges, ' ');
            }
            if (!s->st && eng_jscan_element(s, &inner)) (void)eng_jscan_fail(s, "a pair expected");
        } else {
            (void)eng_jscan_string(s, &r->merges);
        }
        sk_buf_add(&r->merge_ends, &r->merges.len, sizeof r->merges.len);
        if (!s->st && (!sk_buf_ok(&r->merges) || !sk_buf_ok(&r->merge_ends)))
            s->st = eng_hf_read_no_memory(r);
    }
}

static void read_added(file *f, eng_jscan *s)
{
    bool first = true;
    (void)eng_jscan_open(s, '[');
    while (!s->st && eng_jscan_element(s, &first))
        (void)eng_hf_read_added(f->r, s, -1);
}

/* Runs one of the above over a part of the file. */
static sk_status walk(file *f, eng_str part, void (*fn)(file *f, eng_jscan *s))
{
    eng_jscan s;
    if (!part.p) return SK_OK;
    eng_jscan_init(&s, part.p, part.n, "tokenizer.json", f->r->e);
    s.start = f->start; /* lines are counted from the beginning of the file */
    fn(f, &s);
    return s.st;
}

/* ---- what the other parts mean ---- */

/* What a normaliser does that a vocabulary has a switch for. */
typedef struct rules {
    bool space_prefix, space_mark, merge_spaces, other;
    const char *other_name;
} rules;

/* Takes one normaliser into account. */
static sk_status add_normalizer(file *f, const eng_jnode *o, rules *u)
{
    const char *type = eng_jtree_text(o, "type"), *content = eng_jtree_text(o, "content");
    const eng_jnode *pattern = eng_jtree_get(o, "pattern");
    if (is(o, "Prepend") && strcmp(eng_jtree_text(o, "prepend"), "\342\226\201") == 0) {
        u->space_prefix = true;
    } else if (is(o, "Replace") && strcmp(eng_jtree_text(pattern, "String"), " ") == 0 &&
               strcmp(content, "\342\226\201") == 0) {
        u->space_mark = true;
    } else if (is(o, "Replace") && strcmp(eng_jtree_text(pattern, "Regex"), " {2,}") == 0) {
        u->merge_spaces = true;
    } else if (is(o, "Precompiled")) {
        eng_str *map = &f->r->charsmap;
        const char *s = eng_jtree_text(o, "precompiled_charsmap");
        char *room = sk_arena_alloc(f->r->mem, strlen(s) / 4 * 3 + 1);
        if (!room) return eng_hf_read_no_memory(f->r);
        if (!eng_base64_read(s, strlen(s), room, &map->n))
            return sk_fail(f->r->e, SK_E_FORMAT, "tokenizer.json: the character map is no base64");
        map->p = room;
    } else if (!is(o, "NFC") && !is(o, "Strip")) {
        u->other = true;
        u->other_name = type;
    }
    return SK_OK;
}

/* All normalisers. */
static sk_status read_rules(file *f, rules *u)
{
    const eng_jnode *o;
    sk_status st = SK_OK;
    for (size_t i = 0; !st && (o = part_of(f->normalizer, "normalizers", i)); i++)
        st = add_normalizer(f, o, u);
    for (size_t i = 0; !st && (o = part_of(f->pre, "pretokenizers", i)); i++) {
        if (is(o, "WhitespaceSplit")) u->merge_spaces = true;
        if (!is(o, "Metaspace")) continue;
        const char *scheme = eng_jtree_text(o, "prepend_scheme");
        bool old = eng_jtree_flag(o, "add_prefix_space", 0);
        u->space_mark = true;
        u->space_prefix |= *scheme ? strcmp(scheme, "never") != 0 : old;
    }
    return st;
}

/* Byte-level BPE: the pre-tokenizer has a name. */
static sk_status byte_level(file *f)
{
    rules u = {0};
    eng_hf_read *r = f->r;
    sk_status st = read_rules(f, &u);
    if (st) return st;
    if (u.other || u.space_mark || u.space_prefix)
        return unsupported(f, "with byte-level BPE the normalizer",
                           u.other ? u.other_name : "Prepend");
    r->model = "gpt2";
    r->ignore_merges = f->ignore_merges;
    return eng_hf_pretok_name(f->pre, f->ignore_merges, &r->pre, r->e);
}

/* Gives each token that a merge makes the place of its first merge as a score; *kept is the number
 * of merges that make normal tokens, *grouped says that those of a token stand together. */
static sk_status score_merges(eng_hf_read *r, const eng_strindex *ix, size_t *kept, bool *grouped)
{
    const size_t *end = (const void *)r->merge_ends.p;
    size_t n = r->merge_ends.len / sizeof *end, from = 0;
    uint32_t before = ENG_STRINDEX_NONE;
    sk_buf join = SK_BUF_INIT;
    sk_status st = SK_OK;
    *kept = 0;
    *grouped = true;
    for (size_t i = 0; i < n && !st; from = end[i++]) {
        const char *p = r->merges.p + from, *gap = memchr(p, ' ', end[i] - from);
        size_t left = gap ? (size_t)(gap - p) : 0;
        sk_buf_reset(&join);
        sk_buf_add(&join, p, left);
        if (gap) sk_buf_add(&join, gap + 1, end[i] - from - left - 1);
        if (!gap) st = sk_fail(r->e, SK_E_FORMAT, "tokenizer.json: merge %zu is no pair", i);
        if (!st && !sk_buf_ok(&join)) st = eng_hf_read_no_memory(r);
        if (st || !join.len) continue;
        uint32_t c = eng_strindex_find(ix, join.p, join.len);
        /* from or to a user's token, which is found before any merge */
        if (c == ENG_STRINDEX_NONE || eng_strindex_find(ix, p, left) == ENG_STRINDEX_NONE ||
            eng_strindex_find(ix, gap + 1, join.len - left) == ENG_STRINDEX_NONE)
            continue;
        if (c != before && r->score[c] != 0) *grouped = false;
        if (c != before) r->score[c] = -(float)(i + 1);
        before = c;
        ++*kept;
    }
    sk_buf_fini(&join);
    return st;
}

/* How many ways there are to make normal tokens of two; SIZE_MAX when a token is longer than any
 * model's, which would take quadratic time. */
static size_t count_splits(const eng_hf_read *r, const eng_strindex *ix)
{
    enum { LONGEST = 1024 };
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        eng_str t = r->token[i];
        if (t.n > LONGEST) return SIZE_MAX;
        for (size_t k = 1; k < t.n && r->type[i] == ENG_TOKEN_NORMAL; k++)
            n += ((unsigned char)t.p[k] & 0xc0) != 0x80 &&
                 eng_strindex_find(ix, t.p, k) != ENG_STRINDEX_NONE &&
                 eng_strindex_find(ix, t.p + k, t.n - k) != ENG_STRINDEX_NONE;
    }
    return n;
}

/* Gives the tokens scores by their merges; *all is true when the merges are all the ways to make a
 * token of two, token by token: then scores say the same, and this is SentencePiece's BPE. */
static sk_status scores_of_merges(file *f, bool *all)
{
    eng_hf_read *r = f->r;
    eng_strindex ix;
    size_t kept;
    if (!eng_strindex_init(&ix, r->mem, r->token, r->n)) return eng_hf_read_no_memory(r);
    for (size_t i = 0; i < r->n; i++)
        if (r->type[i] == ENG_TOKEN_NORMAL) eng_strindex_put(&ix, (uint32_t)i);
    sk_status st = score_merges(r, &ix, &kept, all);
    if (!st) *all = *all && kept == count_splits(r, &ix);
    return st;
}

/* Refuses pre-tokenizers that cut what SentencePiece would not; a Split at spaces of which the
 * normaliser left none (Gemma) does nothing. */
static sk_status check_cuts(file *f)
{
    const eng_jnode *o;
    for (size_t i = 0; (o = part_of(f->pre, "pretokenizers", i)); i++) {
        const char *at = eng_jtree_text(eng_jtree_get(o, "pattern"), "String");
        if (is(o, "Metaspace") || is(o, "WhitespaceSplit")) continue;
        if (is(o, "Split") && strcmp(at, " ") == 0) continue;
        return unsupported(f, "with this model the pre-tokenizer", eng_jtree_text(o, "type"));
    }
    return SK_OK;
}

/* BPE on characters: SentencePiece's, by scores; or merges by rank where that is not the same. */
static sk_status on_characters(file *f)
{
    rules u = {0};
    bool all = false;
    eng_hf_read *r = f->r;
    sk_status st = read_rules(f, &u);
    if (st) return st;
    if (u.other || u.merge_spaces || r->charsmap.n)
        return unsupported(f, "with BPE on characters the normalizer",
                           u.other          ? u.other_name
                           : u.merge_spaces ? "Replace"
                                            : "Precompiled");
    if (!u.space_mark) return unsupported(f, "BPE without ByteLevel or", "Metaspace");
    st = check_cuts(f);
    if (st) return st;
    st = scores_of_merges(f, &all);
    if (st) return st;
    if (!all && u.space_prefix)
        return unsupported(f, "BPE with other merges than SentencePiece's and", "Prepend");
    r->model = all ? "llama" : "gemma4";
    r->pre = all ? "default" : "gemma4";
    r->scores = all;
    r->space_prefix = u.space_prefix;
    if (all) sk_buf_fini(&r->merge_ends);
    return SK_OK;
}

/* Byte tokens "<0xAB>" get their type. */
static void mark_bytes(file *f)
{
    for (size_t i = 0; i < f->r->n && f->byte_fallback; i++) {
        eng_str t = f->r->token[i];
        if (t.n == 6 && memcmp(t.p, "<0x", 3) == 0 && t.p[5] == '>') f->r->type[i] = ENG_TOKEN_BYTE;
    }
}

/* The id of a token named by a JSON string; its type becomes `unknown` unless it has another. */
static void mark_unknown(file *f)
{
    eng_hf_read *r = f->r;
    const char *s = eng_jtree_str(f->unk);
    int32_t id = s ? eng_hf_read_find(r, s, strlen(s)) : -1;
    if (f->unk_id >= 0 && f->unk_id < (int64_t)r->n) id = (int32_t)f->unk_id;
    if (id < 0) return;
    r->role[ENG_ROLE_UNKNOWN] = id;
    if (strcmp(r->model, "gpt2") != 0 && strcmp(r->model, "bert") != 0)
        r->type[id] = ENG_TOKEN_UNKNOWN;
}

static sk_status read_bpe(file *f)
{
    const char *prefix = eng_jtree_str(f->prefix), *suffix = eng_jtree_str(f->suffix);
    if (prefix && *prefix) return unsupported(f, "BPE with the prefix", prefix);
    if (suffix && *suffix) return unsupported(f, "BPE with the suffix", suffix);
    mark_bytes(f);
    return eng_hf_pretok_has(f->pre, "ByteLevel") ? byte_level(f) : on_characters(f);
}

static sk_status read_unigram(file *f)
{
    rules u = {0};
    eng_hf_read *r = f->r;
    sk_status st = read_rules(f, &u);
    if (st) return st;
    if (u.other) return unsupported(f, "with Unigram the normalizer", u.other_name);
    if (!u.space_mark) return unsupported(f, "Unigram without", "Metaspace");
    st = check_cuts(f);
    if (st) return st;
    mark_bytes(f);
    r->model = "t5";
    r->pre = "default";
    r->scores = true;
    r->space_prefix = u.space_prefix;
    r->merge_spaces = u.merge_spaces;
    return SK_OK;
}

/* BERT's: "##x" goes on, others begin a word. */
static sk_status read_wordpiece(file *f)
{
    eng_hf_read *r = f->r;
    const eng_jnode *n = f->normalizer;
    const char *prefix = eng_jtree_str(f->prefix);
    if (!is(n, "BertNormalizer"))
        return unsupported(f, "with WordPiece the normalizer", eng_jtree_text(n, "type"));
    if (!is(f->pre, "BertPreTokenizer"))
        return unsupported(f, "with WordPiece the pre-tokenizer", eng_jtree_text(f->pre, "type"));
    if (!eng_jtree_flag(n, "handle_chinese_chars", 1))
        return unsupported(f, "BertNormalizer with", "handle_chinese_chars false");
    if (prefix && strcmp(prefix, "##") != 0)
        return unsupported(f, "WordPiece with the prefix", prefix);
    r->model = "bert";
    r->pre = "default";
    r->lower = eng_jtree_flag(n, "lowercase", 1);
    r->strip_accents = eng_jtree_flag(n, "strip_accents", r->lower);
    for (size_t i = 0; i < r->n; i++) {
        eng_str *t = &r->token[i];
        if (r->type[i] == ENG_TOKEN_CONTROL || r->type[i] == ENG_TOKEN_UNUSED) continue;
        if (t->n >= 2 && memcmp(t->p, "##", 2) == 0) {
            *t = (eng_str){t->p + 2, t->n - 2};
            continue;
        }
        char *p = sk_arena_alloc(r->mem, t->n + 3);
        if (!p) return eng_hf_read_no_memory(r);
        memcpy(p, "\342\226\201", 3);
        if (t->n) memcpy(p + 3, t->p, t->n);
        *t = (eng_str){p, t->n + 3};
    }
    return SK_OK;
}

/* A special token by its text in a post-processor: to the role, and to be added. */
static void add_special(file *f, const char *s, eng_token_role role, int *add)
{
    int32_t id = s ? eng_hf_read_find(f->r, s, strlen(s)) : -1;
    if (id < 0) return;
    *add = 1;
    if (f->r->role[role] < 0) f->r->role[role] = id;
}

/* The last token, which in BERT's models is the separator too. */
static void add_last(file *f, const char *s)
{
    add_special(f, s, ENG_ROLE_EOS, &f->r->add_eos);
    if (strcmp(f->r->model, "bert") == 0) add_special(f, s, ENG_ROLE_SEPARATOR, &f->r->add_eos);
}

/* What is added at the ends of a text: templates, and the two older forms. */
static void read_post(file *f, const eng_jnode *o)
{
    eng_hf_read *r = f->r;
    if (is(o, "TemplateProcessing")) {
        const eng_jnode *single = eng_jtree_get(o, "single");
        size_t n = eng_jtree_size(single);
        const eng_jnode *head = eng_jtree_get(eng_jtree_at(single, 0), "SpecialToken");
        const eng_jnode *tail = eng_jtree_get(eng_jtree_at(single, n - 1), "SpecialToken");
        r->add_bos = r->add_eos = 0;
        add_special(f, eng_jtree_str(eng_jtree_get(head, "id")), ENG_ROLE_BOS, &r->add_bos);
        if (n > 1) add_last(f, eng_jtree_str(eng_jtree_get(tail, "id")));
    } else if (is(o, "RobertaProcessing") || is(o, "BertProcessing")) {
        const eng_jnode *cls = eng_jtree_get(o, "cls"), *sep = eng_jtree_get(o, "sep");
        add_special(f, eng_jtree_str(eng_jtree_at(cls, 0)), ENG_ROLE_BOS, &r->add_bos);
        add_last(f, eng_jtree_str(eng_jtree_at(sep, 0)));
    }
}

/* What is read once all lists are. */
static sk_status interpret(file *f)
{
    sk_status st = SK_OK;
    const eng_jnode *o;
    if (strcmp(f->type, "BPE") == 0 || (!*f->type && f->merges.p))
        st = read_bpe(f);
    else if (strcmp(f->type, "Unigram") == 0)
        st = read_unigram(f);
    else if (strcmp(f->type, "WordPiece") == 0)
        st = read_wordpiece(f);
    else
        st = unsupported(f, "the model", f->type);
    if (st) return st;
    mark_unknown(f);
    for (size_t i = 0; (o = part_of(f->post, "processors", i)); i++)
        read_post(f, o);
    return SK_OK;
}

/* Reads tokenizer.json. */
sk_status eng_hf_read_json(eng_hf_read *r, const char *p, size_t n)
{
    file f = {.r = r, .start = p, .unk_id = -1};
    sk_status st = walk(&f, (eng_str){p, n}, read_top);
    if (!st && !f.model.p) st = sk_fail(r->e, SK_E_FORMAT, "tokenizer.json has no model");
    if (!st) st = walk(&f, f.model, read_model);
    if (!st && !f.vocab.p) st = sk_fail(r->e, SK_E_FORMAT, "tokenizer.json has no vocabulary");
    if (!st) st = walk(&f, f.vocab, *f.vocab.p == '[' ? read_scored : read_vocab);
    if (!st && strcmp(f.type, "Unigram") != 0) st = walk(&f, f.merges, read_merges);
    if (!st) st = walk(&f, f.added, read_added);
    if (!st) st = eng_hf_read_lay_out(r);
    if (!st) st = interpret(&f);
    return st;
}
