/* t_sched.c - the seam between the two threads: every job gets exactly one last mail, whatever is
 * done to it and when. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "serve/sched/sched.h"
#include "tests/unit/fake_engine.h"

#include <poll.h>
#include <stdio.h>

typedef struct client {
    srv_job *job;
    sk_buf text;
    srv_finish finish;
    size_t n_mail;
} client;

static client *submit(srv_sched *s, client *c, const char *prompt, size_t n_max, uint64_t seed)
{
    *c = (client){.job = srv_job_new()};
    for (const char *p = prompt; *p; p++)
        assert_true(eng_ids_push(&c->job->prompt, (unsigned char)*p));
    c->job->n_max = n_max;
    c->job->sample = (eng_sample_opts){.temperature = 1, .top_p = 1, .seed = seed};
    c->job->owner = c;
    sk_status st = srv_sched_submit(s, c->job);
    if (!st) return c;
    assert_int_equal(st, SK_E_BUSY);
    srv_job_free(c->job);
    c->job = NULL;
    return NULL;
}

static void take(srv_sched *s)
{
    srv_mail m;
    for (srv_job *j; (j = srv_sched_collect(s, &m));) {
        client *c = j->owner;
        assert_int_equal(c->finish, SRV_FIN_NONE);
        sk_buf_add(&c->text, m.text.p, m.text.len);
        sk_buf_fini(&m.text);
        c->finish = m.finish;
        c->n_mail++;
    }
}

/* Waits for mail and takes it, until nothing is alive or `enough` says so. */
static void take_until(srv_sched *s, const client *c)
{
    while (c ? c->finish == SRV_FIN_NONE : srv_sched_alive(s) > 0) {
        struct pollfd p = {.fd = srv_sched_fd(s), .events = POLLIN};
        assert_true(poll(&p, 1, 60000) == 1);
        take(s);
    }
}

static void client_end(fake_engine *f, client *c, bool whole)
{
    if (!c->job) return;
    if (whole) {
        char want[4096];
        size_t n = fake_engine_answer(f, c->job->prompt.id, c->job->prompt.n, c->job->n_max,
                                      c->job->sample.seed, want, sizeof want);
        assert_int_equal(c->text.len, n);
        assert_memory_equal(n ? c->text.p : "", want, n);
    }
    srv_job_free(c->job);
    sk_buf_fini(&c->text);
}

static srv_sched *sched_open(fake_engine *f, size_t max_waiting)
{
    srv_sched_opts o = {.max_waiting = max_waiting, .target_us = 1000};
    sk_err e = SK_ERR_INIT;
    srv_sched *s = NULL;
    assert_status_ok(srv_sched_open(&f->engine, &o, &s, &e), e);
    return s;
}

static void answers(void **state)
{
    (void)state;
    fake_engine f;
    fake_engine_init(&f, 4, 200, 64);
    srv_sched *s = sched_open(&f, 100);
    static client c[60];
    for (size_t i = 0; i < 60; i++) {
        char prompt[32];
        snprintf(prompt, sizeof prompt, "prompt %zu", i % 7);
        assert_non_null(submit(s, &c[i], prompt, 100, i % 3));
    }
    take_until(s, NULL);
    for (size_t i = 0; i < 60; i++)
        client_end(&f, &c[i], true);
    srv_sched_close(s);
    fake_engine_fini(&f);
}

static void refuses_when_full_and_recovers(void **state)
{
    (void)state;
    fake_engine f;
    fake_engine_init(&f, 2, 200, 64);
    f.end_one_in = 0;
    atomic_store(&f.hold, true);
    srv_sched *s = sched_open(&f, 3);
    static client c[6];
    for (size_t i = 0; i < 5; i++) {
        assert_false(srv_sched_is_full(s));
        assert_non_null(submit(s, &c[i], "x", 20, i));
    }
    assert_true(srv_sched_is_full(s));
    assert_null(submit(s, &c[5], "x", 20, 5));
    assert_in_range(srv_sched_retry_s(s), 1, 120);
    atomic_store(&f.hold, false);
    take_until(s, NULL);
    assert_false(srv_sched_is_full(s));
    assert_non_null(submit(s, &c[5], "x", 20, 5));
    take_until(s, NULL);
    for (size_t i = 0; i < 6; i++)
        client_end(&f, &c[i], true);
    srv_sched_close(s);
    fake_engine_fini(&f);
}

