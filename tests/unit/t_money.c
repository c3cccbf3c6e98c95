/* t_money.c - exact amounts: reading, printing, and parts that add up. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "fleet/money/money.h"

#include <math.h>

static void reads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t micros;
        bool rounded;
    } good[] = {
        {"55.04", 55040000, false},
        {"-0.5", -500000, false},
        {"$50,000.00 ", 50000000000, false},
        {"-$1.25", -1250000, false},
        {"$-1.25", -1250000, false},
        {"38e9", INT64_C(38000000000000000), false},
        {"1.5E-3", 1500, false},
        {"0", 0, false},
        {".25", 250000, false},
        {"7.", 7000000, false},
        {"0.0000005", 1, true},
        {"0.00000049", 0, true},
        {"-0.0000005", -1, true},
        {"0.333333333333333333333333333333333333", 333333, true},
        {"1e-300", 0, true},
        {"0e300", 0, false},
        {"9223372036854.775807", INT64_MAX, false},
        {"-9223372036854.775808", INT64_MIN, false},
        {"000000000000000000000000000000000000001", 1000000, false},
        {"1,234,567.5", 1234567500000, false},
        {"\xE2\x82\xAC"
         "3",
         3000000, false},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        int64_t v = 77;
        bool rounded = !good[i].rounded;
        assert_int_equal(flt_money_parse(good[i].text, strlen(good[i].text), &v, &rounded, NULL),
                         SK_OK);
        assert_true(v == good[i].micros);
        assert_int_equal(rounded, good[i].rounded);
    }
}

static void refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     " ",      "-",    "e5",  "1e",  "1.2.3",
                                      "1,23", "1,2345", ",123", "nan", "inf", "0x10",
                                      "1 2",  "12USD",  "--1",  "$",   ".",   "null"};
    int64_t v = 77;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(flt_money_parse(bad[i], strlen(bad[i]), &v, NULL, NULL), SK_E_INVALID);
    static const char *const big[] = {"9223372036854.775808", "1e13", "1e99999999999",
                                      "99999999999999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof big / sizeof *big; i++)
        assert_int_equal(flt_money_parse(big[i], strlen(big[i]), &v, NULL, NULL), SK_E_TOOBIG);
    assert_true(v == 77);
}

static void prints_what_it_reads(void **state)
{
    (void)state;
    char text[FLT_MONEY_TEXT];
    for (uint64_t i = 0; i < 5000; i++) {
        int64_t v = (int64_t)(sk_rng_u64(3, SK_RNG_TEST, i) >> (i % 64)), back;
        if (i % 2) v = -v;
        flt_money_print(v, text);
        assert_int_equal(flt_money_parse(text, strlen(text), &back, NULL, NULL), SK_OK);
        assert_true(back == v);
    }
    flt_money_print(INT64_MIN, text);
    assert_string_equal(text, "-9223372036854.775808");
    flt_money_table(INT64_MIN, text);
    assert_string_equal(text, "-9,223,372,036,854.78");
    flt_money_table(1200 * FLT_MICRO, text);
    assert_string_equal(text, "1,200.00");
    flt_money_table(-4000, text);
    assert_string_equal(text, "0.00");
}

/* Whatever the cuts, the parts are the whole. */
static void parts_add_up(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2000; i++) {
        int64_t total = (int64_t)(sk_rng_u64(5, SK_RNG_TEST, i) >> 2);
        int64_t whole = 1 + (int64_t)sk_rng_below(6, SK_RNG_TEST, i, 1 << 30), at = 0, sum = 0;
        for (uint64_t k = 0; at < whole && k < 50; k++) {
            int64_t to =
                at + (int64_t)sk_rng_below(7 + i, SK_RNG_TEST, k, (uint64_t)(whole - at) + 1);
            if (k == 49) to = whole;
            sum += flt_part(total, at, to, whole);
            at = to;
        }
        assert_true(sum == total);
    }
}

static void products(void **state)
{
    (void)state;
    int64_t v = 77;
    assert_true(flt_muldiv(5, 1, 2, &v) && v == 3);
    assert_true(flt_muldiv(-5, 1, 2, &v) && v == -3);
    assert_true(flt_muldiv(INT64_MAX, INT64_MAX, INT64_MAX, &v) && v == INT64_MAX);
    assert_false(flt_muldiv(INT64_MAX, 2, 1, &v));
    assert_false(flt_sum(INT64_MAX, 1, &v));
    assert_true(flt_sum(INT64_MIN, INT64_MAX, &v) && v == -1);
    assert_true(flt_micros_of(1e300) == INT64_MAX && flt_micros_of(-1e300) == INT64_MIN);
    assert_true(flt_micros_of(0.1) == 100000 && flt_micros_of((double)NAN) == 0);
    assert_true(flt_currency_ok("USD") && !flt_currency_ok("usd") && !flt_currency_ok("US"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads),
        cmocka_unit_test(refuses),
        cmocka_unit_test(prints_what_it_reads),
        cmocka_unit_test(parts_add_up),
        cmocka_unit_test(products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
