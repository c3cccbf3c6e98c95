/* t_hands.c - chores and their workers: whose turn it is, who gives way, what is told. */
#include "tests/unit/unit.h"

#include "serve/sched/hands.h"

#include <poll.h>
#include <pthread.h>

/* A chore that notes in which order it ran and was told; the first of a rig waits at the gate. */
typedef struct rig rig;
typedef struct errand {
    srv_chore chore;
    rig *r;
    char name;
    bool waits;
    int told; /* srv_chore_end + 1 */
} errand;

struct rig {
    srv_hands *h;
    pthread_mutex_t lock;
    pthread_cond_t change;
    bool open, begun;
    char ran[32];
    size_t n_ran, n_told;
};

static void work(srv_chore *c)
{
    errand *x = (errand *)(void *)c;
    rig *r = x->r;
    (void)pthread_mutex_lock(&r->lock);
    if (x->waits) r->begun = true;
    (void)pthread_cond_broadcast(&r->change);
    while (x->waits && !r->open)
        (void)pthread_cond_wait(&r->change, &r->lock);
    if (r->n_ran + 1 < sizeof r->ran) r->ran[r->n_ran++] = x->name;
    (void)pthread_mutex_unlock(&r->lock);
}

static void done(srv_chore *c, srv_chore_end how)
{
    errand *x = (errand *)(void *)c;
    x->told = (int)how + 1;
    x->r->n_told++;
}

/* A worker that stands before the gate, and `most` that may wait behind it. */
static void rig_open(rig *r, errand *gate, size_t most)
{
    sk_err e = SK_ERR_INIT;
    *r = (rig){.h = NULL};
    (void)pthread_mutex_init(&r->lock, NULL);
    (void)pthread_cond_init(&r->change, NULL);
    assert_status_ok(srv_hands_open(1, most, &r->h, &e), e);
    *gate = (errand){.chore = {.work = work, .done = done}, .r = r, .name = '.', .waits = true};
    assert_true(srv_hands_give(r->h, &gate->chore));
    (void)pthread_mutex_lock(&r->lock);
    while (!r->begun)
        (void)pthread_cond_wait(&r->change, &r->lock);
    (void)pthread_mutex_unlock(&r->lock);
}

static void open_gate(rig *r)
{
    (void)pthread_mutex_lock(&r->lock);
    r->open = true;
    (void)pthread_cond_broadcast(&r->change);
    (void)pthread_mutex_unlock(&r->lock);
}

/* Waits for the descriptor until n are told. */
static void collect(rig *r, size_t n)
{
    struct pollfd p = {.fd = srv_hands_fd(r->h), .events = POLLIN};
    while (r->n_told < n) {
        assert_int_equal(poll(&p, 1, -1), 1);
        srv_hands_collect(r->h);
    }
    assert_int_equal(poll(&p, 1, 0), 0);
}

static void rig_close(rig *r)
{
    srv_hands_close(r->h);
    (void)pthread_cond_destroy(&r->change);
    (void)pthread_mutex_destroy(&r->lock);
}

static bool give(rig *r, errand *x, uint32_t key, char name)
{
    *x = (errand){.chore = {.work = work, .done = done, .key = key}, .r = r, .name = name};
    return srv_hands_give(r->h, &x->chore);
}

/* Three of one key do not go before the first of another. */
static void keys_take_turns(void **state)
{
    (void)state;
    rig r;
    errand gate, x[6];
    rig_open(&r, &gate, 8);
    assert_true(give(&r, &x[0], 1, 'a') && give(&r, &x[1], 1, 'b') && give(&r, &x[2], 1, 'c'));
    assert_true(give(&r, &x[3], 2, 'd') && give(&r, &x[4], 3, 'e') && give(&r, &x[5], 2, 'f'));
    assert_int_equal(srv_hands_alive(r.h), 7);
    open_gate(&r);
    collect(&r, 7);
    assert_string_equal(r.ran, ".adebfc");
    assert_int_equal(srv_hands_alive(r.h), 0);
    for (int i = 0; i < 6; i++)
        assert_int_equal(x[i].told, SRV_CHORE_RAN + 1);
    rig_close(&r);
}

