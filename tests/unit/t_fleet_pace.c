/* t_fleet_pace.c - pace, shortfall, utilization and coverage, by hand. */
#include "tests/unit/rate_case.h"
#include "tests/unit/unit.h"

#include "fleet/rate/intervals.h"
#include "fleet/rate/pace.h"

#include <math.h>

enum { HOUR = 3600, DAY = 86400 };

#define BILLION INT64_C(1000000000)

static void near(double got, double want, double tolerance)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%.9g, expected %.9g", got, want);
}

static flt_commitment yearly(int64_t amount)
{
    return (flt_commitment){.id = 4,
                            .kind = FLT_SPEND,
                            .model = FLT_DISCONTINUOUS,
                            .interval = FLT_ANNUAL,
                            .term = {rate_time("2026-01-01"), rate_time("2028-01-01")},
                            .amount = amount * FLT_MICRO,
                            .region = "",
                            .sku = ""};
}

static flt_balance drawn(const flt_commitment *c, int64_t t, int64_t amount)
{
    flt_balance b = {.commitment = c->id};
    assert_true(flt_interval_at(c, t, &b.interval, NULL));
    b.committed = flt_interval_amount(c, t);
    b.drawn = b.met = amount * FLT_MICRO;
    return b;
}

/* 365,000 a year, at the 73rd day: 73,000 are due. */
static void by_hand(void **state)
{
    (void)state;
    flt_commitment c = yearly(365000);
    int64_t t = c.term.from + 73 * DAY;
    flt_balance b = drawn(&c, t, 36500);
    flt_pace p;
    flt_pace_at(&c, &b, t, NULL, &p);
    assert_true(p.commitment == 4 && p.t == t);
    assert_int_equal(p.committed, 365000 * FLT_MICRO);
    assert_int_equal(p.committed_so_far, 73000 * FLT_MICRO);
    assert_int_equal(p.remaining, 328500 * FLT_MICRO);
    near(p.elapsed, 0.2, 1e-12);
    near(p.pace, 0.5, 1e-12);
    near(p.needed, 328500e6 / (292 * 24), 1);
    /* At the rate so far, 500 a day, 182,500 are missing. */
    near(p.p_shortfall, 1, 0);
    assert_int_equal(p.shortfall, 182500 * FLT_MICRO);
    assert_int_equal(p.exhausted, 0);
    near(p.days_to_exhaustion, -1, 0);
    /* At 3,000 a day it is used up after 109.5 days. */
    flt_forecast f = {3000e6 / 24, 0};
    flt_pace_at(&c, &b, t, &f, &p);
    near(p.p_shortfall, 0, 0);
    assert_int_equal(p.shortfall, 0);
    near(p.days_to_exhaustion, 109.5, 1e-9);
    assert_int_equal(p.exhausted, t + 109 * DAY + DAY / 2);
}

/* Phi(1) = 0.841345, phi(1) = 0.241971: what is missing is one spread more than what is expected.
 */
static void normal_forecast(void **state)
{
    (void)state;
    flt_commitment c = yearly(365000);
    int64_t t = c.term.from + 265 * DAY; /* 2,400 hours are left */
    flt_balance b = drawn(&c, t, 125000);
    flt_forecast f = {80e6, 20e6}; /* 192,000 and 48,000 in all, 240,000 are left */
    flt_pace p;
    flt_pace_at(&c, &b, t, &f, &p);
    near(p.p_shortfall, 0.8413447461, 1e-9);
    near((double)p.shortfall, 48000e6 * (0.8413447461 + 0.2419707245), 100);
    near(flt_normal_below(1, 1, 0), 0, 0);
    near(flt_normal_below(1.1, 1, 0), 1, 0);
    near(flt_normal_below(0, 1.959964, 1), 0.025, 1e-7);
}

static void at_the_edges(void **state)
{
    (void)state;
    flt_commitment c = yearly(365000);
    flt_pace p;
    /* The first second: nothing is due yet, and nothing known. */
    flt_pace_at(&c, NULL, c.term.from, NULL, &p);
    near(p.pace, 1, 0);
    near(p.p_shortfall, 0, 0);
    near(p.days_to_exhaustion, 365, 1e-9);
    /* Outside. */
    flt_pace_at(&c, NULL, c.term.to, NULL, &p);
    assert_true(p.interval.from == 0 && p.committed == 0 && p.exhausted == 0);
    /* All drawn, and more. */
    flt_balance b = drawn(&c, c.term.from + DAY, 365000);
    b.overage = 77;
    flt_pace_at(&c, &b, c.term.from + DAY, NULL, &p);
    assert_true(p.remaining == 0 && p.overage == 77 && p.exhausted == c.term.from + DAY);
    near(p.p_shortfall, 0, 0);
    /* A balance of the year before says what is carried over. */
    b = drawn(&c, c.term.from, 300000);
    c.shortfall = FLT_CARRY;
    int64_t t = rate_time("2027-02-01");
    flt_pace_at(&c, &b, t, NULL, &p);
    assert_int_equal(p.committed, 430000 * FLT_MICRO);
    assert_int_equal(p.drawn, 0);
    c.shortfall = FLT_CHARGE;
    flt_pace_at(&c, &b, t, NULL, &p);
    assert_int_equal(p.committed, 365000 * FLT_MICRO);
}

