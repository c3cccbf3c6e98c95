/* t_intervals.c - a commitment's term cut into intervals, by hand. */
#include "tests/unit/rate_case.h"
#include "tests/unit/unit.h"

#include "fleet/rate/intervals.h"

static flt_commitment promise(flt_model model, flt_interval interval, const char *from,
                              const char *to, int64_t amount)
{
    return (flt_commitment){.model = model,
                            .kind = FLT_SPEND,
                            .interval = interval,
                            .term = {rate_time(from), rate_time(to)},
                            .amount = amount * FLT_MICRO};
}

static void check_at(const flt_commitment *c, const char *t, int64_t k, const char *from,
                     const char *to)
{
    sk_span s;
    int64_t index;
    assert_true(flt_interval_at(c, rate_time(t), &s, &index));
    assert_int_equal(index, k);
    assert_int_equal(s.from, rate_time(from));
    assert_int_equal(s.to, rate_time(to));
}

static void months(void **state)
{
    (void)state;
    flt_commitment c = promise(FLT_DISCONTINUOUS, FLT_MONTHLY, "2026-01-31", "2026-12-31", 100);
    check_at(&c, "2026-01-31", 0, "2026-01-31", "2026-02-28");
    check_at(&c, "2026-02-27", 0, "2026-01-31", "2026-02-28");
    check_at(&c, "2026-02-28", 1, "2026-02-28", "2026-03-31");
    check_at(&c, "2026-03-30", 1, "2026-02-28", "2026-03-31");
    check_at(&c, "2026-04-30", 3, "2026-04-30", "2026-05-31");
    check_at(&c, "2026-12-30", 10, "2026-11-30", "2026-12-31");
    assert_int_equal(flt_interval_count(&c), 11);
    assert_int_equal(flt_committed_total(&c), 1100 * FLT_MICRO);
    c.interval = FLT_QUARTERLY;
    check_at(&c, "2026-05-01", 1, "2026-04-30", "2026-07-31");
    check_at(&c, "2026-12-01", 3, "2026-10-31", "2026-12-31");
    c.interval = FLT_SEMI_ANNUAL;
    check_at(&c, "2026-12-01", 1, "2026-07-31", "2026-12-31");
    c.interval = FLT_ANNUAL;
    check_at(&c, "2026-12-01", 0, "2026-01-31", "2026-12-31");
    c.interval = FLT_FULL_PERIOD;
    check_at(&c, "2026-12-01", 0, "2026-01-31", "2026-12-31");
}

static void fixed_lengths(void **state)
{
    (void)state;
    flt_commitment c =
        promise(FLT_CONTINUOUS, FLT_HOURLY, "2026-03-01T11:30:00Z", "2026-03-03T12:00:00Z", 10);
    check_at(&c, "2026-03-01T12:29:59Z", 0, "2026-03-01T11:30:00Z", "2026-03-01T12:30:00Z");
    check_at(&c, "2026-03-03T11:59:59Z", 48, "2026-03-03T11:30:00Z", "2026-03-03T12:00:00Z");
    assert_int_equal(flt_interval_count(&c), 49);
    assert_int_equal(flt_interval_amount(&c, c.term.from), 10 * FLT_MICRO);
    assert_int_equal(flt_interval_amount(&c, c.term.to - 1), 5 * FLT_MICRO);
    assert_int_equal(flt_committed_total(&c), 485 * FLT_MICRO);
    c.interval = FLT_DAILY;
    check_at(&c, "2026-03-02T11:29:59Z", 0, "2026-03-01T11:30:00Z", "2026-03-02T11:30:00Z");
    assert_int_equal(flt_interval_amount(&c, c.term.from), 240 * FLT_MICRO);
    c.interval = FLT_WEEKLY;
    check_at(&c, "2026-03-02", 0, "2026-03-01T11:30:00Z", "2026-03-03T12:00:00Z");
}

