/* thread.h - the worker pool; with it come the queue between threads and the count of cores.
 *
 * The pool runs n_tasks independent tasks.  What a task computes depends only on its number, never
 * on the worker that runs it or on how many there are; tasks write disjoint memory.  That is what
 * makes results equal for every thread count.  Workers spin for a bounded time (about 20 us)
 * between runs, then sleep on a futex: training beside serving must not burn the cores it waits on.
 */
#ifndef SK_BASE_THREAD_H
#define SK_BASE_THREAD_H

#include "base/cores.h"
#include "base/queue.h"
#include "base/status.h"

#include <stddef.h>

typedef struct sk_pool sk_pool;

/* One task: `task` in [0, n_tasks), `worker` in [0, n_workers) to find per-worker scratch. */
typedef void (*sk_task_fn)(void *arg, size_t task, size_t worker);

/* A pool of n_threads workers, the caller of sk_pool_run being one of them (n_threads = 1 starts
 * none). 0 means the number of cores this process may use (affinity mask and cgroup quota
 * regarded).  More than 1024 is SK_E_INVALID. */
sk_status sk_pool_open(size_t n_threads, sk_pool **out, sk_err *e);

/* Ends the workers and frees the pool; NULL is allowed. */
void sk_pool_close(sk_pool *p);

/* Number of workers, the caller included. */
size_t sk_pool_size(const sk_pool *p);

/* Has gate(arg) called by each worker before it takes a task, also by several at once: it may hold
 * the worker up as long as it likes.  NULL: nobody is asked.  Not during a run. */
void sk_pool_gate(sk_pool *p, void (*gate)(void *arg), void *arg);

/* For a task that takes long, between two pieces of it: as if it took its next task. */
void sk_pool_pass(sk_pool *p);

/* Runs fn for every task and returns when all are done.  Not reentrant: one caller at a time. */
void sk_pool_run(sk_pool *p, size_t n_tasks, sk_task_fn fn, void *arg);

#endif
