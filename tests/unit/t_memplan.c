/* t_memplan.c - what a run was planned to take, and what it takes. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "base/mem.h"

#include <stdio.h>

static tiny_run base;

/* About 1.5 million parameters: the tokenizer and other small things are little beside them. */
static int make_base(void **state)
{
    (void)state;
    tiny_run_init(&base);
    base.o.dim = 128;
    base.o.ffn = 512;
    base.o.layers = 6;
    base.o.steps = 4;
    base.o.save_every = 1;
    return 0;
}

static int remove_base(void **state)
{
    (void)state;
    tiny_run_fini(&base);
    return 0;
}

/* The plan, and the most that was held when a step, an evaluation or a save was told. */
typedef struct heard {
    eng_train_plan plan;
    uint64_t most;
} heard;

static void hear(void *arg, const eng_train_event *ev)
{
    heard *h = arg;
    uint64_t now = 0;
    if (ev->kind == ENG_EV_PLAN) h->plan = *ev->plan;
    for (int k = 0; k < SK_MEM_N; k++)
        now += sk_mem_bytes((sk_mem_kind)k);
    if (ev->kind != ENG_EV_NOTE && ev->kind != ENG_EV_STAGE && now > h->most) h->most = now;
}

/* Within a tenth: of all of it from above, of all but the copy for a checkpoint, which is only
 * made where the writer is slower than a step, from below. */
static void holds(tiny_run *r)
{
    sk_err e = SK_ERR_INIT;
    heard h = {.most = 0};
    r->o.event = hear;
    r->o.arg = &h;
    assert_status_ok(tiny_run_train(r, &e), e);
    const eng_train_plan *p = &h.plan;
    double whole = (double)p->bytes, least = (double)(p->bytes - p->bytes_saver);
    print_message("planned %.2f MB, of it %.2f for saving; held %.2f\n", whole / 1e6,
                  (double)p->bytes_saver / 1e6, (double)h.most / 1e6);
    assert_true((double)h.most <= 1.1 * whole && (double)h.most >= 0.9 * least);
    assert_true(p->bytes_saver >= p->params * sizeof(float));
}

static void all_weights(void **state)
{
    (void)state;
    tiny_run a = tiny_run_beside(&base, "adamw");
    holds(&a);
    assert_int_equal(a.o.optimizer, ENG_ADAMW);
}

static void muon_and_a_mean(void **state)
{
    (void)state;
    tiny_run a = tiny_run_beside(&base, "muon");
    a.o.optimizer = ENG_MUON;
    a.o.ema = 0.9;
    a.o.recompute = true;
    a.o.context = 96;
    a.o.batch_tokens = 960;
    holds(&a);
}

static void a_wide_one_in_lanes(void **state)
{
    (void)state;
    tiny_run a = tiny_run_beside(&base, "lanes");
    a.o.dim = 256;
    a.o.layers = 2;
    a.o.compute_bf16 = 0;
    a.o.lanes = 2;
    holds(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_weights),
        cmocka_unit_test(muon_and_a_mean),
        cmocka_unit_test(a_wide_one_in_lanes),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
