/* t_snapshot.c - a board out of a book: sites, wants, what is paid and what the next chip costs. */
#include "unit.h"

#include "base/mem.h"
#include "fleet/place/place.h"
#include "fleet/place/snapshot.h"

#include <math.h>

/* 2026-11-27 19:30 UTC, in the middle of an hour. */
#define T INT64_C(1795807800)

/* Two providers with a pool of 64 H100 each.  At aws, 100 dollars an hour are promised (a savings
 * plan of 50 %): at 5 instead of 10 that is 20 chips. */
typedef struct scene {
    flt_provider provider[2];
    flt_chip chip[1];
    flt_pool pool[2];
    flt_offer offer[2];
    flt_contract contract[1];
    flt_commitment commitment[1];
    flt_workload workload[2];
    flt_snap_run run[2];
    flt_book b;
    flt_snap in;
} scene;

static flt_pool a_pool(int64_t id, const char *name)
{
    return (flt_pool){.id = id,
                      .provider = id,
                      .chip = 1,
                      .name = name,
                      .region = "",
                      .zone = "",
                      .engine = "sim",
                      .endpoint = "",
                      .nodes = 8,
                      .chips_per_node = 8,
                      .net_gbps = 400,
                      .currency = "USD"};
}

static flt_offer an_offer(int64_t id, double price)
{
    return (flt_offer){.id = id,
                       .provider = id,
                       .chip = 1,
                       .region = "",
                       .sku = "",
                       .category = FLT_ON_DEMAND,
                       .priced = true,
                       .price_micros = (int64_t)(price * 1e6),
                       .currency = "USD",
                       .chips_per_unit = 8,
                       .valid = {0, SK_UTC_END},
                       .source = ""};
}

static flt_workload a_workload(int64_t id, flt_work_kind kind)
{
    return (flt_workload){.id = id,
                          .name = kind == FLT_SERVE ? "chat" : "base",
                          .kind = kind,
                          .model = "",
                          .min_chips = 8,
                          .max_chips = 64,
                          .priority = kind == FLT_SERVE ? 9 : 1,
                          .restart_s = 60};
}

static void set(scene *s)
{
    const sk_span term = {T - 86400 * 30 - 1800, T + 86400 * 300};
    memset(s, 0, sizeof *s);
    s->provider[0] = (flt_provider){1, "aws", "aws"};
    s->provider[1] = (flt_provider){2, "gcp", "gcp"};
    s->chip[0] = (flt_chip){.id = 1,
                            .name = "h100",
                            .peak_bf16_flops = 989e12,
                            .memory_bytes = 80e9,
                            .decode_rate = 1000,
                            .source = ""};
    s->pool[0] = a_pool(1, "aws-us-east");
    s->pool[1] = a_pool(2, "gcp-central");
    s->offer[0] = an_offer(1, 10);
    s->offer[1] = an_offer(2, 7);
    s->contract[0] =
        (flt_contract){.id = 1, .provider = 1, .name = "sp", .currency = "USD", .term = term};
    s->commitment[0] = (flt_commitment){.id = 1,
                                        .contract = 1,
                                        .name = "hourly",
                                        .kind = FLT_SPEND,
                                        .model = FLT_CONTINUOUS,
                                        .interval = FLT_HOURLY,
                                        .term = term,
                                        .amount = 100000000,
                                        .discount_ppm = 500000,
                                        .region = "",
                                        .sku = ""};
    s->workload[0] = a_workload(1, FLT_TRAIN);
    s->workload[1] = a_workload(2, FLT_SERVE);
    s->b = (flt_book){.provider = s->provider,
                      .chip = s->chip,
                      .pool = s->pool,
                      .offer = s->offer,
                      .contract = s->contract,
                      .commitment = s->commitment,
                      .workload = s->workload,
                      .n_provider = 2,
                      .n_chip = 1,
                      .n_pool = 2,
                      .n_offer = 2,
                      .n_contract = 1,
                      .n_commitment = 1,
                      .n_workload = 2};
    s->in = (flt_snap){.book = &s->b, .t = T, .run = s->run};
}

