/* t_sim_draw.c - counts and stays of a simulation have the distributions they should. */
#include "tests/unit/unit.h"

#include "fleet/sim/draw.h"
#include "fleet/sim/spell.h"

#include <math.h>

enum { N = 20000 };

/* Mean and variance of N draws lie within 5 standard errors of what is expected; kurtosis of both
 * families is near 3, so the variance's error is about sqrt((2 + 1 / mean) / N). */
static void close_to(const double *v, double mean, double variance)
{
    double m = 0, q = 0;
    for (int i = 0; i < N; i++)
        m += v[i] / N;
    for (int i = 0; i < N; i++)
        q += (v[i] - m) * (v[i] - m) / N;
    assert_true(fabs(m - mean) <= 5 * sqrt(variance / N));
    assert_true(fabs(q - variance) <= 5 * variance * sqrt((2 + 1 / variance) / N));
}

static void poisson(void **state)
{
    static const double means[] = {0.02, 1, 11.9, 12.1, 40, 1e4, 2.5e6};
    static double v[N];
    (void)state;
    for (size_t k = 0; k < sizeof means / sizeof *means; k++) {
        for (int i = 0; i < N; i++) {
            flt_draw d = flt_draw_at(7, FLT_DRAW_DEMAND, (uint32_t)k, (uint64_t)i);
            v[i] = (double)flt_draw_poisson(&d, means[k]);
        }
        close_to(v, means[k], means[k]);
    }
}

static void binomial(void **state)
{
    static const struct {
        int64_t n;
        double p;
    } c[] = {{1, 0.3}, {100, 0.001}, {12500, 5e-6}, {50, 0.5}, {1000, 0.97}, {1000000, 0.2}};
    static double v[N];
    (void)state;
    for (size_t k = 0; k < sizeof c / sizeof *c; k++) {
        for (int i = 0; i < N; i++) {
            flt_draw d = flt_draw_at(7, FLT_DRAW_FAIL, (uint32_t)k, (uint64_t)i);
            int64_t x = flt_draw_binomial(&d, c[k].n, c[k].p);
            assert_in_range(x, 0, c[k].n);
            v[i] = (double)x;
        }
        close_to(v, (double)c[k].n * c[k].p, (double)c[k].n * c[k].p * (1 - c[k].p));
    }
}

static void edges(void **state)
{
    flt_draw d = flt_draw_at(1, FLT_DRAW_FAIL, 0, 0);
    (void)state;
    assert_int_equal(flt_draw_poisson(&d, NAN), 0);
    assert_int_equal(flt_draw_poisson(&d, -1), 0);
    assert_true(flt_draw_poisson(&d, INFINITY) > 0);
    assert_int_equal(flt_draw_binomial(&d, -5, 0.5), 0);
    assert_int_equal(flt_draw_binomial(&d, 10, NAN), 0);
    assert_int_equal(flt_draw_binomial(&d, 10, 2), 10);
    assert_true(flt_draw_exponential(&d, -1) == 0);
}

/* The share of time that something is down is that of its mean stays; asking seldom or often is
 * the same. */
static void spells(void **state)
{
    flt_spell often = flt_spell_make(3000, 1000, 3, FLT_DRAW_SPOT, 0), seldom = often;
    int down = 0;
    (void)state;
    for (int t = 0; t < 4000000; t += 10) {
        bool is = flt_spell_down(&often, t);
        down += is;
        if (t % 7000 == 0) assert_int_equal(flt_spell_down(&seldom, t), is);
    }
    assert_true(fabs(down / 400000.0 - 0.25) < 0.03);
    flt_spell never = flt_spell_make(0, 100, 3, FLT_DRAW_SPOT, 0);
    assert_false(flt_spell_down(&never, 1e15));
}

static void availability(void **state)
{
    flt_availability a = {0};
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    const char *path = unit_path(unit_dir, "spot.csv");
    static const char good[] = "seconds,nodes\n0,4\n100, 2\r\n200,0\n300,4\n";
    unit_write(path, good, sizeof good - 1);
    assert_status_ok(flt_availability_load(path, mem, &a, &e), e);
    assert_int_equal(flt_availability_at(&a, 0), 4);
    assert_int_equal(flt_availability_at(&a, 150), 2);
    assert_int_equal(flt_availability_at(&a, 299), 0);
    assert_int_equal(flt_availability_at(&a, 410), 2); /* it begins again */
    static const char *const bad[] = {"0,4\n0,5\n", "0,4\nx,5\n", "0,-4\n", "0\n", "0,nan\n", ""};
    static const char *const why[] = {":2: time",  ":2: a row", ":1: a row",
                                      ":1: a row", ":1: a row", "no rows"};
    for (size_t i = 0; i < 6; i++) {
        unit_write(path, bad[i], strlen(bad[i]));
        assert_status(flt_availability_load(path, mem, &a, &e), SK_E_INVALID, e, why[i]);
    }
    sk_arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(poisson),
        cmocka_unit_test(binomial),
        cmocka_unit_test(edges),
        cmocka_unit_test(spells),
        cmocka_unit_test_setup_teardown(availability, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
