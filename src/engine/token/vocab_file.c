/* vocab_file.c - a vocabulary from the tokenizer.ggml.* keys of a GGUF.
 *
 * Source of the keys and of what holds where one is missing: ggml's docs/gguf.md and the reader of
 * llama.cpp, for which such files are made.
 */
#include "engine/token/vocab.h"

#include "base/mem.h"
#include "engine/format/gguf.h"
#include "engine/token/bytemap.h"
#include "engine/token/pretok.h"
#include "engine/token/strindex.h"
#include "engine/token/vocab_build.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define KEY(name) "tokenizer.ggml." name

/* The key of a role in a GGUF (the format's spelling of "separator" is its own). */
const char *eng_token_role_key(eng_token_role role)
{
    static const char *const keys[ENG_ROLE_N] = {
        [ENG_ROLE_BOS] = KEY("bos_token_id"),
        [ENG_ROLE_EOS] = KEY("eos_token_id"),
        [ENG_ROLE_EOT] = KEY("eot_token_id"),
        [ENG_ROLE_EOM] = KEY("eom_token_id"),
        [ENG_ROLE_UNKNOWN] = KEY("unknown_token_id"),
        [ENG_ROLE_PADDING] = KEY("padding_token_id"),
        [ENG_ROLE_MASK] = KEY("mask_token_id"),
        [ENG_ROLE_SEPARATOR] = KEY("seperator_token_id"),
    };
    assert((unsigned)role < ENG_ROLE_N);
    return keys[role];
}

/* What is read before the vocabulary is built; all of it lives in mem until then. */
typedef struct reading {
    const eng_gguf *g;
    sk_arena *mem;
    eng_str *stored; /* the tokens' strings as the file has them */
    eng_str *text;   /* the bytes they stand for */
    uint8_t *type;
    eng_vocab_parts parts;
    bool bytes_mapped; /* strings are written in GPT-2's characters */
    sk_err *e;
} reading;

static sk_status no_memory(reading *r)
{
    return sk_fail(r->e, SK_E_NOMEM, "no memory to read the tokenizer");
}

/* A string key that may be absent: then *out stays. */
static sk_status optional_str(reading *r, const char *key, eng_str *out)
{
    sk_err ignored = SK_ERR_INIT;
    sk_status st = eng_gguf_str(r->g, key, out, &ignored);
    if (st == SK_E_NOTFOUND) return SK_OK;
    return st ? sk_fail(r->e, st, "%s", ignored.text) : SK_OK;
}

/* A truth value that may be absent: then *out stays. */
static sk_status optional_bool(reading *r, const char *key, int *out)
{
    sk_err ignored = SK_ERR_INIT;
    bool b = false;
    sk_status st = eng_gguf_bool(r->g, key, &b, &ignored);
    if (st == SK_E_NOTFOUND) return SK_OK;
    if (st) return sk_fail(r->e, st, "%s", ignored.text);
    *out = b;
    return SK_OK;
}

/* The length of an array that has an element for each token; *there is false without the array. */
static sk_status optional_array(reading *r, const char *key, const char *what, bool *there)
{
    size_t n;
    sk_err ignored = SK_ERR_INIT;
    sk_status st = eng_gguf_arr_len(r->g, key, &n, &ignored);
    *there = !st;
    if (st == SK_E_NOTFOUND) return SK_OK;
    if (st) return sk_fail(r->e, st, "%s", ignored.text);
    if (n != r->parts.n)
        return sk_fail(r->e, SK_E_FORMAT, "the tokenizer has %zu tokens but %zu %s", r->parts.n, n,
                       what);
    return SK_OK;
}

/* What tokenizer.ggml.model says, the roles where a file names none, and what holds without keys.
 */
