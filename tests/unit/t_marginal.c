/* t_marginal.c - the price of one more chip-hour, by hand. */
#include "tests/unit/rate_case.h"
#include "tests/unit/unit.h"

#include "fleet/rate/marginal.h"

#include <math.h>

enum { HOUR = 3600, DAY = 86400 };

static int64_t t0;

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.9g, expected %.9g", got, want);
}

/* Pool 1 at 10 an hour, spot 3; pool 2 of another provider at 12; pool 3 without a price. */
static void supply(rate_case *c)
{
    rate_case_init(c);
    t0 = rate_time("2026-03-01T10:00:00Z");
    int64_t p = rate_provider(c), q = rate_provider(c), chip = rate_chip(c), odd = rate_chip(c);
    (void)rate_pool(c, p, chip);
    (void)rate_pool(c, q, chip);
    (void)rate_pool(c, q, odd);
    (void)rate_offer(c, p, chip, FLT_ON_DEMAND, 10);
    (void)rate_offer(c, p, chip, FLT_SPOT, 3);
    (void)rate_offer(c, q, chip, FLT_ON_DEMAND, 12);
}

/* One more chip in a pool while `chips` run in pool 1, at t. */
static flt_marginal ask_at(rate_case *c, int64_t t, int64_t chips, int64_t pool,
                           flt_category category, const flt_balance *b, const flt_forecast *f)
{
    sk_err e = SK_ERR_INIT;
    flt_load load = {1, FLT_ON_DEMAND, chips};
    struct flt_expected expected = {1, f ? *f : (flt_forecast){0, 0}};
    flt_present now = {.t = t,
                       .load = &load,
                       .n_load = 1,
                       .balance = b,
                       .n_balance = b ? 1 : 0,
                       .expected = &expected,
                       .n_expected = f ? 1 : 0};
    flt_hour *h = NULL;
    flt_marginal m;
    assert_status_ok(flt_hour_new(&c->book, &now, &h, &e), e);
    assert_status_ok(flt_marginal_price(h, pool, category, 0.25, &m, &e), e);
    flt_hour_free(h);
    return m;
}

static flt_marginal ask(rate_case *c, int64_t chips, int64_t pool, flt_category category)
{
    return ask_at(c, t0, chips, pool, category, NULL, NULL);
}

static void list_and_spot(void **state)
{
    (void)state;
    rate_case c;
    supply(&c);
    flt_marginal m = ask(&c, 5, 1, FLT_ON_DEMAND);
    assert_int_equal(m.why, FLT_WHY_LIST);
    near(m.price, 10e6, 1e-3);
    assert_string_equal(m.currency, "USD");
    m = ask(&c, 5, 1, FLT_SPOT);
    assert_int_equal(m.why, FLT_WHY_SPOT);
    near(m.price, 4e6, 1e-3); /* 3 / (1 - 0.25) */
    near(m.redo, 0.25, 0);
    m = ask(&c, 5, 2, FLT_ON_DEMAND);
    near(m.price, 12e6, 1e-3);
    m = ask(&c, 5, 3, FLT_ON_DEMAND);
    assert_int_equal(m.why, FLT_WHY_UNPRICED);
    assert_true(isinf(m.price));
    rate_case_free(&c);
}

/* 8 chips bought: the 8th is free, of half a chip half, the 9th has its price. */
static void unused_block(void **state)
{
    (void)state;
    rate_case c;
    supply(&c);
    int64_t k = rate_contract(&c, 1, (sk_span){t0 - DAY, t0 + DAY});
    flt_commitment *d = rate_commitment(&c, k, FLT_USAGE, FLT_CONTINUOUS, FLT_HOURLY, 8);
    d->rate_micros = 5 * FLT_MICRO;
    flt_marginal m = ask(&c, 7, 1, FLT_ON_DEMAND);
    assert_true(m.why == FLT_WHY_CONTINUOUS && m.commitment == 1);
    near(m.price, 0, 0);
    near(m.free, 1, 0);
    near(m.spare, 1, 1e-9);
    near(m.beyond, 10e6, 1e-3);
    near(ask(&c, 3, 1, FLT_ON_DEMAND).spare, 5, 1e-9);
    m = ask(&c, 8, 1, FLT_ON_DEMAND);
    assert_int_equal(m.why, FLT_WHY_LIST);
    near(m.price, 10e6, 1e-3);
    d->amount = 8500000;
    m = ask(&c, 8, 1, FLT_ON_DEMAND);
    near(m.free, 0.5, 1e-9);
    near(m.price, 5e6, 1e-3);
    /* Spot is no part of it, another provider's pool neither. */
    assert_int_equal(ask(&c, 0, 1, FLT_SPOT).why, FLT_WHY_SPOT);
    assert_int_equal(ask(&c, 0, 2, FLT_ON_DEMAND).why, FLT_WHY_LIST);
    /* In the middle of the hour, half of it drawn by the 8 that run. */
    flt_balance b = {
        .commitment = 1, .interval = {t0, t0 + HOUR}, .committed = 8500000, .drawn = 4000000};
    m = ask_at(&c, t0 + 1800, 8, 1, FLT_ON_DEMAND, &b, NULL);
    near(m.free, 1, 1e-9); /* half a chip for an hour is a whole one for the rest */
    /* Nothing known of the first half: drawn on evenly. */
    m = ask_at(&c, t0 + 1800, 8, 1, FLT_ON_DEMAND, NULL, NULL);
    near(m.free, 0.5, 1e-6);
    /* A floor of a day: this hour has its share, the others want theirs. */
    d->interval = FLT_DAILY;
    m = ask(&c, 9, 1, FLT_ON_DEMAND);
    assert_int_equal(m.why, FLT_WHY_LIST);
    rate_case_free(&c);
}

