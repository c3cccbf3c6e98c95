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

/* Gathers the rows of the step to come; returns its number of targets, or of pairs. */
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
    return l->j->prefs ? eng_run_pairs(l) : targets;
}

/* Asked between micro-batches: a second or two at most goes by. */
static bool stop_wanted(const eng_run *l)
{
    return l->o->stop && l->o->stop(l->o->arg);
}

/* Asked once a step. */
static bool save_wanted(const eng_run *l)
{
    return l->o->save && l->o->save(l->o->arg);
}

/* The gradient of a lane into g; false when asked to stop in between, which only one process by
 * itself may do. */
static bool lane_gradient(eng_run *l, size_t lane, uint64_t targets, float *g)
{
    size_t n = l->j->data->n_ctx, at = lane * l->lane_rows, end = at + l->lane_rows;
    if (end > l->rows) end = l->rows;
    eng_pass_fresh(l->pass, g);
    for (; at < end; at += l->micro) {
        if (!l->ranks && stop_wanted(l)) return false;
        size_t rows = end - at < l->micro ? end - at : l->micro, k = at * n;
        eng_batch b = {l->ids + k, l->target + k, l->first ? l->first + k : NULL, rows};
        float scale = (float)(1.0 / (double)targets);
        if (l->j->prefs)
            eng_run_prefer(l, &b, at, scale, g);
        else
            eng_pass_run(l->pass, &b, scale, g, l->nats + at);
    }
    return true;
}

/* Loss and gradient of the whole step, in the order of its lanes (ranks.h). */
static sk_status accumulate(eng_run *l, double *loss, bool *stopped, sk_err *e)
{
    uint64_t targets = gather(l);
    double nats = 0;
    size_t size = eng_ranks_size(l->ranks), rank = eng_ranks_rank(l->ranks);
    *stopped = false;
    eng_run_begin_pairs(l, l->lanes);
    for (size_t round = 0; round * size < l->lanes; round++) {
        size_t lane = round * size + rank;
        float *g = lane && !l->ranks ? l->lane : l->grads;
        *stopped = lane < l->lanes && !lane_gradient(l, lane, targets, g);
        if (*stopped) return SK_OK;
        if (g == l->lane) eng_ranks_add(l->x, l->grads, g, l->j->layout->n_floats);
        sk_status st = l->ranks ? eng_ranks_reduce(l->ranks, round, l->lanes, g, e) : SK_OK;
        if (st) return st;
    }
    sk_status st = eng_ranks_share(l->ranks, l->nats, l->rows, l->lane_rows, e);
    if (!st) st = eng_run_sum_pairs(l, l->lanes, e);
    for (size_t i = 0; i < l->rows; i++)
        nats += l->nats[i];
    *loss = nats / (double)targets;
    return st;
}

/* Updates the parameters.  Steps that were skipped are none of the optimiser's. */
static sk_status update(eng_run *l, eng_point *p, sk_err *e)
{
    double clip = l->o->grad_clip;
    eng_update u = {.t = l->s.step + 1 - l->s.guard.skipped, .lr = p->lr, .grad_scale = 1};
    if (clip > 0 && p->grad_norm > clip) u.grad_scale = clip / p->grad_norm;
    sk_status st = eng_ranks_optim(l->ranks, l->optim, &u, &l->s, l->grads, e);
    if (st) return st;
    if (l->s.ema) eng_ema_step(l->x, l->o->ema, u.t, l->s.n_floats, l->s.ema, l->s.param);
    eng_pass_load(l->pass, l->s.param);
    return SK_OK;
}

/* Tokens per second count padding and tokens without loss: they cost the same. */
static void report_step(eng_run *l, const eng_point *p, uint64_t began)
{
    uint64_t now = sk_now_us(), us = now - began;
    eng_train_event ev = eng_run_event(l, ENG_EV_STEP);
    double tokens = (double)(l->rows * l->j->data->n_ctx);
    ev.loss = p->loss;
    ev.lr = p->lr;
    ev.grad_norm = p->grad_norm;
    ev.tokens_per_s = tokens * 1e6 / (double)(us ? us : 1);
    eng_pace_step(&l->pace, l->s.step, began, now);
    ev.eta_s = eng_pace_left(&l->pace, l->o->steps);
    if (l->j->prefs) eng_run_tell_pairs(l, &ev);
    ev.mfu = l->peak > 0 ? ev.tokens_per_s * l->flops / l->peak : 0;
    eng_emit(l->o, &ev);
}

/* What went wrong with a checkpoint, and what signals asked of any of the processes, is everybody's
 * business before a step. */
static sk_status confer(eng_run *l, bool *stopped, sk_err *e)
{
    sk_status st = eng_run_poll(l, e);
    *stopped = false;
    if (!l->ranks) return st;
    eng_vote v = {.stop = stop_wanted(l), .save = save_wanted(l)};
    st = eng_ranks_vote(l->ranks, &v, st, e);
    *stopped = v.stop;
    return !st && v.save && !v.stop && l->saved != l->s.step ? eng_run_save(l, e) : st;
}

/* One step, its report, and what is due after it.  *stopped: asked to stop, nothing was changed. */
sk_status eng_run_step(eng_run *l, bool *stopped, sk_err *e)
{
    uint64_t t0 = sk_now_us();
    eng_point p = {.val_loss = NAN, .bits_per_byte = NAN};
    sk_status st = confer(l, stopped, e);
    if (!st && !*stopped) st = accumulate(l, &p.loss, stopped, e);
    if (st || *stopped) return st;
    eng_saver_settle(l->saver);
    double sumsq;
    st = eng_ranks_sumsq(l->ranks, l->x, l->grads, l->s.n_floats, &sumsq, e);
    if (st) return st;
    bool lost = false, back = false;
    p.grad_norm = sqrt(sumsq);
    st = eng_run_judge(l, &p, &lost, &back, e);
    if (st || back) return st;
    if (!lost && (st = update(l, &p, e)) != SK_OK) return st;
    l->s.step++;
    p.step = (double)l->s.step;
    p.tokens = (double)(l->s.step * l->rows * l->j->data->n_ctx);
    report_step(l, &p, t0);
    st = eng_run_evaluate_if_due(l, &p, e);
    if (st) return st;
    eng_curve_add(&l->s.curve, &p);
    bool asked = !l->ranks && save_wanted(l), due = l->s.step % l->save_every == 0 && !lost;
    if (due && !eng_run_suspect(l)) l->s.guard.base = l->s.step;
    return (due || asked) && l->s.step < l->o->steps ? eng_run_save(l, e) : SK_OK;
}
