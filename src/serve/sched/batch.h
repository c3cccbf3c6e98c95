/* batch.h - continuous batching: which tokens of which jobs go into the next step.
 *
 * Single-threaded, and free of clocks in its decisions but two (the length of prefill chunks beside
 * running answers, and deadlines), so that tests drive it step by step.  Each step: drop what was
 * cancelled or is too late, give slots and memory to the jobs that are next (waitq.h), one token
 * for every running answer, and prompt tokens up to the rest of the step.  Beside running answers
 * the prompt's share is cut so that a step takes less than two without (tempo.h): nobody's next
 * token waits for a stranger's long prompt.
 *
 * What the cache of keys and values knows of a prompt's beginning is not computed again, and what
 * another job is about to compute of it is waited for, as is what lies on disk: another thread
 * reads that, the answers go on.  Memory is promised before a job starts; one that outgrows its
 * promise gets more, if need be from the job that came last, which goes on later.
 */
#ifndef SRV_SCHED_BATCH_H
#define SRV_SCHED_BATCH_H

#include "base/metric.h"
#include "serve/sched/engine.h"
#include "serve/sched/job.h"

typedef struct srv_batch srv_batch;

/* What a job made in a step: text (may be empty) and, once, how it finished.  err is set for
 * SRV_FIN_ERROR.  After a finish the batch never touches j again. */
typedef void (*srv_emit_fn)(void *arg, srv_job *j, const sk_buf *text, srv_finish finish,
                            const sk_err *err);

/* How full a batch is; pages are those of the cache of keys and values, as in eng_kv_usage.  The
 * engine thread writes, any may read. */
typedef struct srv_gauges {
    _Atomic size_t waiting, running, pages, held, promised, kept;
} srv_gauges;

typedef struct srv_batch_opts {
    uint64_t target_us; /* a step beside running answers may always take so long */
    srv_emit_fn emit;
    void *arg;
    sk_metrics *metrics; /* table of sched/stats.h; may be NULL */
    srv_gauges *gauges;  /* told of every step instead of the metrics' gauges; NULL: those */
} srv_batch_opts;

/* A batch over eng (which it borrows). */
sk_status srv_batch_open(const srv_engine *eng, const srv_batch_opts *o, srv_batch **out,
                         sk_err *e);

/* No job may be in it. */
void srv_batch_close(srv_batch *b);

/* Appends a job to the waiting ones. */
void srv_batch_add(srv_batch *b, srv_job *j);

/* Ends all jobs that never ran, and the others too if `all`, with SRV_FIN_DRAINED. */
void srv_batch_drain(srv_batch *b, bool all);

/* One step.  False when there is nothing to compute: no job, or all of them paused or waiting for
 * the disk (engine.h: listen). */
bool srv_batch_step(srv_batch *b);

/* Jobs without a slot. */
size_t srv_batch_waiting(const srv_batch *b);

/* Jobs with a slot. */
size_t srv_batch_running(const srv_batch *b);

#endif
