/* loop.c - the training loop.
 *
 * A step reads `rows` rows of the dataset, cuts them into micro-batches that fit the memory planned
 * for activations, adds up their gradients, and updates the parameters (step.c).  The other files
 * of the loop are named in run.h.
 */
#include "engine/train/loop.h"

#include "base/mem.h"
#include "engine/train/metrics.h"
#include "engine/train/run.h"
#include "engine/train/rundir.h"

#include <assert.h>
#include <math.h>

#define LIMITS_MS 100

/* Everything a step writes to, but for the state and the pass. */
static sk_status open_buffers(eng_run *l, sk_err *e)
{
    size_t n = l->rows * l->j->data->n_ctx;
    l->grads = sk_calloc(SK_MEM_TRAIN, l->j->layout->n_floats, sizeof(float));
    l->nats = sk_calloc(SK_MEM_TRAIN, l->n_nats, sizeof(double));
    bool two = l->lanes > 1 && !l->o->mpi;
    l->lane = two ? sk_calloc(SK_MEM_TRAIN, l->j->layout->n_floats, sizeof(float)) : NULL;
    l->ids = sk_calloc(SK_MEM_TRAIN, n, sizeof(int32_t));
    l->target = sk_calloc(SK_MEM_TRAIN, n, sizeof(int32_t));
    size_t weights = l->j->prefs ? l->micro * l->j->data->n_ctx : 0;
    l->weight = weights ? sk_calloc(SK_MEM_TRAIN, weights, sizeof(float)) : NULL;
    size_t parts = l->j->prefs ? l->n_parts : 0;
    l->parts = parts ? sk_calloc(SK_MEM_TRAIN, parts, sizeof *l->parts) : NULL;
    l->first = l->j->data->first ? sk_calloc(SK_MEM_TRAIN, n, sizeof(int32_t)) : NULL;
    if (!l->grads || !l->nats || (two && !l->lane) || !l->ids || !l->target ||
        (l->j->data->first && !l->first) || (weights && !l->weight) || (parts && !l->parts))
        return sk_fail(e, SK_E_NOMEM, "no memory for gradients and a batch of %zu tokens", n);
    return SK_OK;
}

/* Gives back what loop_open got, in any state. */
static void loop_close(eng_run *l)
{
    eng_saver_close(l->saver);
    eng_ranks_close(l->ranks);
    eng_pass_close(l->pass);
    eng_optim_close(l->optim);
    sk_free(l->grads);
    sk_free(l->lane);
    sk_free(l->weight);
    sk_free(l->parts);
    sk_free(l->nats);
    sk_free(l->ids);
    sk_free(l->target);
    sk_free(l->first);
    eng_trainstate_fini(&l->s);
}

/* All memory of the run is asked for here: the steps allocate nothing. */
static sk_status loop_open(eng_run *l, sk_err *e)
{
    eng_run_sizes(l);
    sk_status st = eng_run_check_memory(l, e);
    eng_optim_need need = eng_optim_needs(l->o, l->j->cfg, l->j->layout);
    if (!st) st = eng_trainstate_init(&l->s, l->j->layout->n_floats, need.v_floats, l->o->steps, e);
    l->s.data = l->j->data;
    if (!st && l->o->ema > 0) st = eng_trainstate_add_ema(&l->s, e);
    if (!st) st = open_buffers(l, e);
    eng_pass_plan plan = eng_run_pass(l, l->micro);
    if (!st) st = eng_optim_open(l->x, l->o, l->j->cfg, l->j->layout, plan.prec, &l->optim, e);
    if (!st) st = eng_pass_open(l->x, &plan, &l->pass, e);
    if (!st) st = eng_ranks_open(l->x, l->o, l->j->layout, l->optim, need.v_floats, &l->ranks, e);
    if (!st) eng_ranks_release(l->ranks, &l->s);
    if (!st && eng_ranks_first(l->o)) st = eng_saver_open(l->o->out, &l->saver, e);
    if (st) return st;
    eng_train_plan told;
    eng_run_plan(l, &told);
    if (l->saver) eng_saver_limit(l->saver, told.bytes_saver);
    if (!l->o->event) return st;
    eng_train_event ev = eng_run_event(l, ENG_EV_PLAN);
    ev.plan = &told;
    eng_emit(l->o, &ev);
    eng_limits limits; /* for the MFU that events tell */
    st = eng_limits_measure(l->x, LIMITS_MS, &limits, e);
    if (!st) l->peak = l->j->bf16 ? limits.bf16_flops : limits.f32_flops;
    l->peak *= (double)eng_ranks_size(l->ranks);
    return st;
}

/* The point before the first step: where the curve begins. */
static sk_status first_point(eng_run *l, sk_err *e)
{
    if (l->s.step > 0 || l->s.curve.n > 0) return SK_OK;
    eng_point p = {.loss = NAN, .lr = NAN, .grad_norm = NAN, .val_loss = NAN, .bits_per_byte = NAN};
    sk_status st = eng_run_evaluate_if_due(l, &p, e);
    if (st) return st;
    eng_curve_add(&l->s.curve, &p);
    char path[ENG_PATH_MAX];
    const eng_layout *whole = l->j->frozen ? l->j->base : l->j->layout;
    if (eng_ranks_first(l->o))
        st = eng_run_shape_save(eng_out_path(l->o, "shape.gguf", path), l->j->cfg, whole,
                                l->j->vocab, l->j->from, e);
    return st ? st : eng_run_save(l, e);
}

/* Begins metrics.jsonl, where somebody listens; without it the run goes on as well. */
static void watch(const eng_run *l, eng_train_opts *o)
{
    sk_err why = SK_ERR_INIT;
    const eng_metrics_run r = {
        .stage = l->j->stage,
        .step = l->s.step,
        .total = o->steps,
        .n_params = l->j->layout->n_weights,
        .tokens_per_step = l->rows * l->j->data->n_ctx,
        .flops_per_token = l->flops,
        .peak = l->peak,
    };
    if (o->event && eng_metrics_open(o->out, &r, &o->metrics, &why))
        eng_emit_note(o, "this run can't be watched: %s", why.text);
}

/* From the checkpoint, if there is one, to the model; a stop comes back as SK_E_STOPPED. */
sk_status eng_loop_run(eng_exec *x, const eng_loop_job *j, sk_err *e)
{
    assert(j->data->n_rows > 0 && j->o->steps > 0);
    eng_train_opts o = *j->o;
    eng_run l = {.x = x, .j = j, .o = &o};
    sk_status st = eng_ranks_agree(l.o, loop_open(&l, e), e);
    if (!st && l.lanes < eng_ranks_size(l.ranks))
        eng_emit_note(l.o, "a step has work for %zu of the %zu processes only", l.lanes,
                      eng_ranks_size(l.ranks));
    if (!st) st = eng_run_begin(&l, e);
    if (!st && j->prefs) st = eng_run_refer(&l, e);
    if (!st) {
        watch(&l, &o);
        eng_emit_stage(l.o, j->stage, l.o->steps, l.s.step);
        st = first_point(&l, e);
    }
    bool stopped = false;
    while (!st && !stopped && l.s.step < l.o->steps)
        st = eng_run_step(&l, &stopped, e);
    if (!st) st = stopped ? eng_run_stop(&l, e) : eng_run_finish(&l, e);
    eng_metrics_close(o.metrics);
    loop_close(&l);
    return st;
}
