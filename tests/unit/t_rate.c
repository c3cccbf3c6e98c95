/* t_rate.c - rating by hand-computed cases: who pays, how much, and what is refused. */
#include "tests/unit/rate_case.h"
#include "tests/unit/unit.h"

#define USD(x) ((int64_t)((x)*1e6 + 0.5))

enum { HOUR = 3600, DAY = 86400 };

static int64_t t0; /* 2026-03-01T10:00:00Z */

/* One provider, chip A (pool 1) at 10 an hour, chip B (pool 2) at 4; spot of A at 3. */
static void two_pools(rate_case *c)
{
    rate_case_init(c);
    t0 = rate_time("2026-03-01T10:00:00Z");
    int64_t p = rate_provider(c), a = rate_chip(c), b = rate_chip(c);
    (void)rate_pool(c, p, a);
    (void)rate_pool(c, p, b);
    (void)rate_offer(c, p, a, FLT_ON_DEMAND, 10);
    (void)rate_offer(c, p, b, FLT_ON_DEMAND, 4);
    (void)rate_offer(c, p, a, FLT_SPOT, 3);
}

static void run(rate_case *c, const flt_usage *u, size_t n, int64_t until)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(rate_run(c, u, n, t0, until, &e), e);
}

/* The nth usage charge of a pool that was paid in some way. */
static flt_charge usage_of(const rate_case *c, int64_t pool, flt_paid paid, size_t nth)
{
    for (size_t i = 0; i < c->n_row; i++) {
        const flt_charge *x = &c->row[i];
        if (x->kind == FLT_CHARGE_USAGE && x->pool == pool && x->paid == paid && !nth--) return *x;
    }
    fail_msg("no such charge");
    return (flt_charge){0};
}

static void check_costs(flt_charge c, double quantity, double list, double contracted,
                        double billed, double effective)
{
    assert_int_equal(c.quantity, USD(quantity));
    assert_int_equal(c.list_micros, USD(list));
    assert_int_equal(c.contracted_micros, USD(contracted));
    assert_int_equal(c.billed_micros, USD(billed));
    assert_int_equal(c.effective_micros, USD(effective));
}

static void list_price(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    c.offer[0].price_micros = USD(6.88);
    flt_usage u = rate_usage(7, 1, 8, t0 + 1800, t0 + 2 * HOUR);
    u.workload = 2;
    run(&c, &u, 1, t0 + 3 * HOUR);
    assert_int_equal(c.n_row, 2);
    check_costs(c.row[0], 4, 27.52, 27.52, 27.52, 27.52);
    check_costs(c.row[1], 8, 55.04, 55.04, 55.04, 55.04);
    flt_charge x = c.row[0];
    assert_true(x.id == 1 && x.usage == 7 && x.workload == 2 && x.provider == 1 && !x.commitment);
    assert_true(x.span.from == t0 + 1800 && x.span.to == t0 + HOUR && !x.correction);
    assert_int_equal(x.billing, rate_time("2026-03-01"));
    assert_string_equal(x.currency, "USD");
    rate_case_free(&c);
}

/* Continuous commitments: 5 an hour at half price for chip A, 8 an hour at 20 % off for all.  A has
 * 2 chips at 10, B 2 at 4.  The half price goes first: 1 chip-hour of A.  Then 20 % off, and of
 * equal discounts the lower price: B for 6.40, and A at 8 for the 1.60 that are left. */
