/* t_plan_train.c - plans of training runs: days, failures, and back from a deadline or a budget. */
#include "unit.h"

#include "fleet/plan/chips.h"
#include "fleet/plan/train.h"

#include <math.h>

#define near(a, b, tol) assert_true(fabs((a) - (double)(b)) <= (tol)*fabs((double)(b)))

/* 16,384 H100 as Llama 3.1 405B had them, at 2 USD a chip-hour. */
static flt_train_plan_in llama(void)
{
    return (flt_train_plan_in){.params = 405e9,
                               .tokens = 15.6e12,
                               .peak_flops = 989e12,
                               .mfu = 0.40,
                               .chips = 16384,
                               .chips_per_node = 8,
                               .price_micros = 2000000};
}

static flt_train_plan make(const flt_train_plan_in *in)
{
    sk_err e = SK_ERR_INIT;
    flt_train_plan p;
    assert_status_ok(flt_train_plan_make(in, &p, &e), e);
    return p;
}

static void without_failures(void **state)
{
    (void)state;
    flt_train_plan_in in = llama();
    flt_train_plan p = make(&in);
    near(p.flops, 3.7908e25, 1e-12);
    near(p.days, 3.7908e25 / (16384 * 395.6e12) / 86400, 1e-12);
    assert_true(p.ettr == 1 && p.days == p.productive_days && p.interruptions == 0);
    assert_true(isinf(p.mtti_hours));
    near(p.chip_hours, p.days * 24 * 16384, 1e-12);
    near((double)p.cost_micros, p.chip_hours * 2e6, 1e-12);
    in.price_micros = -1;
    assert_true(make(&in).cost_micros == -1);
}

/* The closed form, at the failure rate of Llama 3 (419 unexpected interruptions in 54 days of 2,048
 * nodes): what it takes to be productive nine tenths of the time, and what is not enough. */
static void closed_form(void **state)
{
    (void)state;
    double rate = 419 / 54.0 / 2048;
    flt_upkeep often = {rate, 360, 360, 18}, seldom = {rate, 900, 1800, 36};
    near(flt_ettr(2048, &often), 0.906, 1e-3);
    near(flt_ettr(2048, &seldom), 0.822, 1e-3);
    double a = 2048 * 3.8e-3 / 86400;
    flt_train_plan_in in = llama();
    in.upkeep = (flt_upkeep){3.8e-3, 300, 600, 20};
    flt_train_plan p = make(&in);
    near(p.ettr, (1 - a * (300 + 300)) / (1 + 20.0 / 600), 1e-12);
    near(p.days, p.productive_days / p.ettr, 1e-12);
    near(p.mtti_hours, 24 / (2048 * 3.8e-3), 1e-12);
    near(p.interruptions, p.days * 2048 * 3.8e-3, 1e-12);
    /* Time to write checkpoints is lost without failures too. */
    in.upkeep.failures_per_node_day = 0;
    near(make(&in).ettr, 1 / (1 + 20.0 / 600), 1e-12);
}

/* No interval is better than the best one, and for short writes it is Young's. */
static void best_interval(void **state)
{
    (void)state;
    flt_upkeep u = {3.8e-3, 300, 0, 20};
    double best = flt_best_checkpoint_s(2048, &u), at_best = flt_ettr(2048, &u);
    for (int i = 50; i < 200; i++) {
        u.checkpoint_every_s = best * i / 100;
        assert_true(flt_ettr(2048, &u) <= at_best + 1e-12);
    }
    flt_upkeep quick = {3.8e-3, 0, 0, 1e-3};
    near(flt_best_checkpoint_s(2048, &quick), sqrt(2 * 1e-3 * flt_mtti_s(2048, 3.8e-3)), 1e-3);
    assert_true(flt_best_checkpoint_s(2048, &(flt_upkeep){0, 300, 0, 20}) == 0);
    assert_true(flt_best_checkpoint_s(1e9, &u) == 0);
}

