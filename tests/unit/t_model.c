/* t_model.c - opening model files: good ones, ones that are wrong in one way, and damaged ones. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/model/model.h"
#include "engine/token/vocab.h"
#include "tests/unit/fixture_model.h"

#include <math.h>

static eng_exec *exec;

static int open_exec(void **state)
{
    (void)state;
    return eng_exec_open(2, &exec, NULL);
}

static int close_exec(void **state)
{
    (void)state;
    eng_exec_close(exec);
    return 0;
}

/* Writes the twisted model and opens it; out may be NULL: the model is closed again. */
static sk_status open_twisted(const eng_config *c, eng_dtype dtype, const fixture_twist *t,
                              eng_model **out, sk_err *e)
{
    sk_err err = SK_ERR_INIT;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "m.gguf");
    eng_model *m = NULL;
    assert_status_ok(fixture_model_twist(path, c, 1, dtype, t, &err), err);
    sk_status st = eng_model_open(exec, path, &m, e);
    assert_int_equal(!st, m != NULL);
    if (st && e) assert_contains(e->text, "m.gguf");
    unit_rm_rf(dir);
    if (out)
        *out = m;
    else
        eng_model_close(m);
    return st;
}

static void info(void **state)
{
    (void)state;
    const eng_dtype type[] = {ENG_F32, ENG_F16, ENG_BF16};
    for (size_t i = 0; i < 6; i++) {
        sk_err e = SK_ERR_INIT;
        eng_config c = fixture_config(i & 1 ? "llama" : "qwen3");
        c.tied = i < 3;
        eng_model *m = NULL;
        assert_status_ok(open_twisted(&c, type[i % 3], NULL, &m, &e), e);
        eng_model_info f;
        eng_model_get_info(m, &f);
        assert_string_equal(f.arch, c.arch);
        assert_string_equal(f.name, "fixture");
        assert_string_equal(f.dtype, eng_dtype_name(type[i % 3]));
        assert_int_equal(f.n_vocab, 288);
        assert_int_equal(f.n_ctx, 96);
        assert_int_equal(f.n_layer, 2);
        assert_int_equal(f.n_kv_head, 2);
        assert_int_equal(f.n_ff, 80);
        assert_true(f.has_chat);
        assert_int_equal(f.layer_weights, 2 * (2 * 48 * 64 + 2 * 48 * 32 + 3 * 48 * 80));
        assert_int_equal(f.head_weights, 48 * 288);
        assert_true(f.layer_bytes >= f.layer_weights * 2 && f.head_bytes >= f.head_weights * 2);
        size_t layer = 2 * 48 + 2 * 48 * 64 + 2 * 48 * 32 + 3 * 48 * 80 + (c.qk_norm ? 32 : 0);
        assert_int_equal(f.n_params, 2 * layer + 48 + 288 * 48 * (c.tied ? 1 : 2));
        assert_true(f.file_bytes > f.n_params * (type[i % 3] == ENG_F32 ? 4 : 2));
        eng_model_close(m);
    }
    eng_model_close(NULL);
}

static void tokenizer(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config("llama");
    eng_model *m = NULL;
    assert_status_ok(open_twisted(&c, ENG_F32, NULL, &m, &e), e);
    eng_ids ids = {0};
    assert_status_ok(eng_model_encode(m, "the \xff!", 6, 0, &ids, &e), e);
    const int32_t want[] = {257, ' ', 0xff, '!'};
    assert_int_equal(ids.n, 4);
    assert_memory_equal(ids.id, want, sizeof want);
    size_t n = 9;
    assert_memory_equal(eng_model_piece(m, 257, &n), "the", 3);
    assert_int_equal(n, 3);
    assert_string_equal(eng_model_piece(m, 287, &n), ""); /* special: no text */
    assert_int_equal(n, 0);
    assert_string_equal(eng_model_piece(m, -1, &n), "");
    assert_string_equal(eng_model_piece(m, 288, &n), "");
    assert_true(eng_model_is_end(m, 287));
    assert_false(eng_model_is_end(m, 'a'));
    assert_false(eng_model_is_end(m, -1));
    eng_ids_fini(&ids);
    eng_chat_msg msg = {"user", "the", 3};
    assert_status_ok(eng_model_chat(m, &msg, 1, &ids, &e), e);
    assert_int_equal(ids.id[0], 286);
    eng_ids_fini(&ids);
    eng_model_close(m);
}

static void put_unknown_pre(eng_gguf_writer *w)
{
    eng_gguf_put_str(w, "llama.unknown", "x", 1);
}