static void highest_discount_first(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    sk_span term = {t0, t0 + HOUR};
    int64_t k = rate_contract(&c, 1, term);
    rate_commitment(&c, k, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 8)->discount_ppm = 200000;
    flt_commitment *half = rate_commitment(&c, k, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 5);
    half->discount_ppm = 500000;
    half->chip = 1;
    flt_usage u[] = {rate_usage(1, 1, 2, t0, t0 + HOUR), rate_usage(2, 2, 2, t0, t0 + HOUR)};
    run(&c, u, 2, t0 + HOUR);
    flt_charge first = usage_of(&c, 1, FLT_PAID_CONTINUOUS, 0);
    assert_int_equal(first.commitment, 2);
    check_costs(first, 1, 10, 10, 0, 5);
    check_costs(usage_of(&c, 2, FLT_PAID_CONTINUOUS, 0), 2, 8, 8, 0, 6.4);
    check_costs(usage_of(&c, 1, FLT_PAID_CONTINUOUS, 1), 0.2, 2, 2, 0, 1.6);
    check_costs(usage_of(&c, 1, FLT_PAID_LIST, 0), 0.8, 8, 8, 8, 8);
    assert_int_equal(rate_total(&c, FLT_CHARGE_UNUSED, -1).n, 0);
    assert_int_equal(rate_total(&c, FLT_CHARGE_PURCHASE, -1).billed, USD(13));
    rate_case_free(&c);
}

/* 4 chips bought at 6 (40 % off 10): they go before the plan of 30 % until the list price falls. */
static void discount_of_a_fixed_rate(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    c.offer[0].valid.to = t0 + HOUR;
    rate_offer(&c, 1, 1, FLT_ON_DEMAND, 8)->valid.from = t0 + HOUR;
    int64_t k = rate_contract(&c, 1, (sk_span){t0, t0 + 2 * HOUR});
    rate_commitment(&c, k, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 7)->discount_ppm = 300000;
    rate_commitment(&c, k, FLT_USAGE, FLT_CONTINUOUS, FLT_HOURLY, 4)->rate_micros = USD(6);
    flt_usage u = rate_usage(1, 1, 4, t0, t0 + 2 * HOUR);
    run(&c, &u, 1, t0 + 2 * HOUR);
    check_costs(usage_of(&c, 1, FLT_PAID_CONTINUOUS, 0), 4, 40, 40, 0, 24);
    /* Now 6 is 25 % off 8: the plan goes first, at 5.60. */
    check_costs(usage_of(&c, 1, FLT_PAID_CONTINUOUS, 1), 1.25, 10, 10, 0, 7);
    check_costs(usage_of(&c, 1, FLT_PAID_CONTINUOUS, 2), 2.75, 22, 22, 0, 16.5);
    rate_sum unused = rate_total(&c, FLT_CHARGE_UNUSED, -1);
    assert_int_equal(unused.effective, USD(7 + 7.5));
    assert_int_equal(unused.quantity, USD(1.25));
    rate_case_free(&c);
}

/* A block of 8 chips at 4.92: a row that names it goes first, then others of the pool, never spot;
 * and it pays for nothing in another pool. */
static void reservation(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    sk_span term = {t0 + 1800, t0 + 2 * HOUR};
    int64_t k = rate_contract(&c, 1, term);
    flt_commitment *block = rate_commitment(&c, k, FLT_USAGE, FLT_CONTINUOUS, FLT_FULL_PERIOD, 8);
    block->rate_micros = USD(4.92);
    block->upfront_ppm = FLT_PPM;
    (void)rate_reservation(&c, 1, 1, 8, term);
    flt_usage u[] = {rate_usage(1, 1, 6, t0, t0 + HOUR), rate_usage(2, 1, 4, t0, t0 + HOUR),
                     rate_usage(3, 1, 5, t0, t0 + HOUR), rate_usage(4, 2, 5, t0, t0 + HOUR)};
    u[1].reservation = 1;
    u[2].category = FLT_SPOT;
    run(&c, u, 4, t0 + 2 * HOUR);
    /* From 10:30 on: 4 + 4 of 6 chips for half an hour. */
    flt_charge named = usage_of(&c, 1, FLT_PAID_RESERVATION, 0);
    assert_true(named.usage == 2 && named.commitment == 1);
    check_costs(named, 2, 20, 20, 0, 9.84);
    check_costs(usage_of(&c, 1, FLT_PAID_RESERVATION, 1), 2, 20, 20, 0, 9.84);
    check_costs(usage_of(&c, 1, FLT_PAID_LIST, 0), 3, 30, 30, 30, 30); /* before 10:30 */
    rate_sum bought = rate_total(&c, FLT_CHARGE_PURCHASE, 1);
    assert_int_equal(bought.billed, USD(59.04)); /* 12 chip-hours */
    assert_int_equal(bought.quantity, USD(12));
    rate_sum unused = rate_total(&c, FLT_CHARGE_UNUSED, 1);
    assert_int_equal(unused.effective, USD(59.04 - 19.68));
    assert_int_equal(unused.quantity, USD(8));
    check_costs(usage_of(&c, 2, FLT_PAID_LIST, 0), 2.5, 10, 10, 10, 10);
    rate_case_free(&c);
}

