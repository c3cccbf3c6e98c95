/* t_pace.c - the time a run still takes. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "engine/train/pace.h"

#include <math.h>

static void by_the_last_steps(void **state)
{
    (void)state;
    eng_pace p = {.n = 0};
    assert_true(isnan(eng_pace_left(&p, 100)));
    eng_pace_step(&p, 1, 1000000, 3000000); /* resumed or not: the first step itself */
    assert_true(fabs(eng_pace_left(&p, 11) - 20) < 1e-9);
    eng_pace_step(&p, 2, 6000000, 7000000); /* what was between the two counts */
    assert_true(fabs(eng_pace_left(&p, 12) - 30) < 1e-9);
    assert_true(eng_pace_left(&p, 2) == 0);
    for (uint64_t i = 3; i <= 40; i++) /* half a second each: the slow ones are forgotten */
        eng_pace_step(&p, i, 0, 7000000 + (i - 2) * 500000);
    assert_true(fabs(eng_pace_left(&p, 60) - 10) < 1e-9);
}

static void a_return_begins_anew(void **state)
{
    (void)state;
    eng_pace p = {.n = 0};
    for (uint64_t i = 51; i <= 60; i++)
        eng_pace_step(&p, i, i * 1000000, (i + 1) * 1000000);
    eng_pace_step(&p, 41, 70000000, 72000000);
    assert_true(fabs(eng_pace_left(&p, 51) - 20) < 1e-9);
}

/* What the events of a run say. */
typedef struct heard {
    double left[64];
    size_t n;
} heard;

static void hear(void *arg, const eng_train_event *ev)
{
    heard *h = arg;
    if (ev->kind == ENG_EV_STEP && h->n < 64) h->left[h->n++] = ev->eta_s;
}

static void every_step_says_it(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    heard h = {.n = 0};
    tiny_run r;
    tiny_run_init(&r);
    r.o.event = hear;
    r.o.arg = &h;
    assert_status_ok(tiny_run_train(&r, &e), e);
    assert_int_equal(h.n, r.o.steps);
    for (size_t i = 0; i + 1 < h.n; i++)
        assert_true(h.left[i] > 0 && h.left[i] < 3600);
    assert_true(h.left[h.n - 1] == 0);
    sk_buf b = SK_BUF_INIT;
    assert_true(unit_read(tiny_run_path(&r, "metrics.jsonl"), &b));
    assert_non_null(strstr(b.p, "\"eta_s\":"));
    sk_buf_fini(&b);
    tiny_run_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_the_last_steps),
        cmocka_unit_test(a_return_begins_anew),
        cmocka_unit_test(every_step_says_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
