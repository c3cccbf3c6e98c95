/* t_thread.c - the pool: every task once, whatever the workers; made to be run under
 * ThreadSanitizer too. */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { MOST = 5000 };

/* What the tasks of a test see. */
typedef struct board {
    unsigned char hits[MOST]; /* plain memory: a task run twice at once is a race for TSan to see */
    size_t n_workers;
    atomic_int misfits;      /* tasks with a worker number out of range */
    atomic_int inside[1024]; /* tasks running now, by worker */
} board;

static board b;

static void count_task(void *arg, size_t task, size_t worker)
{
    board *on = arg;
    if (worker >= on->n_workers) {
        atomic_fetch_add(&on->misfits, 1);
        return;
    }
    if (atomic_fetch_add(&on->inside[worker], 1) != 0) atomic_fetch_add(&on->misfits, 1);
    on->hits[task]++;
    atomic_fetch_sub(&on->inside[worker], 1);
}

/* A pool of n that must open. */
static sk_pool *open_pool(size_t n)
{
    sk_err e = SK_ERR_INIT;
    sk_pool *p = NULL;
    assert_status_ok(sk_pool_open(n, &p, &e), e);
    assert_int_equal(sk_pool_size(p), n);
    b.n_workers = n;
    return p;
}

/* Runs n tasks and checks that each ran once. */
static void run_and_check(sk_pool *p, size_t n)
{
    memset(b.hits, 0, sizeof b.hits);
    sk_pool_run(p, n, count_task, &b);
    for (size_t i = 0; i < MOST; i++)
        if (b.hits[i] != (i < n)) fail_msg("task %zu of %zu ran %d times", i, n, b.hits[i]);
    assert_int_equal(atomic_load(&b.misfits), 0);
}

static void every_task_once(void **state)
{
    (void)state;
    static const size_t tasks[] = {0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 1000, MOST};
    for (size_t n = 1; n <= 8; n++) {
        sk_pool *p = open_pool(n);
        for (size_t t = 0; t < sizeof tasks / sizeof *tasks; t++)
            run_and_check(p, tasks[t]);
        sk_pool_close(p);
    }
    sk_pool_close(NULL);
}

/* Thousands of runs without a pause: the late worker of one run meets the tickets of the next. */
static void runs_back_to_back(void **state)
{
    (void)state;
    for (size_t n = 2; n <= 8; n += 3) {
        sk_pool *p = open_pool(n);
        for (size_t run = 0; run < 3000; run++) {
            size_t tasks = 2 + run * 7 % 23;
            memset(b.hits, 0, 32);
            sk_pool_run(p, tasks, count_task, &b);
            for (size_t i = 0; i < 32; i++)
                if (b.hits[i] != (i < tasks)) fail_msg("run %zu: task %zu", run, i);
        }
        assert_int_equal(atomic_load(&b.misfits), 0);
        sk_pool_close(p);
    }
}

/* Different functions and arguments in turn: no task of one run sees those of another. */
typedef struct tagged {
    uint32_t tag, seen[64];
} tagged;

static void tag_even(void *arg, size_t task, size_t worker)
{
    tagged *t = arg;
    (void)worker;
    t->seen[task] = t->tag * 2;
}

static void tag_odd(void *arg, size_t task, size_t worker)
{
    tagged *t = arg;
    (void)worker;
    t->seen[task] = t->tag * 2 + 1;
}

static void runs_do_not_mix(void **state)
{
    (void)state;
    sk_pool *p = open_pool(4);
    tagged t[2];
    for (uint32_t run = 0; run < 4000; run++) {
        tagged *on = &t[run % 2];
        size_t n = 2 + run % 40;
        memset(on, 0xFF, sizeof *on);
        on->tag = run;
        sk_pool_run(p, n, run % 3 ? tag_even : tag_odd, on);
        for (size_t i = 0; i < 64; i++)
            if (on->seen[i] != (i < n ? run * 2 + (run % 3 == 0) : UINT32_MAX))
                fail_msg("run %u task %zu", run, i);
    }
    sk_pool_close(p);
}

/* A sum in task order is the same for every number of workers. */
typedef struct partial {
    double part[257];
} partial;

static void add_part(void *arg, size_t task, size_t worker)
{
    partial *s = arg;
    (void)worker;
    double v = 0;
    for (size_t i = 0; i < 100; i++)
        v += 1.0 / (double)(1 + task * 100 + i);
    s->part[task] = v;
}

