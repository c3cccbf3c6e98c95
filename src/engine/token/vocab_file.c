/* vocab_file.c - a vocabulary from and to the tokenizer.ggml.* keys of a GGUF. */
#include "engine/token/vocab.h"

#include "base/mem.h"
#include "engine/format/gguf.h"
#include "engine/token/bytemap.h"
#include "engine/token/strindex.h"
#include "engine/token/vocab_build.h"

#include <assert.h>
#include <string.h>

#define KEY(name) "tokenizer.ggml." name

/* The key of a role in a GGUF. */
const char *eng_token_role_key(eng_token_role role)
{
    static const char *const keys[ENG_ROLE_N] = {
        [ENG_ROLE_BOS] = KEY("bos_token_id"),         [ENG_ROLE_EOS] = KEY("eos_token_id"),
        [ENG_ROLE_EOT] = KEY("eot_token_id"),         [ENG_ROLE_EOM] = KEY("eom_token_id"),
        [ENG_ROLE_UNKNOWN] = KEY("unknown_token_id"), [ENG_ROLE_PADDING] = KEY("padding_token_id"),
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
    eng_bpe_merge *merge;
    eng_vocab_parts parts;
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
static sk_status optional_bool(reading *r, const char *key, bool *out)
{
    sk_err ignored = SK_ERR_INIT;
    sk_status st = eng_gguf_bool(r->g, key, out, &ignored);
    if (st == SK_E_NOTFOUND) return SK_OK;
    return st ? sk_fail(r->e, st, "%s", ignored.text) : SK_OK;
}

/* The kind of model and the pre-tokenizer's name. */
static sk_status read_kind(reading *r)
{
    eng_str model = {NULL, 0}, pre = {"default", 7};
    sk_status st = eng_gguf_str(r->g, KEY("model"), &model, r->e);
    if (st) return st;
    if (model.n != 4 || memcmp(model.p, "gpt2", 4) != 0)
        return sk_fail(r->e, SK_E_UNSUPPORTED,
                       "tokenizer of kind \"%.*s\": only byte-level BPE (\"gpt2\") is supported",
                       model.n < 64 ? (int)model.n : 64, model.p);
    st = optional_str(r, KEY("pre"), &pre);
    if (st) return st;
    r->parts.pretok = sk_arena_strndup(r->mem, pre.p, pre.n);
    return r->parts.pretok ? SK_OK : no_memory(r);
}

/* The types; a file without them has normal tokens only. */
static sk_status read_types(reading *r)
{
    size_t n;
    sk_err ignored = SK_ERR_INIT;
    sk_status st = eng_gguf_arr_len(r->g, KEY("token_type"), &n, &ignored);
    memset(r->type, ENG_TOKEN_NORMAL, r->parts.n);
    if (st == SK_E_NOTFOUND) return SK_OK;
    if (st) return sk_fail(r->e, st, "%s", ignored.text);
    if (n != r->parts.n)
        return sk_fail(r->e, SK_E_FORMAT, "the tokenizer has %zu tokens but %zu types", r->parts.n,
                       n);
    for (size_t i = 0; i < n; i++) {
        int64_t t;
        st = eng_gguf_arr_i64(r->g, KEY("token_type"), i, &t, r->e);
        if (st) return st;
        if (t < ENG_TOKEN_NORMAL || t > ENG_TOKEN_BYTE)
            return sk_fail(r->e, SK_E_FORMAT, "token %zu has the unknown type %lld", i,
                           (long long)t);
        r->type[i] = (uint8_t)t;
    }
    return SK_OK;
}

/* One token: a normal one's string stands for bytes, the others' for itself. */
static sk_status read_token(reading *r, size_t i)
{
    sk_status st = eng_gguf_arr_str(r->g, KEY("tokens"), i, &r->stored[i], r->e);
    if (st) return st;
    r->text[i] = r->stored[i];
    if (r->type[i] != ENG_TOKEN_NORMAL) return SK_OK;
    char *p = sk_arena_strndup(r->mem, r->stored[i].p, r->stored[i].n);
    if (!p) return no_memory(r);
    size_t n;
    if (eng_bytemap_read(r->stored[i].p, r->stored[i].n, p, &n))
        r->text[i] = (eng_str){p, n};
    else
        r->type[i] = ENG_TOKEN_ALIEN;
    return SK_OK;
}

/* All tokens with their types. */
static sk_status read_tokens(reading *r)
{
    sk_status st = eng_gguf_arr_len(r->g, KEY("tokens"), &r->parts.n, r->e);
    if (st) return st;
    size_t n = r->parts.n;
    if (n >= INT32_MAX) return sk_fail(r->e, SK_E_FORMAT, "a vocabulary of %zu tokens", n);
    r->stored = sk_new_n(r->mem, eng_str, n);
    r->text = sk_new_n(r->mem, eng_str, n);
    r->type = sk_new_n(r->mem, uint8_t, n);
    if (!r->stored || !r->text || !r->type) return no_memory(r);
    st = read_types(r);
    for (size_t i = 0; i < n && !st; i++)
        st = read_token(r, i);
    r->parts.text = r->text;
    r->parts.type = r->type;
    return st;
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

/* All merges.  Each must join two tokens into a third. */
static sk_status read_merges(reading *r)
{
    size_t n, longest = 0;
    sk_status st = eng_gguf_arr_len(r->g, KEY("merges"), &n, r->e);
    if (st) return st;
    if (n >= INT32_MAX) return sk_fail(r->e, SK_E_FORMAT, "a tokenizer of %zu merges", n);
    eng_strindex ix;
    r->merge = sk_new_n(r->mem, eng_bpe_merge, n);
    if (!r->merge || !eng_strindex_init(&ix, r->mem, r->stored, r->parts.n)) return no_memory(r);
    for (size_t i = 0; i < r->parts.n; i++)
        if (r->type[i] == ENG_TOKEN_NORMAL) eng_strindex_put(&ix, (uint32_t)i);
    eng_str s = {NULL, 0};
    for (size_t i = 0; i < n; i++) {
        st = eng_gguf_arr_str(r->g, KEY("merges"), i, &s, r->e);
        if (st) return st;
        if (s.n > longest) longest = s.n;
    }
    char *join = sk_arena_alloc(r->mem, longest + 1);
    if (!join) return no_memory(r);
    for (size_t i = 0; i < n; i++) {
        st = eng_gguf_arr_str(r->g, KEY("merges"), i, &s, r->e);
        if (st) return st;
        if (!find_merge(&ix, s, join, &r->merge[i]))
            return sk_fail(r->e, SK_E_FORMAT,
                           "merge %zu (\"%.*s\") does not join two tokens to one", i,
                           s.n < 64 ? (int)s.n : 64, s.p);
    }
    r->parts.n_merges = n;
    r->parts.merge = r->merge;
    return SK_OK;
}

/* The ids of special tokens, what is added to a text, the chat template. */
static sk_status read_rest(reading *r)
{
    for (int k = 0; k < ENG_ROLE_N; k++) {
        uint64_t id = 0;
        const char *key = eng_token_role_key((eng_token_role)k);
        sk_err why = SK_ERR_INIT;
        sk_status st = eng_gguf_u64(r->g, key, &id, &why);
        r->parts.role[k] = -1;
        if (st == SK_E_NOTFOUND) continue;
        if (!st && id >= r->parts.n)
            st = sk_fail(&why, SK_E_FORMAT, "%s is past the last of %zu tokens", key, r->parts.n);
        if (st) return sk_fail(r->e, st, "%s", why.text);
        r->parts.role[k] = (int32_t)id;
    }
    bool add_bos = false;
    sk_err ignored = SK_ERR_INIT;
    sk_status st = eng_gguf_bool(r->g, KEY("add_bos_token"), &add_bos, &ignored);
    r->parts.add_bos = st == SK_E_NOTFOUND ? -1 : add_bos;
    if (st && st != SK_E_NOTFOUND) return sk_fail(r->e, st, "%s", ignored.text);
    st = optional_bool(r, KEY("add_eos_token"), &r->parts.add_eos);
    return st ? st : optional_str(r, "tokenizer.chat_template", &r->parts.chat_template);
}

/* Reads tokenizer.ggml.* of an open GGUF. */
sk_status eng_vocab_from_gguf(const eng_gguf *g, eng_vocab **out, sk_err *e)
{
    reading r = {.g = g, .mem = sk_arena_new(SK_MEM_TOKEN), .e = e};
    if (!r.mem) return no_memory(&r);
    sk_status st = read_kind(&r);
    if (!st) st = read_tokens(&r);
    if (!st) st = read_merges(&r);
    if (!st) st = read_rest(&r);
    if (!st) st = eng_vocab_new(&r.parts, out, e);
    sk_arena_free(r.mem);
    return st;
}

/* ---- writing ---- */

/* The tokens' strings as a file has them, one behind the other in b; str[i] into b.  False without
 * memory. */
static bool store_tokens(const eng_vocab_parts *p, sk_buf *b, eng_str *str)
{
    for (size_t i = 0; i < p->n; i++) {
        size_t from = b->len;
        if (p->type[i] == ENG_TOKEN_NORMAL)
            eng_bytemap_write(p->text[i].p, p->text[i].n, b);
        else
            sk_buf_add(b, p->text[i].p, p->text[i].n);
        str[i].n = b->len - from;
    }
    if (!sk_buf_ok(b) || !sk_buf_reserve(b, 1)) return false;
    const char *at = b->p;
    for (size_t i = 0; i < p->n; at += str[i++].n)
        str[i].p = at;
    return true;
}

/* The merges' strings "a b", likewise. */
static bool store_merges(const eng_vocab_parts *p, const eng_str *token, sk_buf *b, eng_str *str)
{
    for (size_t i = 0; i < p->n_merges; i++) {
        eng_str left = token[p->merge[i].a], right = token[p->merge[i].b];
        sk_buf_add(b, left.p, left.n);
        sk_buf_addc(b, ' ');
        sk_buf_add(b, right.p, right.n);
        str[i].n = left.n + 1 + right.n;
    }
    if (!sk_buf_ok(b) || !sk_buf_reserve(b, 1)) return false;
    const char *at = b->p;
    for (size_t i = 0; i < p->n_merges; at += str[i++].n)
        str[i].p = at;
    return true;
}

/* The keys that are no lists. */
static void put_rest(const eng_vocab_parts *p, eng_gguf_writer *w)
{
    for (int k = 0; k < ENG_ROLE_N; k++)
        if (p->role[k] >= 0)
            eng_gguf_put_u32(w, eng_token_role_key((eng_token_role)k), (uint32_t)p->role[k]);
    eng_gguf_put_bool(w, KEY("add_bos_token"), p->add_bos > 0);
    if (p->add_eos) eng_gguf_put_bool(w, KEY("add_eos_token"), true);
    if (p->chat_template.n)
        eng_gguf_put_str(w, "tokenizer.chat_template", p->chat_template.p, p->chat_template.n);
}

/* Adds the tokenizer.ggml.* keys to a GGUF being written. */
sk_status eng_vocab_to_gguf(const eng_vocab *v, eng_gguf_writer *w, sk_err *e)
{
    eng_vocab_parts p;
    eng_vocab_get_parts(v, &p);
    sk_status st = SK_OK;
    sk_buf tokens = SK_BUF_INIT, merges = SK_BUF_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_str *token = mem ? sk_new_n(mem, eng_str, p.n) : NULL;
    eng_str *merge = mem ? sk_new_n(mem, eng_str, p.n_merges) : NULL;
    int32_t *type = mem ? sk_new_n(mem, int32_t, p.n) : NULL;
    if (!token || !merge || !type || !store_tokens(&p, &tokens, token) ||
        !store_merges(&p, token, &merges, merge)) {
        st = sk_fail(e, SK_E_NOMEM, "no memory to write the tokenizer");
        goto free_all;
    }
    for (size_t i = 0; i < p.n; i++)
        type[i] = p.type[i] == ENG_TOKEN_ALIEN ? ENG_TOKEN_NORMAL : p.type[i];
    eng_gguf_put_str(w, KEY("model"), "gpt2", 4);
    eng_gguf_put_str(w, KEY("pre"), p.pretok, strlen(p.pretok));
    eng_gguf_put_strs(w, KEY("tokens"), token, p.n);
    eng_gguf_put_i32s(w, KEY("token_type"), type, p.n);
    eng_gguf_put_strs(w, KEY("merges"), merge, p.n_merges);
    put_rest(&p, w);
free_all:
    sk_buf_fini(&tokens);
    sk_buf_fini(&merges);
    sk_arena_free(mem);
    return st;
}

/* Writes a GGUF with only the tokenizer.  The architecture is there for other readers, which ask
 * for it first; they must not look for more of a model in a file of this type. */
sk_status eng_vocab_save(const eng_vocab *v, const char *path, sk_err *e)
{
    eng_gguf_writer *w;
    sk_status st = eng_gguf_create(path, &w, e);
    if (st) return st;
    eng_gguf_put_str(w, "general.architecture", "qwen3", 5);
    eng_gguf_put_str(w, "general.type", "vocab", 5);
    st = eng_vocab_to_gguf(v, w, e);
    if (!st) return eng_gguf_commit(w, e);
    eng_gguf_abort(w);
    return st;
}

/* Reads the tokenizer of a GGUF. */
sk_status eng_vocab_load(const char *path, eng_vocab **out, sk_err *e)
{
    eng_gguf *g;
    sk_status st = eng_gguf_open(path, &g, e);
    if (st) return st;
    st = eng_vocab_from_gguf(g, out, e);
    if (st) (void)sk_while(e, "%s", path);
    eng_gguf_close(g);
    return st;
}
