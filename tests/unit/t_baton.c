/* t_baton.c - turns: one at a time, in the order of asking. */
#include "tests/unit/unit.h"

#include "serve/sched/baton.h"

#include <pthread.h>
#include <unistd.h>

enum { THREADS = 4, TURNS = 2000 };

typedef struct crowd {
    srv_baton *b;
    int inside, most; /* what the baton protects */
    int order[THREADS], n;
} crowd;

static void *take_turns(void *arg)
{
    crowd *c = arg;
    for (int i = 0; i < TURNS; i++) {
        srv_baton_take(c->b);
        if (++c->inside > c->most) c->most = c->inside;
        c->inside--;
        srv_baton_pass(c->b);
    }
    return NULL;
}

static void one_at_a_time(void **state)
{
    (void)state;
    crowd c = {.b = srv_baton_new()};
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, take_turns, &c), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(t[i], NULL), 0);
    assert_int_equal(c.most, 1);
    srv_baton_free(c.b);
    srv_baton_take(NULL); /* nothing is shared */
    srv_baton_pass(NULL);
}

typedef struct waiter {
    crowd *c;
    int number;
} waiter;

static void *wait_once(void *arg)
{
    waiter *w = arg;
    srv_baton_take(w->c->b);
    w->c->order[w->c->n++] = w->number;
    srv_baton_pass(w->c->b);
    return NULL;
}

/* Who holds it and asks again goes behind those that wait. */
static void in_order(void **state)
{
    (void)state;
    crowd c = {.b = srv_baton_new()};
    pthread_t t[THREADS];
    waiter w[THREADS];
    srv_baton_take(c.b);
    for (int i = 0; i < THREADS; i++) {
        w[i] = (waiter){&c, i};
        assert_int_equal(pthread_create(&t[i], NULL, wait_once, &w[i]), 0);
        while (srv_baton_waiting(c.b) <= (size_t)i)
            usleep(100);
    }
    srv_baton_pass(c.b);
    srv_baton_take(c.b);
    assert_int_equal(c.n, THREADS);
    srv_baton_pass(c.b);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(t[i], NULL), 0);
        assert_int_equal(c.order[i], i);
    }
    srv_baton_free(c.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_at_a_time),
        cmocka_unit_test(in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