static const struct model_row {
    const char *name;
    eng_vocab_kind kind;
    int space_prefix;
    const char *pretok; /* without the key; NULL: no vocabulary of this kind has one */
    int16_t role[ENG_ROLE_N];
} models[] = {
    {"gpt2", ENG_VOCAB_BPE, 0, "default", {-1, -1, -1, -1, -1, -1, -1, -1}},
    {"gemma4", ENG_VOCAB_BPE, 0, "gemma4", {-1, -1, -1, -1, -1, -1, -1, -1}},
    {"llama", ENG_VOCAB_SPM, 1, NULL, {1, 2, -1, -1, 0, -1, -1, -1}},
    {"t5", ENG_VOCAB_UGM, 0, NULL, {-1, 1, -1, -1, 2, -1, 0, -1}},
    {"bert", ENG_VOCAB_WPM, 0, NULL, {101, -1, -1, -1, 100, 102, 0, 103}},
};

/* The kind of tokenizer and its pre-tokenizer. */
static sk_status read_kind(reading *r)
{
    eng_str model, pre = {"default", 7};
    sk_status st = eng_gguf_str(r->g, KEY("model"), &model, r->e);
    if (st) return st;
    const struct model_row *row = NULL;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        if (strlen(models[i].name) == model.n && memcmp(models[i].name, model.p, model.n) == 0)
            row = &models[i];
    if (!row)
        return sk_fail(r->e, SK_E_UNSUPPORTED, "tokenizer of kind \"%.*s\" is not supported",
                       model.n < 64 ? (int)model.n : 64, model.p);
    r->parts.kind = row->kind;
    r->parts.space_prefix = row->space_prefix;
    for (int k = 0; k < ENG_ROLE_N; k++)
        r->parts.role[k] = row->role[k];
    if (row->kind != ENG_VOCAB_BPE) return SK_OK;
    if (strcmp(row->name, "gpt2") == 0) st = optional_str(r, KEY("pre"), &pre);
    if (strcmp(row->name, "gpt2") != 0) pre = (eng_str){row->pretok, strlen(row->pretok)};
    if (st) return st;
    r->parts.pretok = sk_arena_strndup(r->mem, pre.p, pre.n);
    if (!r->parts.pretok) return no_memory(r);
    eng_pretok_traits traits;
    st = eng_pretok_find(r->parts.pretok, &traits, r->e);
    r->bytes_mapped = !st && !traits.chars;
    return st;
}

/* The types; a file without them has normal tokens only. */
static sk_status read_types(reading *r)
{
    bool there;
    sk_status st = optional_array(r, KEY("token_type"), "types", &there);
    memset(r->type, ENG_TOKEN_NORMAL, r->parts.n);
    for (size_t i = 0; i < r->parts.n && there && !st; i++) {
        int64_t t;
        st = eng_gguf_arr_i64(r->g, KEY("token_type"), i, &t, r->e);
        if (st) return st;
        if (t < ENG_TOKEN_NORMAL || t > ENG_TOKEN_BYTE)
            return sk_fail(r->e, SK_E_FORMAT, "token %zu has the unknown type %lld", i,
                           (long long)t);
        r->type[i] = (uint8_t)t;
    }
    return st;
}

/* The scores of the kinds that have any. */
static sk_status read_scores(reading *r)
{
    bool there;
    if (r->parts.kind != ENG_VOCAB_SPM && r->parts.kind != ENG_VOCAB_UGM) return SK_OK;
    sk_status st = optional_array(r, KEY("scores"), "scores", &there);
    if (st || !there) return st;
    float *score = sk_new_n(r->mem, float, r->parts.n);
    if (!score) return no_memory(r);
    for (size_t i = 0; i < r->parts.n; i++) {
        double s;
        st = eng_gguf_arr_f64(r->g, KEY("scores"), i, &s, r->e);
        if (st) return st;
        if (isnan(s)) return sk_fail(r->e, SK_E_FORMAT, "the score of token %zu is no number", i);
        score[i] = (float)s;
    }
    r->parts.score = score;
    return SK_OK;
}

/* White space that belongs to special tokens.  Files of our own making say so in a key of ours;
 * llama.cpp goes by names, and its files carry these. */
