/* t_sim_scenario.c - scenarios: what is read, what is refused and where, outages, demand. */
#include "tests/unit/unit.h"

#include "fleet/sim/fluid.h"
#include "fleet/sim/scenario.h"

#include <math.h>

#define POOLS                                                                                      \
    "chips:\n  - {chip: h100, peak-flops: 989e12, prefill-rate: 9000, decode-rate: 1800}\n"        \
    "pools:\n  - {pool: a, provider: aws, chip: h100, nodes: 10, price: 2.5}\n"

static sk_status read_text(const char *text, sk_arena *mem, flt_scenario *s, sk_err *e)
{
    sk_yaml *y = NULL;
    sk_status st = sk_yaml_parse("s.yaml", text, strlen(text), &y, e);
    if (st) return st;
    st = flt_scenario_read(y, mem, s, e);
    sk_yaml_free(y);
    return st;
}

static void whole(void **state)
{
    static const char text[] =
        "name: x\nstart: 2026-02-01\ndays: 7\nseed: 5\n"
        "demand: {users: 1e6, prompts: 2, cached: 0.5, peak-to-mean: 1.2}\n"
        "serve: {start: 10m, headroom: 0.2, slo: 3}\n" POOLS
        "train:\n  - {workload: t, min-chips: 8, checkpoint-every: 1.5h}\n"
        "failures:\n  - {cause: gpu, rate: 3.8}\n"
        "contracts:\n  - {contract: c, provider: aws, amount: 1e6, discount: 0.3, term: 1y}\n"
        "outages: [\"aws@day2+3h:silent\", \"a@2026-02-03T01:00Z+30m\"]\n";
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    sk_err e = SK_ERR_INIT;
    flt_scenario s;
    (void)state;
    assert_status_ok(read_text(text, mem, &s, &e), e);
    assert_int_equal(s.start, 1769904000);
    assert_int_equal(s.seed, 5);
    assert_true(s.serve.start_s == 600 && s.serve.slo_s == 3 && s.demand.cached == 0.5);
    assert_true(s.n_train == 1 && s.train[0].checkpoint_s == 5400 && s.train[0].max_chips < 0);
    assert_true(s.n_cause == 1 && s.cause[0].repair_s == 4 * 3600);
    assert_non_null(s.book);
    assert_int_equal(s.book->n_offer, 1);
    assert_int_equal(s.book->offer[0].price_micros, 2500000);
    assert_int_equal(s.book->commitment[0].discount_ppm, 300000);
    assert_int_equal(s.book->commitment[0].amount, INT64_C(1000000000000));
    assert_int_equal(s.n_outage, 2);
    assert_int_equal(s.outage[0].span.from, s.start + 2 * 86400);
    assert_int_equal(s.outage[0].span.to - s.outage[0].span.from, 3 * 3600);
    assert_int_equal(s.outage[0].kind, FLT_POOL_SILENT);
    assert_int_equal(s.outage[1].kind, FLT_POOL_GONE);
    sk_arena_free(mem);
}

/* Each is refused with its line and a sentence. */
static void refused(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"[1, 2]\n", "s.yaml:1: a scenario has keys"},
        {"dayz: 3\n", "s.yaml:1: a scenario has no \"dayz\"; did you mean \"days\"?"},
        {"days: -1\n", "s.yaml:1: a scenario.days is from"},
        {"days: .nan\n", "s.yaml:1"},
        {"days: 1e300\n", "s.yaml:1: a scenario.days is from"},
        {"days: many\n", "is a number"},
        {"seed: 1.5\n", "is a whole number"},
        {"start: 99999-01-01\n", "is a date"},
        {"start: true\n", "is a date"},
        {"demand: 5\n", "s.yaml:1: demand has keys"},
        {"demand:\n  users: -5\n", "s.yaml:2: demand.users is from 0"},
        {"demand:\n  users: 1e300\n", "s.yaml:2: demand.users is from 0"},
        {"serve: {start: soon}\n", "is a time"},
        {"serve: {start: 1000y}\n", "serve.start is"},
        {"serve: {forecast: crystal}\n", "is one of: perfect now"},
        {"train: {}\n", "train is a list"},
        {"train: [3]\n", "train is a list of keys"},
        {"train: [{kind: train}]\n", "train has no workload"},
        {"train:\n - {workload: a}\n - {workload: a}\n", "s.yaml:3: workload \"a\" is there twice"},
        {"train: [{workload: a, min-chips: 9, max-chips: 8}]\n", "min-chips is over"},
        {"failures: [{cause: x}]\n", "a cause and a rate"},
        {"failures: [{cause: x, rate: -2}]\n", "failures.rate is from 0"},
        {"pools: [{pool: a, provider: p, chip: h100, nodes: 1}]\n", "no chip \"h100\""},
        {POOLS "  - {pool: a, provider: aws, chip: h100, nodes: 1}\n", "pool \"a\" is there twice"},
        {POOLS "  - {pool: b, provider: aws, chip: h100, nodes: 0}\n", "pools.nodes is from 1"},
        {POOLS "  - {pool: b, provider: aws, chip: h100, nodes: 1, price: -1}\n", "pools.price"},
        {POOLS "sites: [{pool: z}]\n", "no pool \"z\""},
        {POOLS "contracts: [{contract: c, provider: z, amount: 1}]\n", "the provider of a pool"},
        {POOLS "contracts: [{contract: c, provider: aws, amount: -1}]\n", "contracts.amount"},
        {"contracts: [{contract: c}]\n", "contracts without pools"},
        {"outages: [5]\n", "an outage is text"},
        {"outages:\n - \"a@day1\"\n", "s.yaml:2: outage \"a@day1\": it has no length"},
        {"outages: [\"day1+3h\"]\n", "write POOL@day12+15h"},
        {"outages: [\"a@dayx+3h\"]\n", "a number of days"},
        {"outages: [\"a@day0x10+3h\"]\n", "a number of days"},
        {"outages: [\"a@day1e9+3h\"]\n", "a number of days"},
        {"outages: [\"a@day1+0h\"]\n", "it lasts no time"},
        {"outages: [\"a@day1+3h:asleep\"]\n", "outage"},
        {"name: \"a\\u0001b\"\n", "control characters"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_arena *mem = sk_arena_new(SK_MEM_MISC);
        sk_err e = SK_ERR_INIT;
        flt_scenario s = {.days = 77};
        sk_status st = read_text(bad[i].text, mem, &s, &e);
        if (!st || !strstr(e.text, bad[i].why)) print_message("%s -> %s\n", bad[i].text, e.text);
        assert_true(st != SK_OK);
        assert_contains(e.text, bad[i].why);
        assert_true(s.days == 77);
        sk_arena_free(mem);
    }
}

