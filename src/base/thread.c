/* thread.c - the worker pool.
 *
 * A run is published as a ticket: run number (high 32 bits) and tasks still unclaimed (low 32).  A
 * worker claims a task by taking one off the low half; the compare-and-swap fails if the ticket is
 * of another run, so a worker that wakes late can do no harm and the caller never waits for a
 * worker that claimed nothing.  fn, arg and n_tasks of run k+1 are stored only after every task of
 * run k is done; a worker that claimed a task of run k read them before that, hence read those of
 * run k.
 */
#include "base/thread.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAX_WORKERS = 1024, SPIN_NS = 20000, CACHE_LINE = 64 };

typedef struct worker {
    sk_pool *pool;
    size_t number;
    pthread_t thread;
} worker;

struct sk_pool {
    size_t n_workers;
    bool may_spin;
    worker *workers; /* [n_workers]; 0 is the caller and has no thread */
    void (*gate)(void *arg);
    void *gate_arg;
    _Atomic sk_task_fn fn;
    _Atomic(void *) arg;
    _Atomic uint32_t n_tasks;
    _Alignas(CACHE_LINE) _Atomic uint64_t ticket;
    _Alignas(CACHE_LINE) _Atomic uint32_t done; /* futex of the caller */
    _Atomic uint32_t caller_sleeps;
    _Alignas(CACHE_LINE) _Atomic uint32_t bell; /* futex of the workers, rung once a run */
    _Atomic uint32_t sleepers;
    _Atomic bool quit;
};

/* Sleeps while *word is `seen`; may return early. */
static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    (void)syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

/* Wakes up to n sleepers on word. */
static void futex_wake(_Atomic uint32_t *word, uint32_t n)
{
    (void)syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

/* Nanoseconds; not sk_now_us, since a spin must end under a virtual clock as well. */
static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Tells the core that this is a waiting loop. */
static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/* Waits a bounded time for *word to leave `seen`; true when it did. */
static bool spin_while(_Atomic uint32_t *word, uint32_t seen)
{
    uint64_t end = now_ns() + SPIN_NS;
    do {
        for (int i = 0; i < 16; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != seen) return true;
            relax();
        }
    } while (now_ns() < end);
    return false;
}

void sk_pool_pass(sk_pool *p)
{
    if (p->gate) p->gate(p->gate_arg);
}

/* Runs tasks of the published run until none is unclaimed. */
static void work(sk_pool *p, size_t number)
{
    uint64_t t = atomic_load_explicit(&p->ticket, memory_order_acquire);
    while ((uint32_t)t) {
        sk_pool_pass(p);
        sk_task_fn fn = atomic_load_explicit(&p->fn, memory_order_relaxed);
        void *arg = atomic_load_explicit(&p->arg, memory_order_relaxed);
        uint32_t n = atomic_load_explicit(&p->n_tasks, memory_order_relaxed);
        if (!atomic_compare_exchange_weak_explicit(&p->ticket, &t, t - 1, memory_order_acq_rel,
                                                   memory_order_acquire))
            continue;
        assert((uint32_t)t <= n);
        fn(arg, n - (uint32_t)t, number);
        if (atomic_fetch_add(&p->done, 1) + 1 == n && atomic_load(&p->caller_sleeps))
            futex_wake(&p->done, 1);
        t = atomic_load_explicit(&p->ticket, memory_order_acquire);
    }
}

/* A worker's life: wait for the bell, work, until told to quit. */
static void *worker_main(void *arg)
{
    worker *w = arg;
    sk_pool *p = w->pool;
    uint32_t seen = 0;
    for (;;) {
        if (atomic_load(&p->bell) == seen && !(p->may_spin && spin_while(&p->bell, seen))) {
            atomic_fetch_add(&p->sleepers, 1);
            while (atomic_load(&p->bell) == seen)
                futex_wait(&p->bell, seen);
            atomic_fetch_sub(&p->sleepers, 1);
        }
        seen = atomic_load(&p->bell);
        if (atomic_load(&p->quit)) return NULL;
        work(p, w->number);
    }
}

/* Wakes up to n workers that sleep; those that spin hear the bell themselves. */
static void ring(sk_pool *p, size_t n)
{
    atomic_fetch_add(&p->bell, 1);
    if (atomic_load(&p->sleepers)) futex_wake(&p->bell, (uint32_t)n);
}

/* Ends the first n_started threads. */
static void stop_workers(sk_pool *p, size_t n_started)
{
    atomic_store(&p->quit, true);
    ring(p, MAX_WORKERS);
    for (size_t i = 1; i < n_started; i++)
        (void)pthread_join(p->workers[i].thread, NULL);
}

