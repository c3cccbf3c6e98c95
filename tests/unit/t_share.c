/* t_share.c - hosts and guests of one machine. */
#include "base/clock.h"
#include "base/share.h"
#include "base/thread.h"
#include "unit.h"

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char path[512];

static sk_share *opened(bool host)
{
    sk_share *s = NULL;
    sk_err e = SK_ERR_INIT;
    assert_int_equal(sk_share_open(path, &s, &e), SK_OK);
    if (host) assert_int_equal(sk_share_host(s, &e), SK_OK);
    return s;
}

static sk_share_figures figures(const sk_share *s)
{
    sk_share_figures f;
    sk_share_read(s, &f);
    return f;
}

static void nap_ms(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&t, NULL);
}

/* A guest's thread: passes once. */
typedef struct guest {
    sk_share *s;
    pthread_t thread;
    atomic_bool through;
} guest;

static void *pass(void *arg)
{
    guest *g = arg;
    sk_share_pass(g->s);
    atomic_store(&g->through, true);
    return NULL;
}

static void start(guest *g, sk_share *s)
{
    g->s = s;
    atomic_init(&g->through, false);
    assert_int_equal(pthread_create(&g->thread, NULL, pass, g), 0);
}

/* Waits until a guest has given way once more than `before`. */
static void gives_way(const sk_share *s, uint64_t before)
{
    while (figures(s).waits == before)
        nap_ms(1);
}

static void joined(guest *g)
{
    assert_int_equal(pthread_join(g->thread, NULL), 0);
    assert_true(atomic_load(&g->through));
}

static int set_up(void **state)
{
    int rc = unit_dir_make(state);
    (void)snprintf(path, sizeof path, "%s", unit_path(unit_dir, "share"));
    return rc;
}

static void guests_wait_for_hosts(void **state)
{
    (void)state;
    sk_share *a = opened(true), *b = opened(true), *g = opened(false);
    guest one, two;
    sk_share_pass(g); /* nobody has work */
    sk_share_begin(a);
    sk_share_begin(a);
    sk_share_begin(b);
    start(&one, g);
    start(&two, g);
    gives_way(g, 0);
    sk_share_end(a);
    sk_share_end(b);
    nap_ms(20);
    assert_false(atomic_load(&one.through) || atomic_load(&two.through));
    assert_true(figures(g).busy);
    sk_share_end(a);
    joined(&one);
    joined(&two);
    sk_share_figures f = figures(g);
    assert_false(f.busy);
    assert_int_equal(f.waits, 1); /* a stretch of work counts once, whatever the threads */
    assert_true(f.busy_us >= 20000 && f.waited_us > 0);
    assert_true(f.slowest_us <= f.busy_us);
    sk_share_pass(g);
    sk_share_close(a);
    sk_share_close(b);
    sk_share_close(g);
}

/* A host that closes has no work any more. */
static void closing_ends_the_work(void **state)
{
    (void)state;
    sk_share *a = opened(true), *g = opened(false);
    sk_share_begin(a);
    sk_share_begin(a);
    sk_share_close(a);
    sk_share_pass(g);
    assert_false(figures(g).busy);
    sk_share_close(g);
}

/* A killed host's work ends by itself, and its place is free again. */
static void a_killed_host(void **state)
{
    (void)state;
    sk_share *g = opened(false);
    for (int round = 0; round < 20; round++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            sk_share *h = NULL;
            if (sk_share_open(path, &h, NULL) || sk_share_host(h, NULL)) _exit(1);
            sk_share_begin(h);
            raise(SIGKILL);
        }
        int how;
        assert_int_equal(waitpid(pid, &how, 0), pid);
        assert_true(WIFSIGNALED(how));
        if (round % 2) sk_share_pass(g); /* else the next host clears the place */
    }
    sk_share_pass(g);
    assert_false(figures(g).busy);
    sk_share_close(g);
}

static void places_are_few(void **state)
{
    (void)state;
    sk_share *h[17] = {0};
    sk_err e = SK_ERR_INIT;
    for (int i = 0; i < 16; i++)
        h[i] = opened(true);
    h[16] = opened(false);
    assert_int_equal(sk_share_host(h[16], &e), SK_E_BUSY);
    sk_share_close(h[3]);
    assert_int_equal(sk_share_host(h[16], &e), SK_OK);
    for (int i = 0; i < 17; i++)
        if (i != 3) sk_share_close(h[i]);
}