static sk_status read_strip(reading *r)
{
    bool there;
    eng_str name = {"", 0}, pre = {"", 0}, arch = {"", 0};
    sk_status st = optional_array(r, "tokenizer.stoke.strip", "strip marks", &there);
    if (!st) st = optional_str(r, "general.name", &name);
    if (!st) st = optional_str(r, KEY("pre"), &pre);
    if (!st) st = optional_str(r, "general.architecture", &arch);
    if (st) return st;
    uint8_t *strip = sk_new_n(r->mem, uint8_t, r->parts.n);
    if (!strip) return no_memory(r);
    r->parts.strip = strip;
    for (size_t i = 0; i < r->parts.n && there && !st; i++) {
        int64_t s = 0;
        st = eng_gguf_arr_i64(r->g, "tokenizer.stoke.strip", i, &s, r->e);
        strip[i] = (uint8_t)(s & (ENG_STRIP_LEFT | ENG_STRIP_RIGHT));
    }
    if (!st && !there) eng_vocab_strip_by_name(&r->parts, name, pre, arch, strip);
    return st;
}

/* The byte that a token "<0xAB>" stands for, -1 if it is not of that form. */
static int byte_of(eng_str s)
{
    if (s.n != 6 || memcmp(s.p, "<0x", 3) != 0 || s.p[5] != '>') return -1;
    int b = 0;
    for (int i = 3; i < 5; i++) {
        const char *hex = "0123456789abcdef", *at = strchr(hex, s.p[i] | 0x20);
        if (!at || !s.p[i]) return -1;
        b = b * 16 + (int)(at - hex);
    }
    return b;
}

/* Copies s to p with U+2581 as a space; the length, or SIZE_MAX if there is a space in s: what a
 * text has as a space can't become such a token. */
static size_t read_spaces(eng_str s, char *p)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        bool mark = s.n - i >= 3 && memcmp(s.p + i, "\342\226\201", 3) == 0;
        if (s.p[i] == ' ') return SIZE_MAX;
        p[n++] = mark ? ' ' : s.p[i];
        if (mark) i += 2;
    }
    return n;
}

/* The bytes that the string of token i stands for, written to p, which has room for it: for a
 * normal token what its kind says, for the others itself. */
static void read_token(reading *r, size_t i, char *p)
{
    eng_str s = r->stored[i];
    size_t n = SIZE_MAX;
    r->text[i] = s;
    if (r->type[i] == ENG_TOKEN_BYTE) {
        int b = byte_of(s);
        if (b >= 0) {
            *p = (char)b;
            r->text[i] = (eng_str){p, 1};
        } else {
            r->type[i] = ENG_TOKEN_ALIEN;
        }
        return;
    }
    if (r->type[i] != ENG_TOKEN_NORMAL && (r->bytes_mapped || r->type[i] != ENG_TOKEN_UNUSED))
        return;
    if (!r->bytes_mapped)
        n = read_spaces(s, p);
    else if (!eng_bytemap_read(s.p, s.n, p, &n))
        n = SIZE_MAX;
    if (n != SIZE_MAX)
        r->text[i] = (eng_str){p, n};
    else
        r->type[i] = ENG_TOKEN_ALIEN;
}

/* All tokens with their types.  No token's text is longer than what the file stores for it, so
 * one allocation holds all of them. */
static sk_status read_tokens(reading *r)
{
    sk_status st = eng_gguf_arr_len(r->g, KEY("tokens"), &r->parts.n, r->e);
    if (st) return st;
    size_t n = r->parts.n, bytes = 0;
    if (n >= INT32_MAX) return sk_fail(r->e, SK_E_FORMAT, "a vocabulary of %zu tokens", n);
    r->stored = sk_new_n(r->mem, eng_str, n);
    r->text = sk_new_n(r->mem, eng_str, n);
    r->type = sk_new_n(r->mem, uint8_t, n);
    if (!r->stored || !r->text || !r->type) return no_memory(r);
    st = read_types(r);
    for (size_t i = 0; i < n && !st; i++) {
        st = eng_gguf_arr_str(r->g, KEY("tokens"), i, &r->stored[i], r->e);
        bytes += r->stored[i].n;
    }
    if (st) return st;
    char *p = sk_arena_alloc(r->mem, bytes + 1);
    if (!p) return no_memory(r);
    for (size_t i = 0; i < n; i++) {
        read_token(r, i, p);
        p += r->stored[i].n;
    }
    r->parts.text = r->text;
    r->parts.type = r->type;
    return SK_OK;
}