static void same_for_every_size(void **state)
{
    (void)state;
    double first = 0;
    for (size_t n = 1; n <= 8; n++) {
        sk_pool *p = open_pool(n);
        partial s;
        sk_pool_run(p, 257, add_part, &s);
        double sum = 0;
        for (size_t i = 0; i < 257; i++)
            sum += s.part[i];
        if (n == 1) first = sum;
        assert_memory_equal(&sum, &first, sizeof sum);
        sk_pool_close(p);
    }
}

/* Workers that have gone to sleep wake up; a virtual clock that stands still does not make them
 * spin for ever. */
static void sleepers_wake(void **state)
{
    (void)state;
    sk_clock_virtual(5);
    sk_pool *p = open_pool(3);
    for (int i = 0; i < 20; i++) {
        (void)usleep(1000);
        run_and_check(p, 100);
    }
    sk_pool_close(p);
    sk_clock_real();
}

/* A task that only ends once another worker has taken part: proof that the workers do work. */
static void meet(void *arg, size_t task, size_t worker)
{
    atomic_int *there = arg;
    (void)task;
    (void)worker;
    atomic_fetch_add(there, 1);
    while (atomic_load(there) < 3)
        (void)sched_yield();
}

static void workers_take_part(void **state)
{
    (void)state;
    sk_pool *p = open_pool(3);
    for (int i = 0; i < 50; i++) {
        atomic_int there = 0;
        sk_pool_run(p, 3, meet, &there);
        assert_int_equal(atomic_load(&there), 3);
    }
    sk_pool_close(p);
}

static void too_many_threads(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_pool *p = NULL;
    assert_status(sk_pool_open(1025, &p, &e), SK_E_INVALID, e, "1024");
    assert_status(sk_pool_open(SIZE_MAX, &p, &e), SK_E_INVALID, e, "1024");
    assert_null(p);
}

static sk_status open_starved(void *arg, sk_err *e)
{
    (void)arg;
    sk_pool *p = NULL;
    sk_status st = sk_pool_open(2, &p, e);
    assert_int_equal(st == SK_OK, p != NULL);
    if (st) assert_contains(e->text, "2 threads");
    sk_pool_close(p);
    return st;
}

static void pool_out_of_memory(void **state)
{
    (void)state;
    assert_true(unit_starve(open_starved, NULL, 20, UNIT_TOLD) >= 2);
}

/* 0 threads means one a core, and the cores follow the affinity mask. */
static void cores(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_pool *p = NULL;
    size_t n = sk_cores();
    assert_true(n >= 1);
    assert_status_ok(sk_pool_open(0, &p, &e), e);
    assert_int_equal(sk_pool_size(p), n);
    sk_pool_close(p);
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_true(n <= (size_t)CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int c = 0; c < CPU_SETSIZE && CPU_COUNT(&one) == 0; c++)
        if (CPU_ISSET(c, &all)) CPU_SET(c, &one);
    if (sched_setaffinity(0, sizeof one, &one) != 0) skip();
    assert_int_equal(sk_cores(), 1);
    p = open_pool(4);
    for (int i = 0; i < 50; i++)
        run_and_check(p, 200);
    sk_pool_close(p);
    (void)sched_setaffinity(0, sizeof all, &all);
}

static _Atomic pthread_t handler_thread;

static void on_signal(int signal_number)
{
    (void)signal_number;
    atomic_store(&handler_thread, pthread_self());
}

static void idle(void *arg, size_t task, size_t worker)
{
    (void)arg;
    (void)task;
    (void)worker;
}

/* Signals for the process reach the thread that opened the pool, never a worker. */
static void signals_reach_the_caller(void **state)
{
    (void)state;
    struct sigaction act = {.sa_handler = on_signal}, old;
    (void)sigaction(SIGUSR1, &act, &old);
    sk_pool *p = open_pool(4);
    for (int i = 0; i < 50; i++) {
        atomic_store(&handler_thread, (pthread_t)0);
        (void)kill(getpid(), SIGUSR1);
        sk_pool_run(p, 100, idle, NULL);
        for (int wait = 0; wait < 1000 && !atomic_load(&handler_thread); wait++)
            (void)usleep(100);
        assert_true(pthread_equal(atomic_load(&handler_thread), pthread_self()));
    }
    sk_pool_close(p);
    (void)sigaction(SIGUSR1, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_once),
        cmocka_unit_test(runs_back_to_back),
        cmocka_unit_test(runs_do_not_mix),
        cmocka_unit_test(same_for_every_size),
        cmocka_unit_test(sleepers_wake),
        cmocka_unit_test(workers_take_part),
        cmocka_unit_test(too_many_threads),
        cmocka_unit_test(pool_out_of_memory),
        cmocka_unit_test(cores),
        cmocka_unit_test(signals_reach_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
