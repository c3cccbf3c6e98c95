/* llama2c.c - a llama2.c checkpoint and its tokenizer as one GGUF. */
#include "engine/format/llama2c.h"

#include "base/file.h"
#include "base/mem.h"
#include "engine/format/gguf.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { HEAD_BYTES = 28, MOST = 1 << 20, VOCAB_MAX = 1 << 22, TOKEN_MAX = 1 << 16 };

/* The header, its numbers made positive. */
typedef struct shape {
    uint64_t dim, ffn, layers, heads, kv_heads, vocab, ctx;
    bool own_head; /* an output matrix beside the embedding */
} shape;

/* A run of tensors in the file: one a layer, or one in all. */
typedef struct run {
    const char *name; /* "%u": the layer; NULL: nothing that a GGUF keeps */
    uint64_t rows, cols, times;
} run;

enum { RUNS = 14 };

/* The runs in the order of the file. */
static void list_runs(const shape *s, run r[RUNS])
{
    assert(s->heads && s->kv_heads); /* fits_together */
    uint64_t hd = s->dim / s->heads, kv = s->kv_heads * hd, n = s->layers;
    const run all[RUNS] = {
        {"token_embd.weight", s->vocab, s->dim, 1},
        {"blk.%u.attn_norm.weight", 1, s->dim, n},
        {"blk.%u.attn_q.weight", s->dim, s->dim, n},
        {"blk.%u.attn_k.weight", kv, s->dim, n},
        {"blk.%u.attn_v.weight", kv, s->dim, n},
        {"blk.%u.attn_output.weight", s->dim, s->dim, n},
        {"blk.%u.ffn_norm.weight", 1, s->dim, n},
        {"blk.%u.ffn_gate.weight", s->ffn, s->dim, n},
        {"blk.%u.ffn_down.weight", s->dim, s->ffn, n},
        {"blk.%u.ffn_up.weight", s->ffn, s->dim, n},
        {"output_norm.weight", 1, s->dim, 1},
        {NULL, s->ctx, hd / 2, 2}, /* cosines and sines of RoPE */
        {s->own_head ? "output.weight" : NULL, s->own_head ? s->vocab : 0, s->dim, 1},
        {NULL, 0, 0, 0},
    };
    memcpy(r, all, sizeof all);
}

/* True for sizes that a transformer can have.  With the bounds of read_shape no product of them
 * overflows 64 bits. */
static bool fits_together(const shape *s)
{
    return s->layers <= 1024 && s->heads <= 1024 && s->dim % s->heads == 0 &&
           s->heads % s->kv_heads == 0 && s->dim / s->heads % 2 == 0;
}

/* Reads the header; false unless every number is plausible and the file has the right size: the
 * format has no magic, so the size is what tells a checkpoint from anything else. */
static bool read_shape(const sk_map *m, shape *s)
{
    int32_t h[7];
    if (m->len < HEAD_BYTES) return false;
    memcpy(h, m->p, sizeof h);
    bool own_head = h[5] < 0;
    if (own_head) h[5] = h[5] == INT32_MIN ? 0 : -h[5];
    for (int i = 0; i < 7; i++)
        if (h[i] < 1 || h[i] > (i == 5 ? VOCAB_MAX : MOST)) return false;
    *s = (shape){(uint64_t)h[0], (uint64_t)h[1], (uint64_t)h[2], (uint64_t)h[3],
                 (uint64_t)h[4], (uint64_t)h[5], (uint64_t)h[6], own_head};
    if (!fits_together(s)) return false;
    run r[RUNS];
    uint64_t floats = 0;
    list_runs(s, r);
    for (int i = 0; i < RUNS; i++)
        floats += r[i].rows * r[i].cols * r[i].times; /* each below 2^51 */
    return m->len == HEAD_BYTES + 4 * floats;
}

bool eng_llama2c_is(const char *path)
{
    sk_map m;
    shape s;
    if (sk_map_open(path, &m, NULL)) return false;
    bool is = read_shape(&m, &s);
    sk_map_close(&m);
    return is;
}

/* ---- the tokenizer ---- */

typedef struct tokens {
    eng_str *text;
    float *score;
    int32_t *type;
} tokens;

/* A token as SentencePiece writes it: a space is U+2581; the three first are marks. */
static bool set_token(sk_arena *mem, tokens *t, size_t i, const char *p, size_t n)
{
    static const char *const marks[] = {"<unk>", "<s>", "</s>"};
    sk_buf b = SK_BUF_INIT;
    if (i < 3)
        sk_buf_adds(&b, marks[i]);
    else
        for (size_t k = 0; k < n; k++)
            p[k] == ' ' ? sk_buf_adds(&b, "\xe2\x96\x81") : sk_buf_addc(&b, p[k]);
    char *copy = sk_buf_ok(&b) ? sk_arena_strndup(mem, b.p ? b.p : "", b.len) : NULL;
    t->text[i] = (eng_str){copy, b.len};
    bool byte = n == 6 && !memcmp(p, "<0x", 3) && p[5] == '>';
    t->type[i] = i == 0 ? 2 : i < 3 ? 3 : byte ? 6 : 1;
    sk_buf_fini(&b);
    return copy != NULL;
}

/* Each token: float32 score, int32 length, bytes.  The first int32 of the file (the longest
 * token) is not needed. */