/* Held capacity that is paid elsewhere costs nothing here, priced or not. */
static void reservation_paid_elsewhere(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    (void)rate_pool(&c, 1, rate_chip(&c));
    (void)rate_reservation(&c, 1, 0, 8, (sk_span){t0, t0 + HOUR});
    (void)rate_reservation(&c, 3, 0, 8, (sk_span){t0, t0 + HOUR});
    flt_usage u[] = {rate_usage(1, 1, 8, t0, t0 + HOUR), rate_usage(2, 3, 8, t0, t0 + HOUR)};
    run(&c, u, 2, t0 + HOUR);
    assert_int_equal(c.n_row, 2);
    check_costs(usage_of(&c, 1, FLT_PAID_RESERVATION, 0), 8, 80, 80, 0, 0);
    check_costs(usage_of(&c, 3, FLT_PAID_RESERVATION, 0), 8, 0, 0, 0, 0);
    rate_case_free(&c);
}

static void price_changes_within_the_hour(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    c.offer[0].valid.to = t0 + 900;
    rate_offer(&c, 1, 1, FLT_ON_DEMAND, 6)->valid.from = t0 + 900;
    flt_usage u = rate_usage(1, 1, 4, t0, t0 + HOUR);
    run(&c, &u, 1, t0 + HOUR);
    check_costs(c.row[0], 1, 10, 10, 10, 10);
    check_costs(c.row[1], 3, 18, 18, 18, 18);
    rate_case_free(&c);
}

/* A sku of its own has its own price; a block without a price has the on-demand one. */
static void prices_of_skus(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    rate_offer(&c, 1, 1, FLT_ON_DEMAND, 12)->sku = "large";
    c.offer[3].valid.from = 0; /* later than the one of "sku" */
    flt_usage u[] = {rate_usage(1, 1, 1, t0, t0 + HOUR), rate_usage(2, 1, 1, t0, t0 + HOUR),
                     rate_usage(3, 2, 1, t0, t0 + HOUR)};
    u[0].sku = "sku";
    u[2].category = FLT_BLOCK;
    run(&c, u, 3, t0 + HOUR);
    assert_int_equal(usage_of(&c, 1, FLT_PAID_LIST, 0).billed_micros, USD(12)); /* "" */
    assert_int_equal(usage_of(&c, 1, FLT_PAID_LIST, 1).billed_micros, USD(10));
    assert_int_equal(usage_of(&c, 2, FLT_PAID_LIST, 0).billed_micros, USD(4));
    rate_case_free(&c);
}

/* ---- discontinuous commitments ---- */

static flt_commitment *pool_of_money(rate_case *c, flt_interval interval, sk_span term,
                                     double amount, int64_t discount_ppm)
{
    int64_t k = rate_contract(c, 1, term);
    flt_commitment *d = rate_commitment(c, k, FLT_SPEND, FLT_DISCONTINUOUS, interval, amount);
    d->discount_ppm = discount_ppm;
    return d;
}

