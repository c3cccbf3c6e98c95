/* t_quantize.c - a model file into other types: keys and tensors kept, threads without effect, what
 * is refused, and faults; importance matrices of both forms. */
#include "engine/format/quantize.h"
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/format/gguf_build.h"
#include "engine/format/gguf_type.h"
#include "engine/quant/quant.h"

#include <math.h>
#include <stdio.h>

enum { COLS = 256, ROWS = 48, EXPERTS = 3 };

static float matrix[EXPERTS * ROWS * COLS], vector[COLS];

static void fill(void)
{
    for (size_t i = 0; i < EXPERTS * ROWS * COLS; i++)
        matrix[i] = (float)sk_rng_normal(5, SK_RNG_TEST, i) * 0.1f;
    for (size_t i = 0; i < COLS; i++)
        vector[i] = 1 + (float)i;
}

/* A small model: a matrix, a stack of three, a vector. */
static eng_gguf *model(void)
{
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *w = NULL;
    eng_gguf *g = NULL;
    assert_status_ok(eng_gguf_build(&w, &e), e);
    eng_gguf_put_str(w, "general.architecture", "llama", 5);
    eng_gguf_put_u32(w, "general.file_type", 0);
    eng_gguf_put_u32(w, "llama.block_count", 1);
    eng_gguf_put_u32(w, "split.count", 0);
    eng_gguf_build_tensor(w, "blk.0.ffn_up.weight", ENG_F32, 2, (const uint64_t[]){COLS, ROWS},
                          matrix);
    eng_gguf_build_tensor(w, "blk.0.ffn_gate_exps.weight", ENG_F32, 3,
                          (const uint64_t[]){COLS, ROWS, EXPERTS}, matrix);
    eng_gguf_build_tensor(w, "blk.0.attn_norm.weight", ENG_F32, 1, (const uint64_t[]){COLS},
                          vector);
    assert_status_ok(eng_gguf_build_open(w, &g, &e), e);
    return g;
}

static void kept_and_changed(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    fill();
    eng_gguf *g = model(), *q = NULL;
    eng_quantize_opts o = {.mix = ENG_MIX_Q4_0, .threads = 1};
    eng_quantize_result r;
    assert_status_ok(eng_quantize(g, unit_path(dir, "q.gguf"), &o, &r, &e), e);
    assert_int_equal(r.n_tensors, 3);
    assert_int_equal(r.n_changed, 2);
    assert_int_equal(r.bytes_before, (4 * ROWS * COLS + COLS) * 4);
    assert_int_equal(r.bytes_after, 4 * ROWS * COLS / 32 * 18 + COLS * 4);
    assert_status_ok(eng_gguf_open(unit_path(dir, "q.gguf"), &q, &e), e);
    uint64_t u = 0;
    assert_status_ok(eng_gguf_u64(q, "general.file_type", &u, &e), e);
    assert_int_equal(u, 2);
    assert_status_ok(eng_gguf_u64(q, "llama.block_count", &u, &e), e);
    assert_int_not_equal(eng_gguf_u64(q, "split.count", &u, NULL), SK_OK);
    static uint8_t want[EXPERTS * ROWS * COLS];
    eng_quant_pack(ENG_Q4_0, matrix, want, EXPERTS * ROWS, COLS, NULL);
    const eng_gguf_tensor *t = eng_gguf_tensor_find(q, "blk.0.ffn_gate_exps.weight");
    assert_int_equal(t->type, ENG_Q4_0);
    assert_int_equal(t->n_dims, 3);
    assert_memory_equal(t->data, want, t->bytes);
    t = eng_gguf_tensor_find(q, "blk.0.attn_norm.weight");
    assert_int_equal(t->type, ENG_F32);
    assert_memory_equal(t->data, vector, sizeof vector);

    /* a quantised source: refused, or taken when told to; copied in any case */
    o.mix = ENG_MIX_Q8_0;
    assert_status(eng_quantize(q, unit_path(dir, "r.gguf"), &o, &r, &e), SK_E_INVALID, e,
                  "quantised already");
    assert_int_equal(unit_count_files(dir), 1);
    o.allow_requantize = true;
    assert_status_ok(eng_quantize(q, unit_path(dir, "r.gguf"), &o, &r, &e), e);
    o = (eng_quantize_opts){.copy = true};
    assert_status_ok(eng_quantize(q, unit_path(dir, "c.gguf"), &o, &r, &e), e);
    assert_int_equal(r.n_changed, 0);
    sk_buf a = SK_BUF_INIT, b = SK_BUF_INIT;
    assert_true(unit_read(unit_path(dir, "q.gguf"), &a) && unit_read(unit_path(dir, "c.gguf"), &b));
    assert_int_equal(a.len, b.len);
    sk_buf_fini(&a);
    sk_buf_fini(&b);
    eng_gguf_close(q);
    eng_gguf_close(g);
    unit_rm_rf(dir);
}