/* Finds the tokens of one merge, written "a b" with a single space (a space inside a token is
 * written as another character).  `join` has room for both. */
static bool find_merge(const eng_strindex *ix, eng_str s, char *join, eng_bpe_merge *out)
{
    const char *gap = s.n > 2 ? memchr(s.p + 1, ' ', s.n - 1) : NULL;
    if (!gap) return false;
    size_t left = (size_t)(gap - s.p), right = s.n - left - 1;
    memcpy(join, s.p, left);
    memcpy(join + left, gap + 1, right);
    out->a = eng_strindex_find(ix, s.p, left);
    out->b = eng_strindex_find(ix, gap + 1, right);
    out->c = eng_strindex_find(ix, join, left + right);
    return out->a != ENG_STRINDEX_NONE && out->b != ENG_STRINDEX_NONE &&
           out->c != ENG_STRINDEX_NONE;
}

/* True for a merge from or to a special token: text never becomes one, so it is left out. */
static bool touches_special(const reading *r, eng_bpe_merge m)
{
    const uint8_t *t = r->type;
    return t[m.a] == ENG_TOKEN_CONTROL || t[m.b] == ENG_TOKEN_CONTROL ||
           t[m.c] == ENG_TOKEN_CONTROL || t[m.c] == ENG_TOKEN_UNKNOWN;
}

/* The index of all tokens by their strings (of equal ones a normal token counts), and room for the
 * longest merge in *join. */
static sk_status index_for_merges(reading *r, size_t n, eng_strindex *ix, char **join)
{
    size_t longest = 0;
    if (!eng_strindex_init(ix, r->mem, r->stored, r->parts.n)) return no_memory(r);
    for (int normal = 0; normal < 2; normal++)
        for (size_t i = 0; i < r->parts.n; i++)
            if ((r->type[i] == ENG_TOKEN_NORMAL) == normal) eng_strindex_put(ix, (uint32_t)i);
    for (size_t i = 0; i < n; i++) {
        eng_str s;
        sk_status st = eng_gguf_arr_str(r->g, KEY("merges"), i, &s, r->e);
        if (st) return st;
        if (s.n > longest) longest = s.n;
    }
    *join = sk_arena_alloc(r->mem, longest + 1);
    return *join ? SK_OK : no_memory(r);
}

/* All merges.  Each must join two tokens into a third.  Merges of special tokens are left out:
 * those are found before anything is merged. */
static sk_status read_merges(reading *r)
{
    size_t n;
    char *join;
    eng_strindex ix;
    sk_status st = eng_gguf_arr_len(r->g, KEY("merges"), &n, r->e);
    if (st) return st;
    if (n >= INT32_MAX) return sk_fail(r->e, SK_E_FORMAT, "a tokenizer of %zu merges", n);
    eng_bpe_merge *merge = sk_new_n(r->mem, eng_bpe_merge, n);
    if (!merge) return no_memory(r);
    st = index_for_merges(r, n, &ix, &join);
    for (size_t i = 0; i < n && !st; i++) {
        eng_str s = {"", 0};
        st = eng_gguf_arr_str(r->g, KEY("merges"), i, &s, r->e);
        if (st) return st;
        eng_bpe_merge m;
        if (!find_merge(&ix, s, join, &m))
            return sk_fail(r->e, SK_E_FORMAT,
                           "merge %zu (\"%.*s\") does not join two tokens to one", i,
                           s.n < 64 ? (int)s.n : 64, s.p);
        assert(m.a < r->parts.n && m.b < r->parts.n && m.c < r->parts.n);
        if (!touches_special(r, m)) merge[r->parts.n_merges++] = m;
    }
    r->parts.merge = merge;
    return st;
}