static void prices(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    scene s;
    flt_board b;
    flt_snap_price *p;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    set(&s);
    assert_status_ok(flt_snap_board(&s.in, mem, &b, &p, &e), e);
    assert_int_equal(b.site[0].paid, 20);
    assert_true(b.site[0].price == 10e6 && p[0].beyond.why == FLT_WHY_LIST);
    assert_int_equal(b.site[1].paid, 0);
    assert_true(b.site[1].price == 7e6 && b.site[1].chips == 64);
    assert_true(b.want[0].rate[0] == 989 && b.want[1].rate[0] == 1000);
    /* The run's 8 chips are paid for at aws; it grows there, since it works in one pool. */
    flt_place_round(&b, NULL);
    assert_int_equal(flt_board_cell(&b, 1, 0)->chips, 8); /* the service's least */
    assert_int_equal(flt_board_cell(&b, 0, 0)->chips, 56);
    flt_board_fini(&b);
    /* What runs already uses what is paid: the service's is not paid twice. */
    s.run[0] = (flt_snap_run){1, 1, 20, T - 7200, T - 60};
    s.in.n_run = 1;
    assert_status_ok(flt_snap_board(&s.in, mem, &b, &p, &e), e);
    assert_int_equal(b.site[0].paid, 20);
    assert_int_equal(flt_board_cell(&b, 0, 0)->before, 20);
    assert_true(flt_board_cell(&b, 0, 0)->saved == T - 60);
    flt_place_round(&b, NULL);
    assert_int_equal(flt_board_cell(&b, 1, 1)->chips, 8);
    flt_board_fini(&b);
    sk_arena_free(mem);
}

/* Demand, leases and units come from the rows; what is not known is not there. */
static void wants(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    scene s;
    flt_board b;
    flt_snap_price *p;
    flt_snap_need need = {2, 30000, 35000};
    flt_snap_lease lease = {1, 2, T + 60};
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    set(&s);
    s.in.need = &need;
    s.in.lease = &lease;
    s.in.n_need = s.in.n_lease = 1;
    s.workload[1].memory_bytes = 1000e9; /* 12.5 chips: a replica of 16 */
    s.workload[0].max_chips = 60;
    assert_status_ok(flt_snap_board(&s.in, mem, &b, &p, &e), e);
    assert_true(b.want[1].demand == 30000 && b.want[1].keep == 35000);
    assert_int_equal(b.want[1].unit, 16);
    assert_int_equal(b.want[0].unit, 4);
    assert_true(b.want[0].lease == 1 && b.want[0].lease_until == T + 60);
    assert_int_equal(flt_fits(&b, 0, 0), FLT_NO_LEASE);
    flt_board_fini(&b);
    /* Prices in two currencies can't be compared. */
    s.offer[1].currency = "EUR";
    assert_status(flt_snap_board(&s.in, mem, &b, &p, &e), SK_E_INVALID, e, "can't be compared");
    /* Without a price only what is paid can be used. */
    set(&s);
    s.offer[1].priced = false;
    assert_status_ok(flt_snap_board(&s.in, mem, &b, &p, &e), e);
    assert_true(isinf(b.site[1].price));
    assert_int_equal(flt_fits(&b, 0, 1), FLT_NO_PRICE);
    flt_board_fini(&b);
    sk_arena_free(mem);
}

static sk_status attempt(void *arg, sk_err *e)
{
    scene *s = arg;
    flt_board b;
    flt_snap_price *p;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    sk_status st = mem ? flt_snap_board(&s->in, mem, &b, &p, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory for a placement");
    if (!st) flt_board_fini(&b);
    sk_arena_free(mem);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    scene s;
    set(&s);
    s.pool[0].nodes = s.pool[1].nodes = 1; /* fewer hours to rate */
    unit_starve(attempt, &s, 2000, UNIT_TOLD | UNIT_STRIDES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prices),
        cmocka_unit_test(wants),
        cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