static void held(void **state)
{
    (void)state;
    sk_share *g = opened(false), *boss = opened(false);
    guest one;
    sk_share_hold(boss, true);
    assert_true(figures(g).held);
    start(&one, g);
    nap_ms(20);
    assert_false(atomic_load(&one.through));
    sk_share_hold(boss, false);
    joined(&one);
    sk_share_close(g);
    sk_share_close(boss);
}

static bool always(void *arg)
{
    return *(bool *)arg;
}

/* A guest that is to end goes on although a host has work. */
static void until_told_to_end(void **state)
{
    (void)state;
    bool end = true;
    sk_share *a = opened(true), *g = opened(false);
    sk_share_until(g, always, &end);
    sk_share_begin(a);
    sk_share_pass(g);
    sk_share_pass(g);
    assert_true(figures(g).busy);
    sk_share_close(a);
    sk_share_close(g);
}

/* A host's thread: is between two steps. */
static void *turn(void *arg)
{
    guest *h = arg;
    sk_share_turn(h->s);
    atomic_store(&h->through, true);
    return NULL;
}

/* Waits until a guest stands and wants a turn. */
static void asks(const sk_share *s)
{
    while (!figures(s).asked)
        nap_ms(1);
}

/* `steps` steps of `us` each, a guest waiting all the time; at which times turns began goes into
 * at[20], their lengths into us_of[20].  Returns how many there were.  Time stands but for the
 * steps and the turns. */
static size_t work(double floor, uint64_t us, size_t steps, uint64_t *at, uint64_t *us_of)
{
    (void)unlink(path); /* a new page: time begins anew */
    sk_share *a = opened(true), *g = opened(false);
    uint64_t now = 1000000, given = 0;
    size_t n = 0;
    guest one, host = {.s = a};
    sk_share_floor(g, floor);
    sk_clock_virtual(now);
    sk_share_begin(a);
    start(&one, g);
    for (size_t i = 0; i < steps; i++) {
        asks(g);
        sk_clock_virtual(now += us);
        atomic_init(&host.through, false);
        assert_int_equal(pthread_create(&host.thread, NULL, turn, &host), 0);
        while (!atomic_load(&host.through) && figures(g).given_us == given)
            nap_ms(1);
        uint64_t took = figures(g).given_us - given;
        given += took;
        if (took) {
            joined(&one); /* alone: the host stands until the turn is over */
            assert_false(atomic_load(&host.through));
            assert_true(n < 20);
            at[n] = now;
            us_of[n++] = took;
            sk_clock_virtual(now += took);
        }
        joined(&host);
        if (took) start(&one, g);
    }
    sk_share_end(a);
    joined(&one);
    sk_clock_real();
    sk_share_close(a);
    sk_share_close(g);
    return n;
}

/* Guests have as much of the time as the floor says: their turns to all that passed. */
static void floors(void **state)
{
    (void)state;
    static const struct {
        double floor;
        uint64_t step_us;
        size_t steps;
        uint64_t least_us, most_us; /* of a turn */
        double gets;
    } rows[] = {
        {0.2, 5000, 18, 10000, 11250, 0.2},     {0.5, 5000, 6, 10000, 10000, 0.5},
        {0.9, 1000, 6, 18000, 18000, 0.9},      {0.2, 45000, 3, 11250, 11250, 0.2},
        {0.5, 200000, 3, 200000, 200000, 0.5},  {0.9, 20000, 3, 50000, 50000, 5. / 7},
        {1, 200000, 3, 400000, 400000, 2. / 3}, {1, 1000, 3, 19000, 19000, 0.95},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t at[20], us[20], sum = 0;
        size_t n = work(rows[i].floor, rows[i].step_us, rows[i].steps, at, us);
        assert_true(n > 0);
        for (size_t k = 0; k < n; k++) {
            assert_true(us[k] >= rows[i].least_us && us[k] <= rows[i].most_us);
            sum += us[k];
        }
        /* the time ends with the last turn */
        double part = (double)sum / (double)(at[n - 1] + us[n - 1] - 1000000);
        assert_true(fabs(part - rows[i].gets) < 0.01);
    }
}

/* What is owed is not lost when the host's work ends, nor owed for the time until it begins again;
 * but no more than a long turn's. */
