/* t_guard.c - steps that would spoil a run: what counts as one, what is done about it, in what
 * order, and that all of it is the same after a stop and for any number of threads. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "engine/train/guard.h"

#include <math.h>
#include <stdio.h>

/* ---- the rule ---- */

static eng_train_opts options(eng_on_spike what)
{
    eng_train_opts o;
    eng_train_opts_default(&o);
    o.on_spike = what;
    return o;
}

static eng_verdict judge(eng_guard *g, eng_on_spike what, uint64_t step, double loss, double norm)
{
    eng_train_opts o = options(what);
    double z_loss, z_norm;
    return eng_guard_judge(g, &o, step, loss, norm, &z_loss, &z_norm);
}

/* A window of losses around 3 and norms around 1. */
static uint64_t fill(eng_guard *g)
{
    eng_guard_init(g);
    for (uint64_t i = 0; i < ENG_GUARD_WINDOW; i++)
        assert_int_equal(
            judge(g, ENG_SPIKE_ROLLBACK, i, 3 + 0.1 * (double)(i % 3), 1 + 0.2 * (double)(i % 5)),
            ENG_STEP_GOOD);
    return ENG_GUARD_WINDOW;
}

static void what_stands_out_is_a_spike(void **state)
{
    (void)state;
    eng_guard g;
    eng_guard_init(&g);
    assert_int_equal(judge(&g, ENG_SPIKE_ROLLBACK, 0, 3, 1), ENG_STEP_GOOD);
    assert_int_equal(judge(&g, ENG_SPIKE_ROLLBACK, 1, 1e9, 1e9), ENG_STEP_GOOD); /* no window yet */
    assert_int_equal(judge(&g, ENG_SPIKE_ROLLBACK, 2, NAN, 1), ENG_STEP_SKIP);
    uint64_t at = fill(&g);
    assert_int_equal(judge(&g, ENG_SPIKE_ROLLBACK, at++, 3.5, 1.4), ENG_STEP_GOOD);
    assert_int_equal(judge(&g, ENG_SPIKE_ROLLBACK, at++, 0.1, 0.1), ENG_STEP_GOOD); /* below */
    assert_int_equal(judge(&g, ENG_SPIKE_ROLLBACK, at++, 30, 1.4), ENG_STEP_SKIP);
    assert_int_equal(judge(&g, ENG_SPIKE_IGNORE, at++, 30, 100), ENG_STEP_GOOD);
    fill(&g);
    assert_int_equal(judge(&g, ENG_SPIKE_ROLLBACK, at++, 3, 100), ENG_STEP_SKIP);
    fill(&g);
    assert_int_equal(judge(&g, ENG_SPIKE_STOP, at++, 30, 1), ENG_STEP_STOP);
    assert_int_equal(judge(&g, ENG_SPIKE_IGNORE, at++, NAN, 1), ENG_STEP_STOP);
    assert_int_equal(judge(&g, ENG_SPIKE_IGNORE, at++, 3, INFINITY), ENG_STEP_STOP);
}

static void skips_near_each_other_are_too_many(void **state)
{
    (void)state;
    eng_guard g, loaded;
    eng_guard_init(&g);
    for (uint64_t i = 0; i < 10; i++) /* far apart */
        assert_int_equal(judge(&g, ENG_SPIKE_ROLLBACK, i * ENG_GUARD_SPAN, NAN, 1), ENG_STEP_SKIP);
    for (uint64_t k = 1; k <= ENG_GUARD_ROLLBACKS + 1; k++) {
        eng_guard_init(&loaded);
        for (uint64_t i = 0; i + 1 < ENG_GUARD_SKIPS; i++)
            assert_int_equal(judge(&g, ENG_SPIKE_ROLLBACK, 10000 + i, NAN, 1), ENG_STEP_SKIP);
        eng_verdict v = judge(&g, ENG_SPIKE_ROLLBACK, 10010, NAN, 1);
        assert_int_equal(v, k > ENG_GUARD_ROLLBACKS ? ENG_STEP_STOP : ENG_STEP_ROLLBACK);
        if (v == ENG_STEP_STOP) break;
        eng_guard_returned(&loaded, &g, 10010, 9000);
        g = loaded;
        assert_int_equal(g.shift, 1011 * k);
        assert_true(g.lr_scale == pow(0.5, (double)k));
        assert_int_equal(g.skipped, 0);
    }
    eng_guard_init(&g);
    for (uint64_t i = 0; i < ENG_GUARD_SKIPS; i++)
        assert_int_equal(judge(&g, ENG_SPIKE_SKIP, i, NAN, 1),
                         i + 1 < ENG_GUARD_SKIPS ? ENG_STEP_SKIP : ENG_STEP_STOP);
}

