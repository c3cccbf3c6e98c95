/* loop.c - the training loop.
 *
 * A step reads `rows` rows of the dataset, cuts them into micro-batches that fit the memory planned
 * for activations, adds up their gradients, and updates the parameters.  What a step computes
 * depends on the parameters, the step's number and the settings only: not on threads, not on
 * whether the run was interrupted.
 */
#include "engine/train/loop.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/mem.h"
#include "engine/kernel/par.h"
#include "engine/model/train_pass.h"
#include "engine/train/export.h"
#include "engine/train/optim.h"
#include "engine/train/rundir.h"
#include "engine/train/trainstate.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#define MICRO_BYTES ((uint64_t)1 << 30) /* activations of a micro-batch: not more */
#define MICRO_TOKENS 4096               /* nor more tokens: larger ones gain nothing */
#define FINAL_EVAL_TOKENS ((size_t)1 << 20)
#define LIMITS_MS 100

typedef struct loop {
    eng_exec *x;
    const eng_loop_job *j;
    const eng_train_opts *o;
    eng_trainstate s;
    eng_pass *pass;
    size_t rows, micro;            /* rows of a step, of a micro-batch */
    float *grads;                  /* [n_floats] */
    double *nats;                  /* [micro] */
    int32_t *ids, *target, *first; /* [rows, n_ctx]; first NULL when rows are one document each */
    uint64_t eval_every, save_every, saved; /* saved: step of the checkpoint on disk */
    size_t eval_rows;
    double flops, peak; /* of a token, of the machine a second */
} loop;

/* ---- what a run needs ---- */

/* Floating-point operations a token of training costs, by the usual convention (PaLM, appendix B):
 * 6 N + 12 n_layer n_head head_dim n_ctx, N the parameters without an input embedding that is not
 * also the output matrix.  Attention counts in full although half of it is masked.  MFU is this
 * times tokens/s over the machine's measured peak for the precision in use. */
static double flops_of(const eng_config *cfg, const eng_layout *l, size_t n_ctx)
{
    double n = (double)l->n_weights;
    if (!cfg->tied) n -= (double)cfg->n_vocab * cfg->n_embd;
    double width = (double)cfg->n_head * cfg->head_dim;
    return 6 * n + 12 * (double)cfg->n_layer * width * (double)n_ctx;
}

/* What the training pass needs for a micro-batch of so many rows. */
static eng_pass_plan plan_of(const loop *l, size_t rows)
{
    return (eng_pass_plan){
        .cfg = l->j->cfg,
        .layout = l->j->layout,
        .prec = l->j->bf16 ? ENG_PREC_BF16 : ENG_PREC_F32,
        .n_ctx = l->j->data->n_ctx,
        .rows = rows,
    };
}

/* Memory of that pass. */
static uint64_t bytes_for(const loop *l, size_t rows)
{
    eng_pass_plan plan = plan_of(l, rows);
    return eng_pass_bytes(&plan);
}

/* Rows of a micro-batch: as many as the bounds above allow, in equal parts of the step. */
static size_t micro_rows(const loop *l)
{
    size_t n_ctx = l->j->data->n_ctx, most = MICRO_TOKENS / n_ctx;
    uint64_t one = bytes_for(l, 1), two = bytes_for(l, 2), row = two - one;
    size_t fit = row ? (size_t)(MICRO_BYTES / row) : l->rows;
    if (fit < most) most = fit;
    if (most < 1) most = 1;
    size_t parts = (l->rows + most - 1) / most;
    return (l->rows + parts - 1) / parts;
}