/* 100 a day, what is missing is owed the next day: 40 and 130 were used, 30 are charged. */
static void shortfall_is_carried(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    flt_commitment *d = pool_of_money(&c, FLT_DAILY, (sk_span){t0, t0 + 2 * DAY}, 100, 0);
    d->shortfall = FLT_CARRY;
    flt_usage u[] = {rate_usage(1, 1, 4, t0, t0 + HOUR),
                     rate_usage(2, 1, 13, t0 + DAY, t0 + DAY + HOUR)};
    run(&c, u, 2, t0 + 2 * DAY);
    assert_int_equal(c.n_row, 3);
    flt_charge fee = c.row[2];
    assert_int_equal(fee.kind, FLT_CHARGE_SHORTFALL);
    check_costs(fee, 0, 30, 30, 30, 30);
    assert_int_equal(fee.span.from, t0 + DAY);
    assert_int_equal(rate_applied(&c, 1), USD(170));
    d->shortfall = FLT_CHARGE;
    run(&c, u, 2, t0 + 2 * DAY);
    rate_sum charged = rate_total(&c, FLT_CHARGE_SHORTFALL, 1);
    assert_int_equal(charged.billed, USD(60)); /* the first day's; the second's was met */
    assert_int_equal(rate_applied(&c, 1), USD(140));
    rate_case_free(&c);
}

/* 300 of 1,000 by the second day: 100 were used, 200 are charged and count. */
static void milestone_is_trued_up(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    flt_commitment *d = pool_of_money(&c, FLT_FULL_PERIOD, (sk_span){t0, t0 + 4 * DAY}, 1000, 0);
    flt_step step[] = {{t0 + DAY, USD(300)}, {t0 + 2 * DAY, USD(310)}};
    d->milestone = step;
    d->n_milestone = 2;
    flt_usage u[] = {rate_usage(1, 1, 10, t0, t0 + HOUR),
                     rate_usage(2, 1, 5, t0 + DAY, t0 + DAY + HOUR)};
    run(&c, u, 2, t0 + 4 * DAY);
    assert_int_equal(c.n_row, 4);
    check_costs(c.row[1], 0, 200, 200, 200, 200);
    assert_true(c.row[1].span.from == t0 && c.row[1].span.to == t0 + DAY);
    check_costs(c.row[3], 0, 650, 650, 650, 650);
    rate_case_free(&c);
}

/* 60 at 40 % off, then 50 of another contract at 20 % off, then the best discount on overage. */
static void one_after_the_other(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    sk_span term = {t0, t0 + DAY};
    flt_commitment *low = pool_of_money(&c, FLT_FULL_PERIOD, term, 50, 200000);
    flt_commitment *high = pool_of_money(&c, FLT_FULL_PERIOD, term, 60, 400000);
    low->overage_ppm = 100000;
    high->overage_ppm = 50000;
    flt_usage u = rate_usage(1, 1, 30, t0, t0 + HOUR);
    run(&c, &u, 1, t0 + DAY);
    assert_int_equal(c.n_row, 3);
    assert_int_equal(c.row[0].commitment, high->id);
    check_costs(c.row[0], 10, 100, 60, 60, 60);
    assert_int_equal(c.row[1].commitment, low->id);
    check_costs(c.row[1], 6.25, 62.5, 50, 50, 50);
    assert_int_equal(c.row[2].commitment, low->id);
    check_costs(c.row[2], 13.75, 137.5, 123.75, 123.75, 123.75);
    assert_int_equal(rate_applied(&c, high->id), USD(60));
    assert_int_equal(rate_applied(&c, low->id), USD(50));
    low->overage_ppm = high->overage_ppm = 0;
    run(&c, &u, 1, t0 + DAY);
    assert_int_equal(c.row[2].paid, FLT_PAID_LIST);
    assert_int_equal(c.row[2].billed_micros, USD(137.5));
    rate_case_free(&c);
}