/* A rater that starts in the middle, with a fifth of the year drawn evenly: 292,000 are left.  Of
 * the quarter that was paid up front four fifths are used up. */
static void starting_in_the_middle(void **state)
{
    (void)state;
    rate_case r;
    sk_err e = SK_ERR_INIT;
    rate_case_init(&r);
    (void)rate_provider(&r);
    (void)rate_contract(&r, 1, (sk_span){rate_time("2026-01-01"), rate_time("2027-01-01")});
    flt_commitment *c =
        rate_commitment(&r, 1, FLT_SPEND, FLT_DISCONTINUOUS, FLT_FULL_PERIOD, 365000);
    c->upfront_ppm = 250000;
    int64_t t = c->term.from + 73 * DAY;
    flt_balance b;
    flt_pace p;
    flt_balance_even(c, t, &b);
    assert_true(b.drawn == 73000 * FLT_MICRO && b.met == b.drawn);
    assert_int_equal(b.prepaid, 18250 * FLT_MICRO);
    flt_pace_at(c, &b, t, NULL, &p);
    near(p.pace, 1, 1e-12);
    near(p.p_shortfall, 0, 0);
    flt_rater *x = NULL;
    flt_sink sink = rate_sink(&r);
    assert_status_ok(flt_rater_open(&r.book, t, &b, 1, &x, &e), e);
    assert_status_ok(flt_rater_close(x, c->term.to, &sink, &e), e);
    flt_rater_free(x);
    rate_sum unmet = rate_total(&r, FLT_CHARGE_SHORTFALL, 1);
    assert_int_equal(unmet.effective, 292000 * FLT_MICRO);
    assert_int_equal(unmet.billed, (292000 - 18250) * FLT_MICRO);
    /* At a border nothing is open; before the term nothing is drawn. */
    c->interval = FLT_MONTHLY;
    flt_balance_even(c, rate_time("2026-03-01"), &b);
    assert_true(b.interval.to == 0 && b.met == 2 * 365000 * FLT_MICRO && b.drawn == 0);
    flt_balance_even(c, c->term.from, &b);
    assert_true(b.interval.to == 0 && b.met == 0 && b.prepaid == 0);
    c->model = FLT_CONTINUOUS;
    c->interval = FLT_DAILY;
    c->amount = 10 * FLT_MICRO;
    flt_balance_even(c, c->term.from + DAY + 6 * HOUR, &b);
    assert_true(b.committed == 240 * FLT_MICRO && b.drawn == 60 * FLT_MICRO && b.met == 0);
    rate_case_free(&r);
}

static void milestones(void **state)
{
    (void)state;
    flt_commitment c = yearly(365000);
    flt_step step[] = {{rate_time("2026-04-01"), 50000 * FLT_MICRO},
                       {rate_time("2026-10-01"), 200000 * FLT_MICRO}};
    c.milestone = step;
    c.n_milestone = 2;
    flt_balance b = drawn(&c, c.term.from, 30000);
    flt_pace p;
    flt_pace_at(&c, &b, rate_time("2026-03-01"), NULL, &p);
    assert_int_equal(p.milestone.t, step[0].t);
    assert_int_equal(p.milestone_unmet, 20000 * FLT_MICRO);
    flt_pace_at(&c, &b, step[0].t, NULL, &p);
    assert_int_equal(p.milestone.t, step[1].t);
    assert_int_equal(p.milestone_unmet, 170000 * FLT_MICRO);
    flt_pace_at(&c, &b, step[1].t, NULL, &p);
    assert_int_equal(p.milestone.t, 0);
}

/* 38 billion over 7 years are $619 thousand an hour.  A ramp that begins after 14 months (all
 * chips by the end of the next year) and then runs at that rate leaves what the beginning did not
 * use; to meet it, 742 thousand an hour would be needed from then on. */