/* A name of a million letters, and lists that are too long. */
static void overlong(void **state)
{
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    flt_scenario s;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    (void)state;
    sk_buf_adds(&b, "name: ");
    for (int i = 0; i < 1000; i++)
        sk_buf_adds(&b, "abcdefghij");
    assert_status(read_text(b.p, mem, &s, &e), SK_E_INVALID, e, "is too long");
    sk_buf_reset(&b);
    sk_buf_adds(&b, "failures:\n");
    for (int i = 0; i < 100; i++)
        sk_buf_adds(&b, " - {cause: x, rate: 1}\n");
    assert_status(read_text(b.p, mem, &s, &e), SK_E_INVALID, e, "16 are the most");
    sk_buf_reset(&b);
    sk_buf_adds(&b, "outages:\n");
    for (int i = 0; i < 300; i++)
        sk_buf_adds(&b, " - \"a@day1+1h\"\n");
    assert_status(read_text(b.p, mem, &s, &e), SK_E_TOOBIG, e, "more than 256 outages");
    sk_buf_fini(&b);
    sk_arena_free(mem);
}

/* What can be read but not be simulated. */
static void apart(void **state)
{
    static const struct {
        const char *text, *why;
    } bad[] = {
        {POOLS "outages: [\"b@day1+1h\"]\n", "no pool or provider \"b\""},
        {POOLS "bucket: 1\nserve: {start: 7d}\n", "replicas start in"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_arena *mem = sk_arena_new(SK_MEM_MISC);
        sk_err e = SK_ERR_INIT;
        flt_scenario s;
        flt_fluid *f = NULL;
        assert_status_ok(read_text(bad[i].text, mem, &s, &e), e);
        assert_status(flt_fluid_new(&s, s.book, &f, &e), SK_E_INVALID, e, bad[i].why);
        sk_arena_free(mem);
    }
}

static void empty(void **state)
{
    sk_err e = SK_ERR_INIT;
    flt_scenario s;
    flt_fluid *f = NULL;
    flt_book none = {.n_pool = 0};
    (void)state;
    flt_scenario_default(&s);
    assert_status(flt_fluid_new(&s, &none, &f, &e), SK_E_INVALID, e, "has 0 pools");
}

/* A day's mean is what was asked for and its peak over that as well, whatever the steepness. */
static void curve(void **state)
{
    static const double peaks[] = {1, 1.226, 2, 7, 30};
    (void)state;
    for (size_t k = 0; k < 5; k++) {
        flt_demand d = {.users = 86400,
                        .prompts = 1,
                        .peak_to_mean = peaks[k],
                        .peak_hour = 20,
                        .weekend = 0.5};
        flt_demand_curve c;
        double sum = 0, most = 0;
        flt_demand_make(&c, &d, 0);
        for (int i = 0; i < 1440; i++) {
            double r = flt_demand_rate(&c, i * 60);
            sum += r / 1440;
            most = fmax(most, r);
        }
        assert_true(fabs(sum - 1) < 1e-9);
        assert_true(fabs(most / peaks[k] - 1) < 2e-3);
        assert_true(fabs(flt_demand_rate(&c, 2 * 86400) / flt_demand_rate(&c, 0) - 0.5) < 1e-9);
    }
}

typedef struct starving {
    const char *text;
} starving;

static sk_status attempt(void *arg, sk_err *e)
{
    const starving *s = arg;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    if (!mem) return sk_fail(e, SK_E_NOMEM, "no memory");
    flt_scenario sc;
    flt_fluid *f = NULL;
    sk_status st = read_text(s->text, mem, &sc, e);
    if (!st) st = flt_fluid_new(&sc, sc.book, &f, e);
    if (!st) st = flt_fluid_run(f, 10, e);
    flt_fluid_free(f);
    sk_arena_free(mem);
    return st;
}

static void starve(void **state)
{
    starving s = {"days: 1\n" POOLS "train: [{workload: t}]\nfailures: [{cause: x, rate: 1}]\n"
                  "contracts: [{contract: c, provider: aws, amount: 5}]\n"
                  "outages: [\"a@day0+1h\"]\n"};
    (void)state;
    unit_starve(attempt, &s, 5000, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),  cmocka_unit_test(refused), cmocka_unit_test(overlong),
        cmocka_unit_test(apart),  cmocka_unit_test(empty),   cmocka_unit_test(curve),
        cmocka_unit_test(starve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