/* Files wrong in one way. */
static void twisted(void **state)
{
    (void)state;
    const struct {
        fixture_twist t;
        sk_status st;
        const char *says;
    } bad[] = {
        {{.skip = "token_embd.weight"}, SK_E_FORMAT, "token_embd.weight"},
        {{.skip = "blk.1.ffn_up.weight"}, SK_E_FORMAT, "blk.1.ffn_up.weight is missing"},
        {{.skip = "output_norm.weight"}, SK_E_FORMAT, "output_norm.weight is missing"},
        {{.shorten = "blk.0.attn_q.weight"}, SK_E_FORMAT, "blk.0.attn_q.weight"},
        {{.shorten = "blk.1.attn_norm.weight"}, SK_E_FORMAT, "blk.1.attn_norm.weight"},
        {{.shorten = "output.weight"}, SK_E_FORMAT, "output.weight"},
        {{.shorten = "token_embd.weight"}, SK_E_UNSUPPORTED, "vocab_size"},
        {{.extra = "blk.0.attn_q.bias"}, SK_E_FORMAT, "blk.1.attn_q.bias is missing"},
        {{.extra = "rope_freqs.weight"}, SK_E_FORMAT, "rope_freqs.weight"},
        {{.extra = "blk.0.attn_q_norm.weight"}, SK_E_UNSUPPORTED, "blk.0.attn_q_norm.weight"},
        {{.extra = "blk.0.attn_sinks.weight"}, SK_E_UNSUPPORTED, "blk.0.attn_sinks.weight"},
        {{.extra = "blk.2.ffn_up.weight"}, SK_E_UNSUPPORTED, "blk.2.ffn_up.weight"},
        {{.keys = put_unknown_pre}, SK_E_UNSUPPORTED, "llama.unknown"},
    };
    eng_config c = fixture_config("llama");
    c.tied = false;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        assert_status(open_twisted(&c, ENG_F32, &bad[i].t, NULL, &e), bad[i].st, e, bad[i].says);
        assert_int_equal(open_twisted(&c, ENG_BF16, &bad[i].t, NULL, NULL), bad[i].st);
    }
    sk_err e = SK_ERR_INIT;
    eng_model *m = NULL;
    assert_status(eng_model_open(exec, "/nonexistent/m.gguf", &m, &e), SK_E_NOTFOUND, e, "m.gguf");
    assert_null(m);
}

static void not_numbers(void **state)
{
    (void)state;
    const char *const name[] = {"token_embd.weight",      "blk.0.attn_k.weight",
                                "blk.1.ffn_down.weight",  "output_norm.weight",
                                "blk.1.attn_norm.weight", "blk.0.attn_q_norm.weight"};
    const float value[] = {NAN, INFINITY, -INFINITY, 1e38f};
    eng_config c = fixture_config("qwen3");
    for (size_t i = 0; i < 6; i++)
        for (size_t j = 0; j < 4; j++)
            for (size_t t = 0; t < 3; t++) {
                const eng_dtype type[] = {ENG_F32, ENG_F16, ENG_BF16};
                fixture_twist poison = {.poison = name[i], .value = value[j]};
                sk_err e = SK_ERR_INIT;
                sk_status st = open_twisted(&c, type[t], &poison, NULL, &e);
                bool is_f16 = type[t] == ENG_F16 && !strstr(name[i], "norm");
                if (j == 3 && !is_f16) /* large is allowed; in F16 it has become infinite */
                    assert_status_ok(st, e);
                else
                    assert_status(st, SK_E_CORRUPT, e, name[i]);
            }
}

/* ---- bytes ---- */

/* A model's file as bytes. */
static void file_bytes(sk_buf *b, uint32_t n_embd)
{
    sk_err e = SK_ERR_INIT;
    eng_config c = fixture_config("qwen3");
    c.n_embd = n_embd;
    c.n_layer = 1;
    const char *dir = unit_tmpdir(), *path = unit_path(dir, "m.gguf");
    assert_status_ok(fixture_model_write(path, &c, 1, ENG_F32, &e), e);
    assert_true(unit_read(path, b));
    unit_rm_rf(dir);
}

/* Where `name` stands in the file, behind it. */
static size_t behind(const sk_buf *b, const char *name)
{
    const char *p = memmem(b->p, b->len, name, strlen(name));
    assert_non_null(p);
    return (size_t)(p - b->p) + strlen(name);
}