/* Refuses a run that cannot fit, before anything is allocated. */
static sk_status check_memory(const loop *l, sk_err *e)
{
    double state = 16.0 * (double)l->j->layout->n_floats, pass = (double)bytes_for(l, l->micro);
    double batch = 12.0 * (double)(l->rows * l->j->data->n_ctx);
    double have = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    double need = state + pass + batch;
    if (have <= 0 || need <= 0.95 * have) return SK_OK;
    double row = (double)(bytes_for(l, 2) - bytes_for(l, 1)), left = 0.95 * have - state - batch;
    double fixed = (double)bytes_for(l, 1) - row;
    double context = (left - fixed) / row * (double)l->j->data->n_ctx;
    if (context >= 16)
        return sk_fail(e, SK_E_NOMEM,
                       "training needs %.1f GB (parameters and optimiser %.1f, activations %.1f) "
                       "and this machine has %.1f; a context of %.0f would fit",
                       need / 1e9, state / 1e9, pass / 1e9, have / 1e9, context);
    return sk_fail(e, SK_E_NOMEM,
                   "training needs %.1f GB (parameters and optimiser %.1f, activations %.1f) and "
                   "this machine has %.1f; make the model smaller (dim, layers, vocab)",
                   need / 1e9, state / 1e9, pass / 1e9, have / 1e9);
}

/* Everything a step writes to, but for the state and the pass. */
static sk_status open_buffers(loop *l, sk_err *e)
{
    size_t n = l->rows * l->j->data->n_ctx;
    l->grads = sk_calloc(SK_MEM_TRAIN, l->j->layout->n_floats, sizeof(float));
    l->nats = sk_calloc(SK_MEM_TRAIN, l->micro, sizeof(double));
    l->ids = sk_calloc(SK_MEM_TRAIN, n, sizeof(int32_t));
    l->target = sk_calloc(SK_MEM_TRAIN, n, sizeof(int32_t));
    l->first = l->j->data->first ? sk_calloc(SK_MEM_TRAIN, n, sizeof(int32_t)) : NULL;
    if (!l->grads || !l->nats || !l->ids || !l->target || (l->j->data->first && !l->first))
        return sk_fail(e, SK_E_NOMEM, "no memory for gradients and a batch of %zu tokens", n);
    return SK_OK;
}

/* Steps between two events of a kind: as asked for, else a twentieth of the run, but no less than
 * ten steps. */
static uint64_t every(uint64_t asked, uint64_t steps)
{
    uint64_t n = (steps + 19) / 20;
    return asked ? asked : n < 10 ? 10 : n;
}

/* Sizes that follow from the job. */
static void set_sizes(loop *l)
{
    const eng_train_opts *o = l->o;
    size_t n_ctx = l->j->data->n_ctx;
    l->rows = (size_t)(o->batch_tokens / n_ctx);
    if (l->rows < 1) l->rows = 1;
    l->micro = micro_rows(l);
    l->eval_every = every(o->eval_every, o->steps);
    l->save_every = every(o->save_every, o->steps);
    if (l->j->valid) {
        uint64_t tokens = o->eval_tokens ? o->eval_tokens : 32768;
        l->eval_rows = (size_t)((tokens + n_ctx - 1) / n_ctx);
        if (l->eval_rows > l->j->valid->n_rows) l->eval_rows = l->j->valid->n_rows;
    }
    l->flops = flops_of(l->j->cfg, l->j->layout, n_ctx);
}

/* Gives back what loop_open got, in any state. */
static void loop_close(loop *l)
{
    eng_pass_close(l->pass);
    sk_free(l->grads);
    sk_free(l->nats);
    sk_free(l->ids);
    sk_free(l->target);
    sk_free(l->first);
    eng_trainstate_fini(&l->s);
}

/* All memory of the run is asked for here: the steps allocate nothing. */
static sk_status loop_open(loop *l, sk_err *e)
{
    set_sizes(l);
    sk_status st = check_memory(l, e);
    if (!st) st = eng_trainstate_init(&l->s, l->j->layout->n_floats, l->o->steps, e);
    if (!st) st = open_buffers(l, e);
    eng_pass_plan plan = plan_of(l, l->micro);
    if (!st) st = eng_pass_open(l->x, &plan, &l->pass, e);
    if (st || !l->o->event) return st;
    eng_limits limits; /* for the MFU that events tell */
    st = eng_limits_measure(l->x, LIMITS_MS, &limits, e);
    if (!st) l->peak = l->j->bf16 ? limits.bf16_flops : limits.f32_flops;
    return st;
}

