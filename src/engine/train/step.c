/* step.c - one step: gather rows, add up gradients, update, report.
 *
 * What a step computes depends on the parameters, the step's number and the settings only: not on
 * threads, not on whether the run was interrupted.
 */
#include "base/clock.h"
#include "engine/kernel/par.h"
#include "engine/train/optim.h"
#include "engine/train/run.h"
#include "engine/train/rundir.h"

#include <assert.h>
#include <math.h>

/* An event with what all have in common; figures it does not tell are NaN. */
eng_train_event eng_run_event(const eng_run *l, eng_train_kind kind)
{
    return (eng_train_event){
        .kind = kind,
        .stage = l->j->stage,
        .step = l->s.step,
        .total = l->o->steps,
        .tokens = l->s.step * l->rows * l->j->data->n_ctx,
        .loss = NAN,
        .val_loss = NAN,
        .bits_per_byte = NAN,
    };
}

/* Gathers the rows of the step to come; returns its number of targets. */
static uint64_t gather(eng_run *l)
{
    const eng_dataset *d = l->j->data;
    size_t n = d->n_ctx;
    uint64_t targets = 0;
    for (size_t r = 0; r < l->rows; r++) {
        size_t row = eng_dataset_pick(d, l->o->seed, eng_run_batch(l) * l->rows + r);
        eng_dataset_row(d, row, l->ids + r * n, l->target + r * n,
                        l->first ? l->first + r * n : NULL);
        for (size_t i = r * n; i < (r + 1) * n; i++)
            targets += l->target[i] >= 0;
    }
    assert(targets > 0 && "every row has a target");
    return targets;
}

/* Asked between micro-batches: a second or two at most goes by. */
static bool stop_wanted(const eng_run *l)
{
    return l->o->stop && l->o->stop(l->o->arg);
}

/* Loss and gradient of the whole step; false when asked to stop in between. */
static bool accumulate(eng_run *l, double *loss)
{
    size_t n = l->j->data->n_ctx;
    uint64_t targets = gather(l);
    double nats = 0;
    eng_par_clear(l->x, l->grads, l->j->layout->n_floats);
    for (size_t at = 0; at < l->rows; at += l->micro) {
        if (stop_wanted(l)) return false;
        size_t rows = l->rows - at < l->micro ? l->rows - at : l->micro, k = at * n;
        eng_batch b = {l->ids + k, l->target + k, l->first ? l->first + k : NULL, rows};
        eng_pass_run(l->pass, &b, (float)(1.0 / (double)targets), l->grads, l->nats);
        for (size_t i = 0; i < rows; i++)
            nats += l->nats[i];
    }
    *loss = nats / (double)targets;
    return true;
}

/* Updates the parameters.  Steps that were skipped are none of the optimiser's. */
static void update(eng_run *l, eng_point *p)
{
    double clip = l->o->grad_clip;
    eng_update u = {.t = l->s.step + 1 - l->s.guard.skipped, .lr = p->lr, .grad_scale = 1};
    if (clip > 0 && p->grad_norm > clip) u.grad_scale = clip / p->grad_norm;
    eng_optim_step(l->optim, &u, l->s.param, l->grads, l->s.m, l->s.v);
    if (l->s.ema) eng_ema_step(l->x, l->o->ema, u.t, l->s.n_floats, l->s.ema, l->s.param);
    eng_pass_load(l->pass, l->s.param);
}

/* Tokens per second count padding and tokens without loss: they cost the same. */
static void report_step(const eng_run *l, const eng_point *p, uint64_t us)
{
    eng_train_event ev = eng_run_event(l, ENG_EV_STEP);
    double tokens = (double)(l->rows * l->j->data->n_ctx);
    ev.loss = p->loss;
    ev.lr = p->lr;
    ev.grad_norm = p->grad_norm;
    ev.tokens_per_s = tokens * 1e6 / (double)(us ? us : 1);
    ev.mfu = l->peak > 0 ? ev.tokens_per_s * l->flops / l->peak : 0;
    eng_emit(l->o, &ev);
}

/* One step, its report, and what is due after it.  *stopped: asked to stop, nothing was changed. */
sk_status eng_run_step(eng_run *l, bool *stopped, sk_err *e)
{
    uint64_t t0 = sk_now_us();
    eng_point p = {.val_loss = NAN, .bits_per_byte = NAN};
    *stopped = !accumulate(l, &p.loss);
    if (*stopped) return SK_OK;
    eng_saver_settle(l->saver);
    sk_status st = eng_run_poll(l, e);
    if (st) return st;
    bool lost = false, back = false;
    p.grad_norm = sqrt(eng_par_sumsq(l->x, l->grads, l->s.n_floats));
    st = eng_run_judge(l, &p, &lost, &back, e);
    if (st || back) return st;
    if (!lost) update(l, &p);
    l->s.step++;
    p.step = (double)l->s.step;
    p.tokens = (double)(l->s.step * l->rows * l->j->data->n_ctx);
    report_step(l, &p, sk_now_us() - t0);
    eng_run_evaluate_if_due(l, &p);
    eng_curve_add(&l->s.curve, &p);
    bool asked = l->o->save && l->o->save(l->o->arg);
    bool due = asked || (l->s.step % l->save_every == 0 && !lost);
    if (due && l->s.step < l->o->steps) return eng_run_save(l, e);
    return SK_OK;
}