/* Where all places are taken the key that has most gives way, to one that has two less. */
static void crowded(void **state)
{
    (void)state;
    rig r;
    errand gate, x[6];
    rig_open(&r, &gate, 3);
    assert_true(give(&r, &x[0], 1, 'a') && give(&r, &x[1], 1, 'b') && give(&r, &x[2], 1, 'c'));
    assert_false(give(&r, &x[3], 1, 'd'));
    assert_true(give(&r, &x[4], 2, 'e'));
    assert_int_equal(x[2].told, SRV_CHORE_CROWDED + 1);
    assert_false(give(&r, &x[5], 2, 'f'));
    assert_true(srv_hands_retry_s(r.h) >= 1);
    open_gate(&r);
    collect(&r, 5);
    assert_string_equal(r.ran, ".aeb");
    rig_close(&r);
}

/* One that waits is told at once, one that runs when it is done. */
static void dropped(void **state)
{
    (void)state;
    rig r;
    errand gate, x[3];
    rig_open(&r, &gate, 8);
    assert_true(give(&r, &x[0], 1, 'a') && give(&r, &x[1], 1, 'b') && give(&r, &x[2], 1, 'c'));
    assert_true(srv_hands_drop(r.h, &x[1].chore));
    assert_int_equal(x[1].told, SRV_CHORE_DROPPED + 1);
    assert_true(srv_hands_drop(r.h, &x[2].chore));
    assert_false(srv_hands_drop(r.h, &gate.chore));
    assert_int_equal(gate.told, 0);
    assert_true(give(&r, &x[2], 1, 'd'));
    open_gate(&r);
    collect(&r, 5);
    assert_string_equal(r.ran, ".ad");
    assert_int_equal(gate.told, SRV_CHORE_RAN + 1);
    rig_close(&r);
}

/* What is under way is waited for, what waits is not begun; each is told. */
static void closed(void **state)
{
    (void)state;
    rig r;
    errand gate, x[2];
    rig_open(&r, &gate, 8);
    assert_true(give(&r, &x[0], 1, 'a') && give(&r, &x[1], 2, 'b'));
    open_gate(&r);
    rig_close(&r);
    assert_int_equal(gate.told, SRV_CHORE_RAN + 1);
    assert_int_equal(r.n_told, 3);
    assert_true(x[0].told == SRV_CHORE_RAN + 1 || x[0].told == SRV_CHORE_DROPPED + 1);
    srv_hands_close(NULL);
}

/* Many from here, two workers: each is told once. */
static void many(void **state)
{
    enum { N = 3000, WAIT = 50 };
    (void)state;
    sk_err e = SK_ERR_INIT;
    static errand x[N];
    rig r = {.open = true};
    size_t given = 0;
    (void)pthread_mutex_init(&r.lock, NULL);
    (void)pthread_cond_init(&r.change, NULL);
    assert_status_ok(srv_hands_open(2, WAIT, &r.h, &e), e);
    for (uint32_t i = 0; i < N; i++) {
        given += give(&r, &x[i], i % 7, 'x');
        if (given && i % 5 == 0) (void)srv_hands_drop(r.h, &x[i].chore);
        if (i % 20 == 0) srv_hands_collect(r.h);
    }
    collect(&r, given);
    assert_int_equal(srv_hands_alive(r.h), 0);
    rig_close(&r);
}

static sk_status attempt(void *arg, sk_err *e)
{
    srv_hands *h = NULL;
    (void)arg;
    sk_status st = srv_hands_open(2, 10, &h, e);
    srv_hands_close(h);
    return st;
}

static void no_memory(void **state)
{
    (void)state;
    (void)unit_starve(attempt, NULL, 10, UNIT_TOLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_take_turns), cmocka_unit_test(crowded), cmocka_unit_test(dropped),
        cmocka_unit_test(closed),          cmocka_unit_test(many),    cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