/* ---- events ---- */

/* An event with what all have in common; figures it does not tell are NaN. */
static eng_train_event event_of(const loop *l, eng_train_kind kind)
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

/* ---- checkpoints ---- */

/* The curve as a file of its own, for people and programs that watch. */
static sk_status write_log(const loop *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    sk_buf text = SK_BUF_INIT;
    eng_curve_log(&l->s.curve, &text);
    sk_status st = sk_buf_ok(&text) ? sk_file_replace(eng_out_path(l->o, "log.jsonl", path),
                                                      text.p ? text.p : "", text.len, e)
                                    : sk_fail(e, SK_E_NOMEM, "no memory for log.jsonl");
    sk_buf_fini(&text);
    return st;
}

/* The checkpoint first: the log can be made again from it, not the other way round. */
static sk_status save(loop *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    sk_status st =
        eng_trainstate_save(&l->s, eng_out_path(l->o, "checkpoint.stk", path), l->j->meta, e);
    if (!st) st = write_log(l, e);
    if (st) return st;
    l->saved = l->s.step;
    eng_train_event ev = event_of(l, ENG_EV_SAVED);
    eng_emit(l->o, &ev);
    return SK_OK;
}

/* Begins anew, or where the checkpoint stands. */
static sk_status begin(loop *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    const eng_loop_job *j = l->j;
    if (sk_file_exists(eng_out_path(l->o, "checkpoint.stk", path))) {
        sk_status st = eng_trainstate_load(&l->s, path, j->meta, e);
        if (st) return st;
        l->saved = l->s.step;
        if (strcmp(l->s.cpu, sk_cpu_name(sk_cpu())) != 0)
            eng_emit_note(l->o,
                          "the checkpoint was made with %s kernels and goes on with %s: the result "
                          "will differ in the last bits from a run on one machine",
                          l->s.cpu, sk_cpu_name(sk_cpu()));
        eng_pass_load(l->pass, l->s.param);
        return SK_OK;
    }
    if (j->from) {
        sk_status st = eng_import_gguf(j->from, j->layout, l->s.param, e);
        if (st) return st;
    } else {
        eng_init_params(l->x, j->cfg, j->layout, l->o->seed, l->s.param);
    }
    eng_pass_load(l->pass, l->s.param);
    return SK_OK;
}

/* ---- held-out loss ---- */

/* Rows [at, at + n) of held-out shards, in the memory of the step's own rows, which is free between
 * steps. */
static eng_batch held_out_rows(const loop *l, const eng_dataset *d, size_t at, size_t n)
{
    for (size_t r = 0; r < n; r++)
        eng_dataset_row(d, at + r, l->ids + r * d->n_ctx, l->target + r * d->n_ctx, NULL);
    return (eng_batch){l->ids, l->target, NULL, n};
}

/* Mean loss and bits per byte of text over rows [0, n) of the held-out set. */
static void evaluate(loop *l, size_t n, double *loss, double *bits_per_byte)
{
    const eng_dataset *d = l->j->valid;
    uint64_t targets, bytes;
    double nats = 0;
    for (size_t at = 0; at < n; at += l->micro) {
        size_t rows = n - at < l->micro ? n - at : l->micro, k = at * d->n_ctx;
        eng_batch b = {d->ids + k, d->target + k, d->first ? d->first + k : NULL, rows};
        if (d->stream) b = held_out_rows(l, d, at, rows);
        eng_pass_run(l->pass, &b, 0.0f, NULL, l->nats);
        for (size_t i = 0; i < rows; i++)
            nats += l->nats[i];
    }
    eng_dataset_count(d, l->j->vocab, 0, n, &targets, &bytes);
    *loss = targets ? nats / (double)targets : NAN;
    *bits_per_byte = bytes ? nats / log(2.0) / (double)bytes : NAN;
}

