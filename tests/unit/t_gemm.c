/* t_gemm.c - workers, packs and drivers: memory, bounds and cutting of work.  What the kernels
 * compute is checked by checkkern. */
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/thread.h"
#include "engine/kernel/exec.h"
#include "engine/kernel/gemm.h"
#include "engine/kernel/par.h"

#include <math.h>
#include <stdatomic.h>

static eng_exec *open_exec(size_t threads)
{
    sk_err e = SK_ERR_INIT;
    eng_exec *x = NULL;
    assert_status_ok(eng_exec_open(threads, &x, &e), e);
    return x;
}

/* ---- exec ---- */

static void exec_has_what_it_was_opened_with(void **state)
{
    (void)state;
    eng_exec *x = open_exec(3);
    assert_int_equal(eng_exec_threads(x), 3);
    assert_int_equal(sk_pool_size(eng_exec_pool(x)), 3);
    assert_ptr_equal(eng_exec_kernels(x), eng_kernels_at(sk_cpu()));
    eng_exec_close(x);
    x = open_exec(0);
    assert_true(eng_exec_threads(x) >= 1);
    eng_exec_close(x);
    eng_exec_close(NULL);
}

static void too_many_threads_are_refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_exec *x = (eng_exec *)(void *)state;
    assert_int_equal(eng_exec_open(5000, &x, &e), SK_E_INVALID);
    assert_ptr_equal(x, state);
}

/* Each worker's scratch is aligned, its own, and grows only. */
static void scratch_grows(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_exec *x = open_exec(3);
    for (size_t bytes = 1; bytes < 100000; bytes = bytes * 3 + 5) {
        assert_status_ok(eng_exec_reserve(x, bytes, &e), e);
        for (size_t w = 0; w < 3; w++) {
            char *p = eng_exec_scratch(x, w);
            assert_int_equal((uintptr_t)p % 64, 0);
            memset(p, (int)w, bytes);
        }
        for (size_t w = 0; w < 3; w++) {
            const char *p = eng_exec_scratch(x, w);
            assert_int_equal(p[0], w);
            assert_int_equal(p[bytes - 1], w);
        }
    }
    void *before = eng_exec_scratch(x, 1);
    assert_status_ok(eng_exec_reserve(x, 10, &e), e);
    assert_ptr_equal(eng_exec_scratch(x, 1), before);
    assert_status(eng_exec_reserve(x, SIZE_MAX - 10, &e), SK_E_NOMEM, e, "scratch");
    assert_status(eng_exec_reserve(x, SIZE_MAX / 2, &e), SK_E_NOMEM, e, "scratch");
    assert_ptr_equal(eng_exec_scratch(x, 1), before);
    eng_exec_close(x);
}

static sk_status measure_starved(void *arg, sk_err *e)
{
    (void)arg;
    eng_exec *x = NULL;
    eng_bpack *b = NULL;
    eng_limits l;
    sk_status st = eng_exec_open(2, &x, e);
    if (!st) st = eng_exec_reserve(x, 1000, e);
    if (!st) st = eng_bpack_new(ENG_PREC_F32, 10, 10, &b, e);
    if (!st) st = eng_limits_measure(x, 1, &l, e);
    if (st) assert_contains(e->text, "memory");
    eng_bpack_free(b);
    eng_exec_close(x);
    return st;
}

/* Every allocation of opening, reserving, packing and measuring may fail: an error, nothing held.
 */
static void memory_may_run_out(void **state)
{
    (void)state;
    unit_starve(measure_starved, NULL, 50, UNIT_TOLD);
}

static void limits_are_plausible(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_exec *x = open_exec(1);
    eng_limits l = {0};
    assert_status_ok(eng_limits_measure(x, 1, &l, &e), e);
    assert_true(l.f32_flops > 1e6 && l.f32_flops < 1e15);
    assert_true(l.bf16_flops > 1e6 && l.bf16_flops < 1e15);
    assert_true(l.read_bytes > 1e6 && l.read_bytes < 1e15);
    eng_exec_close(x);
}

/* ---- packs ---- */

static void pack_sizes(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_bpack *b = NULL;
    assert_status_ok(eng_bpack_new(ENG_PREC_BF16, 33, 5, &b, &e), e);
    assert_int_equal(eng_bpack_k(b), 33);
    assert_int_equal(eng_bpack_n(b), 5);
    assert_true(eng_bpack_bytes(b) >= (size_t)2 * 34 * 5);
    eng_bpack_free(b);
    eng_bpack_free(NULL);
    static const size_t huge[][2] = {
        {SIZE_MAX, 1}, {1, SIZE_MAX}, {SIZE_MAX / 300, 300}, {(size_t)1 << 40, (size_t)1 << 40}};
    for (size_t i = 0; i < 4; i++)
        for (int prec = 0; prec < 2; prec++) {
            eng_bpack *none = NULL;
            sk_status st = eng_bpack_new((eng_prec)prec, huge[i][0], huge[i][1], &none, &e);
            assert_true(st == SK_E_TOOBIG || st == SK_E_NOMEM);
            assert_null(none);
        }
}

