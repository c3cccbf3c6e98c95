/* t_trend.c - a loss that rises slowly: when it counts, and what a run does about it. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "engine/train/guard.h"
#include "engine/train/trend.h"

#include <math.h>
#include <stdio.h>

/* A point of a curve: noise of a hundredth around `loss`. */
static eng_point point(uint64_t step, double loss)
{
    double noise = 0.01 * ((double)(step * 2654435761u % 1000) / 500 - 1);
    return (eng_point){.step = (double)step, .loss = loss + noise, .lr = 1e-3};
}

static void what_counts_as_a_rise(void **state)
{
    (void)state;
    eng_trend t;
    eng_curve none = {.n = 0};
    eng_trend_begin(&t, &none, 0);
    uint64_t at = 1;
    for (; at < ENG_TREND_WINDOW; at++) { /* no window yet */
        eng_point p = point(at, 1 + 0.1 * (double)at);
        eng_trend_add(&t, &p);
        assert_false(eng_trend_rises(&t, 1e-9, 0));
    }
    eng_trend_begin(&t, &none, 0);
    for (at = 1; at <= 1000; at++) { /* falling, then level */
        eng_point p = point(at, 3 + 2 * exp(-(double)at / 100));
        eng_trend_add(&t, &p);
        assert_false(eng_trend_rises(&t, 0.01, 1));
    }
    for (; at <= 1400 && !eng_trend_rises(&t, 0.05, ENG_TREND_ERRORS); at++) {
        eng_point p = point(at, 3 + 0.001 * (double)(at - 1000)); /* too slow for a spike */
        eng_trend_add(&t, &p);
    }
    assert_true(at > 1150 && at < 1300);
    assert_true(t.low_step > 900 && t.low_step < 1100);
    assert_false(eng_trend_rises(&t, 0.06, ENG_TREND_ERRORS));
}

/* Small losses are noisy: by five parts in a hundred, but not by six standard errors. */
static void noise_is_no_rise(void **state)
{
    (void)state;
    eng_trend t;
    eng_curve none = {.n = 0};
    eng_trend_begin(&t, &none, 0);
    for (uint64_t at = 1; at <= 2000; at++) {
        eng_point p = {.step = (double)at, .lr = 1e-3};
        p.loss = (double)(at * 2654435761u % 1000) / 1000;
        p.loss = 0.1 * p.loss * p.loss * p.loss * p.loss;
        eng_trend_add(&t, &p);
        assert_false(eng_trend_rises(&t, 0.05, ENG_TREND_ERRORS));
    }
}

/* What is known by heart: from a thousandth of a nat to ten times that. */
static void little_is_no_rise(void **state)
{
    (void)state;
    eng_trend t;
    eng_curve none = {.n = 0};
    eng_trend_begin(&t, &none, 0);
    for (uint64_t at = 1; at <= 400; at++) {
        eng_point p = {.step = (double)at, .loss = at < 200 ? 0.001 : 0.01, .lr = 1e-3};
        eng_trend_add(&t, &p);
        assert_false(eng_trend_rises(&t, 0.05, ENG_TREND_ERRORS));
    }
    assert_true(t.mean > 9 * t.low);
}

/* From the curve as from the steps, to the last bit; skipped steps are none. */
static void worked_out_anew(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_curve c;
    eng_trend a, b;
    assert_status_ok(eng_curve_init(&c, 501, &e), e);
    eng_trend_begin(&a, &c, 50);
    for (uint64_t at = 0; at <= 500; at++) {
        eng_point p = point(at, 3 + sin((double)at / 40));
        if (at % 7 == 3) p.lr = 0, p.loss = 1e9;
        if (at % 50 == 1) p.loss = NAN;
        eng_curve_add(&c, &p);
        if (at > 50) eng_trend_add(&a, &p);
    }
    eng_trend_begin(&b, &c, 50);
    assert_int_equal(a.n, b.n);
    assert_memory_equal(&a.mean, &b.mean, sizeof a.mean);
    assert_memory_equal(&a.low, &b.low, sizeof a.low);
    assert_int_equal(a.low_step, b.low_step);
    eng_curve_fini(&c);
}

/* ---- the rule ---- */

static void what_is_done(void **state)
{
    (void)state;
    eng_train_opts o;
    eng_guard g, loaded;
    eng_train_opts_default(&o);
    eng_guard_init(&g);
    assert_int_equal(eng_guard_rise(&g, &o), ENG_STEP_ROLLBACK);
    assert_int_equal(eng_guard_since(&g), 0);
    eng_guard_event ev = {.step = 900, .to = UINT64_MAX, .n_rows = 4};
    eng_guard_add(&g, &ev); /* a step that was skipped */
    assert_int_equal(eng_guard_since(&g), 0);
    eng_guard_init(&loaded);
    eng_guard_returned(&loaded, &g, 1000, 800);
    ev = (eng_guard_event){.step = 1000, .to = 800};
    eng_guard_add(&loaded, &ev);
    assert_int_equal(eng_guard_since(&loaded), 800);
    loaded.rollbacks = ENG_GUARD_ROLLBACKS;
    assert_int_equal(eng_guard_rise(&loaded, &o), ENG_STEP_STOP);
    o.on_spike = ENG_SPIKE_SKIP;
    assert_int_equal(eng_guard_rise(&loaded, &o), ENG_STEP_SKIP);
    ev = (eng_guard_event){.step = 2000, .to = UINT64_MAX};
    eng_guard_add(&loaded, &ev); /* a rise that was told */
    assert_int_equal(eng_guard_since(&loaded), 2001);
    o.on_spike = ENG_SPIKE_STOP;
    assert_int_equal(eng_guard_rise(&g, &o), ENG_STEP_STOP);
    o.on_spike = ENG_SPIKE_IGNORE;
    assert_int_equal(eng_guard_rise(&g, &o), ENG_STEP_GOOD);
}

