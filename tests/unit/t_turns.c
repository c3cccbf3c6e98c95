/* t_turns.c - long work beside others: who has the baton when, and where it ends. */
#include "tests/unit/unit.h"

#include "serve/sched/turns.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

typedef struct beside {
    srv_baton *b;
    atomic_bool end, inside;
    atomic_ulong n;
    long hold_us;
} beside;

/* Another model: steps that have the machine for themselves. */
static void *steps(void *arg)
{
    beside *o = arg;
    while (!atomic_load(&o->end)) {
        srv_baton_take(o->b);
        atomic_store(&o->inside, true);
        usleep((useconds_t)o->hold_us);
        atomic_store(&o->inside, false);
        atomic_fetch_add(&o->n, 1);
        srv_baton_pass(o->b);
    }
    return NULL;
}

/* Pieces that compute never meet a step, and steps go on between them. */
static void beside_steps(void **state)
{
    (void)state;
    beside o = {.b = srv_baton_new(), .hold_us = 2000};
    srv_turns t = {.baton = o.b, .stop_fd = -1};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, steps, &o), 0);
    while (!atomic_load(&o.n))
        usleep(100);
    unsigned long before = atomic_load(&o.n);
    for (int i = 0; i < 40; i++) {
        assert_true(srv_turns_between(&t, ENG_WORK_COMPUTE));
        assert_true(t.has);
        assert_false(atomic_load(&o.inside));
        usleep(300);
        assert_false(atomic_load(&o.inside));
        if (i % 10) continue;
        assert_true(srv_turns_between(&t, ENG_WORK_WAIT));
        assert_false(t.has);
    }
    assert_true(atomic_load(&o.n) > before + 3);
    srv_turns_end(&t);
    srv_turns_end(&t);
    assert_false(t.has);
    atomic_store(&o.end, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    srv_baton_free(o.b);
}

/* Where it is to end no turn is left, whoever says so. */
static void ends(void **state)
{
    (void)state;
    srv_baton *b = srv_baton_new();
    atomic_bool stop;
    atomic_init(&stop, false);
    srv_turns t = {.baton = b, .stop = &stop, .stop_fd = eventfd(0, EFD_NONBLOCK)};
    for (int how = 0; how < 2; how++) {
        assert_true(srv_turns_between(&t, ENG_WORK_COMPUTE));
        assert_true(t.has);
        if (how)
            assert_int_equal(eventfd_write(t.stop_fd, 1), 0);
        else
            atomic_store(&stop, true);
        assert_false(srv_turns_between(&t, how ? ENG_WORK_WAIT : ENG_WORK_COMPUTE));
        assert_false(t.has);
        assert_false(srv_turns_between(&t, ENG_WORK_COMPUTE));
        atomic_store(&stop, false);
    }
    (void)close(t.stop_fd);
    srv_baton_free(b); /* which must be nobody's */
    srv_turns alone = {.stop_fd = -1};
    assert_true(srv_turns_between(&alone, ENG_WORK_COMPUTE));
    srv_turns_end(&alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(beside_steps), cmocka_unit_test(ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