/* No allocation while multiplying. */
static void multiplying_allocates_nothing(void **state)
{
    (void)state;
    enum { M = 40, N = 50, K = 700 };
    sk_err e = SK_ERR_INIT;
    eng_exec *x = open_exec(2);
    eng_bpack *b = NULL;
    float *a = sk_calloc(SK_MEM_MISC, (size_t)M * K, 4),
          *w = sk_calloc(SK_MEM_MISC, (size_t)N * K, 4);
    float *c = sk_calloc(SK_MEM_MISC, (size_t)M * N, 4);
    assert_non_null(a);
    assert_non_null(w);
    assert_non_null(c);
    for (size_t i = 0; i < (size_t)M * K; i++)
        a[i] = 1;
    for (size_t i = 0; i < (size_t)N * K; i++)
        w[i] = 2;
    assert_status_ok(eng_bpack_new(ENG_PREC_BF16, K, N, &b, &e), e);
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    eng_bpack_fill_weight(x, b, ENG_F32, w);
    eng_gemm(x, M, (eng_mat){a, K, 1}, b, c, N, false);
    eng_gemm_raw(x, ENG_PREC_F32, M, N, K, (eng_mat){a, K, 1}, (eng_mat){w, 1, K}, c, N, true);
    assert_int_equal(sk_fault_count(SK_FAULT_ALLOC), 0);
    for (size_t i = 0; i < (size_t)M * N; i++)
        assert_true(c[i] == 4 * K); /* small integers: exact */
    eng_bpack_free(b);
    eng_exec_close(x);
    sk_free(a);
    sk_free(w);
    sk_free(c);
}

/* ---- cutting rows ---- */

enum { MANY = 1000 };

typedef struct rows_seen {
    atomic_int times[MANY];
    size_t rows, n_rows;
    atomic_int bad;
} rows_seen;

static void see_rows(void *arg, size_t first, size_t n, size_t worker)
{
    rows_seen *s = arg;
    bool whole = n == s->rows || first + n == s->n_rows;
    if (first % s->rows || !n || !whole || worker >= 3) s->bad++;
    for (size_t i = first; i < first + n; i++)
        s->times[i]++;
}

static void every_row_once(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 31, 32, 33, 64, 999, MANY};
    eng_exec *x = open_exec(3);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
        for (size_t rows = 0; rows < 50; rows += 7) {
            static rows_seen s;
            memset(&s, 0, sizeof s);
            s.rows = rows ? rows : ENG_PAR_ROWS;
            s.n_rows = counts[c];
            eng_par_rows(x, counts[c], rows, see_rows, &s);
            assert_int_equal(s.bad, 0);
            for (size_t i = 0; i < MANY; i++)
                assert_int_equal(s.times[i], i < counts[c]);
        }
    eng_exec_close(x);
}

/* A sum over more pieces than are kept at once equals the plain sum. */
static void long_sums(void **state)
{
    (void)state;
    size_t n = ((size_t)65536 * 300) + 17;
    float *v = sk_alloc(SK_MEM_MISC, n * sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(i % 3);
    eng_exec *x = open_exec(2);
    double want = 0;
    for (size_t i = 0; i < n; i++)
        want += (double)v[i] * (double)v[i];
    assert_true(eng_par_sumsq(x, v, n) == want); /* integers below 2^53: exact */
    assert_true(eng_par_sumsq(x, v, 0) == 0);
    eng_exec_close(x);
    sk_free(v);
}

/* Levels that a table lacks fall back to a lower one; each table names its level. */
static void tables(void **state)
{
    (void)state;
    for (int level = SK_CPU_C; level < SK_CPU_N; level++) {
        const eng_kernels *k = eng_kernels_at((sk_cpu_level)level);
        assert_non_null(k);
        assert_true((int)k->level <= level);
        assert_non_null(k->gemm);
        assert_true(k->attn_bwd_f32 && k->adamw_f32 && k->f32_of_f16 && k->sumsq_f32);
    }
    assert_int_equal(eng_kernels_at(SK_CPU_C)->level, SK_CPU_C);
    for (size_t hd = 1; hd < 300; hd++)
        assert_int_equal(eng_attn_scratch_bytes(hd) % 64, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exec_has_what_it_was_opened_with),
        cmocka_unit_test(too_many_threads_are_refused),
        cmocka_unit_test(scratch_grows),
        cmocka_unit_test(memory_may_run_out),
        cmocka_unit_test(limits_are_plausible),
        cmocka_unit_test(pack_sizes),
        cmocka_unit_test(multiplying_allocates_nothing),
        cmocka_unit_test(every_row_once),
        cmocka_unit_test(long_sums),
        cmocka_unit_test(tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
