/* waitq.h - the jobs that wait, and which of them is next.
 *
 * Higher priority first; within a priority those that gave way to others come first, then the key
 * that was served least, then who came first.  How much a key was served is counted in tokens, as a
 * virtual counter for as long as it has jobs (Sheng et al. 2024, "Fairness in Serving Large
 * Language Models"): a key that comes anew starts where the least served of the others is, so
 * nobody saves up while away, and many requests of one key do not hold up the few of another.
 */
#ifndef SRV_SCHED_WAITQ_H
#define SRV_SCHED_WAITQ_H

#include "serve/sched/job.h"

typedef struct srv_waitq srv_waitq;

/* An empty queue; NULL without memory. */
srv_waitq *srv_waitq_new(void);

/* Frees the queue, which must be empty; NULL is allowed. */
void srv_waitq_free(srv_waitq *q);

/* Appends a job; its key has one job more alive.  SK_E_NOMEM. */
sk_status srv_waitq_add(srv_waitq *q, srv_job *j);

/* Puts a job that was taken back: before all of its priority that were never taken. */
void srv_waitq_put_back(srv_waitq *q, srv_job *j);

/* The next job that is not paused, still in the queue; NULL if there is none. */
srv_job *srv_waitq_next(const srv_waitq *q);

/* Takes j out. */
void srv_waitq_take(srv_waitq *q, srv_job *j);

/* Jobs to be found: those that are lost (srv_job_is_lost), those that were never taken, all. */
typedef enum srv_wait_which { SRV_WAIT_LOST, SRV_WAIT_NEW, SRV_WAIT_ALL } srv_wait_which;

/* The first such job at now_us; NULL if there is none. */
srv_job *srv_waitq_find(const srv_waitq *q, srv_wait_which which, uint64_t now_us);

/* Counts n tokens as served to j's key. */
void srv_waitq_charge(srv_waitq *q, const srv_job *j, size_t n);

/* j, taken before, is no longer alive. */
void srv_waitq_leave(srv_waitq *q, const srv_job *j);

/* Jobs that wait. */
size_t srv_waitq_count(const srv_waitq *q);

#endif