/* Measures, when it is due, into the point of the step just done. */
static void evaluate_if_due(loop *l, eng_point *p)
{
    bool due = l->s.step % l->eval_every == 0 || l->s.step == l->o->steps;
    if (!l->j->valid || !due) return;
    evaluate(l, l->eval_rows, &p->val_loss, &p->bits_per_byte);
    eng_train_event ev = event_of(l, ENG_EV_EVAL);
    ev.val_loss = p->val_loss;
    ev.bits_per_byte = p->bits_per_byte;
    eng_emit(l->o, &ev);
}

/* ---- one step ---- */

/* Gathers the rows of the step to come; returns its number of targets. */
static uint64_t gather(loop *l)
{
    const eng_dataset *d = l->j->data;
    size_t n = d->n_ctx;
    uint64_t targets = 0;
    for (size_t r = 0; r < l->rows; r++) {
        size_t row = eng_dataset_pick(d, l->o->seed, l->s.step * l->rows + r);
        eng_dataset_row(d, row, l->ids + r * n, l->target + r * n,
                        l->first ? l->first + r * n : NULL);
        for (size_t i = r * n; i < (r + 1) * n; i++)
            targets += l->target[i] >= 0;
    }
    assert(targets > 0 && "every row has a target");
    return targets;
}

/* Asked between micro-batches: a second or two at most goes by. */
static bool stop_wanted(const loop *l)
{
    return l->o->stop && l->o->stop(l->o->arg);
}