static void owed_over_pauses(void **state)
{
    (void)state;
    sk_share *a = opened(true), *g = opened(false);
    guest one;
    uint64_t now = 1000000;
    sk_share_floor(a, 0.5);
    sk_clock_virtual(now);
    for (int i = 0; i < 3; i++) { /* 3 ms of work each, a second of none */
        sk_share_begin(a);
        sk_clock_virtual(now += 3000);
        sk_share_end(a);
        sk_clock_virtual(now += 1000000);
    }
    sk_share_begin(a);
    start(&one, g);
    asks(g);
    sk_share_turn(a); /* 9 ms would be due */
    assert_int_equal(figures(g).given_us, 0);
    sk_clock_virtual(now + 1000);
    sk_share_hold(g, true);
    sk_share_turn(a); /* and held is held */
    assert_int_equal(figures(g).given_us, 0);
    assert_false(atomic_load(&one.through));
    sk_share_hold(g, false);
    asks(g);
    guest host = {.s = a};
    assert_int_equal(pthread_create(&host.thread, NULL, turn, &host), 0);
    joined(&one);
    assert_int_equal(figures(g).given_us, 10000);
    sk_share_hold(g, true); /* ends a turn, too */
    joined(&host);
    sk_share_hold(g, false);
    sk_share_end(a);
    sk_clock_real();
    sk_share_close(a);
    sk_share_close(g);
}

/* Where no guest waits a host goes on, whatever is owed; one that asked and was killed gets one
 * turn. */
static void nobody_asks(void **state)
{
    (void)state;
    sk_share *a = opened(true);
    sk_share_floor(a, 0.5);
    sk_clock_virtual(1000000);
    sk_share_begin(a);
    for (uint64_t us = 1000000; us < 3000000; us += 100000) {
        sk_clock_virtual(us);
        sk_share_turn(a);
    }
    assert_int_equal(figures(a).given_us, 0);
    sk_share_end(a);
    sk_clock_real();
    sk_share_close(a);
}

/* The pool's workers stop between two tasks, and what they compute is the same. */
static atomic_int done;

static void task(void *arg, size_t n, size_t worker)
{
    (void)worker;
    ((int *)arg)[n] = (int)n;
    atomic_fetch_add(&done, 1);
    nap_ms(1);
}

static void *run_pool(void *arg)
{
    static int to[200];
    sk_pool_run(arg, 200, task, to);
    for (int i = 0; i < 200; i++)
        assert_int_equal(to[i], i);
    return NULL;
}

static void gate_of_a_pool(void **state)
{
    (void)state;
    for (size_t threads = 1; threads <= 3; threads++) {
        sk_share *a = opened(true), *g = opened(false);
        sk_pool *p;
        pthread_t t;
        uint64_t before = figures(g).waits;
        atomic_store(&done, 0);
        assert_int_equal(sk_pool_open(threads, &p, NULL), SK_OK);
        sk_pool_gate(p, sk_share_pass, g);
        assert_int_equal(pthread_create(&t, NULL, run_pool, p), 0);
        while (atomic_load(&done) < 3)
            nap_ms(1);
        sk_share_begin(a);
        gives_way(g, before);
        nap_ms(30); /* tasks under way end */
        int n = atomic_load(&done);
        nap_ms(20);
        assert_int_equal(atomic_load(&done), n);
        assert_true(n < 200);
        sk_share_end(a);
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(atomic_load(&done), 200);
        sk_pool_close(p);
        sk_share_close(a);
        sk_share_close(g);
    }
}

static void no_such_file(void **state)
{
    (void)state;
    sk_share *s = NULL;
    sk_err e = SK_ERR_INIT;
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "text", 4), 4);
    assert_int_equal(sk_share_open(path, &s, &e), SK_E_FORMAT);
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(sk_share_open(path, &s, &e), SK_E_FORMAT);
    close(fd);
    assert_int_equal(sk_share_open(unit_path(unit_dir, "no/such"), &s, &e), SK_E_NOTFOUND);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(guests_wait_for_hosts, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(closing_ends_the_work, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(a_killed_host, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(places_are_few, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(held, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(until_told_to_end, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(floors, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(owed_over_pauses, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(nobody_asks, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(gate_of_a_pool, set_up, unit_dir_remove),
        cmocka_unit_test_setup_teardown(no_such_file, set_up, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