/* Chip-hours to be drawn down: 20 at 7, of which 12 were used. */
static void pool_of_hours(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    int64_t k = rate_contract(&c, 1, (sk_span){t0, t0 + DAY});
    flt_commitment *d = rate_commitment(&c, k, FLT_USAGE, FLT_DISCONTINUOUS, FLT_FULL_PERIOD, 20);
    d->chip = 1;
    d->discount_ppm = 300000; /* of the list price of the first day: 7 */
    d->upfront_ppm = 500000;
    flt_usage u = rate_usage(1, 1, 12, t0, t0 + HOUR);
    run(&c, &u, 1, t0 + DAY);
    assert_int_equal(c.n_row, 3);
    check_costs(c.row[0], 10, 70, 70, 70, 0);   /* half of it paid now */
    check_costs(c.row[1], 12, 120, 84, 14, 84); /* 70 of 84 are paid */
    check_costs(c.row[2], 8, 56, 56, 56, 56);
    assert_int_equal(rate_applied(&c, 1), USD(12));
    rate_case_free(&c);
}

/* Buying a continuous commitment draws down its seller's pool of money; what it covers does not. */
static void purchases_count(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    sk_span term = {t0, t0 + 2 * HOUR};
    flt_commitment *d = pool_of_money(&c, FLT_FULL_PERIOD, term, 100, 100000);
    int64_t k = rate_contract(&c, 1, term);
    rate_commitment(&c, k, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 20)->discount_ppm = 500000;
    flt_usage u = rate_usage(1, 1, 5, t0, t0 + HOUR);
    run(&c, &u, 1, t0 + 2 * HOUR);
    /* 4 of 5 chips are covered; their contracted price is the negotiated one. */
    check_costs(usage_of(&c, 1, FLT_PAID_CONTINUOUS, 0), 4, 40, 36, 0, 20);
    check_costs(usage_of(&c, 1, FLT_PAID_NEGOTIATED, 0), 1, 10, 9, 9, 9);
    assert_int_equal(rate_applied(&c, d->id), USD(49));
    assert_int_equal(rate_total(&c, FLT_CHARGE_SHORTFALL, d->id).billed, USD(51));
    rate_case_free(&c);
}

/* A third is paid up front; the rest hour by hour adds up to the rest to the last micro-unit. */
static void paid_in_parts(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    int64_t k = rate_contract(&c, 1, (sk_span){t0, t0 + 7 * HOUR + 1});
    flt_commitment *d = rate_commitment(&c, k, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 1);
    d->amount = 1000001;
    d->upfront_ppm = 333333;
    run(&c, NULL, 0, t0 + 8 * HOUR);
    rate_sum bought = rate_total(&c, FLT_CHARGE_PURCHASE, 1);
    assert_int_equal(bought.n, 9);
    assert_int_equal(bought.billed, 7000007 + 278);
    assert_int_equal(c.row[0].billed_micros, 2333426); /* 7000285 x 0.333333 */
    assert_int_equal(rate_total(&c, FLT_CHARGE_UNUSED, 1).effective, 7000285);
    rate_case_free(&c);
}

/* ---- late rows ---- */

