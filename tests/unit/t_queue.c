/* t_queue.c - the queue between threads: order, bounds, shutting, the event descriptor, many
 * writers. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/queue.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/* A queue that must open. */
static sk_queue *open_queue(size_t max)
{
    sk_err e = SK_ERR_INIT;
    sk_queue *q = NULL;
    assert_status_ok(sk_queue_open(max, &q, &e), e);
    return q;
}

/* True when the descriptor says that there are items. */
static bool readable(sk_queue *q)
{
    struct pollfd p = {.fd = sk_queue_fd(q), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void first_in_first_out(void **state)
{
    (void)state;
    static int items[1000];
    sk_queue *q = open_queue(0);
    size_t in = 0, out = 0;
    for (size_t round = 0; round < 40; round++) {
        for (size_t i = 0; i < round && in < 1000; i++)
            assert_true(sk_queue_push(q, &items[in++]));
        assert_int_equal(sk_queue_len(q), in - out);
        assert_int_equal(readable(q), in != out);
        for (size_t i = 0; i < round / 2 + 1 && out < in; i++)
            assert_ptr_equal(sk_queue_pop(q, false), &items[out++]);
    }
    while (out < in)
        assert_ptr_equal(sk_queue_pop(q, true), &items[out++]);
    assert_null(sk_queue_pop(q, false));
    assert_false(readable(q));
    sk_queue_close(q);
    sk_queue_close(NULL);
}

static void bounded(void **state)
{
    (void)state;
    int item;
    for (size_t max = 1; max < 40; max += 6) {
        sk_queue *q = open_queue(max);
        for (size_t i = 0; i < max; i++)
            assert_true(sk_queue_push(q, &item));
        assert_false(sk_queue_push(q, &item));
        assert_int_equal(sk_queue_len(q), max);
        assert_ptr_equal(sk_queue_pop(q, false), &item);
        assert_true(sk_queue_push(q, &item));
        assert_false(sk_queue_push(q, &item));
        sk_queue_close(q);
    }
}

/* What is in a shut queue can still be taken; then even a waiting pop returns at once. */
static void shut(void **state)
{
    (void)state;
    int item;
    sk_queue *q = open_queue(0);
    assert_true(sk_queue_push(q, &item));
    sk_queue_shut(q);
    sk_queue_shut(q);
    assert_false(sk_queue_push(q, &item));
    assert_true(readable(q));
    assert_ptr_equal(sk_queue_pop(q, true), &item);
    assert_null(sk_queue_pop(q, true));
    assert_null(sk_queue_pop(q, false));
    sk_queue_close(q);
}

/* Without memory to grow a push is refused and the rest stays in order. */
static void out_of_memory(void **state)
{
    (void)state;
    int items[17];
    sk_err e = SK_ERR_INIT;
    sk_queue *none = NULL;
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    assert_status(sk_queue_open(0, &none, &e), SK_E_NOMEM, e, "queue");
    assert_null(none);
    sk_queue *q = open_queue(0);
    for (size_t i = 0; i < 16; i++)
        assert_true(sk_queue_push(q, &items[i]));
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    assert_false(sk_queue_push(q, &items[16]));
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    assert_true(sk_queue_push(q, &items[16]));
    for (size_t i = 0; i < 17; i++)
        assert_ptr_equal(sk_queue_pop(q, false), &items[i]);
    sk_queue_close(q);
}

enum { WRITERS = 6, EACH = 2000 };

typedef struct writer {
    sk_queue *q;
    unsigned number;
    unsigned items[EACH]; /* writer * EACH + i */
} writer;

static writer writers[WRITERS];

static void *write_items(void *arg)
{
    writer *w = arg;
    for (unsigned i = 0; i < EACH; i++) {
        w->items[i] = w->number * EACH + i;
        while (!sk_queue_push(w->q, &w->items[i]))
            (void)sched_yield();
    }
    return NULL;
}

/* Takes everything the writers send; each writer's items come in its order, none lost or doubled.
 */
static void many_writers(size_t max, bool by_poll)
{
    sk_queue *q = open_queue(max);
    pthread_t t[WRITERS];
    unsigned next[WRITERS] = {0};
    for (unsigned w = 0; w < WRITERS; w++) {
        writers[w].q = q;
        writers[w].number = w;
        assert_int_equal(pthread_create(&t[w], NULL, write_items, &writers[w]), 0);
    }
    for (unsigned n = 0; n < WRITERS * EACH;) {
        if (by_poll) {
            struct pollfd p = {.fd = sk_queue_fd(q), .events = POLLIN};
            assert_int_equal(poll(&p, 1, 20000), 1);
        }
        unsigned *item = sk_queue_pop(q, !by_poll);
        if (!item) continue;
        unsigned w = *item / EACH;
        assert_in_range(w, 0, WRITERS - 1);
        assert_int_equal(*item % EACH, next[w]++);
        n++;
    }
    for (unsigned w = 0; w < WRITERS; w++)
        (void)pthread_join(t[w], NULL);
    assert_int_equal(sk_queue_len(q), 0);
    assert_null(sk_queue_pop(q, false));
    assert_false(readable(q));
    sk_queue_close(q);
}

static void many_writers_one_sleeper(void **state)
{
    (void)state;
    many_writers(0, false);
    many_writers(3, false);
}

static void many_writers_one_poller(void **state)
{
    (void)state;
    many_writers(0, true);
    many_writers(5, true);
}

static void *pop_until_shut(void *arg)
{
    return sk_queue_pop(arg, true);
}

/* Shutting wakes a reader that sleeps. */
static void shut_wakes(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        sk_queue *q = open_queue(0);
        pthread_t t;
        void *got = q;
        assert_int_equal(pthread_create(&t, NULL, pop_until_shut, q), 0);
        if (i % 2) (void)usleep(500);
        sk_queue_shut(q);
        (void)pthread_join(t, &got);
        assert_null(got);
        sk_queue_close(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_in_first_out),
        cmocka_unit_test(bounded),
        cmocka_unit_test(shut),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(many_writers_one_sleeper),
        cmocka_unit_test(many_writers_one_poller),
        cmocka_unit_test(shut_wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
