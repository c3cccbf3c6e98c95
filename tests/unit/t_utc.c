/* t_utc.c - the calendar against known dates, its own inverse, and texts that are no times. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "base/utc.h"

#include <time.h>

static void dates_and_back(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 20000; i++) {
        int64_t t = SK_UTC_MIN +
                    (int64_t)sk_rng_below(1, SK_RNG_TEST, i, (uint64_t)(SK_UTC_END - SK_UTC_MIN));
        sk_civil c = sk_utc_civil(t);
        struct tm tm;
        time_t tt = (time_t)t;
        assert_non_null(gmtime_r(&tt, &tm));
        assert_true(c.year == tm.tm_year + 1900 && c.month == tm.tm_mon + 1 &&
                    c.day == tm.tm_mday && c.hour == tm.tm_hour && c.minute == tm.tm_min &&
                    c.second == tm.tm_sec);
        assert_true(sk_utc_time(&c) == t);
        char text[SK_UTC_TEXT];
        int64_t back;
        sk_utc_print(t, text);
        assert_int_equal(sk_utc_parse(text, strlen(text), SK_UTC_NEEDED, &back, NULL), SK_OK);
        assert_true(back == t);
    }
}

static int64_t read(const char *text, sk_utc_zone zone)
{
    int64_t t = INT64_MIN;
    (void)sk_utc_parse(text, strlen(text), zone, &t, NULL);
    return t;
}

static void forms_of_a_time(void **state)
{
    (void)state;
    assert_true(read("1970-01-01T00:00:00Z", SK_UTC_NEEDED) == 0);
    assert_true(read("2026-11-27T19:00:00Z", SK_UTC_NEEDED) == 1795806000);
    assert_true(read("2026-11-27 20:00:00.999+01:00", SK_UTC_NEEDED) == 1795806000);
    assert_true(read("2026-11-27t13:30-0530", SK_UTC_NEEDED) == 1795806000);
    assert_true(read("2026-11-27 19:00", SK_UTC_ASSUMED) == 1795806000);
    assert_true(read("2026-11-27", SK_UTC_ASSUMED) == 1795806000 - 19 * 3600);
    assert_true(read("2026-11", SK_UTC_ASSUMED) == 1793491200);
}

static void leap_seconds_and_summer_time(void **state)
{
    (void)state;
    int64_t next = read("2017-01-01T00:00:00Z", SK_UTC_NEEDED);
    assert_true(read("2016-12-31T23:59:60Z", SK_UTC_NEEDED) == next);
    assert_true(read("2017-01-01T00:59:60+01:00", SK_UTC_NEEDED) == next);
    assert_true(read("2016-12-31T12:59:60Z", SK_UTC_NEEDED) == INT64_MIN);
    /* The hour that comes twice in autumn is told apart by its offset, and refused without. */
    assert_true(read("2026-10-25T02:30:00+01:00", SK_UTC_NEEDED) -
                    read("2026-10-25T02:30:00+02:00", SK_UTC_NEEDED) ==
                3600);
    assert_true(read("2026-10-25T02:30:00", SK_UTC_NEEDED) == INT64_MIN);
}

static void no_times(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "2026",
                                      "2026-13-01",
                                      "2026-02-29",
                                      "2026-00-10",
                                      "2026-01-01T",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T10:60:00Z",
                                      "2026-01-01T10:00:61Z",
                                      "2026-01-01T10:00:00+24:00",
                                      "2026-01-01T10:00:00Zx",
                                      "2023-02-01T30:00:00Z",
                                      "0000-01-01",
                                      "20260101",
                                      "4/1/25",
                                      "2026-01-01T10:00:00.Z",
                                      "-026-01-01"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_true(read(bad[i], SK_UTC_ASSUMED) == INT64_MIN);
    assert_true(read("2024-02-29", SK_UTC_ASSUMED) != INT64_MIN);
}

static void months(void **state)
{
    (void)state;
    int64_t jan31 = read("2024-01-31T05:00:00Z", SK_UTC_NEEDED);
    assert_true(sk_utc_add_months(jan31, 1) == read("2024-02-29T05:00:00Z", SK_UTC_NEEDED));
    assert_true(sk_utc_add_months(jan31, 13) == read("2025-02-28T05:00:00Z", SK_UTC_NEEDED));
    assert_true(sk_utc_add_months(jan31, -2) == read("2023-11-30T05:00:00Z", SK_UTC_NEEDED));
    assert_true(sk_utc_month(jan31) == read("2024-01", SK_UTC_ASSUMED));
    assert_true(sk_utc_day(-1) == -86400 && sk_utc_hour(-1) == -3600);
    assert_true(sk_utc_add_months(0, INT64_MAX) == SK_UTC_END - 1);
    assert_true(sk_utc_add_months(0, INT64_MIN) == SK_UTC_MIN);
}

static void lengths(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t end;
    } good[] = {{"90", 90},       {"1.5h", 5400},    {"15m", 900},   {"2w", 1209600},
                {"1mo", 2678400}, {"7y", 220924800}, {"0.5d", 43200}};
    int64_t end = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(sk_utc_after(0, good[i].text, &end, NULL), SK_OK);
        assert_true(end == good[i].end);
    }
    static const char *const bad[] = {"",    "h",   "-1d",    "1.5y",    "nan",
                                      "inf", "3 h", "1e300d", "9999999y"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_not_equal(sk_utc_after(0, bad[i], &end, NULL), SK_OK);
}

static void spans(void **state)
{
    (void)state;
    assert_int_equal(sk_span_shared((sk_span){0, 10}, (sk_span){5, 20}), 5);
    assert_int_equal(sk_span_shared((sk_span){0, 10}, (sk_span){10, 20}), 0);
    assert_int_equal(sk_span_seconds((sk_span){10, 0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_and_back),
        cmocka_unit_test(forms_of_a_time),
        cmocka_unit_test(leap_seconds_and_summer_time),
        cmocka_unit_test(no_times),
        cmocka_unit_test(months),
        cmocka_unit_test(lengths),
        cmocka_unit_test(spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