static sk_status read_tokens(const sk_map *m, size_t n, sk_arena *mem, tokens *t, sk_err *e)
{
    size_t at = 4;
    t->text = sk_new_n(mem, eng_str, n);
    t->score = sk_new_n(mem, float, n);
    t->type = sk_new_n(mem, int32_t, n);
    if (!t->text || !t->score || !t->type)
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu tokens", n);
    for (size_t i = 0; i < n; i++) {
        int32_t len = 0;
        if (m->len < at || m->len - at < 8)
            return sk_fail(e, SK_E_FORMAT, "the tokenizer ends after %zu of %zu tokens", i, n);
        memcpy(&t->score[i], m->p + at, 4);
        memcpy(&len, m->p + at + 4, 4);
        at += 8;
        if (len < 0 || len > TOKEN_MAX || (size_t)len > m->len - at)
            return sk_fail(e, SK_E_FORMAT, "token %zu of the tokenizer claims %d bytes", i, len);
        if (!set_token(mem, t, i, (const char *)m->p + at, (size_t)len))
            return sk_fail(e, SK_E_NOMEM, "no memory for %zu tokens", n);
        at += (size_t)len;
    }
    return SK_OK;
}

/* The file has no names for its special tokens; llama2.c takes 1 for BOS and 2 for EOS. */
static sk_status put_tokens(const char *path, size_t n, eng_gguf_writer *w, sk_err *e)
{
    sk_map m;
    tokens t;
    sk_err why = SK_ERR_INIT;
    sk_status st = sk_map_open(path, &m, e);
    if (st) return st;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    st = mem ? read_tokens(&m, n, mem, &t, &why) : sk_fail(&why, SK_E_NOMEM, "no memory");
    if (!st) {
        eng_gguf_put_str(w, "tokenizer.ggml.model", "llama", 5);
        eng_gguf_put_strs(w, "tokenizer.ggml.tokens", t.text, n);
        eng_gguf_put_f32s(w, "tokenizer.ggml.scores", t.score, n);
        eng_gguf_put_i32s(w, "tokenizer.ggml.token_type", t.type, n);
        eng_gguf_put_u32(w, "tokenizer.ggml.bos_token_id", 1);
        eng_gguf_put_u32(w, "tokenizer.ggml.eos_token_id", 2);
        eng_gguf_put_u32(w, "tokenizer.ggml.unknown_token_id", 0);
    }
    sk_arena_free(mem);
    sk_map_close(&m);
    return st ? sk_fail(e, st, "%s: %s", path, why.text) : SK_OK;
}

/* ---- the model ---- */

static void put_keys(const shape *s, eng_gguf_writer *w)
{
    const struct {
        const char *key;
        uint64_t v;
    } row[] = {{"llama.context_length", s->ctx},
               {"llama.embedding_length", s->dim},
               {"llama.block_count", s->layers},
               {"llama.feed_forward_length", s->ffn},
               {"llama.attention.head_count", s->heads},
               {"llama.attention.head_count_kv", s->kv_heads},
               {"llama.rope.dimension_count", s->dim / s->heads},
               {"llama.vocab_size", s->vocab}};
    eng_gguf_put_str(w, "general.architecture", "llama", 5);
    eng_gguf_put_str(w, "general.name", "llama2.c", 8);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        eng_gguf_put_u32(w, row[i].key, (uint32_t)row[i].v);
    eng_gguf_put_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    eng_gguf_put_f32(w, "llama.rope.freq_base", 10000.0f);
}

/* Declares the tensors of all runs (write NULL), or writes their floats from m. */
static sk_status each_tensor(const shape *s, eng_gguf_writer *w, const sk_map *m, bool write,
                             sk_err *e)
{
    run r[RUNS];
    size_t at = HEAD_BYTES;
    list_runs(s, r);
    for (int i = 0; i < RUNS; i++)
        for (uint64_t k = 0; k < r[i].times; k++) {
            char name[64];
            size_t bytes = 4 * r[i].rows * r[i].cols;
            const void *data = m->p + at;
            assert(bytes <= m->len - at); /* read_shape compared the whole */
            at += bytes;
            if (!r[i].name) continue;
            (void)snprintf(name, sizeof name, r[i].name, (unsigned)k);
            sk_status st = SK_OK;
            if (write)
                st = eng_gguf_write_raw(w, data, bytes, e);
            else
                eng_gguf_add_tensor(w, name, ENG_F32, r[i].rows, r[i].cols, r[i].rows == 1);
            if (st) return st;
        }
    return SK_OK;
}

/* Two walks over the tensors: a GGUF has all declarations before the first byte of data. */
sk_status eng_llama2c_to_gguf(const char *path, const char *tokenizer, const char *dst, sk_err *e)
{
    sk_map m;
    shape s;
    eng_gguf_writer *w = NULL;
    sk_status st = sk_map_open(path, &m, e);
    if (st) return st;
    if (!read_shape(&m, &s))
        st = sk_fail(e, SK_E_FORMAT, "%s is no llama2.c checkpoint (version 0), or is cut short",
                     path);
    if (!st) st = eng_gguf_create(dst, &w, e);
    if (!st) {
        put_keys(&s, w);
        st = put_tokens(tokenizer, (size_t)s.vocab, w, e);
    }
    if (!st) st = each_tensor(&s, w, &m, false, e);
    if (!st) st = each_tensor(&s, w, &m, true, e);
    if (st)
        eng_gguf_abort(w);
    else
        st = eng_gguf_commit(w, e);
    sk_map_close(&m);
    return st;
}
