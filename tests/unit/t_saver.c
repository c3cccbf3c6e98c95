/* t_saver.c - checkpoints written beside the steps: the state may change as soon as the saver was
 * told, errors come at the next call, and who lost the lease publishes nothing.
 */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"
#include "engine/train/saver.h"

#include <math.h>
#include <stdio.h>

enum { FLOATS = 6 << 20, STEPS = 10 }; /* 72 MB in all: more than one piece of the saver's */

static int drop_dir(void **state)
{
    for (int k = 0; k < SK_FAULT_N; k++)
        sk_fault_plan((sk_fault_kind)k, 0, false);
    return unit_dir_remove(state);
}

static json_t *meta(void)
{
    eng_train_opts o;
    eng_train_opts_default(&o);
    o.steps = STEPS;
    json_t *m = eng_trainstate_meta("pretrain", &o, true);
    assert_non_null(m);
    return m;
}

/* The state after `step` steps; every number tells its place and the step. */
static void fill(eng_trainstate *s, uint64_t step)
{
    for (size_t i = 0; i < FLOATS; i++) {
        s->param[i] = (float)(i % 1000) + (float)step;
        s->m[i] = s->param[i] + 0.25f;
        s->v[i] = s->param[i] + 0.5f;
    }
    while (s->step < step || s->curve.n == 0) {
        s->step += s->curve.n > 0;
        eng_point p = {(double)s->step, (double)s->step, 3, 0.1, 1, 5 - (double)s->step, NAN};
        eng_curve_add(&s->curve, &p);
    }
    s->guard.base = step; /* all are due */
}

/* The file holds the state of that step. */
static void holds(const char *name, uint64_t step, json_t *m)
{
    sk_err e = SK_ERR_INIT;
    eng_trainstate s;
    assert_status_ok(eng_trainstate_init(&s, FLOATS, FLOATS, STEPS, &e), e);
    assert_status_ok(eng_trainstate_load(&s, unit_path(unit_dir, name), m, &e), e);
    assert_int_equal(s.step, step);
    for (size_t i = 0; i < FLOATS; i++) {
        float p = (float)(i % 1000) + (float)step;
        if (s.param[i] != p || s.m[i] != p + 0.25f || s.v[i] != p + 0.5f)
            fail_msg("%s: number %zu is not that of step %llu", name, i, (unsigned long long)step);
    }
    eng_trainstate_fini(&s);
}

/* A saver, a state that is at step 0 on disk, and what checkpoints say the run is. */
typedef struct setup {
    eng_trainstate s;
    json_t *m;
    eng_saver *sv;
} setup;

static void begin(setup *t, uint32_t keep)
{
    sk_err e = SK_ERR_INIT;
    bool found = true;
    *t = (setup){.m = meta()};
    assert_status_ok(eng_trainstate_init(&t->s, FLOATS, FLOATS, STEPS, &e), e);
    assert_status_ok(eng_saver_open(unit_dir, &t->sv, &e), e);
    assert_status_ok(
        eng_ckptdir_load(eng_saver_dir(t->sv), unit_dir, keep, &t->s, t->m, &found, NULL, NULL, &e),
        e);
    assert_false(found);
    fill(&t->s, 0);
    assert_status_ok(eng_saver_begin(t->sv, &t->s, t->m, &e), e);
    assert_status_ok(eng_saver_wait(t->sv, &e), e);
}

static void end(setup *t)
{
    eng_saver_close(t->sv);
    eng_trainstate_fini(&t->s);
    json_decref(t->m);
}

/* The state after `step` steps, given to the saver. */
static void save(setup *t, uint64_t step)
{
    sk_err e = SK_ERR_INIT;
    fill(&t->s, step);
    assert_status_ok(eng_saver_begin(t->sv, &t->s, t->m, &e), e);
}

/* Changed at once after begin and settle, with and without memory for a copy. */
static void the_state_may_change(void **state)
{
    (void)state;
    setup t;
    begin(&t, 3);
    for (uint64_t step = 1; step <= 4; step++) {
        save(&t, step);
        sk_fault_plan(SK_FAULT_ALLOC, step % 2 ? 0 : 1, true);
        eng_saver_settle(t.sv);
        for (size_t i = 0; i < FLOATS; i++)
            t.s.param[i] = t.s.m[i] = t.s.v[i] = -1;
        sk_fault_plan(SK_FAULT_ALLOC, 0, false);
        sk_err failed = SK_ERR_INIT; /* the writer may have met the fault instead */
        if (eng_saver_wait(t.sv, &failed)) break;
        holds("checkpoint.stk", step, t.m);
    }
    end(&t);
}