/* ---- runs ---- */

static tiny_run base;

static int make_base(void **state)
{
    (void)state;
    tiny_run_init(&base);
    base.o.steps = 12;
    base.o.save_every = 3;
    return 0;
}

static int remove_base(void **state)
{
    (void)state;
    tiny_run_fini(&base);
    return 0;
}

/* What a run said, and when it is to be stopped. */
typedef struct heard {
    char notes[4096], last[512];
    double last_lr;
    uint64_t stop_after; /* this many steps; 0: never */
    uint64_t save_at;    /* a checkpoint is asked for in this step; 0: never */
    uint64_t steps;
} heard;

static void hear(void *arg, const eng_train_event *ev)
{
    heard *h = arg;
    if (ev->kind == ENG_EV_STEP) {
        h->last_lr = ev->lr;
        h->steps++;
    }
    if (ev->kind != ENG_EV_NOTE) return;
    (void)snprintf(h->last, sizeof(h->last), "%s", ev->text);
    size_t n = strlen(h->notes);
    (void)snprintf(h->notes + n, sizeof(h->notes) - n, "%s\n", ev->text);
    if (strstr(ev->text, "back to")) sk_fault_plan(SK_FAULT_LOSS, 0, false);
}

static bool stop(void *arg)
{
    const heard *h = arg;
    return h->stop_after && h->steps >= h->stop_after;
}

static bool save(void *arg)
{
    const heard *h = arg;
    return h->save_at && h->steps == h->save_at;
}

/* A run whose loss is spoiled at the nth step, and at later ones until it has gone back. */
static sk_status spoiled(tiny_run *r, heard *h, unsigned long nth, bool on, sk_err *e)
{
    r->o.event = hear;
    r->o.stop = stop;
    r->o.save = save;
    r->o.arg = h;
    sk_fault_plan(SK_FAULT_LOSS, nth, on);
    sk_status st = tiny_run_train(r, e);
    sk_fault_plan(SK_FAULT_LOSS, 0, false);
    return st;
}

static void assert_log_has(const tiny_run *r, const char *part)
{
    sk_buf b = SK_BUF_INIT;
    assert_true(unit_read(tiny_run_path(r, "log.jsonl"), &b));
    if (!strstr(b.p, part)) fail_msg("log.jsonl does not have %s", part);
    sk_buf_fini(&b);
}

static void one_bad_step_is_left_out(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h = {.stop_after = 0}, i = {.stop_after = 8};
    tiny_run a = tiny_run_beside(&base, "skip"), b = tiny_run_beside(&base, "skip-stopped");
    b.threads = 3;
    assert_status_ok(spoiled(&a, &h, 5, false, &e), e);
    assert_non_null(strstr(h.notes, "step 5: the loss is"));
    assert_non_null(strstr(h.notes, "rows of 24 tokens"));
    assert_non_null(strstr(h.notes, "skipped"));
    assert_non_null(strstr(h.notes, "data.txt, document "));
    assert_log_has(&a, "{\"event\":\"skip\",\"step\":5,\"batch\":4,\"loss\":null");
    assert_log_has(&a, "\"row_tokens\":24,\"from\":[{\"row\":");
    assert_log_has(&a, "data.txt\",\"document\":");
    assert_int_equal(spoiled(&b, &i, 5, false, &e), SK_E_STOPPED);
    b.o.resume = true;
    i.stop_after = 0;
    assert_status_ok(spoiled(&b, &i, 0, false, &e), e);
    tiny_run_same(&a, &b);
}