/* Three threads write what one does. */
static void threads_change_nothing(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    fill();
    eng_gguf *g = model();
    sk_buf one = SK_BUF_INIT, many = SK_BUF_INIT;
    for (size_t threads = 1; threads <= 3; threads += 2) {
        eng_quantize_opts o = {.mix = ENG_MIX_Q2_K, .threads = threads};
        eng_quantize_result r;
        assert_status_ok(eng_quantize(g, unit_path(dir, "q.gguf"), &o, &r, &e), e);
        assert_true(unit_read(unit_path(dir, "q.gguf"), threads == 1 ? &one : &many));
    }
    assert_int_equal(one.len, many.len);
    assert_memory_equal(one.p, many.p, one.len);
    sk_buf_fini(&one);
    sk_buf_fini(&many);
    eng_gguf_close(g);
    unit_rm_rf(dir);
}

/* Numbers that are none, or too large for the type: refused by the tensor's name, no file left. */
static void bad_numbers(void **state)
{
    (void)state;
    static const struct {
        float x;
        eng_mix mix;
        bool ok;
        const char *says;
    } c[] = {{NAN, ENG_MIX_Q8_0, false, "not finite"},
             {INFINITY, ENG_MIX_BF16, false, "not finite"},
             {-INFINITY, ENG_MIX_F16, false, "not finite"},
             {1e6f, ENG_MIX_F16, false, "too large"},
             {-1e6f, ENG_MIX_Q4_0, false, "too large"},
             {1e6f, ENG_MIX_BF16, true, ""},
             {65504, ENG_MIX_F16, true, ""}};
    const char *dir = unit_tmpdir();
    fill();
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++) {
        sk_err e = SK_ERR_INIT;
        eng_gguf *g = model();
        matrix[ROWS * COLS - 1] = c[i].x;
        eng_quantize_opts o = {.mix = c[i].mix, .threads = 1};
        eng_quantize_result r;
        sk_status st = eng_quantize(g, unit_path(dir, "q.gguf"), &o, &r, &e);
        if (c[i].ok) {
            assert_status_ok(st, e);
            unit_rm_rf(unit_path(dir, "q.gguf"));
        } else {
            assert_status(st, SK_E_CORRUPT, e, c[i].says);
            assert_contains(e.text, "blk.0.ffn_up.weight");
        }
        assert_int_equal(unit_count_files(dir), 0);
        eng_gguf_close(g);
    }
    unit_rm_rf(dir);
}

static bool stop_at_once(void *arg, uint64_t done, uint64_t total, eng_str name)
{
    (void)name;
    ++*(int *)arg;
    assert_true(done > 0 && done <= total);
    return false;
}

static void stopped(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    fill();
    eng_gguf *g = model();
    int calls = 0;
    eng_quantize_opts o = {
        .mix = ENG_MIX_Q8_0, .threads = 1, .progress = stop_at_once, .arg = &calls};
    eng_quantize_result r;
    assert_status(eng_quantize(g, unit_path(dir, "q.gguf"), &o, &r, &e), SK_E_STOPPED, e,
                  "nothing was written");
    assert_int_equal(calls, 1);
    assert_int_equal(unit_count_files(dir), 0);
    eng_gguf_close(g);
    unit_rm_rf(dir);
}

