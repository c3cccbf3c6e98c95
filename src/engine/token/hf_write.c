/* hf_write.c - a vocabulary as tokenizer.json and tokenizer_config.json.
 *
 * Read back by hf_json.c it gives the same ids; the form is that of Hugging Face's own files, so
 * that their library reads it too.  SentencePiece's BPE becomes merges: every way to make a token
 * of two, the best scores first.
 */
#include "engine/token/hf_vocab.h"

#include "base/file.h"
#include "base/json.h"
#include "engine/token/base64.h"
#include "engine/token/bytemap.h"
#include "engine/token/hf_pretok.h"
#include "engine/token/pretok.h"
#include "engine/token/strindex.h"
#include "engine/token/vocab_build.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const char prefix_and_spaces[] =
    "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Prepend\",\"prepend\":\"\\u2581\"},"
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\\u2581\"}]}";
static const char spaces[] =
    "{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"\\u2581\"}";
static const char decoder[] =
    "{\"type\":\"Sequence\",\"decoders\":[{\"type\":\"Replace\",\"pattern\":{\"String\":"
    "\"\\u2581\"},"
    "\"content\":\" \"},{\"type\":\"ByteFallback\"},{\"type\":\"Fuse\"}%s]}";
static const char strip_first[] = ",{\"type\":\"Strip\",\"content\":\" \",\"start\":1,\"stop\":0}";

/* What is being written. */
typedef struct writing {
    eng_vocab_parts p;
    bool mapped; /* tokens are written in GPT-2's characters */
    sk_buf *out, tmp;
    sk_err *e;
} writing;

static sk_status no_memory(const writing *w)
{
    return sk_fail(w->e, SK_E_NOMEM, "no memory to write the tokenizer");
}

/* The string of token i as a vocabulary has it, in w->tmp.  The inverse of what the readers do:
 * U+2581 for a space, GPT-2's characters for bytes, "##" for what goes on. */
static void stored(writing *w, size_t i)
{
    eng_str s = w->p.text[i];
    sk_buf_reset(&w->tmp);
    sk_buf_adds(&w->tmp, "");
    bool word = w->p.kind == ENG_VOCAB_WPM, begins = word && s.n && *s.p == ' ';
    if (w->p.type[i] == ENG_TOKEN_BYTE) {
        sk_buf_addf(&w->tmp, "<0x%02X>", (unsigned)(unsigned char)*s.p);
        return;
    }
    if (w->p.type[i] != ENG_TOKEN_NORMAL && w->p.type[i] != ENG_TOKEN_UNUSED) {
        sk_buf_add(&w->tmp, s.p, s.n);
        return;
    }
    if (w->mapped) {
        eng_bytemap_write(s.p, s.n, &w->tmp);
        return;
    }
    if (word && !begins) sk_buf_adds(&w->tmp, "##");
    for (size_t k = begins; k < s.n; k++)
        if (s.p[k] == ' ')
            sk_buf_adds(&w->tmp, "\342\226\201");
        else
            sk_buf_addc(&w->tmp, s.p[k]);
}

/* Appends what is in w->tmp as a JSON string; false when JSON can't have it. */
static bool put_tmp(writing *w)
{
    if (!sk_utf8_valid(w->tmp.p ? w->tmp.p : "", w->tmp.len)) return false;
    sk_json_add_str(w->out, w->tmp.p ? w->tmp.p : "", w->tmp.len);
    return true;
}

static sk_status not_utf8(const writing *w, size_t i)
{
    if (!sk_buf_ok(&w->tmp) || !sk_buf_ok(w->out)) return no_memory(w);
    return sk_fail(w->e, SK_E_UNSUPPORTED, "token %zu is no UTF-8, which tokenizer.json can't have",
                   i);
}

/* True for tokens that stand beside the vocabulary. */
static bool is_added(const writing *w, size_t i)
{
    uint8_t t = w->p.type[i];
    return t == ENG_TOKEN_CONTROL || t == ENG_TOKEN_USER || t == ENG_TOKEN_UNKNOWN;
}

/* The tokens beside the model: Hugging Face finds these in a text before it is cut.  What is no
 * user's token is "special", which keeps it out of decoded text. */
