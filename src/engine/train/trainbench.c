/* trainbench.c - what a training step of a shape costs here, part by part: no files, no text.
 *
 * Weights are drawn as for a run and tokens at random, so that a step does the work that a step of
 * a run does.  The forward pass cannot be timed inside a step, since the head makes loss and
 * gradient in one go: it is timed as a pass of its own that wants the loss only, and the backward
 * pass is what a whole pass takes longer.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/kernel/par.h"
#include "engine/train/optim.h"
#include "engine/train/pretrain.h"
#include "engine/train/run.h"
#include "engine/train/rundir.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A bench being run. */
typedef struct bench {
    eng_run run; /* of which only sizes, pass, state and buffers are used */
    eng_config cfg;
    eng_layout layout;
    eng_dataset data; /* says n_ctx only */
    eng_loop_job job;
    eng_train_opts o;
    double *times; /* [n][ENG_TRAIN_PARTS] seconds */
    double loss;   /* of the last step, a token */
} bench;

static double now_s(void)
{
    return (double)sk_now_us() / 1e6;
}

/* Random tokens, each followed by another: the same in every step. */
static void fill_rows(bench *b)
{
    size_t n = b->run.rows * b->o.context;
    for (size_t i = 0; i < n; i++) {
        b->run.ids[i] = (int32_t)(sk_rng_u64(b->o.seed, SK_RNG_DATA, i) % b->cfg.n_vocab);
        b->run.target[i] = (int32_t)(sk_rng_u64(b->o.seed, SK_RNG_DATA, n + i) % b->cfg.n_vocab);
    }
}

/* All micro-batches of the step, forward or both ways. */
static void passes(bench *b, float *grads)
{
    eng_run *l = &b->run;
    size_t n = b->o.context, all = l->rows * n;
    double nats = 0;
    for (size_t at = 0; at < l->rows; at += l->micro) {
        size_t rows = l->rows - at < l->micro ? l->rows - at : l->micro;
        eng_batch batch = {l->ids + at * n, l->target + at * n, NULL, rows};
        eng_pass_run(l->pass, &batch, (float)(1.0 / (double)all), grads, l->nats);
        for (size_t i = 0; i < rows; i++)
            nats += l->nats[i];
    }
    b->loss = nats / (double)all;
}