/* 8 chips fill a plan of 4; a late row that began earlier takes its place: both are put right. */
static void corrections(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    int64_t k = rate_contract(&c, 1, (sk_span){t0, t0 + HOUR});
    rate_commitment(&c, k, FLT_USAGE, FLT_CONTINUOUS, FLT_HOURLY, 4)->rate_micros = USD(5);
    flt_usage u[] = {rate_usage(1, 1, 8, t0 + 1800, t0 + HOUR), rate_usage(2, 1, 2, t0, t0 + HOUR)};
    run(&c, u, 1, t0 + HOUR);
    assert_int_equal(c.n_row, 2);
    flt_charge old[2] = {c.row[0], c.row[1]};
    flt_again a = {.span = {t0, t0 + HOUR}, .usage = u, .n_usage = 2, .old = old, .n_old = 2};
    sk_err e = SK_ERR_INIT;
    flt_sink sink = rate_sink(&c);
    c.n_row = 0;
    assert_status_ok(flt_rate_again(&c.book, &a, &sink, &e), e);
    assert_int_equal(c.n_row, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(c.row[i].correction && c.row[i].kind == FLT_CHARGE_USAGE);
    check_costs(usage_of(&c, 1, FLT_PAID_CONTINUOUS, 0), 2, 20, 20, 0, 10);
    assert_int_equal(usage_of(&c, 1, FLT_PAID_CONTINUOUS, 1).effective_micros, -USD(10));
    check_costs(usage_of(&c, 1, FLT_PAID_LIST, 0), 2, 20, 20, 20, 20);
    a.span.to = t0 - 1;
    assert_status(flt_rate_again(&c.book, &a, &sink, &e), SK_E_INVALID, e, "ends before it begins");
    rate_case_free(&c);
}

/* ---- what is refused ---- */

static void refuses_rows(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    (void)rate_reservation(&c, 2, 0, 8, (sk_span){t0, t0 + HOUR});
    sk_err e = SK_ERR_INIT;
    flt_rater *r = NULL;
    assert_status_ok(flt_rater_new(&c.book, t0, &r, &e), e);
    flt_usage good = rate_usage(1, 1, 8, t0, t0 + HOUR), u = good;
    u.chips = -1;
    assert_status(flt_rater_add(r, &u, &e), SK_E_INVALID, e, "negative number of chips");
    u = good;
    u.span.to = t0 - 1;
    assert_status(flt_rater_add(r, &u, &e), SK_E_INVALID, e, "ends before it begins");
    u = good;
    u.pool = 9;
    assert_status(flt_rater_add(r, &u, &e), SK_E_NOTFOUND, e, "no such pool");
    assert_contains(e.text, "usage 1 of pool 9 from 2026-03-01T10:00:00Z");
    u = good;
    u.workload = 9;
    assert_status(flt_rater_add(r, &u, &e), SK_E_NOTFOUND, e, "no such workload");
    u = good;
    u.reservation = 9;
    assert_status(flt_rater_add(r, &u, &e), SK_E_NOTFOUND, e, "no such reservation");
    u.reservation = 1;
    assert_status(flt_rater_add(r, &u, &e), SK_E_INVALID, e, "of another pool");
    u = good;
    u.category = FLT_CATEGORY_N;
    assert_status(flt_rater_add(r, &u, &e), SK_E_INVALID, e, "category");
    u = good;
    u.span.from--;
    assert_status(flt_rater_add(r, &u, &e), SK_E_INVALID, e, "closed");
    u = good;
    u.chips = INT64_MAX;
    assert_status(flt_rater_add(r, &u, &e), SK_E_TOOBIG, e, "don't fit");
    u = good;
    u.span.to = INT64_MAX;
    assert_status(flt_rater_add(r, &u, &e), SK_E_INVALID, e, "calendar");
    assert_status(flt_rater_bucket(r, 1, 1, FLT_SPOT, (sk_span){t0, t0 + 60}, -1, &e), SK_E_INVALID,
                  e, "negative");
    assert_status(flt_rater_bucket(r, 7, 1, FLT_SPOT, (sk_span){t0, t0 + 60}, 1, &e), SK_E_NOTFOUND,
                  e, "no such pool");
    /* None of that did harm. */
    assert_status_ok(flt_rater_add(r, &good, &e), e);
    flt_sink sink = rate_sink(&c);
    assert_status_ok(flt_rater_close(r, t0 + HOUR, &sink, &e), e);
    assert_int_equal(c.n_row, 1);
    assert_status(flt_rater_close(r, t0, &sink, &e), SK_E_INVALID, e, "closed already");
    assert_null(flt_rater_balance(r, 5));
    flt_rater_free(r);
    rate_case_free(&c);
}

static void refuses_books(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    sk_err e = SK_ERR_INIT;
    flt_usage u = rate_usage(1, 1, 1, t0, t0 + HOUR);
    c.offer[0].priced = false;
    assert_status(rate_run(&c, &u, 1, t0, t0 + HOUR, &e), SK_E_NOTFOUND, e,
                  "no on-demand price: add an offer");
    c.offer[0].priced = true;
    c.offer[0].price_micros = -1;
    assert_status(rate_run(&c, &u, 1, t0, t0 + HOUR, &e), SK_E_INVALID, e, "price below 0");
    c.offer[0].price_micros = 1;
    int64_t k = rate_contract(&c, 1, (sk_span){t0, t0 + HOUR});
    c.contract[0].currency = "EUR";
    assert_status(rate_run(&c, &u, 1, t0, t0 + HOUR, &e), SK_E_INVALID, e, "one currency");
    c.contract[0].currency = "USD";
    flt_commitment *d = rate_commitment(&c, k, FLT_USAGE, FLT_CONTINUOUS, FLT_HOURLY, 1);
    assert_status(rate_run(&c, &u, 1, t0, t0 + HOUR, &e), SK_E_INVALID, e, "give it a rate");
    d->rate_micros = USD(2e9);
    assert_status(rate_run(&c, &u, 1, t0, t0 + HOUR, &e), SK_E_INVALID, e, "beyond a billion");
    d->rate_micros = 1;
    d->amount = INT64_MAX;
    d->term.to = t0 + 1000 * HOUR;
    assert_status(rate_run(&c, &u, 1, t0, t0 + HOUR, &e), SK_E_TOOBIG, e, "does not fit");
    d->amount = 1;
    d->contract = 5;
    assert_status(rate_run(&c, &u, 1, t0, t0 + HOUR, &e), SK_E_NOTFOUND, e, "of contract 5");
    d->contract = 1;
    (void)rate_reservation(&c, 1, 7, 1, d->term);
    assert_status(rate_run(&c, &u, 1, t0, t0 + HOUR, &e), SK_E_NOTFOUND, e, "no commitment 7");
    rate_case_free(&c);
}

static sk_status full_sink(void *arg, const flt_charge *row, sk_err *e)
{
    (void)arg, (void)row;
    return sk_fail(e, SK_E_NOSPACE, "the ledger is full");
}

static void errors_of_the_sink(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    sk_err e = SK_ERR_INIT;
    flt_rater *r = NULL;
    flt_sink sink = {full_sink, NULL, NULL};
    flt_usage u = rate_usage(1, 1, 1, t0, t0 + HOUR);
    assert_status_ok(flt_rater_new(&c.book, t0, &r, &e), e);
    assert_status_ok(flt_rater_add(r, &u, &e), e);
    assert_status(flt_rater_close(r, t0 + HOUR, &sink, &e), SK_E_NOSPACE, e, "full");
    flt_rater_free(r);
    rate_case_free(&c);
}

/* ---- memory ---- */

/* Minutes of a month: what a rater holds does not grow with time. */
static void flat_memory(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    (void)pool_of_money(&c, FLT_DAILY, (sk_span){t0, t0 + 30 * DAY}, 1000, 0);
    sk_err e = SK_ERR_INIT;
    flt_rater *r = NULL;
    flt_sink sink = {0};
    uint64_t held = 0;
    assert_status_ok(flt_rater_new(&c.book, t0, &r, &e), e);
    for (int64_t m = 0; m < 30 * 1440; m++) {
        sk_span minute = {t0 + m * 60, t0 + m * 60 + 60};
        for (int w = 1; w <= 3; w++)
            assert_status_ok(flt_rater_bucket(r, 1 + (w & 1), w, FLT_ON_DEMAND, minute, 480000, &e),
                             e);
        if (m % 60 == 59) assert_status_ok(flt_rater_close(r, minute.to, &sink, &e), e);
        if (m == 2 * 1440) held = sk_mem_bytes(SK_MEM_MISC);
    }
    assert_int_equal(sk_mem_bytes(SK_MEM_MISC), held);
    assert_int_equal(flt_rater_balance(r, 1)->drawn, USD(1000));
    /* 8 chips at 10 and 16 at 4: 3,456 a day, of which 2,456 are beyond. */
    assert_int_equal(flt_rater_balance(r, 1)->overage, USD(30 * 2456.0));
    flt_rater_free(r);
    rate_case_free(&c);
}

/* From the beginning of the calendar: what lies between is passed over, not walked through. */
static void long_ago(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    (void)pool_of_money(&c, FLT_FULL_PERIOD, (sk_span){t0, t0 + DAY}, 100, 0);
    flt_usage u = rate_usage(1, 1, 1, t0 + 60, t0 + HOUR);
    sk_err e = SK_ERR_INIT;
    assert_status_ok(rate_run(&c, &u, 1, SK_UTC_MIN, SK_UTC_END, &e), e);
    assert_int_equal(c.n_row, 2);
    assert_int_equal(rate_total(&c, FLT_CHARGE_KIND_N, -1).billed, USD(100));
    rate_case_free(&c);
}

/* 38 billion over 7 years, and 248 thousand chips of it an hour for a day. */
static void a_large_contract(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    c.offer[0].price_micros = USD(2.5);
    int64_t end = sk_utc_add_months(t0, 84);
    (void)pool_of_money(&c, FLT_FULL_PERIOD, (sk_span){t0, end}, 38e9, 0);
    flt_usage u = rate_usage(1, 1, 248000, t0, t0 + DAY);
    run(&c, &u, 1, end);
    assert_int_equal(c.n_row, 25);
    assert_int_equal(c.row[0].billed_micros, USD(620000));
    assert_int_equal(rate_applied(&c, 1), USD(620000 * 24.0));
    assert_int_equal(c.row[24].billed_micros, INT64_C(38000000000000000) - USD(620000 * 24.0));
    rate_case_free(&c);
}

/* Rates, and rates again, while each allocation fails in turn. */
static sk_status attempt(void *arg, sk_err *e)
{
    rate_case *c = arg;
    flt_usage u[40];
    for (int i = 0; i < 40; i++) {
        u[i] = rate_usage(i + 1, 1 + i % 2, 3, t0 + i * 300, t0 + i * 300 + 5000);
        u[i].id = i % 3 ? i + 1 : 0;
        u[i].sku = i % 5 ? "" : "other";
    }
    sk_status st = rate_run(c, u, 40, t0, t0 + 6 * HOUR, e);
    flt_sink sink = {0};
    flt_again a = {.span = {t0, t0 + 6 * HOUR},
                   .usage = u,
                   .n_usage = 39,
                   .old = c->row,
                   .n_old = c->n_row,
                   .applied = c->applied,
                   .n_applied = c->n_applied};
    if (!st) st = flt_rate_again(&c->book, &a, &sink, e);
    rate_case_free(c);
    c->cap_row = c->cap_applied = c->n_row = c->n_applied = 0;
    return st;
}

static void failed_allocations(void **state)
{
    (void)state;
    rate_case c;
    two_pools(&c);
    (void)pool_of_money(&c, FLT_FULL_PERIOD, (sk_span){t0, t0 + DAY}, 100, 1000);
    int64_t k = rate_contract(&c, 1, (sk_span){t0, t0 + DAY});
    rate_commitment(&c, k, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 9)->discount_ppm = 5000;
    (void)rate_reservation(&c, 1, 0, 2, (sk_span){t0, t0 + HOUR});
    (void)unit_starve(attempt, &c, 400, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(list_price),
        cmocka_unit_test(highest_discount_first),
        cmocka_unit_test(discount_of_a_fixed_rate),
        cmocka_unit_test(reservation),
        cmocka_unit_test(reservation_paid_elsewhere),
        cmocka_unit_test(price_changes_within_the_hour),
        cmocka_unit_test(prices_of_skus),
        cmocka_unit_test(shortfall_is_carried),
        cmocka_unit_test(milestone_is_trued_up),
        cmocka_unit_test(one_after_the_other),
        cmocka_unit_test(pool_of_hours),
        cmocka_unit_test(purchases_count),
        cmocka_unit_test(paid_in_parts),
        cmocka_unit_test(corrections),
        cmocka_unit_test(refuses_rows),
        cmocka_unit_test(refuses_books),
        cmocka_unit_test(errors_of_the_sink),
        cmocka_unit_test(flat_memory),
        cmocka_unit_test(long_ago),
        cmocka_unit_test(a_large_contract),
        cmocka_unit_test(failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