/* The ids of special tokens. */
static sk_status read_roles(reading *r)
{
    for (int k = 0; k < ENG_ROLE_N; k++) {
        uint64_t id = 0;
        const char *key = eng_token_role_key((eng_token_role)k);
        sk_err why = SK_ERR_INIT;
        sk_status st = eng_gguf_u64(r->g, key, &id, &why);
        if (r->parts.role[k] >= 0 && (size_t)r->parts.role[k] >= r->parts.n) r->parts.role[k] = -1;
        if (st == SK_E_NOTFOUND) continue;
        if (!st && id >= r->parts.n)
            st = sk_fail(&why, SK_E_FORMAT, "%s is past the last of %zu tokens", key, r->parts.n);
        if (st) return sk_fail(r->e, st, "%s", why.text);
        r->parts.role[k] = (int32_t)id;
    }
    return SK_OK;
}

/* SentencePiece's character map: an array of bytes. */
static sk_status read_charsmap(reading *r)
{
    size_t n;
    const char *key = KEY("precompiled_charsmap");
    sk_err ignored = SK_ERR_INIT;
    sk_status st = eng_gguf_arr_len(r->g, key, &n, &ignored);
    if (st == SK_E_NOTFOUND || r->parts.kind != ENG_VOCAB_UGM) return SK_OK;
    char *p = st ? NULL : sk_arena_alloc(r->mem, n + 1);
    if (st) return sk_fail(r->e, st, "%s", ignored.text);
    if (!p) return no_memory(r);
    for (size_t i = 0; i < n && !st; i++) {
        int64_t b;
        st = eng_gguf_arr_i64(r->g, key, i, &b, r->e);
        if (!st) p[i] = (char)b;
    }
    r->parts.charsmap = (eng_str){p, n};
    return st;
}

/* What is added to a text and done to its spaces and letters, the chat template. */
static sk_status read_rest(reading *r)
{
    int merge_spaces = 0, lower = 1, accents = -1;
    r->parts.add_bos = r->parts.add_eos = r->parts.add_sep = r->parts.whole = -1;
    const struct {
        const char *key;
        int *to;
    } keys[] = {
        {KEY("add_bos_token"), &r->parts.add_bos},
        {KEY("add_eos_token"), &r->parts.add_eos},
        {KEY("add_sep_token"), &r->parts.add_sep},
        {KEY("add_space_prefix"), &r->parts.space_prefix},
        {KEY("remove_extra_whitespaces"), &merge_spaces},
        {KEY("normalizer.lowercase"), &lower},
        {KEY("normalizer.strip_accents"), &accents},
        {"tokenizer.stoke.ignore_merges", &r->parts.whole},
    };
    sk_status st = SK_OK;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0] && !st; i++)
        st = optional_bool(r, keys[i].key, keys[i].to);
    r->parts.merge_spaces = merge_spaces;
    r->parts.lower = lower;
    r->parts.strip_accents = accents < 0 ? lower : accents;
    if (!st) st = read_charsmap(r);
    return st ? st : optional_str(r, "tokenizer.chat_template", &r->parts.chat_template);
}

/* Reads tokenizer.ggml.* of an open GGUF. In this order, since each step needs the ones before
 * it: types to read texts, texts to index merges. */
sk_status eng_vocab_from_gguf(const eng_gguf *g, eng_vocab **out, sk_err *e)
{
    reading r = {.g = g, .mem = sk_arena_new(SK_MEM_TOKEN), .e = e};
    if (!r.mem) return no_memory(&r);
    sk_status st = read_kind(&r);
    if (!st) st = read_tokens(&r);
    if (!st) st = read_scores(&r);
    if (!st && r.parts.kind == ENG_VOCAB_BPE) st = read_merges(&r);
    if (!st) st = read_roles(&r);
    if (!st) st = read_rest(&r);
    if (!st) st = read_strip(&r);
    if (!st) st = eng_vocab_new(&r.parts, out, e);
    sk_arena_free(r.mem);
    return st;
}