/* One step, the t-th: its parts into `part`. */
static void one_step(bench *b, uint64_t t, double part[ENG_TRAIN_PARTS])
{
    eng_run *l = &b->run;
    double t0 = now_s();
    passes(b, NULL);
    double t1 = now_s();
    eng_pass_fresh(l->pass, l->grads);
    double t2 = now_s();
    passes(b, l->grads);
    double t3 = now_s();
    double norm = sqrt(eng_par_sumsq(l->x, l->grads, b->layout.n_floats));
    double scale = norm > b->o.grad_clip ? b->o.grad_clip / norm : 1.0, tn = now_s();
    eng_optim_step(l->optim, &(eng_update){t, b->o.lr, scale}, l->s.param, l->grads, l->s.m,
                   l->s.v);
    double t4 = now_s();
    eng_pass_load(l->pass, l->s.param);
    double t5 = now_s();
    part[ENG_TRAIN_FORWARD] = t1 - t0;
    part[ENG_TRAIN_BACKWARD] = t3 - t2 - (t1 - t0);
    part[ENG_TRAIN_NORM] = tn - t3 + t2 - t1;
    part[ENG_TRAIN_OPTIMISER] = t4 - tn;
    part[ENG_TRAIN_LOAD] = t5 - t4;
    part[ENG_TRAIN_STEP] = t5 - t1;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Least and middle of column `part` of n steps; room [n] is scratch. */
static void sum_up(const bench *b, size_t n, int part, double *room, double *least, double *middle)
{
    for (size_t i = 0; i < n; i++)
        room[i] = b->times[i * ENG_TRAIN_PARTS + (size_t)part];
    qsort(room, n, sizeof *room, by_value);
    *least = room[0];
    *middle = room[n / 2];
}

/* What a step reads and writes beside the state, and the times of n + 1 steps. */
static sk_status get_buffers(bench *b, size_t n, sk_arena *mem, sk_err *e)
{
    eng_run *l = &b->run;
    l->grads = sk_arena_calloc(mem, b->layout.n_floats, sizeof(float));
    l->nats = sk_arena_calloc(mem, l->micro, sizeof(double));
    l->ids = sk_arena_calloc(mem, l->rows * b->o.context, sizeof(int32_t));
    l->target = sk_arena_calloc(mem, l->rows * b->o.context, sizeof(int32_t));
    b->times = sk_arena_calloc(mem, (n + 1) * (ENG_TRAIN_PARTS + 1), sizeof *b->times);
    if (l->grads && l->nats && l->ids && l->target && b->times) return SK_OK;
    return sk_fail(e, SK_E_NOMEM, "no memory for gradients and a batch of %zu tokens",
                   l->rows * (size_t)b->o.context);
}

/* Shape, layout, sizes; all memory. */
static sk_status open_bench(bench *b, size_t n, sk_arena *mem, sk_err *e)
{
    eng_run *l = &b->run;
    b->o.steps = n + 1;
    sk_status st = eng_train_shape(&b->o, &b->cfg, e);
    if (!st) st = eng_layout_build(&b->cfg, mem, &b->layout, e);
    if (st) return st;
    b->data.n_ctx = b->o.context;
    b->job = (eng_loop_job){.stage = "bench",
                            .o = &b->o,
                            .cfg = &b->cfg,
                            .layout = &b->layout,
                            .data = &b->data,
                            .bf16 = eng_train_bf16(&b->o)};
    l->j = &b->job;
    l->o = &b->o;
    eng_run_sizes(l);
    st = eng_run_check_memory(l, e);
    size_t v = eng_optim_needs(l->o, &b->cfg, &b->layout).v_floats;
    if (!st) st = eng_trainstate_init(&l->s, b->layout.n_floats, v, n, e);
    eng_prec prec = b->job.bf16 ? ENG_PREC_BF16 : ENG_PREC_F32;
    if (!st) st = eng_optim_open(l->x, l->o, &b->cfg, &b->layout, prec, &l->optim, e);
    eng_pass_plan plan = eng_run_pass(l, l->micro);
    if (!st) st = eng_pass_open(l->x, &plan, &l->pass, e);
    return st ? st : get_buffers(b, n, mem, e);
}

/* One step to touch all memory, then the n that count. */
sk_status eng_train_bench(eng_exec *x, const eng_train_opts *o, size_t n, eng_train_figures *out,
                          sk_err *e)
{
    assert(n > 0);
    sk_arena *mem = sk_arena_new(SK_MEM_TRAIN);
    bench b = {.run = {.x = x}, .o = *o};
    b.o.event = NULL;
    sk_status st = mem ? open_bench(&b, n, mem, e) : sk_fail(e, SK_E_NOMEM, "no memory");
    if (st) goto close_run;
    eng_init_params(x, &b.cfg, &b.layout, b.o.seed, b.run.s.param);
    eng_pass_load(b.run.pass, b.run.s.param);
    fill_rows(&b);
    for (size_t i = 0; i <= n && !st; i++) {
        if (b.o.stop && b.o.stop(b.o.arg)) st = sk_fail(e, SK_E_STOPPED, "stopped");
        one_step(&b, i + 1, b.times + (i ? i - 1 : 0) * ENG_TRAIN_PARTS);
    }
    if (st) goto close_run;
    eng_train_figures f = {.tokens = b.run.rows * b.o.context,
                           .micro_tokens = b.run.micro * b.o.context,
                           .n_params = b.layout.n_weights,
                           .flops = b.run.flops,
                           .loss = b.loss,
                           .bf16 = b.job.bf16};
    for (int p = 0; p < ENG_TRAIN_PARTS; p++)
        sum_up(&b, n, p, b.times + (n + 1) * ENG_TRAIN_PARTS, &f.least_s[p], &f.middle_s[p]);
    *out = f;
close_run:
    eng_pass_close(b.run.pass);
    eng_optim_close(b.run.optim);
    eng_trainstate_fini(&b.run.s);
    sk_arena_free(mem);
    return st;
}
