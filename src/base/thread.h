/* thread.h - the worker pool and the queue between threads.
 *
 * The pool runs n_tasks independent tasks.  What a task computes depends only on its number, never
 * on the worker that runs it or on how many there are; tasks write disjoint memory.  That is what
 * makes results equal for every thread count.  Workers spin for a bounded time (about 20 us)
 * between runs, then sleep on a futex: training beside serving must not burn the cores it waits on.
 */
#ifndef SK_BASE_THREAD_H
#define SK_BASE_THREAD_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sk_pool sk_pool;

/* One task: `task` in [0, n_tasks), `worker` in [0, n_workers) to find per-worker scratch. */
typedef void (*sk_task_fn)(void *arg, size_t task, size_t worker);

/* A pool of n_threads workers, the caller of sk_pool_run being one of them (n_threads = 1 starts
 * none). 0 means the number of cores this process may use (affinity mask and cgroup quota
 * regarded). */
sk_status sk_pool_open(size_t n_threads, sk_pool **out, sk_err *e);
void sk_pool_close(sk_pool *p);

/* Number of workers, the caller included. */
size_t sk_pool_size(const sk_pool *p);

/* Runs fn for every task and returns when all are done.  Not reentrant: one caller at a time. */
void sk_pool_run(sk_pool *p, size_t n_tasks, sk_task_fn fn, void *arg);

/* Cores this process may use. */
size_t sk_cores(void);

/* A queue of pointers, many writers and one reader.  The reader may sleep on it (sk_queue_pop) or
 * watch sk_queue_fd in an event loop (readable while not empty). */
typedef struct sk_queue sk_queue;

/* max_items 0 = unbounded. */
sk_status sk_queue_open(size_t max_items, sk_queue **out, sk_err *e);

/* Frees the queue; items still in it are the caller's to have drained. */
void sk_queue_close(sk_queue *q);

/* False when the queue is full, or shut. */
bool sk_queue_push(sk_queue *q, void *item);

/* Next item; NULL when empty and (wait is false, or the queue was shut). */
void *sk_queue_pop(sk_queue *q, bool wait);

/* No more pushes; sleeping readers wake. */
void sk_queue_shut(sk_queue *q);

/* Items in the queue now. */
size_t sk_queue_len(sk_queue *q);

/* An eventfd that is readable while the queue holds items; owned by the queue. */
int sk_queue_fd(sk_queue *q);

#endif
