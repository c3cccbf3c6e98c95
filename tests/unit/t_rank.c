/* t_rank.c - selection without sorting, against sorting; the exponential against libm's. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/infer/exp.h"
#include "engine/infer/rank.h"

#include <math.h>

enum { N_MAX = 1000 };

static int by_rank(const void *a, const void *b)
{
    return eng_cand_above(*(const eng_cand *)a, *(const eng_cand *)b) ? -1 : 1;
}

/* Logits of many kinds: ties, not finite, all the same, sorted. */
static void fill(float *x, size_t n, uint64_t round)
{
    for (size_t i = 0; i < n; i++) {
        double v = 3 * sk_rng_normal(round, SK_RNG_TEST, i);
        x[i] = (float)(round % 2 ? v : floor(v));
        if (round % 5 == 0 && sk_rng_below(1, SK_RNG_TEST, i + round, 3) == 0)
            x[i] = (float[]){NAN, INFINITY, -INFINITY}[i % 3];
        if (round % 7 == 0) x[i] = (float)i;
        if (round % 11 == 0) x[i] = -(float)i;
        if (round % 13 == 0) x[i] = 2;
    }
}

static void as_sorting(void **state)
{
    (void)state;
    static float x[N_MAX], block_max[ENG_RANK_BLOCKS(N_MAX)];
    static eng_cand want[N_MAX], got[N_MAX];
    for (uint64_t round = 1; round < 300; round++) {
        size_t n = 1 + (size_t)sk_rng_below(2, SK_RNG_TEST, round, N_MAX), m = 0;
        fill(x, n, round);
        for (size_t i = 0; i < n; i++)
            if (isfinite(x[i])) want[m++] = (eng_cand){x[i], (int32_t)i};
        eng_rank r = {.x = x, .n = n, .block_max = block_max};
        eng_rank_scan(&r);
        double least = (double)x[n / 2];
        size_t from = eng_rank_from(&r, least, got), k = 0;
        for (size_t i = 0; i < m; i++)
            if ((double)want[i].logit >= least) assert_int_equal(got[k++].id, want[i].id);
        assert_int_equal(from, k);
        qsort(want, m, sizeof *want, by_rank);
        assert_int_equal(r.best.id, m ? want[0].id : -1);
        double mass = 0;
        for (size_t i = 0; i < m; i++)
            mass += exp((double)want[i].logit - (double)want[0].logit);
        if (m) assert_true(fabs(eng_rank_mass(&r) - mass) <= 1e-12 * mass);
        k = (size_t)sk_rng_below(3, SK_RNG_TEST, round, n + 20);
        size_t top = eng_rank_top(&r, k < n ? k : n, got);
        assert_int_equal(top, k < m ? k : m);
        for (size_t i = 0; i < top; i++)
            assert_int_equal(got[i].id, want[i].id);
        eng_cands_by_id(got, top, NULL);
        for (size_t i = 1; i < top; i++)
            assert_true(got[i - 1].id < got[i].id);
    }
}

/* The sorts of long lists. */
static void sorts(void **state)
{
    (void)state;
    enum { LONG = 5000 };
    static eng_cand v[LONG], w[LONG], spare[LONG];
    for (uint64_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < LONG; i++) {
            double x = 3 * sk_rng_normal(round, SK_RNG_TEST, i);
            v[i] = (eng_cand){(float)(round % 2 ? x : floor(x)), (int32_t)i};
            if (i % 50 == 0) v[i].logit = i % 100 ? -0.0f : 0.0f;
            w[i] = v[i];
        }
        qsort(w, LONG, sizeof *w, by_rank);
        eng_cands_by_rank(v, LONG, round % 4 ? spare : NULL);
        for (size_t i = 0; i < LONG; i++)
            assert_int_equal(v[i].id, w[i].id);
        eng_cands_by_rank(v, LONG, spare); /* not in the order of ids any more */
        assert_memory_equal(v, w, sizeof v);
        eng_cands_by_id(v, LONG, round % 3 ? spare : NULL);
        for (size_t i = 0; i < LONG; i++)
            assert_int_equal(v[i].id, i);
    }
}

static void exponential(void **state)
{
    (void)state;
    assert_true(eng_exp_neg(0) == 1);
    assert_true(eng_exp_neg(-INFINITY) == eng_exp_neg(-700));
    for (uint64_t i = 0; i < 20000; i++) {
        double x = -700 * sk_rng_uniform(1, SK_RNG_TEST, i);
        if (i % 2) x /= 1000;
        double want = exp(x);
        assert_true(fabs(eng_exp_neg(x) - want) <= 5e-16 * want);
    }
    for (int power = -300; power < 308; power++) {
        double x = -pow(10, power);
        assert_true(eng_exp_neg(x) <= 1 && eng_exp_neg(x) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_sorting),
        cmocka_unit_test(sorts),
        cmocka_unit_test(exponential),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