/* Where no copy is allowed none is made: the training thread waits for the last piece instead. */
static void a_bound_on_the_copy(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    setup t;
    begin(&t, 3);
    eng_saver_limit(t.sv, 0);
    for (uint64_t step = 1; step <= 3; step++) {
        save(&t, step);
        uint64_t before = sk_mem_bytes(SK_MEM_TRAIN);
        eng_saver_settle(t.sv);
        assert_true(sk_mem_bytes(SK_MEM_TRAIN) < before + (4u << 20)); /* the file's own */
        for (size_t i = 0; i < FLOATS; i++)
            t.s.param[i] = t.s.m[i] = t.s.v[i] = -1;
        assert_status_ok(eng_saver_wait(t.sv, &e), e);
        holds("checkpoint.stk", step, t.m);
    }
    end(&t);
}

/* A write that fails is told at the next call and every one after; what was there stays. */
static void errors_are_not_lost(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    setup t;
    begin(&t, 2);
    uint64_t step, us;
    sk_fault_plan(SK_FAULT_WRITE, 4, false);
    save(&t, 1);
    assert_status(eng_saver_wait(t.sv, &e), SK_E_NOSPACE, e, "checkpoint.stk");
    sk_err again = SK_ERR_INIT;
    assert_status(eng_saver_poll(t.sv, &step, &us, &again), SK_E_NOSPACE, again, "checkpoint.stk");
    assert_int_equal(step, 0);
    assert_status(eng_saver_begin(t.sv, &t.s, t.m, &again), SK_E_NOSPACE, again, "checkpoint.stk");
    eng_saver_close(t.sv);
    t.sv = NULL;
    holds("checkpoint.stk", 0, t.m);
    end(&t);
}

/* The last ones by number, the best by its loss, which falls here. */
static void names_are_right(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    setup t;
    begin(&t, 3);
    for (uint64_t step = 1; step <= 4; step++) {
        save(&t, step);
        assert_status_ok(eng_saver_wait(t.sv, &e), e);
    }
    holds("checkpoint.stk", 4, t.m);
    holds("checkpoints/step-000000003.stk", 3, t.m);
    holds("checkpoints/step-000000002.stk", 2, t.m);
    holds("best.stk", 4, t.m);
    assert_int_equal(unit_count_files(unit_path(unit_dir, "checkpoints")), 2);
    end(&t);
}

/* A later epoch, or a lease file that says nothing: nothing is published. */
static void a_lost_lease_publishes_nothing(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    setup t;
    eng_lease other;
    begin(&t, 2);
    assert_int_equal(eng_saver_lease(t.sv)->epoch, 1);
    assert_status_ok(eng_lease_take(unit_dir, &other, &e), e);
    assert_int_equal(other.epoch, 2);
    save(&t, 1);
    assert_status(eng_saver_wait(t.sv, &e), SK_E_INUSE, e, "another trainer has taken over");
    eng_saver_close(t.sv);
    t.sv = NULL;
    holds("checkpoint.stk", 0, t.m);
    e = (sk_err)SK_ERR_INIT;
    unit_write(unit_path(unit_dir, "lease"), "{\"epoch\":", 9);
    assert_status(eng_lease_check(&other, &e), SK_E_FORMAT, e, "damaged");
    assert_status(eng_lease_take(unit_dir, &other, &e), SK_E_FORMAT, e, "damaged");
    unit_write(unit_path(unit_dir, "model.new"), "x", 1);
    assert_int_not_equal(eng_lease_rename(&other, unit_path(unit_dir, "model.new"),
                                          unit_path(unit_dir, "model"), &e),
                         SK_OK);
    sk_buf b = SK_BUF_INIT;
    assert_false(unit_read(unit_path(unit_dir, "model"), &b));
    assert_false(unit_read(unit_path(unit_dir, "model.new"), &b));
    sk_buf_fini(&b);
    end(&t);
}

#define IN_DIR(f) cmocka_unit_test_setup_teardown(f, unit_dir_make, drop_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(the_state_may_change),
        IN_DIR(a_bound_on_the_copy),
        IN_DIR(errors_are_not_lost),
        IN_DIR(names_are_right),
        IN_DIR(a_lost_lease_publishes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