static void a_late_ramp(void **state)
{
    (void)state;
    flt_commitment c = {.id = 1,
                        .kind = FLT_SPEND,
                        .model = FLT_DISCONTINUOUS,
                        .interval = FLT_FULL_PERIOD,
                        .term = {rate_time("2025-11-03"), rate_time("2032-11-03")},
                        .amount = 38 * BILLION * FLT_MICRO,
                        .region = "",
                        .sku = ""};
    flt_pace p;
    flt_pace_at(&c, NULL, c.term.from, NULL, &p);
    near(p.needed / 1e6, 619215, 1); /* published: $619k */
    int64_t t = rate_time("2027-01-01"), hours = (t - c.term.from) / HOUR;
    assert_int_equal(hours, 10176);
    flt_balance b = {.commitment = 1, .interval = c.term, .committed = c.amount};
    flt_forecast f = {619215e6, 0};
    flt_pace_at(&c, &b, t, &f, &p);
    near(p.pace, 0, 0);
    near(p.p_shortfall, 1, 0);
    near((double)p.shortfall / 1e6, 619215.0 * 10176, 1e5); /* 6.3 billion */
    near(p.needed / 1e6, 38e9 / (61368 - 10176), 1);        /* 742,303 */
    /* Half the rate during the ramp: pace 0.5, 3.15 billion missing. */
    b.drawn = c.amount / 61368 * 10176 / 2;
    flt_pace_at(&c, &b, t, &f, &p);
    near(p.pace, 0.5, 1e-6);
    near((double)p.shortfall / 1e6, 619215.0 * 10176 / 2, 1e5);
    /* With a spread of a tenth of the rate it is not quite certain: 3.15 against 31.7 +- 3.17. */
    f.spread = 61921.5e6;
    flt_pace_at(&c, &b, t, &f, &p);
    near(p.p_shortfall, flt_normal_below(0.5 * 10176 / (61368 - 10176), 0, 0.1), 1e-4);
}

/* 8 chips bought at 5 for two hours; 6 used in the first, 12 in the second (4 of them at list). */
static void utilization_and_coverage(void **state)
{
    (void)state;
    rate_case c;
    sk_err e = SK_ERR_INIT;
    rate_case_init(&c);
    int64_t t = rate_time("2026-03-01"), p = rate_provider(&c), chip = rate_chip(&c);
    (void)rate_pool(&c, p, chip);
    (void)rate_pool(&c, rate_provider(&c), chip);
    (void)rate_offer(&c, p, chip, FLT_ON_DEMAND, 10);
    (void)rate_offer(&c, p, chip, FLT_SPOT, 3);
    (void)rate_offer(&c, 2, chip, FLT_ON_DEMAND, 10);
    int64_t k = rate_contract(&c, p, (sk_span){t, t + 2 * HOUR});
    flt_commitment *d = rate_commitment(&c, k, FLT_USAGE, FLT_CONTINUOUS, FLT_HOURLY, 8);
    d->rate_micros = 5 * FLT_MICRO;
    flt_usage u[] = {rate_usage(1, 1, 6, t, t + HOUR), rate_usage(2, 1, 12, t + HOUR, t + 2 * HOUR),
                     rate_usage(3, 1, 5, t, t + HOUR), rate_usage(4, 2, 5, t, t + HOUR)};
    u[2].category = FLT_SPOT; /* not eligible, like the other provider's */
    assert_status_ok(rate_run(&c, u, 4, t, t + 2 * HOUR, &e), e);
    flt_cover v = {0};
    flt_cover_add(&c.book, d, c.row, 3, &v);
    flt_cover_add(&c.book, d, c.row + 3, c.n_row - 3, &v);
    assert_int_equal(v.bought, 80 * FLT_MICRO);
    assert_int_equal(v.used, 70 * FLT_MICRO);
    assert_int_equal(v.unused, 10 * FLT_MICRO);
    assert_int_equal(v.eligible, 18 * FLT_MICRO);
    assert_int_equal(v.covered, 14 * FLT_MICRO);
    assert_int_equal(v.eligible_list, 180 * FLT_MICRO);
    assert_int_equal(v.covered_list, 140 * FLT_MICRO);
    near(v.utilization, 0.875, 1e-12);
    near(v.coverage, 14.0 / 18, 1e-12);
    flt_cover none = {0};
    flt_cover_add(&c.book, d, NULL, 0, &none);
    near(none.utilization + none.coverage, 2, 0);
    rate_case_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),
        cmocka_unit_test(normal_forecast),
        cmocka_unit_test(at_the_edges),
        cmocka_unit_test(starting_in_the_middle),
        cmocka_unit_test(milestones),
        cmocka_unit_test(a_late_ramp),
        cmocka_unit_test(utilization_and_coverage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