static sk_status open_bytes(const void *p, size_t n, sk_err *e)
{
    eng_model *m = NULL;
    sk_status st = eng_model_open_bytes(exec, p, n, &m, e);
    eng_model_close(m);
    return st;
}

/* Types that files may have and this build does not read; and one it does, for a norm. */
static void unread_types(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    file_bytes(&b, 256);
    size_t at = behind(&b, "blk.0.attn_k.weight") + 4 + 16;
    assert_int_equal(b.p[at], ENG_F32);
    const char q[] = {9, 15, 16, 29};
    for (size_t i = 0; i < sizeof q; i++) {
        sk_err e = SK_ERR_INIT;
        b.p[at] = q[i];
        assert_status(open_bytes(b.p, b.len, &e), SK_E_UNSUPPORTED, e, "blk.0.attn_k.weight");
        assert_contains(e.text, "can't read");
    }
    b.p[at] = ENG_F32;
    at = behind(&b, "blk.0.attn_norm.weight") + 4 + 8;
    assert_int_equal(b.p[at], ENG_F32);
    sk_err e = SK_ERR_INIT;
    b.p[at] = ENG_Q8_0;
    assert_status(open_bytes(b.p, b.len, &e), SK_E_UNSUPPORTED, e, "as a norm or bias");
    sk_buf_fini(&b);
}

/* A tokenizer of a kind that is not there leaves a model for ids alone. */
static void unknown_tokenizer(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    file_bytes(&b, 48);
    memcpy(b.p + behind(&b, "tokenizer.ggml.model") + 4 + 8, "gpt9", 4);
    eng_model *m = NULL;
    assert_status_ok(eng_model_open_bytes(exec, b.p, b.len, &m, &e), e);
    assert_null(eng_model_vocab(m));
    eng_ids ids = {0};
    assert_status(eng_model_encode(m, "a", 1, 0, &ids, &e), SK_E_UNSUPPORTED, e, "gpt9");
    eng_chat_msg msg = {"user", "a", 1};
    assert_status(eng_model_chat(m, &msg, 1, &ids, &e), SK_E_UNSUPPORTED, e, "gpt9");
    size_t n = 3;
    assert_string_equal(eng_model_piece(m, 65, &n), "");
    assert_int_equal(n, 0);
    assert_false(eng_model_is_end(m, 287));
    eng_model_info f;
    eng_model_get_info(m, &f);
    assert_false(f.has_chat);
    eng_model_close(m);
    sk_buf_fini(&b);
}

/* Cut anywhere, and with any bit of its head turned over: refused, or opened and usable. */
static void damaged(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    file_bytes(&b, 16);
    assert_int_equal(open_bytes(b.p, b.len, NULL), SK_OK);
    size_t refused = 0, opened = 0, head = behind(&b, "output_norm.weight") + 64;
    for (uint64_t i = 0; i < 300; i++) {
        size_t n = i < 64 ? i : sk_rng_below(1, SK_RNG_TEST, i, b.len);
        char *cut = malloc(n ? n : 1); /* exact size: reading past it is seen */
        memcpy(cut, b.p, n);
        sk_err e = SK_ERR_INIT;
        assert_int_not_equal(open_bytes(cut, n, &e), SK_OK);
        assert_true(e.status && e.text[0]);
        free(cut);
    }
    for (uint64_t i = 0; i < 3000; i++) {
        size_t at = sk_rng_below(2, SK_RNG_TEST, i, head);
        char keep = b.p[at];
        b.p[at] = (char)(keep ^ 1 << sk_rng_below(3, SK_RNG_TEST, i, 8));
        sk_err e = SK_ERR_INIT;
        sk_status st = open_bytes(b.p, b.len, &e);
        assert_true(!st || e.text[0]);
        st ? refused++ : opened++;
        b.p[at] = keep;
    }
    assert_true(refused > 300 && opened > 10);
    sk_buf_fini(&b);
}

static sk_status open_buf(void *buf, sk_err *e)
{
    const sk_buf *b = buf;
    return open_bytes(b->p, b->len, e);
}

/* Every allocation fails once. */
static void without_memory(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    file_bytes(&b, 16);
    assert_int_equal(open_bytes(b.p, b.len, NULL), SK_OK);
    assert_true(unit_starve(open_buf, &b, 5000, 0) > 20);
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(info),         cmocka_unit_test(tokenizer),
        cmocka_unit_test(twisted),      cmocka_unit_test(not_numbers),
        cmocka_unit_test(unread_types), cmocka_unit_test(unknown_tokenizer),
        cmocka_unit_test(damaged),      cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, open_exec, close_exec);
}