/* ---- runs ---- */

static tiny_run base;

/* A rate that rises until it is far too high; no step stands out, or none is looked at. */
static int make_base(void **state)
{
    (void)state;
    tiny_run_init(&base);
    base.o.steps = 600;
    base.o.save_every = 40;
    base.o.warmup_frac = 1;
    base.o.decay_frac = 0;
    base.o.lr = 1;
    base.o.spike_loss = base.o.spike_norm = 0;
    return 0;
}

static int remove_base(void **state)
{
    (void)state;
    tiny_run_fini(&base);
    return 0;
}

/* What a run said; it is stopped at the first return, or so many steps later. */
typedef struct heard {
    char notes[4096];
    uint64_t steps, stop_after;
} heard;

static void hear(void *arg, const eng_train_event *ev)
{
    heard *h = arg;
    h->steps += ev->kind == ENG_EV_STEP;
    if (ev->kind != ENG_EV_NOTE) return;
    size_t n = strlen(h->notes);
    (void)snprintf(h->notes + n, sizeof(h->notes) - n, "%s\n", ev->text);
}

static bool stop(void *arg)
{
    const heard *h = arg;
    return h->stop_after && h->steps >= h->stop_after;
}

static sk_status go(tiny_run *r, heard *h, sk_err *e)
{
    r->o.event = hear;
    r->o.stop = stop;
    r->o.arg = h;
    return tiny_run_train(r, e);
}

static const char *log_of(const tiny_run *r, sk_buf *b)
{
    sk_buf_reset(b);
    assert_true(unit_read(tiny_run_path(r, "log.jsonl"), b));
    return b->p;
}

/* It goes back to before the rise with half the rate, and comes to its end; stopped on the way it
 * comes to the same. */
static void a_run_that_gets_worse(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h = {.steps = 0}, i = {.steps = 0};
    tiny_run a = tiny_run_beside(&base, "rise"), b = tiny_run_beside(&base, "rise-stopped");
    sk_buf text = SK_BUF_INIT;
    assert_status_ok(go(&a, &h, &e), e);
    assert_non_null(strstr(h.notes, "the mean loss of the last 128 steps is"));
    assert_non_null(strstr(h.notes, "above the lowest"));
    assert_non_null(strstr(h.notes, "with the rate times 0.5"));
    const char *ev = strstr(log_of(&a, &text), "{\"event\":\"rollback\"");
    unsigned step, to, low;
    assert_non_null(ev);
    assert_int_equal(sscanf(ev, "{\"event\":\"rollback\",\"step\":%u,", &step), 1);
    assert_int_equal(sscanf(strstr(ev, "\"to\":"), "\"to\":%u", &to), 1);
    assert_int_equal(sscanf(strstr(ev, "\"lowest_step\":"), "\"lowest_step\":%u", &low), 1);
    assert_true(to % 40 == 0 && to < step && to < low + 128);
    sk_status st = SK_E_STOPPED;
    for (int n = 0; n < 40 && st == SK_E_STOPPED; n++) {
        i.stop_after = i.steps + 97;
        st = go(&b, &i, &e);
        b.o.resume = true;
    }
    assert_status_ok(st, e);
    tiny_run_same(&a, &b);
    sk_buf_fini(&text);
}

static void told_only(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h = {.steps = 0}, k = {.steps = 0};
    sk_buf text = SK_BUF_INIT;
    tiny_run a = tiny_run_beside(&base, "told"), b = tiny_run_beside(&base, "off");
    a.o.on_spike = ENG_SPIKE_SKIP;
    assert_status_ok(go(&a, &h, &e), e);
    assert_non_null(strstr(h.notes, "; told, and gone on"));
    assert_non_null(strstr(log_of(&a, &text), "{\"event\":\"rise\",\"step\":"));
    b.o.spike_rise = 0;
    assert_status_ok(go(&b, &k, &e), e);
    assert_null(strstr(log_of(&b, &text), "rise"));
    sk_buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_counts_as_a_rise),
        cmocka_unit_test(noise_is_no_rise),
        cmocka_unit_test(little_is_no_rise),
        cmocka_unit_test(worked_out_anew),
        cmocka_unit_test(what_is_done),
        cmocka_unit_test(a_run_that_gets_worse),
        cmocka_unit_test(told_only),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
