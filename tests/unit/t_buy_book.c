/* t_buy_book.c - what a fleet has of a chip, as a part of the question what to buy. */
#include "unit.h"

#include "base/mem.h"
#include "fleet/plan/buy_book.h"

#include <math.h>

/* 2027-01-01. */
#define START INT64_C(1798761600)
#define DAY 86400

static const flt_provider provider[] = {{1, "aws", "aws"}, {2, "azure", "azure"}};
static const flt_chip chip[] = {
    {.id = 1, .name = "h100", .source = "", .peak_bf16_flops = 989e12, .decode_rate = 1800},
    {.id = 2, .name = "a100", .source = "", .peak_bf16_flops = 312e12, .decode_rate = 900},
    {.id = 3, .name = "tpu", .source = "", .prefill_rate = 1}};
static const flt_buy_kind kind[] = {{&chip[0], 1}, {&chip[1], .25}};

#define OFFER(id_, provider_, chip_, category_, micros)                                            \
    {                                                                                              \
        .id = (id_), .provider = (provider_), .chip = (chip_), .region = "", .sku = "p5",          \
        .category = (category_), .priced = true, .price_micros = (micros), .currency = "USD",      \
        .chips_per_unit = 8, .valid = {0, SK_UTC_END}, .source = ""                                \
    }

/* The second is an older price of the first; the others are of another kind. */
static const flt_offer offer[] = {
    OFFER(1, 1, 1, FLT_ON_DEMAND, 8000000), OFFER(2, 1, 1, FLT_ON_DEMAND, 6000000),
    OFFER(3, 1, 1, FLT_SPOT, 2000000), OFFER(4, 1, 2, FLT_ON_DEMAND, 1000000),
    OFFER(5, 2, 1, FLT_ON_DEMAND, 12000000)};

static const flt_contract contract[] = {
    {1, 1, "edp", "USD", {START - 365 * DAY, START + 365 * DAY}},
    {2, 2, "plan", "USD", {START - 365 * DAY, START + 59 * DAY}}};

static const flt_commitment commitment[] = {
    {.id = 1,
     .contract = 1,
     .name = "spend",
     .kind = FLT_SPEND,
     .model = FLT_DISCONTINUOUS,
     .interval = FLT_FULL_PERIOD,
     .term = {START - 365 * DAY, START + 365 * DAY},
     .amount = INT64_C(7300000000),
     .discount_ppm = 250000,
     .region = "",
     .sku = ""},
    {.id = 2,
     .contract = 2,
     .name = "hourly",
     .kind = FLT_SPEND,
     .model = FLT_CONTINUOUS,
     .interval = FLT_HOURLY,
     .term = {START - 365 * DAY, START + 59 * DAY}, /* ends with February */
     .amount = INT64_C(100000000),
     .discount_ppm = 500000,
     .region = "",
     .sku = ""}};

static const flt_pool pool[] = {
    {.id = 1, .provider = 1, .chip = 1, .name = "own", .nodes = 8, .chips_per_node = 8}};
static const flt_reservation reservation[] = {
    {.id = 1, .pool = 1, .chips = 24, .term = {START + 20 * DAY, START + 365 * DAY}}};

static const flt_book book = {.provider = provider,
                              .chip = chip,
                              .pool = pool,
                              .offer = offer,
                              .contract = contract,
                              .commitment = commitment,
                              .reservation = reservation,
                              .n_provider = 2,
                              .n_chip = 2,
                              .n_pool = 1,
                              .n_offer = 5,
                              .n_contract = 2,
                              .n_commitment = 2,
                              .n_reservation = 1};

static void what_there_is(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    flt_buy_held had = {.name = "desk", .chips = 2, .until = 4};
    flt_buy b = {.start = START, .months = 4, .held = &had, .n_held = 1};
    assert_status_ok(flt_buy_add_book(&b, &book, kind, 1, mem, &e), e);
    /* Of the same date the higher id holds. */
    assert_int_equal(b.n_offer, 2);
    assert_true(b.offer[0].price_micros == 6000000 && b.offer[1].price_micros == 12000000);
    assert_string_equal(b.offer[1].provider, "azure");
    /* 7,300 over 730 days: 10 a day, 120 days. */
    assert_int_equal(b.n_spend, 1);
    assert_true(b.spend[0].amount_micros == 1200000000 && b.spend[0].is_signed);
    assert_true(b.spend[0].interval_months == 4 && b.spend[0].discount_ppm == 250000);
    /* 100 an hour at 6 are 16 chips, for January and February; 24 reserved from February on. */
    assert_int_equal(b.n_held, 3);
    assert_string_equal(b.held[0].name, "desk");
    assert_true(b.held[1].chips == 16 && b.held[1].from == 0 && b.held[1].until == 2);
    assert_true(b.held[2].chips == 24 && b.held[2].from == 1 && b.held[2].until == 4);
    sk_arena_free(mem);
}

/* The other kind's offer comes in with its rate; promises for any chip are there once. */
static void two_kinds(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    flt_pool pools[] = {pool[0], pool[0]};
    flt_reservation kept[] = {reservation[0], reservation[0]};
    flt_book k = book;
    pools[1].id = 2;
    pools[1].chip = 2;
    kept[1].pool = 2;
    k.pool = pools;
    k.reservation = kept;
    k.n_pool = k.n_reservation = 2;
    flt_buy b = {.start = START, .months = 4};
    assert_status_ok(flt_buy_add_book(&b, &k, kind, 2, mem, &e), e);
    assert_int_equal(b.n_offer, 3);
    assert_true(b.offer[0].rate == 1 && b.offer[2].rate == .25);
    assert_true(b.offer[2].price_micros == 1000000);
    assert_int_equal(b.n_spend, 1);
    assert_int_equal(b.n_held, 3);
    assert_true(b.held[0].chips == 16 && b.held[1].chips == 24 && b.held[2].chips == 6);
    sk_arena_free(mem);
}

/* By the figure that compares worst; by none where none is known of both. */
static void rates(void **state)
{
    (void)state;
    assert_true(fabs(flt_buy_rate(&chip[1], &chip[0]) - 312. / 989) < 1e-12);
    assert_true(fabs(flt_buy_rate(&chip[0], &chip[1]) - 2) < 1e-12);
    assert_true(flt_buy_rate(&chip[2], &chip[0]) == 0);
}

static sk_status attempt(void *arg, sk_err *e)
{
    flt_buy b = {.start = START, .months = 4};
    (void)arg;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    sk_status st = mem ? flt_buy_add_book(&b, &book, kind, 1, mem, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory for a plan");
    sk_arena_free(mem);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    unit_starve(attempt, NULL, 20, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_there_is),
        cmocka_unit_test(two_kinds),
        cmocka_unit_test(rates),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