static void faults(void **state)
{
    (void)state;
    static const sk_fault_kind kinds[] = {SK_FAULT_ALLOC, SK_FAULT_WRITE, SK_FAULT_FSYNC,
                                          SK_FAULT_RENAME};
    const char *dir = unit_tmpdir();
    char path[512];
    fill();
    eng_gguf *g = model();
    snprintf(path, sizeof path, "%s", unit_path(dir, "q.gguf"));
    uint64_t misc = sk_mem_bytes(SK_MEM_MISC), scratch = sk_mem_bytes(SK_MEM_SCRATCH);
    for (size_t k = 0; k < 4; k++)
        for (unsigned long nth = 1;; nth++) {
            sk_err e = SK_ERR_INIT;
            eng_quantize_opts o = {.mix = ENG_MIX_Q8_0, .threads = 1};
            eng_quantize_result r;
            unit_write(path, "old", 3);
            sk_fault_plan(kinds[k], nth, false);
            sk_status st = eng_quantize(g, path, &o, &r, &e);
            bool reached = sk_fault_count(kinds[k]) >= nth;
            sk_fault_plan(kinds[k], 0, false);
            assert_int_equal(e.status, st);
            assert_int_equal(unit_count_files(dir), 1);
            assert_int_equal(sk_mem_bytes(SK_MEM_MISC), misc);
            assert_int_equal(sk_mem_bytes(SK_MEM_SCRATCH), scratch);
            if (!reached) break;
            assert_true(nth < 500);
        }
    eng_gguf_close(g);
    unit_rm_rf(dir);
}

/* ---- importance matrices ---- */

static void i32(sk_buf *b, int32_t v)
{
    sk_buf_add(b, &v, sizeof v);
}

/* An entry of the old form with n values of v each. */
static void dat_entry(sk_buf *b, const char *name, int32_t calls, int32_t n, float v)
{
    i32(b, (int32_t)strlen(name));
    sk_buf_adds(b, name);
    i32(b, calls);
    i32(b, n);
    for (int32_t i = 0; i < n; i++) {
        float x = v + (float)i;
        sk_buf_add(b, &x, sizeof x);
    }
}

static void old_form(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    eng_imatrix *m = NULL;
    size_t n = 0;
    i32(&b, 2);
    dat_entry(&b, "blk.1.x.weight", 2, 3, 4);
    dat_entry(&b, "blk.0.x.weight", 0, 2, 4);
    size_t whole = b.len;
    i32(&b, 7); /* chunks, length and name of the text: not needed */
    i32(&b, 1);
    sk_buf_addc(&b, 't');
    assert_status_ok(eng_imatrix_open_bytes(b.p, b.len, &m, &e), e);
    assert_int_equal(eng_imatrix_count(m), 2);
    const float *v = eng_imatrix_find(m, (eng_str){"blk.1.x.weight", 14}, &n);
    assert_int_equal(n, 3);
    assert_true(v[0] == 2 && v[2] == 3);
    v = eng_imatrix_find(m, (eng_str){"blk.0.x.weight", 14}, &n);
    assert_true(n == 2 && v[0] == 4);
    assert_null(eng_imatrix_find(m, (eng_str){"blk.2.x.weight", 14}, &n));
    eng_imatrix_close(m);
    eng_imatrix_close(NULL);
    for (size_t cut = 0; cut < whole; cut++)
        assert_status(eng_imatrix_open_bytes(b.p, cut, &m, &e), SK_E_FORMAT, e, "");
    static const int32_t lies[] = {0, -1, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 4; i++) { /* entries, length of a name, values */
        for (size_t at = 0; at < 2; at++) {
            int32_t old;
            memcpy(&old, b.p + 4 * at, 4);
            memcpy(b.p + 4 * at, &lies[i], 4);
            assert_status(eng_imatrix_open_bytes(b.p, b.len, &m, &e), SK_E_FORMAT, e, "");
            memcpy(b.p + 4 * at, &old, 4);
        }
    }
    sk_buf_reset(&b);
    i32(&b, 2);
    dat_entry(&b, "x", 1, 1, 1);
    dat_entry(&b, "x", 1, 1, 1);
    assert_status(eng_imatrix_open_bytes(b.p, b.len, &m, &e), SK_E_FORMAT, e, "twice");
    sk_buf_reset(&b);
    i32(&b, 1);
    dat_entry(&b, "x", 1, 1, -1);
    assert_status(eng_imatrix_open_bytes(b.p, b.len, &m, &e), SK_E_FORMAT, e, "no importance");
    sk_buf_fini(&b);
}