static sk_status put_added(writing *w)
{
    const char *comma = "";
    sk_buf_adds(w->out, "\"added_tokens\":[");
    for (size_t i = 0; i < w->p.n; i++) {
        unsigned strip = w->p.strip ? w->p.strip[i] : 0;
        if (!is_added(w, i)) continue;
        sk_buf_addf(w->out, "%s\n{\"id\":%zu,\"content\":", comma, i);
        stored(w, i);
        if (!put_tmp(w)) return not_utf8(w, i);
        sk_buf_addf(w->out,
                    ",\"single_word\":false,\"lstrip\":%s,\"rstrip\":%s,\"normalized\":false,"
                    "\"special\":%s}",
                    strip & ENG_STRIP_LEFT ? "true" : "false",
                    strip & ENG_STRIP_RIGHT ? "true" : "false",
                    w->p.type[i] == ENG_TOKEN_USER ? "false" : "true");
        comma = ",";
    }
    sk_buf_adds(w->out, "],\n");
    return SK_OK;
}

/* "vocab": {"token": id, ...}; of equal strings the last counts, as everywhere. */
static sk_status put_vocab(writing *w)
{
    const char *comma = "";
    sk_buf_adds(w->out, "\"vocab\":{");
    for (size_t i = 0; i < w->p.n; i++) {
        bool unknown = w->p.type[i] == ENG_TOKEN_UNKNOWN ||
                       (w->p.kind == ENG_VOCAB_WPM && (int32_t)i == w->p.role[ENG_ROLE_UNKNOWN]);
        if ((is_added(w, i) && !unknown) || w->p.type[i] == ENG_TOKEN_UNUSED) continue;
        stored(w, i);
        sk_buf_addf(w->out, "%s\n", comma);
        if (!put_tmp(w)) return not_utf8(w, i);
        sk_buf_addf(w->out, ":%zu", i);
        comma = ",";
    }
    sk_buf_adds(w->out, "}");
    return SK_OK;
}

/* "vocab": [["token", score], ...] of all ids. */
static sk_status put_scored(writing *w)
{
    sk_buf_adds(w->out, "\"vocab\":[");
    for (size_t i = 0; i < w->p.n; i++) {
        stored(w, i);
        sk_buf_adds(w->out, i ? ",\n[" : "\n[");
        if (!put_tmp(w)) return not_utf8(w, i);
        sk_buf_addc(w->out, ',');
        sk_json_add_num(w->out, w->p.score ? (double)w->p.score[i] : 0);
        sk_buf_addc(w->out, ']');
    }
    sk_buf_adds(w->out, "]");
    return SK_OK;
}

/* One merge "a b" as a JSON string. */
static bool put_merge(writing *w, size_t a, size_t b, bool first)
{
    sk_buf both = SK_BUF_INIT;
    stored(w, a);
    sk_buf_add(&both, w->tmp.p, w->tmp.len);
    sk_buf_addc(&both, ' ');
    stored(w, b);
    sk_buf_add(&both, w->tmp.p, w->tmp.len);
    if (!sk_buf_ok(&both)) w->tmp.oom = true; /* what is said of it */
    bool ok = sk_buf_ok(&both) && sk_utf8_valid(both.p, both.len);
    sk_buf_adds(w->out, first ? "\n" : ",\n");
    if (ok) sk_json_add_str(w->out, both.p, both.len);
    sk_buf_fini(&both);
    return ok;
}

static int better(const void *a, const void *b, void *arg)
{
    const eng_vocab_parts *p = arg;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    float x = p->score ? p->score[i] : 0, y = p->score ? p->score[k] : 0;
    return x != y ? (x < y) - (x > y) : (i > k) - (i < k);
}

/* Every way to make token i of two others, as merges; *first until one has been put. */
static sk_status put_splits_of(writing *w, const eng_strindex *ix, uint32_t i, bool *first)
{
    enum { LONGEST = 1024 };
    eng_str t = w->p.text[i];
    if (t.n > LONGEST)
        return sk_fail(w->e, SK_E_UNSUPPORTED, "token %u of %zu bytes is too long to be written", i,
                       t.n);
    for (size_t k = 1; k < t.n; k++) {
        if (((unsigned char)t.p[k] & 0xc0) == 0x80) continue; /* inside a character */
        uint32_t a = eng_strindex_find(ix, t.p, k);
        uint32_t b = eng_strindex_find(ix, t.p + k, t.n - k);
        if (a == ENG_STRINDEX_NONE || b == ENG_STRINDEX_NONE) continue;
        if (!put_merge(w, a, b, *first)) return not_utf8(w, i);
        *first = false;
    }
    return SK_OK;
}

/* SentencePiece's tokens as merges: it has none, but joins whatever gives the token with the best
 * score.  So the merges are all splits of the tokens, best token first. */
