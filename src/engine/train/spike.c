/* spike.c - what becomes of a step that would spoil the run: guard.h has the rule. */
#include "base/fault.h"
#include "engine/train/run.h"
#include "engine/train/rundir.h"

#include <assert.h>
#include <math.h>

/* A step reads the batch of its number, but for those passed over. */
uint64_t eng_run_batch(const eng_run *l)
{
    return l->s.step + l->s.guard.shift;
}

/* Mean loss of row r of the step; a row without a number is worse than any. */
static double row_loss(const eng_run *l, size_t r)
{
    size_t n = l->j->data->n_ctx, targets = 0;
    assert(r < l->rows);
    for (size_t i = r * n; i < (r + 1) * n; i++)
        targets += l->target[i] >= 0;
    double loss = l->nats[r] / (double)(targets ? targets : 1);
    return isnan(loss) ? INFINITY : loss;
}

/* The rows with the highest losses, the worst first, by insertion. */
static void name_rows(const eng_run *l, eng_guard_event *ev)
{
    double worst[ENG_GUARD_ROWS];
    for (size_t r = 0, n = 0; r < l->rows; r++) {
        double loss = row_loss(l, r);
        if (n == ENG_GUARD_ROWS && !(loss > worst[n - 1])) continue;
        size_t at = n < ENG_GUARD_ROWS ? n++ : n - 1;
        for (; at > 0 && loss > worst[at - 1]; at--) {
            worst[at] = worst[at - 1];
            ev->rows[at] = ev->rows[at - 1];
        }
        assert(at < ENG_GUARD_ROWS);
        worst[at] = loss;
        ev->rows[at] = eng_dataset_pick(l->j->data, l->o->seed, ev->batch * l->rows + r);
    }
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
    name_rows(l, &ev);
    return ev;
}

/* A rise up to this step. */
static eng_guard_event rise_of(const eng_run *l)
{
    const eng_trend *t = &l->trend;
    return (eng_guard_event){
        .step = l->s.step,
        .batch = eng_run_batch(l),
        .loss = t->mean,
        .grad_norm = t->low,
        .z_loss = (t->mean - t->low) / t->error,
        .z_norm = NAN,
        .to = UINT64_MAX,
        .lr_scale = l->s.guard.lr_scale,
        .rows = {t->low_step},
    };
}

/* Tells a person. */
static void tell(const eng_run *l, const eng_guard_event *ev)
{
    sk_buf text = SK_BUF_INIT;
    eng_guard_text(ev, l->j->data, &text);
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
    l->trend.begun = false;
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
    eng_guard_text(ev, l->j->data, &text);
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

bool eng_run_suspect(const eng_run *l)
{
    double part = l->o->spike_rise / 2;
    return part > 0 && eng_trend_rises(&l->trend, part, ENG_TREND_ERRORS / 2.0);
}

/* Takes a good step into the trend; true when the loss has risen too far. */
static bool risen(eng_run *l, const eng_point *p)
{
    uint64_t since = eng_guard_since(&l->s.guard);
    eng_trend *t = &l->trend;
    if (!t->begun || t->since != since) eng_trend_begin(t, &l->s.curve, since);
    eng_point done = *p;
    done.step = (double)(l->s.step + 1);
    eng_trend_add(t, &done);
    return l->o->spike_rise > 0 && eng_trend_rises(t, l->o->spike_rise, ENG_TREND_ERRORS);
}

/* What a step shows, and what is to be done about it. */
static eng_verdict look(eng_run *l, const eng_point *p, eng_guard_event *ev)
{
    double z_loss, z_norm;
    eng_verdict v =
        eng_guard_judge(&l->s.guard, l->o, l->s.step, p->loss, p->grad_norm, &z_loss, &z_norm);
    if (v != ENG_STEP_GOOD) {
        *ev = event_of(l, p, z_loss, z_norm);
        return v;
    }
    if (!risen(l, p)) return v;
    *ev = rise_of(l);
    return eng_guard_rise(&l->s.guard, l->o);
}

sk_status eng_run_judge(eng_run *l, eng_point *p, bool *lost, bool *back, sk_err *e)
{
    eng_guard_event ev;
    p->lr = eng_lr_at(l->o, l->s.step) * l->s.guard.lr_scale;
    if (sk_fault(SK_FAULT_LOSS)) p->loss = NAN;
    eng_verdict v = look(l, p, &ev);
    if (v == ENG_STEP_GOOD) return SK_OK;
    if (v == ENG_STEP_STOP) return give_up(l, &ev, e);
    *lost = ev.n_rows > 0;
    *back = v == ENG_STEP_ROLLBACK;
    if (*back) return go_back(l, &ev, e);
    eng_guard_add(&l->s.guard, &ev);
    if (*lost) p->lr = 0;
    tell(l, &ev);
    return SK_OK;
}