/* Writes the GGUF form for the stack of experts: the third was never called. */
static void write_sums(const char *path, bool with_counts, size_t cols)
{
    static float sums[EXPERTS * COLS];
    const float counts[EXPERTS] = {10, 20, 0};
    sk_err e = SK_ERR_INIT;
    eng_gguf_writer *w = NULL;
    for (size_t i = 0; i < EXPERTS * cols; i++)
        sums[i] = (float)(i % cols + 1);
    assert_status_ok(eng_gguf_create(path, &w, &e), e);
    eng_gguf_put_str(w, "general.type", "imatrix", 7);
    eng_gguf_add_tensor(w, "blk.0.ffn_gate_exps.weight.in_sum2", ENG_F32, EXPERTS, cols, false);
    if (with_counts)
        eng_gguf_add_tensor(w, "blk.0.ffn_gate_exps.weight.counts", ENG_F32, EXPERTS, 1, false);
    assert_status_ok(eng_gguf_write_f32(w, sums, &e), e);
    if (with_counts) assert_status_ok(eng_gguf_write_f32(w, counts, &e), e);
    assert_status_ok(eng_gguf_commit(w, &e), e);
}

static void new_form(void **state)
{
    (void)state;
    const char *dir = unit_tmpdir();
    sk_err e = SK_ERR_INIT;
    eng_imatrix *m = NULL;
    size_t n = 0;
    write_sums(unit_path(dir, "i.gguf"), true, COLS);
    assert_status_ok(eng_imatrix_open(unit_path(dir, "i.gguf"), &m, &e), e);
    const float *v = eng_imatrix_find(m, (eng_str){"blk.0.ffn_gate_exps.weight", 26}, &n);
    assert_non_null(v);
    assert_int_equal(n, EXPERTS * COLS);
    assert_true(v[0] == 0.1f && v[COLS] == 0.05f && v[2 * COLS] == 1);

    /* each expert is packed by its own importance */
    fill();
    eng_gguf *g = model(), *q = NULL;
    eng_quantize_opts o = {.mix = ENG_MIX_Q4_0, .threads = 2, .imatrix = m, .imatrix_file = "i"};
    eng_quantize_result r;
    assert_status_ok(eng_quantize(g, unit_path(dir, "q.gguf"), &o, &r, &e), e);
    assert_int_equal(r.n_unweighed, 1);
    assert_status_ok(eng_gguf_open(unit_path(dir, "q.gguf"), &q, &e), e);
    static uint8_t want[EXPERTS * ROWS * COLS];
    size_t each = eng_dtype_bytes(ENG_Q4_0, ROWS * COLS);
    for (size_t i = 0; i < EXPERTS; i++)
        eng_quant_pack(ENG_Q4_0, matrix + i * ROWS * COLS, want + i * each, ROWS, COLS,
                       v + i * COLS);
    assert_memory_equal(eng_gguf_tensor_find(q, "blk.0.ffn_gate_exps.weight")->data, want,
                        EXPERTS * each);
    eng_str s;
    assert_status_ok(eng_gguf_str(q, "quantize.imatrix.file", &s, &e), e);
    eng_gguf_close(q);
    eng_imatrix_close(m);

    /* of another model */
    write_sums(unit_path(dir, "i.gguf"), true, 32);
    assert_status_ok(eng_imatrix_open(unit_path(dir, "i.gguf"), &m, &e), e);
    o.imatrix = m;
    assert_status(eng_quantize(g, unit_path(dir, "q.gguf"), &o, &r, &e), SK_E_FORMAT, e,
                  "another model");
    eng_imatrix_close(m);
    eng_gguf_close(g);
    write_sums(unit_path(dir, "i.gguf"), false, COLS);
    assert_status(eng_imatrix_open(unit_path(dir, "i.gguf"), &m, &e), SK_E_FORMAT, e, "no counts");
    unit_rm_rf(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_and_changed), cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(bad_numbers),      cmocka_unit_test(stopped),
        cmocka_unit_test(faults),           cmocka_unit_test(old_form),
        cmocka_unit_test(new_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
