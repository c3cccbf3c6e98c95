/* batch_in.h - what the files of the batch share: batch.c is a step from top to bottom, admit.c
 * gives and takes slots and memory, plan.c chooses the tokens of a step.
 */
#ifndef SRV_SCHED_BATCH_IN_H
#define SRV_SCHED_BATCH_IN_H

#include "serve/sched/batch.h"
#include "serve/sched/stats.h"
#include "serve/sched/tempo.h"
#include "serve/sched/waitq.h"

struct srv_batch {
    const srv_engine *eng;
    srv_batch_opts o;
    srv_job **slot;      /* [n_slots] the job of each; NULL: free */
    eng_step_item *item; /* [n_slots] */
    srv_job **who;       /* [n_slots] the job of each item */
    eng_pick *pick;      /* [n_slots] what is chosen after a step */
    size_t n_items, n_running;
    size_t n_arrived; /* jobs that took something from disk since the last step */
    size_t n_unready; /* jobs that are not in the step since their masks are not made */
    srv_waitq *waiting;
    uint64_t n_admitted, n_steps;
    srv_tempo tempo;
    sk_buf text; /* scratch: what a job may send now */
};

/* Adds to a counter, observes microseconds in a histogram of seconds. */
void srv_batch_count(srv_batch *b, srv_metric_id id, double v);
void srv_batch_observe_us(srv_batch *b, srv_metric_id id, uint64_t us);

/* Hands the end of j, which has no slot and does not wait any more, to its owner. */
void srv_batch_finish(srv_batch *b, srv_job *j, srv_finish fin, const sk_err *err);

/* Takes the slot from j and ends it; without an error the cache remembers its tokens. */
void srv_batch_leave(srv_batch *b, srv_job *j, srv_finish fin, const sk_err *err);

/* ---- admit.c ---- */

/* Gives slots and memory to the jobs that wait, as far as there are both. */
void srv_admit(srv_batch *b);

/* Promises memory to answers that have used up theirs; the jobs that came last give way where there
 * is none. */
void srv_admit_extend(srv_batch *b);

/* Lets prompts go on for whose beginning they waited. */
void srv_admit_follow(srv_batch *b);

/* Gives prompts what was read of their beginnings from disk. */
void srv_admit_arrive(srv_batch *b);

/* ---- plan.c ---- */

/* Fills the items of the next step; how many answers and how many tokens of prompts are in it. */
void srv_plan(srv_batch *b, size_t *n_decode, size_t *n_prefill);

#endif