static void outside(void **state)
{
    (void)state;
    flt_commitment c = promise(FLT_DISCONTINUOUS, FLT_MONTHLY, "2026-01-01", "2026-03-01", 100);
    sk_span s = {7, 8};
    assert_false(flt_interval_at(&c, c.term.from - 1, &s, NULL));
    assert_false(flt_interval_at(&c, c.term.to, &s, NULL));
    assert_int_equal(s.from, 7);
    assert_int_equal(flt_interval_amount(&c, c.term.to), 0);
    assert_int_equal(flt_committed_until(&c, c.term.from), 0);
    assert_int_equal(flt_committed_until(&c, c.term.to + 99), 200 * FLT_MICRO);
    c.term.to = c.term.from;
    assert_int_equal(flt_interval_count(&c), 0);
    assert_int_equal(flt_committed_total(&c), 0);
}

/* The last interval is cut short: its share by seconds. */
static void partial(void **state)
{
    (void)state;
    flt_commitment c = promise(FLT_DISCONTINUOUS, FLT_MONTHLY, "2026-01-01", "2026-02-15", 280);
    assert_int_equal(flt_interval_amount(&c, rate_time("2026-02-10")), 140 * FLT_MICRO);
    assert_int_equal(flt_committed_total(&c), 420 * FLT_MICRO);
    assert_int_equal(flt_committed_until(&c, rate_time("2026-02-08")), 350 * FLT_MICRO);
    assert_int_equal(flt_committed_until(&c, rate_time("2026-01-01T01:00:00Z")),
                     flt_part(280 * FLT_MICRO, 0, 1, 744));
}

/* A ramp holds for intervals that begin at or after its steps. */
static void ramps(void **state)
{
    (void)state;
    flt_step ramp[] = {{rate_time("2026-02-01"), 200 * FLT_MICRO},
                       {rate_time("2026-03-15"), 300 * FLT_MICRO}};
    flt_commitment c = promise(FLT_DISCONTINUOUS, FLT_MONTHLY, "2026-01-01", "2026-06-01", 100);
    c.ramp = ramp;
    c.n_ramp = 2;
    static const int want[] = {100, 200, 200, 300, 300};
    int64_t sum = 0;
    for (int k = 0; k < 5; k++) {
        int64_t t = sk_utc_add_months(c.term.from, k);
        assert_int_equal(flt_interval_amount(&c, t), want[k] * FLT_MICRO);
        assert_int_equal(flt_committed_until(&c, t), sum);
        sum += want[k] * FLT_MICRO;
    }
    assert_int_equal(flt_committed_total(&c), sum);
    /* Hours: the step in the middle of one holds from the next on. */
    flt_step late = {rate_time("2026-01-01T01:20:00Z"), 50 * FLT_MICRO};
    c = promise(FLT_CONTINUOUS, FLT_HOURLY, "2026-01-01", "2026-01-01T04:00:00Z", 10);
    c.ramp = &late;
    c.n_ramp = 1;
    assert_int_equal(flt_interval_amount(&c, c.term.from + 3600), 10 * FLT_MICRO);
    assert_int_equal(flt_interval_amount(&c, c.term.from + 7200), 50 * FLT_MICRO);
    assert_int_equal(flt_committed_total(&c), 120 * FLT_MICRO);
}

/* 38 billion over 7 years are 619 thousand an hour. */
static void a_large_one(void **state)
{
    (void)state;
    flt_commitment c = promise(FLT_DISCONTINUOUS, FLT_FULL_PERIOD, "2025-11-03", "2032-11-03",
                               INT64_C(38000000000));
    int64_t hours = sk_span_seconds(c.term) / 3600;
    assert_int_equal(hours, 61368);
    assert_int_equal(flt_committed_total(&c) / hours / FLT_MICRO, 619215);
    /* The same as a floor of each hour. */
    c = promise(FLT_CONTINUOUS, FLT_HOURLY, "2025-11-03", "2032-11-03", 619215);
    assert_int_equal(flt_committed_total(&c), INT64_C(619215) * 61368 * FLT_MICRO);
    c.amount = INT64_MAX;
    assert_int_equal(flt_committed_total(&c), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(months),  cmocka_unit_test(fixed_lengths), cmocka_unit_test(outside),
        cmocka_unit_test(partial), cmocka_unit_test(ramps),         cmocka_unit_test(a_large_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