/* Loss and gradient of the whole step; false when asked to stop in between. */
static bool accumulate(loop *l, double *loss)
{
    size_t n = l->j->data->n_ctx;
    uint64_t targets = gather(l);
    double nats = 0;
    memset(l->grads, 0, l->j->layout->n_floats * sizeof(*l->grads));
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

/* Updates the parameters; refuses values that are not finite, which would spoil them for good. */
static sk_status update(loop *l, eng_point *p, sk_err *e)
{
    size_t n = l->j->layout->n_floats;
    p->grad_norm = sqrt(eng_par_sumsq(l->x, l->grads, n));
    p->lr = eng_lr_at(l->o, l->s.step);
    if (!isfinite(p->loss) || !isfinite(p->grad_norm))
        return sk_fail(
            e, SK_E_INVALID,
            "training diverged at step %llu: the loss is %g, the gradient's norm %g; the "
            "checkpoint of step %llu is kept. Begin again in another folder with a "
            "smaller learning rate (now %g)",
            (unsigned long long)l->s.step + 1, p->loss, p->grad_norm, (unsigned long long)l->saved,
            l->o->lr);
    double clip = l->o->grad_clip;
    double scale = clip > 0 && p->grad_norm > clip ? clip / p->grad_norm : 1.0;
    eng_optim_step(l->x, l->o, l->j->layout, l->s.step + 1, p->lr, scale, l->s.param, l->grads,
                   l->s.m, l->s.v);
    eng_pass_load(l->pass, l->s.param);
    return SK_OK;
}

/* Tokens per second count padding and tokens without loss: they cost the same. */
static void report_step(const loop *l, const eng_point *p, uint64_t us)
{
    eng_train_event ev = event_of(l, ENG_EV_STEP);
    double tokens = (double)(l->rows * l->j->data->n_ctx);
    ev.loss = p->loss;
    ev.lr = p->lr;
    ev.grad_norm = p->grad_norm;
    ev.tokens_per_s = tokens * 1e6 / (double)(us ? us : 1);
    ev.mfu = l->peak > 0 ? ev.tokens_per_s * l->flops / l->peak : 0;
    eng_emit(l->o, &ev);
}

/* One step, its report, and what is due after it.  *stopped: asked to stop, nothing was changed. */
static sk_status step(loop *l, bool *stopped, sk_err *e)
{
    uint64_t t0 = sk_now_us();
    eng_point p = {.val_loss = NAN, .bits_per_byte = NAN};
    *stopped = !accumulate(l, &p.loss);
    if (*stopped) return SK_OK;
    sk_status st = update(l, &p, e);
    if (st) return st;
    l->s.step++;
    p.step = (double)l->s.step;
    p.tokens = (double)(l->s.step * l->rows * l->j->data->n_ctx);
    report_step(l, &p, sk_now_us() - t0);
    evaluate_if_due(l, &p);
    eng_curve_add(&l->s.curve, &p);
    if (l->s.step % l->save_every == 0 && l->s.step < l->o->steps) return save(l, e);
    return SK_OK;
}

/* ---- the run ---- */

/* The point before the first step: where the curve begins. */
static sk_status first_point(loop *l, sk_err *e)
{
    if (l->s.step > 0 || l->s.curve.n > 0) return SK_OK;
    eng_point p = {.loss = NAN, .lr = NAN, .grad_norm = NAN, .val_loss = NAN, .bits_per_byte = NAN};
    evaluate_if_due(l, &p);
    eng_curve_add(&l->s.curve, &p);
    return save(l, e);
}

/* The picture of the run. */
static sk_status write_curve(const loop *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    sk_buf svg = SK_BUF_INIT;
    eng_curve_svg(&l->s.curve, l->j->cfg->name, &svg);
    sk_status st = sk_buf_ok(&svg)
                       ? sk_file_replace(eng_out_path(l->o, "curve.svg", path), svg.p, svg.len, e)
                       : sk_fail(e, SK_E_NOMEM, "no memory for curve.svg");
    sk_buf_fini(&svg);
    return st;
}

/* All that stands at the end: the last checkpoint first, so that what follows can be made again,
 * the model last, since its being there says that all is done. */
static sk_status finish(loop *l, sk_err *e)
{
    char path[ENG_PATH_MAX];
    const eng_loop_job *j = l->j;
    /* A log may be behind its checkpoint when a run was killed between the two. */
    sk_status st = l->saved == l->s.step ? write_log(l, e) : save(l, e);
    if (!st) st = write_curve(l, e);
    if (!st)
        st = eng_export_gguf(eng_out_path(l->o, "model.gguf", path), j->cfg, j->layout, j->vocab,
                             l->s.param, l->o->dtype, e);
    if (st) return st;
    eng_train_event ev = event_of(l, ENG_EV_DONE);
    if (l->s.curve.n) ev.loss = l->s.curve.point[l->s.curve.n - 1].loss;
    if (j->valid) {
        size_t rows = FINAL_EVAL_TOKENS / j->valid->n_ctx + 1;
        if (rows > j->valid->n_rows) rows = j->valid->n_rows;
        evaluate(l, rows, &ev.val_loss, &ev.bits_per_byte);
    }
    ev.text = path;
    eng_emit(l->o, &ev);
    return SK_OK;
}

/* Keeps what was done and says how to go on. */
static sk_status stop(loop *l, sk_err *e)
{
    sk_status st = l->saved == l->s.step ? SK_OK : save(l, e);
    if (st) return st;
    return sk_fail(e, SK_E_STOPPED, "stopped at step %llu of %llu; go on with --resume",
                   (unsigned long long)l->s.step, (unsigned long long)l->o->steps);
}

/* From the checkpoint, if there is one, to the model; a stop comes back as SK_E_STOPPED. */
sk_status eng_loop_run(eng_exec *x, const eng_loop_job *j, sk_err *e)
{
    assert(j->data->n_rows > 0 && j->o->steps > 0);
    loop l = {.x = x, .j = j, .o = j->o};
    sk_status st = loop_open(&l, e);
    if (!st) st = begin(&l, e);
    if (!st) {
        eng_emit_stage(l.o, j->stage, l.o->steps, l.s.step);
        st = first_point(&l, e);
    }
    bool stopped = false;
    while (!st && !stopped && l.s.step < l.o->steps)
        st = step(&l, &stopped, e);
    if (!st) st = stopped ? stop(&l, e) : finish(&l, e);
    loop_close(&l);
    return st;
}
