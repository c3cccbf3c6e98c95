/* spike.c - what becomes of a step that would spoil the run: guard.h has the rule. */
#include "base/fault.h"
#include "engine/train/run.h"
#include "engine/train/rundir.h"

#include <math.h>

/* A step reads the batch of its number, but for those passed over. */
uint64_t eng_run_batch(const eng_run *l)
{
    return l->s.step + l->s.guard.shift;
}

/* The step to come as an event. */
static eng_guard_event event_of(const eng_run *l, const eng_point *p, double z_loss, double z_norm)
{
    eng_guard_event ev = {
        .step = l->s.step,
        .batch = eng_run_batch(l),
        .loss = p->loss,
        .grad_norm = p->grad_norm,
        .z_loss = z_loss,
        .z_norm = z_norm,
        .to = UINT64_MAX,
        .lr_scale = l->s.guard.lr_scale,
        .n_rows = l->rows,
    };
    for (size_t r = 0; r < l->rows && r < ENG_GUARD_ROWS; r++)
        ev.rows[r] = eng_dataset_pick(l->j->data, l->o->seed, ev.batch * l->rows + r);
    return ev;
}

/* Tells a person. */
static void tell(const eng_run *l, const eng_guard_event *ev)
{
    sk_buf text = SK_BUF_INIT;
    eng_guard_text(ev, l->j->data->n_ctx, &text);
    if (sk_buf_ok(&text) && text.p) eng_emit_note(l->o, "%s", text.p);
    sk_buf_fini(&text);
}

/* Loads the checkpoint to go back to; other batches at half the rate from there on. */
static sk_status go_back(eng_run *l, eng_guard_event *ev, sk_err *e)
{
    eng_guard before = l->s.guard;
    sk_status st = eng_run_reload(l, e);
    if (st) return st;
    eng_guard_returned(&l->s.guard, &before, ev->step, l->s.step);
    l->saved = l->s.step;
    ev->to = l->s.step;
    ev->lr_scale = l->s.guard.lr_scale;
    eng_guard_add(&l->s.guard, ev);
    eng_pass_load(l->pass, l->s.param);
    tell(l, ev);
    return SK_OK;
}

/* The end, with all that is known. */
static sk_status give_up(const eng_run *l, const eng_guard_event *ev, sk_err *e)
{
    sk_buf text = SK_BUF_INIT;
    eng_guard_text(ev, l->j->data->n_ctx, &text);
    bool ok = sk_buf_ok(&text) && text.p;
    sk_status st =
        sk_fail(e, SK_E_INVALID,
                "training diverged at %s (%llu skipped, %llu times gone back); the checkpoint of "
                "step %llu is "
                "kept. Begin again in another folder with a smaller learning rate (now %g), or see "
                "--on-spike",
                ok ? text.p : "", (unsigned long long)l->s.guard.skipped,
                (unsigned long long)l->s.guard.rollbacks, (unsigned long long)l->saved, l->o->lr);
    sk_buf_fini(&text);
    return st;
}

sk_status eng_run_judge(eng_run *l, eng_point *p, bool *lost, bool *back, sk_err *e)
{
    double z_loss, z_norm;
    p->lr = eng_lr_at(l->o, l->s.step) * l->s.guard.lr_scale;
    if (sk_fault(SK_FAULT_LOSS)) p->loss = NAN;
    eng_verdict v =
        eng_guard_judge(&l->s.guard, l->o, l->s.step, p->loss, p->grad_norm, &z_loss, &z_norm);
    if (v == ENG_STEP_GOOD) return SK_OK;
    eng_guard_event ev = event_of(l, p, z_loss, z_norm);
    if (v == ENG_STEP_STOP) return give_up(l, &ev, e);
    *lost = true;
    *back = v == ENG_STEP_ROLLBACK;
    if (*back) return go_back(l, &ev, e);
    eng_guard_add(&l->s.guard, &ev);
    p->lr = 0;
    tell(l, &ev);
    return SK_OK;
}