/* Cancelling frees the place even while the engine sleeps because all is paused. */
static void wakes_for_pause_and_cancel(void **state)
{
    (void)state;
    fake_engine f;
    fake_engine_init(&f, 1, 4000, 64);
    f.end_one_in = 0;
    f.step_us = 200;
    srv_sched *s = sched_open(&f, 4);
    static client a, b;
    assert_non_null(submit(s, &a, "x", 3000, 1));
    while (!a.text.len) {
        struct pollfd p = {.fd = srv_sched_fd(s), .events = POLLIN};
        assert_int_equal(poll(&p, 1, 60000), 1);
        take(s);
    }
    srv_sched_pause(s, a.job, true);
    assert_non_null(submit(s, &b, "y", 5, 1)); /* gets the slot: the paused one has no use for it */
    take_until(s, &b);
    while (srv_sched_busy_us(s) > 0)
        continue;
    take(s);
    assert_int_equal(a.finish, SRV_FIN_NONE);
    srv_sched_cancel(s, a.job);
    take_until(s, &a);
    assert_int_equal(a.finish, SRV_FIN_CANCELLED);
    client_end(&f, &a, false);
    client_end(&f, &b, true);

    assert_non_null(submit(s, &a, "x", 50, 1));
    srv_sched_pause(s, a.job, true);
    srv_sched_pause(s, a.job, false);
    take_until(s, NULL);
    client_end(&f, &a, true);
    srv_sched_close(s);
    fake_engine_fini(&f);
}

/* Clients come and go at random; nothing is lost, nothing comes twice. */
static void storm(void **state)
{
    (void)state;
    fake_engine f;
    fake_engine_init(&f, 3, 300, 16);
    srv_sched *s = sched_open(&f, 10);
    static client c[400];
    size_t n = 0, refused = 0;
    for (uint64_t i = 0; n < 400; i++) {
        uint64_t dice = sk_rng_u64(7, SK_RNG_TEST, i);
        client *any = n ? &c[dice / 16 % n] : NULL;
        bool alive = any && any->job && !any->finish;
        if (dice % 4 == 0) {
            if (!submit(s, &c[n++], &"abcdefghijklmnop"[dice % 16], 1 + dice % 200, dice % 5))
                refused++;
        } else if (dice % 4 == 1 && alive) {
            srv_sched_cancel(s, any->job);
        } else if (dice % 4 == 2 && alive) {
            srv_sched_pause(s, any->job, dice & 32);
        }
        take(s);
    }
    for (size_t i = 0; i < n; i++)
        if (c[i].job && !c[i].finish) srv_sched_pause(s, c[i].job, false);
    take_until(s, NULL);
    assert_true(refused < n);
    for (size_t i = 0; i < n; i++) {
        if (c[i].job) assert_int_not_equal(c[i].finish, SRV_FIN_NONE);
        client_end(&f, &c[i], c[i].finish != SRV_FIN_CANCELLED);
    }
    srv_sched_close(s);
    fake_engine_fini(&f);
}

static void drains_waiting_then_all(void **state)
{
    (void)state;
    fake_engine f;
    fake_engine_init(&f, 1, 4000, 64);
    f.end_one_in = 0;
    f.step_us = 300;
    srv_sched *s = sched_open(&f, 4);
    static client a, b;
    assert_non_null(submit(s, &a, "x", 3900, 1));
    assert_non_null(submit(s, &b, "y", 3900, 1));
    while (!a.text.len)
        take(s);
    srv_sched_drain(s, false);
    take_until(s, &b);
    assert_int_equal(b.finish, SRV_FIN_DRAINED);
    assert_int_equal(a.finish, SRV_FIN_NONE);
    srv_sched_drain(s, true);
    take_until(s, &a);
    assert_int_equal(a.finish, SRV_FIN_DRAINED);
    client_end(&f, &a, false);
    client_end(&f, &b, false);
    srv_sched_close(s);
    fake_engine_fini(&f);
}

/* Closing with jobs in every state frees them. */
static void closes_with_work_in_hand(void **state)
{
    (void)state;
    fake_engine f;
    fake_engine_init(&f, 2, 4000, 64);
    f.end_one_in = 0;
    f.step_us = 300;
    srv_sched *s = sched_open(&f, 8);
    static client c[6];
    for (size_t i = 0; i < 6; i++)
        assert_non_null(submit(s, &c[i], "x", 3000, i));
    srv_sched_pause(s, c[0].job, true);
    srv_sched_cancel(s, c[1].job);
    srv_sched_close(s);
    fake_engine_fini(&f);
}

/* The heartbeat shows a step that does not end, and an idle engine as idle. */
static void shows_a_stuck_step(void **state)
{
    (void)state;
    fake_engine f;
    fake_engine_init(&f, 1, 200, 64);
    srv_sched *s = sched_open(&f, 4);
    static client a;
    atomic_store(&f.hold, true);
    assert_non_null(submit(s, &a, "x", 5, 1));
    while (srv_sched_busy_us(s) < 5000)
        continue;
    atomic_store(&f.hold, false);
    take_until(s, NULL);
    while (srv_sched_busy_us(s) > 0)
        continue;
    client_end(&f, &a, true);
    srv_sched_close(s);
    fake_engine_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(refuses_when_full_and_recovers),
        cmocka_unit_test(wakes_for_pause_and_cancel),
        cmocka_unit_test(storm),
        cmocka_unit_test(drains_waiting_then_all),
        cmocka_unit_test(closes_with_work_in_hand),
        cmocka_unit_test(shows_a_stuck_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
