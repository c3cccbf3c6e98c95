/* t_llama2c.c - checkpoints of llama2.c: what becomes of every number, and of files that are none.
 */
#include "tests/unit/unit.h"

#include "base/file.h"
#include "engine/format/gguf.h"
#include "engine/format/llama2c.h"

#include <stdio.h>

/* The header's seven numbers, in the order of the file. */
typedef struct head {
    int32_t dim, ffn, layers, heads, kv_heads, vocab, ctx;
} head;

static const head small = {8, 12, 2, 2, 1, 5, 6};

static void add_i32(sk_buf *b, int32_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

/* n floats that count on from *next. */
static void add_floats(sk_buf *b, size_t n, float *next)
{
    for (size_t i = 0; i < n; i++) {
        sk_buf_add(b, next, sizeof *next);
        *next += 1;
    }
}

/* A checkpoint whose numbers are 0, 1, 2, ... in the order of the file. */
static void checkpoint(const head *h, sk_buf *b)
{
    size_t vocab = (size_t)(h->vocab < 0 ? -h->vocab : h->vocab), dim = (size_t)h->dim;
    size_t hd = dim / (size_t)h->heads, kv = hd * (size_t)h->kv_heads, ffn = (size_t)h->ffn;
    size_t layers = (size_t)h->layers;
    float next = 0;
    sk_buf_reset(b);
    const int32_t number[] = {h->dim, h->ffn, h->layers, h->heads, h->kv_heads, h->vocab, h->ctx};
    for (size_t i = 0; i < 7; i++)
        add_i32(b, number[i]);
    add_floats(b, vocab * dim, &next);
    add_floats(b, layers * (dim + 2 * dim * dim + 2 * kv * dim + dim + 3 * ffn * dim), &next);
    add_floats(b, dim + (size_t)h->ctx * hd, &next);
    if (h->vocab < 0) add_floats(b, vocab * dim, &next);
}

static const char *const pieces[] = {"x", "y", "z", " the", "<0x0A>"};

/* A tokenizer of the n pieces, scores 0, -1, -2, ... */
static void tokenizer(size_t n, sk_buf *b)
{
    sk_buf_reset(b);
    add_i32(b, 6);
    for (size_t i = 0; i < n; i++) {
        float score = -(float)i;
        sk_buf_add(b, &score, sizeof score);
        add_i32(b, (int32_t)strlen(pieces[i]));
        sk_buf_adds(b, pieces[i]);
    }
}

/* Converts; the folder's files are in.bin, tok.bin and out.gguf. */
static sk_status convert(const char *dir, const sk_buf *in, const sk_buf *tok, sk_err *e)
{
    char a[4096], b[4096], c[4096];
    snprintf(a, sizeof a, "%s/in.bin", dir);
    snprintf(b, sizeof b, "%s/tok.bin", dir);
    snprintf(c, sizeof c, "%s/out.gguf", dir);
    unit_write(a, in->p, in->len);
    unit_write(b, tok->p, tok->len);
    return eng_llama2c_to_gguf(a, b, c, e);
}

/* The tensor has n floats, the first of which is `first`. */
static void holds(const eng_gguf *g, const char *name, size_t n, float first)
{
    const eng_gguf_tensor *t = eng_gguf_tensor_find(g, name);
    if (!t) fail_msg("%s is missing", name);
    float v;
    assert_int_equal(t->bytes, n * sizeof v);
    memcpy(&v, t->data, sizeof v);
    assert_true(v == first);
}

/* Tensors lie in the file one kind after the other over all layers: the first number of each says
 * whether the right stretch was taken. */
static void tensors_are_found(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    sk_buf in = SK_BUF_INIT, tok = SK_BUF_INIT;
    eng_gguf *g = NULL;
    checkpoint(&small, &in);
    tokenizer(5, &tok);
    assert_status_ok(convert(dir, &in, &tok, &e), e);
    assert_true(eng_llama2c_is(unit_path(dir, "in.bin")));
    assert_false(eng_llama2c_is(unit_path(dir, "out.gguf")));
    assert_false(eng_llama2c_is(unit_path(dir, "nowhere")));
    assert_status_ok(eng_gguf_open(unit_path(dir, "out.gguf"), &g, &e), e);
    assert_int_equal(eng_gguf_n_tensors(g), 2 + 2 * 9);
    float at = 0;
    holds(g, "token_embd.weight", 40, at), at += 40;
    static const struct {
        const char *name;
        size_t n;
    } kind[] = {{"attn_norm", 8}, {"attn_q", 64},      {"attn_k", 32},
                {"attn_v", 32},   {"attn_output", 64}, {"ffn_norm", 8},
                {"ffn_gate", 96}, {"ffn_down", 96},    {"ffn_up", 96}};
    for (size_t i = 0; i < sizeof kind / sizeof kind[0]; i++)
        for (unsigned layer = 0; layer < 2; layer++) {
            char name[64];
            snprintf(name, sizeof name, "blk.%u.%s.weight", layer, kind[i].name);
            holds(g, name, kind[i].n, at);
            at += (float)kind[i].n;
        }
    holds(g, "output_norm.weight", 8, at);
    assert_null(eng_gguf_tensor_find(g, "output.weight"));
    eng_gguf_close(g);
    sk_buf_fini(&in);
    sk_buf_fini(&tok);
    unit_rm_rf(dir);
}

static void keys_and_tokens(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    sk_buf in = SK_BUF_INIT, tok = SK_BUF_INIT;
    eng_gguf *g = NULL;
    head own = small;
    own.vocab = -5;
    checkpoint(&own, &in);
    tokenizer(5, &tok);
    assert_status_ok(convert(dir, &in, &tok, &e), e);
    assert_status_ok(eng_gguf_open(unit_path(dir, "out.gguf"), &g, &e), e);
    static const struct {
        const char *key;
        uint64_t v;
    } row[] = {{"llama.context_length", 6},       {"llama.embedding_length", 8},
               {"llama.block_count", 2},          {"llama.feed_forward_length", 12},
               {"llama.attention.head_count", 2}, {"llama.attention.head_count_kv", 1},
               {"llama.rope.dimension_count", 4}, {"llama.vocab_size", 5}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint64_t v = 0;
        assert_status_ok(eng_gguf_u64(g, row[i].key, &v, &e), e);
        assert_int_equal(v, row[i].v);
    }
    /* a negative vocab_size says that there is an output matrix, which is the last in the file */
    const size_t numbers = (in.len - 28) / 4;
    holds(g, "output.weight", 40, (float)(numbers - 40));
    static const char *const want[] = {"<unk>", "<s>", "</s>", "\342\226\201the", "<0x0A>"};
    static const int type[] = {2, 3, 3, 1, 6};
    for (size_t i = 0; i < 5; i++) {
        eng_str s;
        int64_t t = 0;
        double score = 1;
        assert_status_ok(eng_gguf_arr_str(g, "tokenizer.ggml.tokens", i, &s, &e), e);
        assert_int_equal(s.n, strlen(want[i]));
        assert_memory_equal(s.p, want[i], s.n);
        assert_status_ok(eng_gguf_arr_i64(g, "tokenizer.ggml.token_type", i, &t, &e), e);
        assert_int_equal(t, type[i]);
        assert_status_ok(eng_gguf_arr_f64(g, "tokenizer.ggml.scores", i, &score, &e), e);
        assert_true(score == -(double)i);
    }
    eng_gguf_close(g);
    sk_buf_fini(&in);
    sk_buf_fini(&tok);
    unit_rm_rf(dir);
}

/* Every header that is off by what it must not be; the size of the file is one of them. */
static void bad_checkpoints(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    sk_buf in = SK_BUF_INIT, tok = SK_BUF_INIT;
    tokenizer(5, &tok);
    static const int32_t wrong[] = {0, -1, INT32_MIN, INT32_MAX, 1 << 21, 7};
    for (size_t field = 0; field < 7; field++)
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            checkpoint(&small, &in);
            memcpy(in.p + 4 * field, &wrong[i], 4);
            assert_status(convert(dir, &in, &tok, &e), SK_E_FORMAT, e, "no llama2.c checkpoint");
            assert_false(sk_file_exists(unit_path(dir, "out.gguf")));
        }
    checkpoint(&small, &in);
    for (size_t cut = 0; cut < 40; cut += 3) {
        sk_buf part = in;
        part.len = cut;
        assert_status(convert(dir, &part, &tok, &e), SK_E_FORMAT, e, "cut short");
    }
    in.len -= 4;
    assert_status(convert(dir, &in, &tok, &e), SK_E_FORMAT, e, "cut short");
    in.len += 4;
    sk_buf_addc(&in, 0);
    assert_status(convert(dir, &in, &tok, &e), SK_E_FORMAT, e, "no llama2.c checkpoint");
    assert_int_equal(unit_count_files(dir), 2);
    sk_buf_fini(&in);
    sk_buf_fini(&tok);
    unit_rm_rf(dir);
}