static void from_a_deadline(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_train_plan p, less;
    flt_train_plan_in in = llama();
    in.upkeep = (flt_upkeep){3.8e-3, 300, 0, 20};
    assert_status_ok(flt_train_plan_chips(&in, 70, 0, &p, &e), e);
    assert_true(p.days <= 70);
    in.chips = p.chips - 8;
    less = make(&in);
    assert_true(less.days > 70);
    /* There are numbers of chips at which more of them make it slower. */
    assert_status(flt_train_plan_chips(&in, 1, 0, &p, &e), SK_E_INVALID, e, "the fastest, on");
    /* A deadline that costs more than there is. */
    assert_status(flt_train_plan_chips(&in, 70, 1000000, &p, &e), SK_E_INVALID, e, "which cost");
}

static void from_a_budget(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_train_plan p;
    flt_train_plan_in in = llama();
    int64_t budget = INT64_C(60000000) * 1000000;
    assert_status(flt_train_plan_chips(&in, 0, budget, &p, &e), SK_E_INVALID, e, "costs the same");
    in.upkeep = (flt_upkeep){3.8e-3, 300, 0, 20};
    assert_status_ok(flt_train_plan_chips(&in, 0, budget, &p, &e), e);
    assert_true(p.cost_micros <= budget);
    in.chips = p.chips + 8;
    assert_true(make(&in).cost_micros > budget);
    assert_status(flt_train_plan_chips(&in, 0, 1000000, &p, &e), SK_E_INVALID, e, "too little");
    in.price_micros = -1;
    assert_status(flt_train_plan_chips(&in, 0, budget, &p, &e), SK_E_INVALID, e, "needs a price");
    assert_status(flt_train_plan_chips(&in, 0, 0, &p, &e), SK_E_INVALID, e, "deadline or a budget");
}

static void no_plans(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_train_plan p;
    flt_train_plan_in in = llama();
    in.params = NAN;
    assert_status(flt_train_plan_make(&in, &p, &e), SK_E_INVALID, e, "parameters");
    in = llama();
    in.mfu = 1.5;
    assert_status(flt_train_plan_make(&in, &p, &e), SK_E_INVALID, e, "at most 1");
    in = llama();
    in.tokens = -1;
    assert_status(flt_train_plan_make(&in, &p, &e), SK_E_INVALID, e, "tokens");
    in = llama();
    in.upkeep.failures_per_node_day = 1; /* 2,048 a day, each costs an hour */
    in.upkeep.restart_s = 3600;
    assert_status(flt_train_plan_make(&in, &p, &e), SK_E_INVALID, e, "no time for progress");
    in = llama();
    in.chips_per_node = 0;
    assert_status(flt_train_plan_make(&in, &p, &e), SK_E_INVALID, e, "at least 1 chip");
}

static void chips(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const flt_chip *c;
    const flt_chip own[] = {{.id = 1, .name = "h100", .peak_bf16_flops = 1}};
    const flt_book b = {.chip = own, .n_chip = 1};
    size_t n;
    const flt_known_chip *k = flt_known_chips(&n);
    for (size_t i = 0; i < n; i++) {
        assert_true(k[i].chip.peak_bf16_flops > 1e13 && k[i].chip.memory_bytes > 1e10);
        assert_true(k[i].chips_per_node > 0 && *k[i].chip.source);
        assert_status_ok(flt_plan_chip(NULL, k[i].chip.name, &c, &e), e);
        assert_ptr_equal(c, &k[i].chip);
    }
    assert_status_ok(flt_plan_chip(NULL, "H100", &c, &e), e);
    assert_true(c->peak_bf16_flops == 989e12);
    assert_status_ok(flt_plan_chip(&b, "h100", &c, &e), e);
    assert_true(c->peak_bf16_flops == 1); /* the fleet's own goes first */
    assert_status(flt_plan_chip(&b, "h1000", &c, &e), SK_E_NOTFOUND, e, "trainium2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_failures),
        cmocka_unit_test(closed_form),
        cmocka_unit_test(best_interval),
        cmocka_unit_test(from_a_deadline),
        cmocka_unit_test(from_a_budget),
        cmocka_unit_test(no_plans),
        cmocka_unit_test(chips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