static sk_status put_splits(writing *w)
{
    eng_strindex ix;
    size_t n = 0;
    bool first = true;
    sk_status st = SK_OK;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    uint32_t *id = mem ? sk_new_n(mem, uint32_t, w->p.n) : NULL;
    if (!id || !eng_strindex_init(&ix, mem, w->p.text, w->p.n)) {
        sk_arena_free(mem);
        return no_memory(w);
    }
    for (size_t i = 0; i < w->p.n; i++) {
        if (w->p.type[i] != ENG_TOKEN_NORMAL) continue;
        eng_strindex_put(&ix, (uint32_t)i);
        id[n++] = (uint32_t)i;
    }
    qsort_r(id, n, sizeof *id, better, &w->p);
    for (size_t i = 0; i < n && !st; i++)
        st = put_splits_of(w, &ix, id[i], &first);
    sk_arena_free(mem);
    return st;
}

static sk_status put_merges(writing *w)
{
    sk_status st = SK_OK;
    sk_buf_adds(w->out, ",\"merges\":[");
    if (w->p.kind == ENG_VOCAB_SPM) st = put_splits(w);
    for (size_t i = 0; i < w->p.n_merges && !st; i++)
        if (!put_merge(w, w->p.merge[i].a, w->p.merge[i].b, !i)) st = not_utf8(w, w->p.merge[i].c);
    sk_buf_adds(w->out, "]");
    return st;
}

/* "key": the text of a role's token, or null. */
static void put_role(writing *w, const char *key, eng_token_role role, const char *behind)
{
    int32_t id = w->p.role[role];
    sk_buf_addf(w->out, "\"%s\":", key);
    if (id >= 0)
        sk_json_add_str(w->out, w->p.text[id].p, w->p.text[id].n);
    else
        sk_buf_adds(w->out, "null");
    sk_buf_adds(w->out, behind);
}

static bool has_bytes(const writing *w)
{
    for (size_t i = 0; i < w->p.n; i++)
        if (w->p.type[i] == ENG_TOKEN_BYTE) return true;
    return false;
}

/* The model. */
static sk_status put_model(writing *w)
{
    static const char *const types[] = {[ENG_VOCAB_BPE] = "BPE",
                                        [ENG_VOCAB_SPM] = "BPE",
                                        [ENG_VOCAB_UGM] = "Unigram",
                                        [ENG_VOCAB_WPM] = "WordPiece"};
    assert((size_t)w->p.kind < sizeof types / sizeof *types && types[w->p.kind]);
    const char *bytes = has_bytes(w) ? "true" : "false";
    sk_buf_addf(w->out, "\"model\":{\"type\":\"%s\",", types[w->p.kind]);
    if (w->p.kind == ENG_VOCAB_UGM) {
        sk_buf_addf(w->out, "\"unk_id\":%d,\"byte_fallback\":%s,", w->p.role[ENG_ROLE_UNKNOWN],
                    bytes);
        sk_status st = put_scored(w);
        sk_buf_addc(w->out, '}');
        return st;
    }
    put_role(w, "unk_token", ENG_ROLE_UNKNOWN, ",");
    if (w->p.kind == ENG_VOCAB_WPM)
        sk_buf_adds(w->out,
                    "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,");
    else
        sk_buf_addf(
            w->out,
            "\"dropout\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
            "\"fuse_unk\":%s,\"byte_fallback\":%s,\"ignore_merges\":%s,",
            w->mapped ? "false" : "true", bytes, w->p.whole > 0 ? "true" : "false");
    sk_status st = put_vocab(w);
    if (!st && w->p.kind != ENG_VOCAB_WPM) st = put_merges(w);
    sk_buf_addc(w->out, '}');
    return st;
}

/* BERT's rules, which are one normaliser and one pre-tokenizer of their own. */
static void put_wpm_rules(const eng_vocab_parts *p, sk_buf *out)
{
    sk_buf_addf(out,
                "\"normalizer\":{\"type\":\"BertNormalizer\",\"clean_text\":true,"
                "\"handle_chinese_chars\":true,\"strip_accents\":%s,\"lowercase\":%s},\n"
                "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},\n"
                "\"decoder\":{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true},\n",
                p->strip_accents ? "true" : "false", p->lower ? "true" : "false");
}