/* Starts the workers with all signals blocked, since signals are for the main thread; but not
 * SIGBUS, which a thread causes itself by what it reads (base/torn.h) and which kills where it is
 * blocked.  Returns 0 or an errno value, and then none is running. */
static int start_workers(sk_pool *p)
{
    sigset_t all, old;
    assert(p->n_workers && p->n_workers <= MAX_WORKERS);
    (void)sigfillset(&all);
    (void)sigdelset(&all, SIGBUS);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int err = 0;
    size_t i = 1;
    for (; i < p->n_workers; i++) {
        p->workers[i] = (worker){.pool = p, .number = i};
        err = pthread_create(&p->workers[i].thread, NULL, worker_main, &p->workers[i]);
        if (err) break;
    }
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (err) stop_workers(p, i);
    return err;
}

/* A pool of n_threads workers, the caller being one of them; 0 means one a core. */
sk_status sk_pool_open(size_t n_threads, sk_pool **out, sk_err *e)
{
    size_t cores = sk_cores();
    if (!n_threads) n_threads = cores < MAX_WORKERS ? cores : MAX_WORKERS;
    if (n_threads > MAX_WORKERS)
        return sk_fail(e, SK_E_INVALID, "%zu threads are too many: at most %d", n_threads,
                       MAX_WORKERS);
    sk_pool *p = sk_calloc(SK_MEM_MISC, 1, sizeof *p);
    if (!p) return sk_fail(e, SK_E_NOMEM, "no memory for a pool of %zu threads", n_threads);
    p->n_workers = n_threads;
    p->may_spin = cores > 1 && n_threads <= cores;
    sk_status st = SK_OK;
    p->workers = sk_calloc(SK_MEM_MISC, n_threads, sizeof *p->workers);
    if (!p->workers) {
        st = sk_fail(e, SK_E_NOMEM, "no memory for a pool of %zu threads", n_threads);
        goto drop_pool;
    }
    int err = start_workers(p);
    if (err) {
        st = sk_fail_errno(e, err, "cannot start %zu threads", n_threads);
        goto drop_workers;
    }
    *out = p;
    return SK_OK;
drop_workers:
    sk_free(p->workers);
drop_pool:
    sk_free(p);
    return st;
}

/* Ends the workers and frees the pool; NULL is allowed. */
void sk_pool_close(sk_pool *p)
{
    if (!p) return;
    stop_workers(p, p->n_workers);
    sk_free(p->workers);
    sk_free(p);
}

/* Number of workers, the caller included. */
size_t sk_pool_size(const sk_pool *p)
{
    return p->n_workers;
}

void sk_pool_gate(sk_pool *p, void (*gate)(void *arg), void *arg)
{
    p->gate = gate;
    p->gate_arg = arg;
}

/* Waits until all n tasks of the run are done: others may still be busy with theirs. */
static void wait_done(sk_pool *p, uint32_t n)
{
    for (;;) {
        uint32_t done = atomic_load_explicit(&p->done, memory_order_acquire);
        if (done == n) break;
        assert(done < n);
        if (p->may_spin && spin_while(&p->done, done)) continue;
        atomic_store(&p->caller_sleeps, 1);
        done = atomic_load(&p->done);
        if (done != n) futex_wait(&p->done, done);
        atomic_store(&p->caller_sleeps, 0);
    }
}

/* Runs fn for every task and returns when all are done. */
void sk_pool_run(sk_pool *p, size_t n_tasks, sk_task_fn fn, void *arg)
{
    assert(fn && n_tasks < UINT32_MAX);
    if (p->n_workers == 1 || n_tasks <= 1) {
        for (size_t i = 0; i < n_tasks; i++) {
            sk_pool_pass(p);
            fn(arg, i, 0);
        }
        return;
    }
    uint32_t n = (uint32_t)n_tasks;
    uint64_t run = (atomic_load_explicit(&p->ticket, memory_order_relaxed) >> 32) + 1;
    atomic_store_explicit(&p->fn, fn, memory_order_relaxed);
    atomic_store_explicit(&p->arg, arg, memory_order_relaxed);
    atomic_store_explicit(&p->n_tasks, n, memory_order_relaxed);
    atomic_store_explicit(&p->done, 0, memory_order_relaxed);
    atomic_store_explicit(&p->ticket, run << 32 | n, memory_order_release);
    ring(p, n - 1);
    work(p, 0);
    wait_done(p, n);
    assert((uint32_t)atomic_load(&p->ticket) == 0); /* nothing of this run is left to claim */
}