static void unused_reservation(void **state)
{
    (void)state;
    rate_case c;
    supply(&c);
    (void)rate_reservation(&c, 1, 0, 8, (sk_span){t0, t0 + DAY});
    flt_marginal m = ask(&c, 7, 1, FLT_ON_DEMAND);
    assert_true(m.why == FLT_WHY_RESERVATION && m.reservation == 1);
    near(m.price, 0, 0);
    assert_int_equal(ask(&c, 8, 1, FLT_ON_DEMAND).why, FLT_WHY_LIST);
    assert_int_equal(ask(&c, 0, 1, FLT_SPOT).why, FLT_WHY_SPOT);
    /* Without a price of its own it is free all the same while it is held. */
    (void)rate_reservation(&c, 3, 0, 8, (sk_span){t0, t0 + DAY});
    m = ask(&c, 0, 3, FLT_ON_DEMAND);
    near(m.price, 0, 0);
    near(m.spare, 8, 1e-9);
    assert_true(isinf(m.beyond));
    rate_case_free(&c);
}

/* 20 % off while it lasts; behind its pace it costs what is not owed anyway. */
static void behind_and_beyond(void **state)
{
    (void)state;
    rate_case c;
    supply(&c);
    int64_t k = rate_contract(&c, 1, (sk_span){t0, t0 + 100 * HOUR});
    flt_commitment *d =
        rate_commitment(&c, k, FLT_SPEND, FLT_DISCONTINUOUS, FLT_FULL_PERIOD, 10000);
    d->discount_ppm = 200000;
    d->overage_ppm = 50000;
    flt_balance b = {.commitment = 1, .interval = d->term, .committed = d->amount};
    flt_forecast sure_to_miss = {10e6, 0}, sure_to_meet = {500e6, 0}, even = {100e6, 10e6};
    flt_marginal m = ask_at(&c, t0, 1, 1, FLT_ON_DEMAND, &b, &sure_to_miss);
    assert_true(m.why == FLT_WHY_BEHIND && m.commitment == 1);
    near(m.price, 0, 0);
    near(m.p_shortfall, 1, 0);
    m = ask_at(&c, t0, 1, 1, FLT_ON_DEMAND, &b, &sure_to_meet);
    near(m.price, 8e6, 1e-3);
    near(m.contracted, 8e6, 1e-3);
    near(m.list, 10e6, 1e-3);
    m = ask_at(&c, t0, 1, 1, FLT_ON_DEMAND, &b, &even);
    near(m.price, 4e6, 1e-3);
    /* Nothing known, in the middle of the term: as if on its pace. */
    m = ask_at(&c, t0 + 50 * HOUR, 1, 1, FLT_ON_DEMAND, NULL, NULL);
    assert_int_equal(m.why, FLT_WHY_BEHIND);
    near(m.price, 8e6, 1e-3);
    /* Used up. */
    b.drawn = b.committed;
    m = ask_at(&c, t0, 1, 1, FLT_ON_DEMAND, &b, &even);
    assert_int_equal(m.why, FLT_WHY_OVERAGE);
    near(m.price, 9.5e6, 1e-3);
    assert_string_equal(flt_why_text(m.why), "beyond a commitment");
    rate_case_free(&c);
}

static void refuses(void **state)
{
    (void)state;
    rate_case c;
    supply(&c);
    sk_err e = SK_ERR_INIT;
    flt_load load = {9, FLT_ON_DEMAND, 1};
    flt_present now = {.t = t0, .load = &load, .n_load = 1};
    flt_hour *h = NULL;
    flt_marginal m;
    assert_status(flt_hour_new(&c.book, &now, &h, &e), SK_E_NOTFOUND, e, "no such pool");
    load.pool = 3; /* without a price: it runs, but can't be rated */
    assert_status_ok(flt_hour_new(&c.book, &now, &h, &e), e);
    assert_status(flt_marginal_price(h, 8, FLT_SPOT, 0, &m, &e), SK_E_NOTFOUND, e, "pool 8");
    assert_status(flt_marginal_price(h, 1, FLT_SPOT, 1, &m, &e), SK_E_INVALID, e, "below 1");
    flt_hour_free(h);
    flt_hour_free(NULL);
    rate_case_free(&c);
}

static sk_status attempt(void *arg, sk_err *e)
{
    rate_case *c = arg;
    flt_load load = {1, FLT_ON_DEMAND, 5};
    flt_present now = {.t = t0, .load = &load, .n_load = 1};
    flt_hour *h = NULL;
    flt_marginal m;
    sk_status st = flt_hour_new(&c->book, &now, &h, e);
    if (!st) st = flt_marginal_price(h, 1, FLT_ON_DEMAND, 0, &m, e);
    flt_hour_free(h);
    return st;
}

static void failed_allocations(void **state)
{
    (void)state;
    rate_case c;
    supply(&c);
    int64_t k = rate_contract(&c, 1, (sk_span){t0 - DAY, t0 + DAY});
    rate_commitment(&c, k, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 8)->discount_ppm = 100;
    (void)unit_starve(attempt, &c, 200, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_and_spot),
        cmocka_unit_test(unused_block),
        cmocka_unit_test(unused_reservation),
        cmocka_unit_test(behind_and_beyond),
        cmocka_unit_test(refuses),
        cmocka_unit_test(failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
