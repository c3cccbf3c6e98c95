/* sched.h - the seam between the I/O thread and the engine thread.
 *
 * The I/O thread submits jobs and sets flags; the engine thread owns the batch and steps it; mail
 * comes back through a queue whose descriptor the event loop watches.  No lock is held across a
 * step.  A job that was submitted gets exactly one mail with a finish, whatever happens to it;
 * then it is the I/O thread's again.
 */
#ifndef SRV_SCHED_SCHED_H
#define SRV_SCHED_SCHED_H

#include "base/share.h"
#include "serve/sched/batch.h"
#include "serve/sched/baton.h"

typedef struct srv_sched srv_sched;

typedef struct srv_sched_opts {
    size_t max_waiting;  /* jobs that may wait beyond those that can run */
    uint64_t target_us;  /* see batch.h */
    sk_metrics *metrics; /* may be NULL; counts of several schedulers add up in it */
    srv_baton *baton;    /* shared with the other schedulers, NULL: there are none */
    sk_share *share;     /* told when there is work, a host; NULL: nobody gives way */
} srv_sched_opts;

/* Starts the engine thread over eng (borrowed). */
sk_status srv_sched_open(const srv_engine *eng, const srv_sched_opts *o, srv_sched **out,
                         sk_err *e);

/* Ends what still runs (mail is dropped, jobs are freed) and joins the thread. */
void srv_sched_close(srv_sched *s);

/* ---- I/O thread ---- */

/* True when a job would be refused now: ask before the work of making one. */
bool srv_sched_is_full(const srv_sched *s);

/* Jobs that would be taken now. */
size_t srv_sched_room(const srv_sched *s);

/* When to come back, from the backlog: jobs before it times what a job takes, over those that run
 * at once. */
unsigned srv_sched_retry_s(const srv_sched *s);

/* Takes j; SK_E_BUSY (j stays the caller's) when the queue is full. */
sk_status srv_sched_submit(srv_sched *s, srv_job *j);

/* The client of j is gone: j ends at the next step. */
void srv_sched_cancel(srv_sched *s, srv_job *j);

/* Holds j's next token back, or lets it go on. */
void srv_sched_pause(srv_sched *s, srv_job *j, bool on);

/* Readable while there is mail. */
int srv_sched_fd(srv_sched *s);

/* The next job with news, moved into *mail (which the caller frees: srv_mail_fini); NULL if there
 * is none. */
srv_job *srv_sched_collect(srv_sched *s, srv_mail *mail);

/* Ends waiting jobs, and running ones too if `all`, with SRV_FIN_DRAINED. */
void srv_sched_drain(srv_sched *s, bool all);

/* Jobs submitted whose last mail was not collected. */
size_t srv_sched_alive(const srv_sched *s);

/* How full it is, as of its last step; borrowed. */
const srv_gauges *srv_sched_gauges(const srv_sched *s);

/* Microseconds the current step has been running; 0 when the engine is idle.  The truth behind
 * /health. */
uint64_t srv_sched_busy_us(const srv_sched *s);

#endif