/* The unigram model's: the character map, runs of spaces made one, spaces as U+2581. */
static void put_ugm_rules(const eng_vocab_parts *p, sk_buf *out)
{
    const char *scheme = p->space_prefix ? "always" : "never";
    sk_buf_adds(out, "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[");
    if (p->charsmap.n) {
        sk_buf_adds(out, "{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"");
        eng_base64_write(p->charsmap.p, p->charsmap.n, out);
        sk_buf_adds(out, p->merge_spaces ? "\"}," : "\"}");
    }
    if (p->merge_spaces)
        sk_buf_adds(out,
                    "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\" {2,}\"},\"content\":\" \"}");
    sk_buf_addf(out,
                "]},\n\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\","
                "\"prepend_scheme\":\"%s\"},\n\"decoder\":{\"type\":\"Metaspace\","
                "\"replacement\":\"\\u2581\",\"prepend_scheme\":\"%s\"},\n",
                scheme, scheme);
}

/* Normaliser, pre-tokenizer and decoder of the kinds. */
static sk_status put_rules(writing *w)
{
    const eng_vocab_parts *p = &w->p;
    sk_buf *out = w->out;
    if (p->kind == ENG_VOCAB_WPM) {
        put_wpm_rules(p, out);
    } else if (p->kind == ENG_VOCAB_UGM) {
        put_ugm_rules(p, out);
    } else if (!w->mapped) {
        sk_buf_addf(out, "\"normalizer\":%s,\n\"pre_tokenizer\":null,\n\"decoder\":",
                    p->space_prefix ? prefix_and_spaces : spaces);
        sk_buf_addf(out, decoder, p->space_prefix ? strip_first : "");
        sk_buf_adds(out, ",\n");
    } else {
        sk_buf_adds(out, "\"normalizer\":null,\n\"pre_tokenizer\":");
        if (!eng_hf_pretok_write(p->pretok, out))
            return sk_fail(w->e, SK_E_UNSUPPORTED,
                           "the pre-tokenizer \"%s\" has no form in tokenizer.json here",
                           p->pretok);
        sk_buf_adds(out, ",\n\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,"
                         "\"trim_offsets\":true,\"use_regex\":true},\n");
    }
    return SK_OK;
}

/* One special token of the template. */
static void put_template_token(writing *w, eng_token_role role, bool before)
{
    if (!before) sk_buf_addc(w->out, ',');
    sk_buf_adds(w->out, "{\"SpecialToken\":{");
    put_role(w, "id", role, ",\"type_id\":0}}");
    if (before) sk_buf_addc(w->out, ',');
}

/* An entry of the template's list of special tokens. */
static void put_template_entry(writing *w, eng_token_role role, bool comma)
{
    int32_t id = w->p.role[role];
    assert(id >= 0 && (size_t)id < w->p.n);
    eng_str s = w->p.text[id];
    if (comma) sk_buf_addc(w->out, ',');
    sk_json_add_str(w->out, s.p, s.n);
    sk_buf_adds(w->out, ":{");
    put_role(w, "id", role, "");
    sk_buf_addf(w->out, ",\"ids\":[%d],\"tokens\":[", id);
    sk_json_add_str(w->out, s.p, s.n);
    sk_buf_adds(w->out, "]}");
}

/* "single" or "pair" of a TemplateProcessing: BOS, the sequence and the last token, once for each
 * of the n sequences. */
static void put_template(writing *w, const char *name, int n, bool bos, bool end,
                         eng_token_role last)
{
    assert(n == 1 || n == 2);
    sk_buf_addf(w->out, ",\"%s\":[", name);
    for (int k = 0; k < n; k++) {
        if (k) sk_buf_addc(w->out, ',');
        if (bos) put_template_token(w, ENG_ROLE_BOS, true);
        sk_buf_addf(w->out, "{\"Sequence\":{\"id\":\"%c\",\"type_id\":%d}}", "AB"[k], k);
        if (end) put_template_token(w, last, false);
    }
    sk_buf_addc(w->out, ']');
}

/* What is added at the ends of a text.  BERT's last token is its separator. */
static void put_post(writing *w)
{
    const eng_vocab_parts *p = &w->p;
    bool wpm = p->kind == ENG_VOCAB_WPM;
    eng_token_role last = wpm ? ENG_ROLE_SEPARATOR : ENG_ROLE_EOS;
    bool bos = p->add_bos > 0 && p->role[ENG_ROLE_BOS] >= 0;
    bool end = (wpm ? p->add_sep : p->add_eos) > 0 && p->role[last] >= 0;
    sk_buf_adds(w->out, "\"post_processor\":");
    if (!bos && !end) {
        sk_buf_adds(w->out, "null,\n");
        return;
    }
    sk_buf_adds(w->out, "{\"type\":\"TemplateProcessing\"");
    put_template(w, "single", 1, bos, end, last);
    put_template(w, "pair", 2, bos, end, last);
    sk_buf_adds(w->out, ",\"special_tokens\":{");
    if (bos) put_template_entry(w, ENG_ROLE_BOS, false);
    if (end && (!bos || p->role[last] != p->role[ENG_ROLE_BOS])) put_template_entry(w, last, bos);
    sk_buf_adds(w->out, "}},\n");
}

/* tokenizer.json. */
static sk_status put_tokenizer(writing *w)
{
    sk_buf_adds(w->out, "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\n");
    sk_status st = put_added(w);
    if (!st) st = put_rules(w);
    if (st) return st;
    put_post(w);
    st = put_model(w);
    sk_buf_adds(w->out, "}\n");
    return st;
}

/* tokenizer_config.json. */
static void put_config(writing *w)
{
    const eng_vocab_parts *p = &w->p;
    const bool bert = p->kind == ENG_VOCAB_WPM;
    sk_buf_addf(w->out, "{\"tokenizer_class\":\"PreTrainedTokenizerFast\",\n"
                        "\"clean_up_tokenization_spaces\":false,\n");
    if (!bert)
        sk_buf_addf(w->out, "\"add_bos_token\":%s,\n\"add_eos_token\":%s,\n",
                    p->add_bos > 0 ? "true" : "false", p->add_eos > 0 ? "true" : "false");
    put_role(w, bert ? "cls_token" : "bos_token", ENG_ROLE_BOS, ",\n");
    put_role(w, "sep_token", ENG_ROLE_SEPARATOR, ",\n");
    put_role(w, "eos_token", ENG_ROLE_EOS, ",\n");
    put_role(w, "unk_token", ENG_ROLE_UNKNOWN, ",\n");
    put_role(w, "mask_token", ENG_ROLE_MASK, ",\n");
    put_role(w, "pad_token", ENG_ROLE_PADDING, "");
    if (p->chat_template.n) {
        sk_buf_adds(w->out, ",\n\"chat_template\":");
        sk_json_add_str(w->out, p->chat_template.p, p->chat_template.n);
    }
    sk_buf_adds(w->out, "}\n");
}

/* Writes w->out to a file of the folder and empties it. */
static sk_status flush(writing *w, const char *folder, const char *name)
{
    sk_buf path = SK_BUF_INIT;
    sk_buf_addf(&path, "%s/%s", folder, name);
    bool ok = sk_buf_ok(&path) && sk_buf_ok(w->out) && sk_buf_ok(&w->tmp);
    sk_status st = ok ? sk_file_replace(path.p, w->out->p, w->out->len, w->e) : no_memory(w);
    sk_buf_fini(&path);
    sk_buf_reset(w->out);
    return st;
}

/* Starts to write v: its tokenizer.json is in w->out, which the caller frees with w->tmp. */
static sk_status begin(writing *w, const eng_vocab *v)
{
    eng_pretok_traits traits = {.chars = false};
    eng_vocab_get_parts(v, &w->p);
    sk_status st = w->p.kind == ENG_VOCAB_BPE ? eng_pretok_find(w->p.pretok, &traits, w->e) : SK_OK;
    w->mapped = w->p.kind == ENG_VOCAB_BPE && !traits.chars;
    return st ? st : put_tokenizer(w);
}

sk_status eng_hf_vocab_write_file(const eng_vocab *v, const char *path, sk_err *e)
{
    sk_buf out = SK_BUF_INIT;
    writing w = {.out = &out, .tmp = SK_BUF_INIT, .e = e};
    sk_status st = begin(&w, v);
    if (!st && !(sk_buf_ok(&out) && sk_buf_ok(&w.tmp))) st = no_memory(&w);
    if (!st) st = sk_file_replace(path, out.p, out.len, e);
    sk_buf_fini(&out);
    sk_buf_fini(&w.tmp);
    return st;
}

/* Writes tokenizer.json and tokenizer_config.json into the folder; the first, by which a tokenizer
 * is known, last: where the disk is full there is none. */
sk_status eng_hf_vocab_write(const eng_vocab *v, const char *folder, sk_err *e)
{
    sk_buf out = SK_BUF_INIT, config = SK_BUF_INIT;
    writing w = {.out = &out, .tmp = SK_BUF_INIT, .e = e};
    sk_status st = begin(&w, v);
    if (!st) {
        w.out = &config;
        put_config(&w);
        st = flush(&w, folder, "tokenizer_config.json");
        w.out = &out;
    }
    if (!st) st = flush(&w, folder, "tokenizer.json");
    sk_buf_fini(&config);
    sk_buf_fini(&out);
    sk_buf_fini(&w.tmp);
    return st;
}
