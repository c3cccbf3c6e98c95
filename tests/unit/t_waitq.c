/* t_waitq.c - who is next: priorities, fairness over keys, those that gave way, what is lost. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "serve/sched/waitq.h"

enum { MOST = 64 };

typedef struct rig {
    srv_waitq *q;
    srv_job *job[MOST];
    size_t n;
} rig;

static void rig_open(rig *r)
{
    memset(r, 0, sizeof *r);
    r->q = srv_waitq_new();
    assert_non_null(r->q);
}

static void rig_close(rig *r)
{
    srv_waitq_free(r->q);
    for (size_t i = 0; i < r->n; i++)
        srv_job_free(r->job[i]);
}

static srv_job *add(rig *r, uint32_t key, int32_t priority)
{
    srv_job *j = r->job[r->n++] = srv_job_new();
    assert_non_null(j);
    j->key = key;
    j->priority = priority;
    assert_int_equal(srv_waitq_add(r->q, j), SK_OK);
    return j;
}

/* Takes the next one, which costs n tokens. */
static srv_job *take(rig *r, size_t n)
{
    srv_job *j = srv_waitq_next(r->q);
    assert_non_null(j);
    srv_waitq_take(r->q, j);
    srv_waitq_charge(r->q, j, n);
    return j;
}

static void leave_all(rig *r)
{
    while (srv_waitq_count(r->q))
        take(r, 1);
    for (size_t i = 0; i < r->n; i++)
        srv_waitq_leave(r->q, r->job[i]);
}

static void one_key_in_order(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    assert_null(srv_waitq_next(r.q));
    srv_job *low = add(&r, 0, -1), *a = add(&r, 0, 0), *b = add(&r, 0, 0), *high = add(&r, 0, 7);
    assert_int_equal(srv_waitq_count(r.q), 4);
    assert_ptr_equal(take(&r, 9), high);
    assert_ptr_equal(take(&r, 9), a);
    assert_ptr_equal(take(&r, 9), b);
    srv_job *late = add(&r, 0, 0);
    assert_ptr_equal(take(&r, 9), late);
    assert_ptr_equal(take(&r, 9), low);
    leave_all(&r);
    rig_close(&r);
}

/* A key with many requests gets as many tokens as one with few, not as many requests. */
static void shares_tokens_between_keys(void **state)
{
    (void)state;
    rig r;
    size_t of[3] = {0};
    rig_open(&r);
    for (int i = 0; i < 20; i++)
        add(&r, 1, 0);
    for (int i = 0; i < 20; i++)
        add(&r, 2, 0);
    for (int i = 0; i < 12; i++) { /* those of key 1 cost three times as much */
        srv_job *j = srv_waitq_next(r.q);
        of[j->key]++;
        take(&r, j->key == 1 ? 300 : 100);
    }
    assert_int_equal(of[1], 3);
    assert_int_equal(of[2], 9);
    srv_job *fresh = add(&r, 3, 0); /* begins where the least served is, not at 0 */
    size_t before = 0;
    while (take(&r, 300) != fresh)
        before++;
    assert_true(before <= 2);
    for (int i = 0; i < 6; i++) /* what it did not use is not saved up */
        add(&r, 3, 0);
    size_t third = 0;
    for (int i = 0; i < 9; i++)
        third += take(&r, 100)->key == 3;
    assert_in_range(third, 2, 5);
    leave_all(&r);
    rig_close(&r);
}

static void those_that_gave_way_first(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    srv_job *a = add(&r, 1, 0), *b = add(&r, 2, 0), *c = add(&r, 3, 0), *high = add(&r, 3, 1);
    srv_waitq_take(r.q, a);
    a->order = 1;
    srv_waitq_take(r.q, b);
    b->order = 2;
    srv_waitq_charge(r.q, a, 1000);
    srv_waitq_put_back(r.q, a);
    srv_waitq_put_back(r.q, b);
    assert_ptr_equal(srv_waitq_find(r.q, SRV_WAIT_NEW, 0), c);
    assert_ptr_equal(take(&r, 1), high);
    assert_ptr_equal(take(&r, 1), a);
    assert_ptr_equal(take(&r, 1), b);
    assert_ptr_equal(take(&r, 1), c);
    leave_all(&r);
    rig_close(&r);
}

static void finds_what_is_lost(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    srv_job *a = add(&r, 1, 0), *b = add(&r, 1, 0), *c = add(&r, 1, 0);
    b->deadline_us = 500;
    assert_null(srv_waitq_find(r.q, SRV_WAIT_LOST, 500));
    assert_ptr_equal(srv_waitq_find(r.q, SRV_WAIT_LOST, 501), b);
    atomic_store(&c->cancelled, true);
    assert_ptr_equal(srv_waitq_find(r.q, SRV_WAIT_LOST, 1), c);
    assert_ptr_equal(srv_waitq_find(r.q, SRV_WAIT_ALL, 1), a);
    srv_waitq_take(r.q, c); /* the last, the one between, the first */
    srv_waitq_take(r.q, b);
    assert_ptr_equal(srv_waitq_next(r.q), a);
    srv_waitq_take(r.q, a);
    assert_null(srv_waitq_next(r.q));
    srv_waitq_put_back(r.q, c);
    assert_ptr_equal(take(&r, 1), c);
    leave_all(&r);
    rig_close(&r);
}

static void without_memory(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    srv_job *j = srv_job_new();
    assert_non_null(j);
    sk_fault_plan(SK_FAULT_ALLOC, 1, true);
    assert_null(srv_waitq_new());
    assert_int_equal(srv_waitq_add(r.q, j), SK_E_NOMEM);
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    assert_int_equal(srv_waitq_count(r.q), 0);
    srv_job_free(j);
    for (uint32_t i = 0; i < 40; i++) /* more keys than there is room for at first */
        add(&r, i, 0);
    leave_all(&r);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_key_in_order),
        cmocka_unit_test(shares_tokens_between_keys),
        cmocka_unit_test(those_that_gave_way_first),
        cmocka_unit_test(finds_what_is_lost),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
