/* t_buy_file.c - files of what is needed and offered: what they say, what is refused and where. */
#include "unit.h"

#include "base/mem.h"
#include "fleet/plan/buy_file.h"

#include <stdio.h>

static const char *const good =
    "start: 2027-03\n"
    "months: 3\n"
    "currency: EUR\n"
    "serve:\n"
    "  - {name: chat, chips: [1, 2, 3.5]}\n"
    "  - name: code\n"
    "    chips: 7\n"
    "    day: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, "
    "1, 1]\n"
    "train:\n"
    "  - {name: base, chip-hours: 1.5e6, from: 2027-04, until: 2027-05, max-chips: 512, spot: "
    "true}\n"
    "offers:\n"
    "  - {name: a, provider: aws, category: on-demand, price: 6.88, limit-chips: 64}\n"
    "  - {name: b, category: reserved, price: \"1,200.000001\", term-months: 36, min-units: 4,\n"
    "     chips-per-unit: 16, first: 2027-04, last: 2027-04, rate: 0.5}\n"
    "spend:\n"
    "  - {name: edp, provider: aws, amount: 38e9, interval-months: 6, discount: 0.125, signed: "
    "true}\n"
    "held:\n"
    "  - {name: own, chips: 10, from: 2027-04}\n";

/* Reads text; the file lives until `mem` and *y are freed. */
static sk_status read_text(const char *text, sk_arena *mem, sk_yaml **y, flt_buy *b, sk_err *e)
{
    const char *currency;
    sk_status st = sk_yaml_parse("f", text, strlen(text), y, e);
    return st ? st : flt_buy_read(*y, mem, b, &currency, e);
}

static void all_of_it(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    flt_buy b;
    assert_status_ok(read_text(good, mem, &y, &b, &e), e);
    sk_yaml_free(y);
    assert_true(b.start == sk_utc_time(&(sk_civil){2027, 3, 1, 0, 0, 0}));
    assert_int_equal(b.months, 3);
    assert_int_equal(b.n_serve, 2);
    assert_true(b.serve[0].chips[2] == 3.5 && b.serve[0].shape[5] == 1);
    assert_true(b.serve[1].chips[2] == 7 && b.serve[1].shape[5] == 0.5);
    assert_true(b.train[0].chip_hours == 1.5e6 && b.train[0].max_chips == 512);
    assert_true(b.train[0].from == 1 && b.train[0].until == 2 && b.train[0].spot);
    assert_string_equal(b.offer[0].provider, "aws");
    assert_true(b.offer[0].price_micros == 6880000 && b.offer[0].limit_chips == 64);
    assert_true(b.offer[0].rate == 1 && b.offer[0].availability == 1);
    assert_true(b.offer[1].price_micros == INT64_C(1200000001) && b.offer[1].term_months == 36);
    assert_true(b.offer[1].category == FLT_RESERVED && b.offer[1].chips_per_unit == 16);
    assert_true(b.offer[1].first == 1 && b.offer[1].last == 1 && b.offer[1].rate == 0.5);
    assert_true(b.spend[0].amount_micros == INT64_C(38000000000000000));
    assert_true(b.spend[0].discount_ppm == 125000 && b.spend[0].is_signed);
    assert_true(b.held[0].from == 1 && b.held[0].until == 3 && b.held[0].chips == 10);
    sk_arena_free(mem);
}

static void refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"- 1\n", "f:1: a demand is a mapping"},
        {"months: 3\n", "start must be a month"},
        {"start: 2027-03\n", "months must be"},
        {"start: 2027-03\nmonths: 85\n", "f:2: months must be"},
        {"start: soon\nmonths: 3\n", "f:1: start must be a month"},
        {"start: 2027-03\nmonths: 3\nserver: []\n", "f:3: a demand has no server"},
        {"start: 2027-03\nmonths: 3\nserve: 3\n", "f:3: serve must be a list"},
        {"start: 2027-03\nmonths: 3\nserve: [3]\n", "each of serve must be a mapping"},
        {"start: 2027-03\nmonths: 3\nserve:\n  - {name: a}\n", "f:4: each of serve needs chips"},
        {"start: 2027-03\nmonths: 3\nserve:\n  - {name: a, chips: [1, 2]}\n",
         "one number for each"},
        {"start: 2027-03\nmonths: 3\nserve:\n  - {name: a, chips: x}\n", "chips must be a number"},
        {"start: 2027-03\nmonths: 3\nserve:\n  - {name: a, chips: 1, day: [1]}\n", "list of 24"},
        {"start: 2027-03\nmonths: 3\noffers:\n  - {name: a, category: spot, price: cheap}\n",
         "f:4: price must be an amount"},
        {"start: 2027-03\nmonths: 3\noffers:\n  - {name: a, category: lent, price: 1}\n",
         "on-demand, spot, block"},
        {"start: 2027-03\nmonths: 3\noffers:\n  - {name: a, category: spot, price: 1, rat: 1}\n",
         "offers have no rat"},
        {"start: 2027-03\nmonths: 3\noffers:\n  - {name: a, category: spot, price: 1, rate: -1}\n",
         "f:4: "},
        {"start: 2027-03\nmonths: 3\noffers:\n  - {name: [], category: spot, price: 1}\n",
         "name must be a text"},
        {"start: 2027-03\nmonths: 3\ncurrency: euro\n", "three capital letters"},
        {"start: 2027-03\nmonths: 3\ntrain:\n  - {name: a, chip-hours: 1, until: x}\n",
         "until must be a month"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        sk_yaml *y = NULL;
        flt_buy b;
        sk_arena *mem = sk_arena_new(SK_MEM_MISC);
        assert_status(read_text(bad[i][0], mem, &y, &b, &e), SK_E_INVALID, e, bad[i][1]);
        sk_yaml_free(y);
        sk_arena_free(mem);
    }
}

static sk_status attempt(void *arg, sk_err *e)
{
    flt_buy b;
    const char *currency;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    sk_status st = mem ? flt_buy_read(arg, mem, &b, &currency, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory for a plan");
    sk_arena_free(mem);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_yaml *y = NULL;
    assert_status_ok(sk_yaml_parse("f", good, strlen(good), &y, &e), e);
    unit_starve(attempt, y, 200, UNIT_TOLD);
    sk_yaml_free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it),
        cmocka_unit_test(refused),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