/* A tokenizer that ends early at any byte, or whose tokens claim what they have not. */
static void bad_tokenizers(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    sk_buf in = SK_BUF_INIT, tok = SK_BUF_INIT;
    checkpoint(&small, &in);
    tokenizer(5, &tok);
    for (size_t n = 0; n < tok.len; n++) {
        sk_buf part = tok;
        part.len = n;
        assert_status(convert(dir, &in, &part, &e), SK_E_FORMAT, e, "tok.bin: ");
    }
    static const int32_t claim[] = {-1, INT32_MIN, INT32_MAX, 1 << 17, 100};
    for (size_t i = 0; i < sizeof claim / sizeof claim[0]; i++) {
        tokenizer(5, &tok);
        memcpy(tok.p + 8, &claim[i], 4);
        assert_status(convert(dir, &in, &tok, &e), SK_E_FORMAT, e, "token 0 of the tokenizer");
    }
    assert_int_equal(unit_count_files(dir), 2); /* no half a model */
    assert_status(eng_llama2c_to_gguf(unit_path(dir, "in.bin"), unit_path(dir, "none.bin"),
                                      unit_path(dir, "out.gguf"), &e),
                  SK_E_NOTFOUND, e, "none.bin");
    sk_buf_fini(&in);
    sk_buf_fini(&tok);
    unit_rm_rf(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_are_found),
        cmocka_unit_test(keys_and_tokens),
        cmocka_unit_test(bad_checkpoints),
        cmocka_unit_test(bad_tokenizers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
