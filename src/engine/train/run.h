/* run.h - a training run while it goes: what the files of the loop share.
 *
 * loop.c is the frame; memplan.c the sizes and the memory; step.c one step; spike.c steps that
 * would spoil the run; heldout.c the held-out loss; keep.c what is written.
 */
#ifndef ENG_TRAIN_RUN_H
#define ENG_TRAIN_RUN_H

#include "engine/model/train_pass.h"
#include "engine/train/dpo.h"
#include "engine/train/loop.h"
#include "engine/train/optim.h"
#include "engine/train/pace.h"
#include "engine/train/ranks.h"
#include "engine/train/saver.h"
#include "engine/train/trainstate.h"
#include "engine/train/trend.h"

#include <stdbool.h>

typedef struct eng_run {
    eng_exec *x;
    const eng_loop_job *j;
    const eng_train_opts *o;
    eng_trainstate s;
    eng_pass *pass;
    eng_optim *optim;
    eng_ranks *ranks;        /* the other processes, NULL: there are none */
    size_t rows, micro;      /* rows of a step, of a micro-batch */
    size_t lanes, lane_rows; /* parts of a step that are summed apart (ranks.h), their rows */
    float *grads;            /* [n_floats] */
    float *lane;             /* [n_floats] of a lane, where one process has several */
    float *weight;           /* [micro, n_ctx] of tokens' losses, with preferences */
    eng_dpo_sum seen;        /* pairs of the step, or of the evaluation */
    eng_dpo_sum *parts;      /* [n_parts] of lanes, or of the evaluation's micro-batches */
    size_t n_parts;
    double *nats;                  /* [n_nats] of rows */
    size_t n_nats;                 /* rows of a step, or of the longest evaluation */
    int32_t *ids, *target, *first; /* [rows, n_ctx]; first NULL when rows are one document each */
    uint64_t eval_every, save_every;
    eng_saver *saver;
    uint64_t saved, told; /* step of the last checkpoint begun; 1 + that of the last event */
    size_t eval_rows, final_rows; /* of held-out text: now and then, at the end */
    double flops, peak;           /* of a token, of the machine a second */
    eng_pace pace;                /* of the last steps */
    eng_trend trend;              /* of the loss */
} eng_run;

/* ---- memplan.c ---- */

/* Sizes that follow from the job: rows, micro, eval_every, save_every, eval_rows, flops. */
void eng_run_sizes(eng_run *l);

/* What the training pass needs for a micro-batch of so many rows. */
eng_pass_plan eng_run_pass(const eng_run *l, size_t rows);

/* What the run takes, but for the time; sizes are set. */
void eng_run_plan(const eng_run *l, eng_train_plan *out);

/* Refuses a run that cannot fit (SK_E_NOMEM), before anything is allocated; the sentence says what
 * would fit. */
sk_status eng_run_check_memory(const eng_run *l, sk_err *e);

/* ---- step.c ---- */

/* One step, its report, and what is due after it.  *stopped: asked to stop, nothing was changed.
 * SK_E_INVALID when loss or gradient are not finite. */
sk_status eng_run_step(eng_run *l, bool *stopped, sk_err *e);

/* An event with what all have in common; figures it does not tell are NaN. */
eng_train_event eng_run_event(const eng_run *l, eng_train_kind kind);

/* ---- spike.c ---- */

/* Step l->s.step has loss and norm as in p: good, and p is to be learned from; or what the rule
 * says of it has been done, *lost: skipped (p->lr is then 0), or gone back and *back is set too.
 * SK_E_INVALID: the run ends. */
sk_status eng_run_judge(eng_run *l, eng_point *p, bool *lost, bool *back, sk_err *e);

/* Whether the loss has risen by half of what it may: a checkpoint of now is none to go back to. */
bool eng_run_suspect(const eng_run *l);

/* Number of the batch of the step to come. */
uint64_t eng_run_batch(const eng_run *l);

/* ---- prefer.c ---- */

/* Works out the references of all pairs, or reads them where the run goes on. */
sk_status eng_run_refer(eng_run *l, sk_err *e);

/* Loss and gradient (g NULL: none) of rows [at, ..) of the step, or of the held-out set. */
void eng_run_prefer(eng_run *l, const eng_batch *b, size_t at, float scale, float *g);
void eng_run_prefer_valid(eng_run *l, const eng_batch *b, size_t at);

/* Before the first `n` parts are worked on; and after it: their sum, in all processes, in l->seen.
 */
void eng_run_begin_pairs(eng_run *l, size_t n);
sk_status eng_run_sum_pairs(eng_run *l, size_t n, sk_err *e);

/* Pairs in the rows of the step. */
uint64_t eng_run_pairs(const eng_run *l);

/* What was seen, into an event. */
void eng_run_tell_pairs(const eng_run *l, eng_train_event *ev);

/* ---- heldout.c ---- */

/* Mean loss and bits per byte of text over rows [0, n) of the held-out set. */
sk_status eng_run_evaluate(eng_run *l, size_t n, double *loss, double *bits_per_byte, sk_err *e);

/* Measures, when it is due, into the point of the step just done, and tells. */
sk_status eng_run_evaluate_if_due(eng_run *l, eng_point *p, sk_err *e);

/* ---- keep.c ---- */

/* Begins anew, or where the checkpoint stands. */
sk_status eng_run_begin(eng_run *l, sk_err *e);

/* The state as the checkpoint to go back to (guard.h) has it, once all are on disk, in all
 * processes; as the newest has it where that one is gone or damaged. */
sk_status eng_run_reload(eng_run *l, sk_err *e);

/* Begins to write a checkpoint and log.jsonl, once the one before is on disk. */
sk_status eng_run_save(eng_run *l, sk_err *e);

/* The event of a checkpoint that has come to be on disk; the error of one that could not be
 * written. */
sk_status eng_run_poll(eng_run *l, sk_err *e);

/* All that stands at the end: last checkpoint, log, curve, model; the last event. */
sk_status eng_run_finish(eng_run *l, sk_err *e);

/* Keeps what was done and says how to go on: SK_E_STOPPED. */
sk_status eng_run_stop(eng_run *l, sk_err *e);

#endif