static void several_lead_back_to_the_checkpoint(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h = {.stop_after = 0}, i = {.stop_after = 0}, plain = {.stop_after = 0};
    tiny_run a = tiny_run_beside(&base, "back"), b = tiny_run_beside(&base, "back-again");
    tiny_run c = tiny_run_beside(&base, "plain");
    b.threads = 1;
    assert_status_ok(spoiled(&a, &h, 5, true, &e), e);
    assert_non_null(strstr(h.notes, "back to the checkpoint of step 3, with the rate times 0.5"));
    assert_log_has(&a, "{\"event\":\"rollback\",\"step\":7,\"batch\":6,\"to\":3");
    assert_status_ok(spoiled(&b, &i, 5, true, &e), e);
    tiny_run_same(&a, &b);
    assert_status_ok(spoiled(&c, &plain, 0, false, &e), e);
    assert_true(fabs(h.last_lr - plain.last_lr / 2) < 1e-12);
}

/* Checkpoints of signals and of stops are not what a run left alone would go back to. */
static void what_was_asked_for_is_not_gone_back_to(void **state)
{
    (void)state;
    for (uint32_t keep = 1; keep <= 2; keep++) {
        sk_err e = SK_ERR_INIT;
        char name[3][16];
        heard h = {.stop_after = 0}, i = {.save_at = 4}, k = {.stop_after = 4};
        for (int n = 0; n < 3; n++)
            (void)snprintf(name[n], sizeof(name[n]), "%u-%d", keep, n);
        tiny_run a = tiny_run_beside(&base, name[0]), b = tiny_run_beside(&base, name[1]);
        tiny_run c = tiny_run_beside(&base, name[2]);
        a.o.keep = b.o.keep = c.o.keep = keep;
        assert_status_ok(spoiled(&a, &h, 5, true, &e), e);
        assert_status_ok(spoiled(&b, &i, 5, true, &e), e);
        assert_non_null(strstr(i.notes, "back to the checkpoint of step 3,"));
        tiny_run_same(&a, &b);
        assert_int_equal(spoiled(&c, &k, 0, false, &e), SK_E_STOPPED);
        c.o.resume = true;
        k = (heard){.stop_after = 0};
        assert_status_ok(spoiled(&c, &k, 1, true, &e), e);
        assert_non_null(strstr(k.notes, "back to the checkpoint of step 3,"));
        tiny_run_same(&a, &c);
    }
}

static void what_does_not_help_ends_the_run(void **state)
{
    (void)state;
    const eng_on_spike what[] = {ENG_SPIKE_SKIP, ENG_SPIKE_STOP, ENG_SPIKE_IGNORE};
    for (size_t i = 0; i < 3; i++) {
        sk_err e = SK_ERR_INIT;
        heard h = {.stop_after = 0};
        char name[16];
        (void)snprintf(name, sizeof(name), "end%zu", i);
        tiny_run r = tiny_run_beside(&base, name);
        r.o.on_spike = what[i];
        assert_status(spoiled(&r, &h, 5, true, &e), SK_E_INVALID, e,
                      i ? "diverged at step 5" : "diverged at step 7");
        assert_non_null(strstr(e.text, "the checkpoint of step 3 is kept"));
        r.o.resume = true; /* the cause is gone: it goes on */
        heard again = {.stop_after = 0};
        assert_status_ok(spoiled(&r, &again, 0, false, &e), e);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_stands_out_is_a_spike),
        cmocka_unit_test(skips_near_each_other_are_too_many),
        cmocka_unit_test(one_bad_step_is_left_out),
        cmocka_unit_test(several_lead_back_to_the_checkpoint),
        cmocka_unit_test(what_was_asked_for_is_not_gone_back_to),
        cmocka_unit_test(what_does_not_help_ends_the_run),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
