/* t_batch.c - the scheduler step by step, over an engine without a model that checks the contract
 * of a step: fairness, cancellation in every state, reuse of slots, failure. */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "serve/sched/batch.h"
#include "serve/sched/stats.h"
#include "tests/unit/fake_engine.h"

#define MAX_JOBS 200

typedef struct done_job {
    srv_job *job;
    sk_buf text;
    srv_finish finish;
    size_t at_first, at_end; /* step of its first text and of its end */
    sk_status error;
} done_job;

typedef struct rig {
    fake_engine fake;
    srv_batch *b;
    sk_metrics *metrics;
    done_job done[MAX_JOBS];
    size_t n, step;
} rig;

static void on_emit(void *arg, srv_job *j, const sk_buf *text, srv_finish fin, const sk_err *err)
{
    rig *r = arg;
    done_job *d = j->owner;
    assert_int_equal(d->finish, SRV_FIN_NONE);
    if (text->len && !d->text.len) d->at_first = r->step;
    sk_buf_add(&d->text, text->p, text->len);
    d->finish = fin;
    if (fin) d->at_end = r->step;
    if (err) d->error = err->status;
}

static void rig_open_pages(rig *r, size_t n_slots, size_t n_ctx, size_t max_step, size_t n_pages)
{
    memset(r, 0, sizeof *r);
    fake_engine_init_pages(&r->fake, n_slots, n_ctx, max_step, n_pages);
    r->metrics = srv_stats_new();
    assert_non_null(r->metrics);
    srv_batch_opts o = {.target_us = 1, .emit = on_emit, .arg = r, .metrics = r->metrics};
    sk_err e = SK_ERR_INIT;
    assert_status_ok(srv_batch_open(&r->fake.engine, &o, &r->b, &e), e);
}

static void rig_open(rig *r, size_t n_slots, size_t n_ctx, size_t max_step)
{
    rig_open_pages(r, n_slots, n_ctx, max_step, n_slots * ((n_ctx + 63) / 64));
}

static void rig_close(rig *r)
{
    srv_batch_close(r->b);
    sk_metrics_free(r->metrics);
    for (size_t i = 0; i < r->n; i++) {
        srv_job_free(r->done[i].job);
        sk_buf_fini(&r->done[i].text);
    }
    fake_engine_fini(&r->fake);
}

/* A job, not yet added, with a prompt of `n` bytes that begin with `first` and are `tail` from
 * number `from` on. */
static done_job *make(rig *r, char first, size_t n, size_t from, char tail, size_t n_max)
{
    assert_true(r->n < MAX_JOBS);
    done_job *d = &r->done[r->n++];
    d->job = srv_job_new();
    assert_non_null(d->job);
    for (size_t i = 0; i < n; i++) {
        int32_t id = i ? 'a' + (int32_t)(i % 26) : first;
        assert_true(eng_ids_push(&d->job->prompt, i < from ? id : tail));
    }
    d->job->n_max = n_max;
    d->job->sample = (eng_sample_opts){.temperature = 1, .top_p = 1, .seed = 1};
    d->job->owner = d;
    return d;
}

/* A job with a prompt of `n` bytes that begin with `first`. */
static done_job *add(rig *r, char first, size_t n, size_t n_max, uint64_t seed)
{
    done_job *d = make(r, first, n, n, 0, n_max);
    d->job->sample.seed = seed;
    srv_batch_add(r->b, d->job);
    return d;
}

static bool step(rig *r)
{
    r->step++;
    return srv_batch_step(r->b);
}

static void run_out(rig *r)
{
    for (int i = 0; i < 100000 && step(r); i++)
        continue;
    assert_int_equal(srv_batch_running(r->b) + srv_batch_waiting(r->b), 0);
}

/* The text must be what the engine gives for this job alone. */
static void assert_answer(rig *r, done_job *d)
{
    char want[4096];
    const srv_job *j = d->job;
    size_t n = fake_engine_answer(&r->fake, j->prompt.id, j->prompt.n, j->n_max, j->sample.seed,
                                  want, sizeof want);
    assert_int_equal(d->text.len, n);
    assert_memory_equal(d->text.len ? d->text.p : "", want, n);
    assert_int_equal(d->finish, n < j->n_max ? SRV_FIN_STOP : SRV_FIN_LENGTH);
}

static void answers_alike_alone_and_among_others(void **state)
{
    (void)state;
    static const size_t shapes[][3] = {{1, 64, 4}, {3, 128, 3}, {8, 200, 32}, {4, 96, 7}};
    for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
        rig r;
        rig_open(&r, shapes[k][0], shapes[k][1], shapes[k][2]);
        for (size_t i = 0; i < MAX_JOBS; i++) {
            size_t n = 1 + i * 7 % (shapes[k][1] / 2);
            add(&r, (char)('A' + i % 3), n, 1 + i * 5 % (shapes[k][1] / 2), i % 4);
            if (i % 3 == 0) step(&r);
        }
        run_out(&r);
        for (size_t i = 0; i < r.n; i++)
            assert_answer(&r, &r.done[i]);
        assert_true(r.fake.max_items <= shapes[k][0] && r.fake.max_tokens <= shapes[k][2]);
        rig_close(&r);
    }
}

/* 64 at once in a cache that is too small for them: shared beginnings, evictions, answers that
 * outgrow what was promised and make others give way.  Each answer is the one it gives alone. */
static void answers_alike_in_a_crowd(void **state)
{
    (void)state;
    rig r;
    rig_open_pages(&r, 64, 4000, 96, 460);
    r.fake.end_one_in = 2000;
    size_t most = 0;
    for (size_t i = 0; i < 150; i++) {
        size_t own = 1 + i * 37 % 120, from = 64 * (i % 5) + i % 7;
        done_job *d = make(&r, (char)('A' + i % 2), from + own, from, (char)('!' + i % 30),
                           i % 4 ? 1 + i * 11 % 90 : 1500 + i * 7 % 900);
        d->job->sample.seed = i % 9;
        d->job->key = (uint32_t)(i % 3);
        d->job->priority = i % 10 == 3;
        srv_batch_add(r.b, d->job);
        if (i > 63) step(&r);
        most = srv_batch_running(r.b) > most ? srv_batch_running(r.b) : most;
    }
    run_out(&r);
    for (size_t i = 0; i < r.n; i++)
        assert_answer(&r, &r.done[i]);
    assert_true(most == 64 && r.fake.max_tokens <= 96);
    assert_true(sk_metric_get(r.metrics, SRV_M_PREEMPTED) > 0);
    assert_true(sk_metric_get(r.metrics, SRV_M_PREFIX_HITS) > 0);
    assert_true(sk_metric_get(r.metrics, SRV_M_KV_USED) == 0);
    rig_close(&r);
}

/* Sixteen that come at once and begin alike: the beginning is computed once. */
static void computes_a_shared_beginning_once(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 16, 1000, 256);
    r.fake.end_one_in = 0;
    for (int i = 0; i < 16; i++)
        srv_batch_add(r.b, make(&r, 'S', 576, 512, (char)('0' + i), 3)->job);
    run_out(&r);
    assert_int_equal(r.fake.n_tokens, 512 + 16 * (64 + 2));
    for (size_t i = 0; i < r.n; i++) {
        assert_answer(&r, &r.done[i]);
        assert_int_equal(r.done[i].job->n_cached, i ? 512 : 0);
    }
    rig_close(&r);
}

/* Who computes the beginning for others goes away: one of them takes over. */
static void survives_its_leader(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 4, 1000, 100);
    for (int i = 0; i < 4; i++)
        srv_batch_add(r.b, make(&r, 'S', 576, 512, (char)('0' + i), 20)->job);
    step(&r);
    step(&r);
    atomic_store(&r.done[0].job->cancelled, true);
    run_out(&r);
    assert_int_equal(r.done[0].finish, SRV_FIN_CANCELLED);
    for (size_t i = 1; i < r.n; i++)
        assert_answer(&r, &r.done[i]);
    assert_int_equal(r.done[1].job->n_cached,
                     192); /* whole pages of the 200 tokens that were read */
    assert_int_equal(r.done[3].job->n_cached, 512);
    rig_close(&r);
}

/* An answer that outgrows its promise takes memory from the one that came last, which goes on
 * where it was; a drain that lets running answers end lets that one end too. */
static void gives_way_and_goes_on(void **state)
{
    (void)state;
    rig r;
    rig_open_pages(&r, 2, 1280, 64, 20);
    r.fake.end_one_in = 0;
    done_job *a = add(&r, 'a', 10, 1200, 1), *b = add(&r, 'b', 10, 1200, 2);
    for (int i = 0; i < 700; i++)
        step(&r);
    assert_int_equal(srv_batch_running(r.b), 1);
    assert_int_equal(srv_batch_waiting(r.b), 1);
    assert_true(sk_metric_get(r.metrics, SRV_M_PREEMPTED) == 1);
    done_job *c = add(&r, 'c', 10, 5, 1);
    srv_batch_drain(r.b, false);
    assert_int_equal(c->finish, SRV_FIN_DRAINED);
    run_out(&r);
    assert_true(a->at_end < b->at_end);
    assert_answer(&r, a);
    assert_answer(&r, b);
    assert_true(b->job->n_cached == 0 && b->job->n_out == 1200);
    rig_close(&r);
}

/* Deadlines end jobs that wait and jobs that run. */
static void ends_what_is_too_late(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 1, 400, 64);
    r.fake.end_one_in = 0;
    done_job *a = add(&r, 'a', 30, 300, 1), *b = add(&r, 'b', 30, 50, 1);
    step(&r);
    a->job->deadline_us = b->job->deadline_us = 1;
    step(&r);
    assert_int_equal(a->finish, SRV_FIN_EXPIRED);
    assert_int_equal(b->finish, SRV_FIN_EXPIRED);
    assert_true(a->text.len > 0 && sk_metric_get(r.metrics, SRV_M_EXPIRED) == 2);
    done_job *c = add(&r, 'c', 30, 5, 1);
    c->job->deadline_us = UINT64_MAX;
    run_out(&r);
    assert_answer(&r, c);
    rig_close(&r);
}

/* A prompt that lies on disk waits for it, also beside answers, which go on; one like it waits
 * along; what came in time is not computed. */
static void waits_for_the_disk(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 4, 512, 256);
    done_job *a = add(&r, 'A', 3, 100, 1), *b = make(&r, 'B', 300, 300, 0, 5);
    done_job *c = make(&r, 'B', 300, 280, 'x', 5);
    r.fake.end_one_in = 0;
    fake_engine_disk(&r.fake, b->job->prompt.id, 192);
    step(&r);
    srv_batch_add(r.b, b->job);
    srv_batch_add(r.b, c->job);
    for (size_t i = 0, had = a->text.len; i < 10; i++) {
        assert_true(step(&r)); /* the answer goes on */
        assert_int_equal(a->text.len, had + i + 1);
    }
    assert_int_equal(r.fake.n_tokens, 3 + 10);
    r.fake.n_come = 150; /* two pages */
    step(&r);
    step(&r);
    step(&r);
    assert_int_equal(b->job->n_cached, 128);
    assert_int_equal(r.fake.n_tokens, 3 + 13);
    r.fake.n_come = 192;
    run_out(&r);
    assert_int_equal(b->job->n_cached, 192);
    assert_int_equal(c->job->n_cached, 256); /* 64 of them computed for the other */
    assert_answer(&r, a);
    assert_answer(&r, b);
    assert_answer(&r, c);
    assert_int_equal(r.fake.n_tokens, (3 + 99) + (300 - 192 + 4) + (300 - 256 + 4));
    rig_close(&r);
}

/* Whoever waits for the disk can be cancelled, and alone it is nothing to compute. */
static void waits_alone_and_is_cancelled(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 2, 512, 256);
    done_job *b = make(&r, 'B', 300, 300, 0, 5);
    fake_engine_disk(&r.fake, b->job->prompt.id, 256);
    srv_batch_add(r.b, b->job);
    assert_false(step(&r));
    assert_false(step(&r));
    r.fake.n_come = 64;
    assert_true(step(&r)); /* something came: there may be more */
    assert_false(step(&r));
    assert_int_equal(r.fake.n_tokens, 0);
    atomic_store(&b->job->cancelled, true);
    assert_false(step(&r));
    assert_int_equal(b->finish, SRV_FIN_CANCELLED);
    done_job *c = add(&r, 'C', 300, 5, 1); /* the disk has nothing like it */
    run_out(&r);
    assert_answer(&r, c);
    rig_close(&r);
}

/* While a long prompt is read, a running answer gets a token in every step. */
static void keeps_answers_going_beside_a_long_prompt(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 2, 2000, 64);
    r.fake.end_one_in = 0;
    done_job *a = add(&r, 'x', 3, 500, 1);
    step(&r);
    done_job *b = add(&r, 'y', 1500, 5, 2);
    size_t made = a->text.len, began = r.step;
    while (!b->text.len) {
        step(&r);
        assert_int_equal(a->text.len, ++made);
        assert_true(r.step < 3000);
    }
    assert_true(r.step - began > 3);
    run_out(&r);
    assert_answer(&r, a);
    assert_answer(&r, b);
    rig_close(&r);
}

/* A short prompt goes in at once beside answers, where a long one is read by and by. */
static void reads_a_short_prompt_in_one_go(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 2, 2000, 512);
    r.fake.end_one_in = 0;
    r.fake.step_us = 2000;
    r.fake.token_us = 200;
    r.fake.virtual_us = 1000000;
    sk_clock_virtual(r.fake.virtual_us);
    add(&r, 'x', 3, 1000, 1);
    for (int i = 0; i < 20; i++)
        step(&r);
    done_job *lng = add(&r, 'y', 140, 1, 2);
    size_t began = r.step;
    while (!lng->finish)
        step(&r);
    size_t slow = r.step - began;
    done_job *brief = add(&r, 'z', 120, 1, 2);
    began = r.step;
    while (!brief->finish)
        step(&r);
    assert_true(r.step - began <= 3); /* one may be left to the answers, to be timed */
    assert_true(slow > 5);
    run_out(&r);
    sk_clock_real();
    rig_close(&r);
}

/* A short question that comes after a long one is not held up by it, nor the long one for ever. */
static void reads_short_prompts_first(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 3, 2000, 32);
    r.fake.end_one_in = 0;
    done_job *lng = add(&r, 'x', 1600, 1, 1);
    step(&r);
    done_job *brief = add(&r, 'y', 30, 1, 2);
    run_out(&r);
    assert_true(brief->at_end < 8 && lng->at_end > brief->at_end);

    lng = add(&r, 'z', 1600, 1, 1);
    for (int i = 0; i < 30; i++) {
        add(&r, (char)('a' + i), 40, 1, 1);
        for (int k = 0; k < 2; k++)
            step(&r);
    }
    run_out(&r);
    assert_answer(&r, lng);
    rig_close(&r);
}

static void serves_waiting_jobs_in_order(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 1, 64, 64);
    r.fake.end_one_in = 0;
    for (int i = 0; i < 6; i++)
        add(&r, (char)('a' + i), 4, 3, 1);
    assert_int_equal(srv_batch_waiting(r.b), 6);
    run_out(&r);
    for (size_t i = 1; i < 6; i++)
        assert_true(r.done[i].at_end > r.done[i - 1].at_end);
    rig_close(&r);
}

/* A cancelled job leaves with the next step, waiting, in prefill or while decoding; others go on
 * unharmed. */
static void cancels_in_every_state(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 2, 400, 16);
    r.fake.end_one_in = 0;
    done_job *decoding = add(&r, 'a', 3, 300, 1), *stays = add(&r, 'b', 5, 60, 2);
    for (int i = 0; i < 5; i++)
        step(&r);
    done_job *w1 = add(&r, 'c', 4, 5, 3), *w2 = add(&r, 'd', 200, 5, 3),
             *w3 = add(&r, 'e', 4, 5, 3);
    assert_true(decoding->text.len > 0);
    atomic_store(&w1->job->cancelled, true);
    atomic_store(&w3->job->cancelled, true);
    step(&r);
    assert_int_equal(w1->finish, SRV_FIN_CANCELLED);
    assert_int_equal(w3->finish, SRV_FIN_CANCELLED);
    assert_int_equal(w2->finish, SRV_FIN_NONE);
    assert_int_equal(srv_batch_waiting(r.b), 1);
    atomic_store(&decoding->job->cancelled, true);
    step(&r);
    assert_int_equal(decoding->finish, SRV_FIN_CANCELLED);
    assert_int_equal(w2->job->state, SRV_JOB_PREFILL); /* has the slot already */
    step(&r);
    assert_true(w2->job->n_fed > 0 && w2->job->n_fed < 200);
    atomic_store(&w2->job->cancelled, true);
    step(&r);
    assert_int_equal(w2->finish, SRV_FIN_CANCELLED);
    assert_int_equal(srv_batch_running(r.b), 1);
    done_job *after = add(&r, 'd', 200, 20, 3); /* takes the slot of w2, half filled */
    run_out(&r);
    assert_answer(&r, stays);
    assert_answer(&r, after);
    assert_true(after->job->n_cached > 0);
    rig_close(&r);
}

static void cancels_all_waiting_at_once(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 1, 64, 16);
    for (int i = 0; i < 20; i++)
        add(&r, 'a', 4, 50, 1);
    for (size_t i = 0; i < r.n; i++)
        atomic_store(&r.done[i].job->cancelled, true);
    assert_false(step(&r));
    assert_int_equal(r.fake.n_steps, 0);
    add(&r, 'a', 4, 5, 1);
    run_out(&r);
    assert_answer(&r, &r.done[20]);
    rig_close(&r);
}

static void pauses_without_losing_a_token(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 2, 200, 16);
    r.fake.end_one_in = 0;
    done_job *a = add(&r, 'a', 3, 50, 1), *b = add(&r, 'b', 3, 20, 1);
    for (int i = 0; i < 5; i++)
        step(&r);
    size_t had = a->text.len;
    atomic_store(&a->job->paused, true);
    while (b->finish == SRV_FIN_NONE)
        assert_true(step(&r));
    assert_int_equal(a->text.len, had);
    assert_false(step(&r)); /* nothing to do, but not finished either */
    assert_int_equal(srv_batch_running(r.b), 1);
    atomic_store(&a->job->paused, false);
    run_out(&r);
    assert_answer(&r, a);
    rig_close(&r);
}

static void cancels_a_paused_job(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 1, 200, 16);
    r.fake.end_one_in = 0;
    done_job *a = add(&r, 'a', 3, 50, 1);
    step(&r);
    atomic_store(&a->job->paused, true);
    assert_false(step(&r));
    atomic_store(&a->job->cancelled, true);
    assert_false(step(&r));
    assert_int_equal(a->finish, SRV_FIN_CANCELLED);
    rig_close(&r);
}

/* A slow reader's slot goes to who waits for one; it goes on when it is told to. */
static void paused_jobs_give_way(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 1, 400, 16);
    r.fake.end_one_in = 0;
    done_job *a = add(&r, 'a', 100, 50, 1);
    while (!a->text.len)
        step(&r);
    atomic_store(&a->job->paused, true);
    step(&r);
    assert_int_equal(srv_batch_running(r.b), 1); /* nobody else wants it */
    done_job *b = add(&r, 'b', 3, 20, 1), *c = add(&r, 'c', 3, 5, 1);
    while (c->finish == SRV_FIN_NONE)
        assert_true(step(&r));
    assert_int_equal(b->finish, SRV_FIN_LENGTH);
    assert_false(step(&r));
    assert_int_equal(srv_batch_waiting(r.b), 1);
    assert_int_equal(a->finish, SRV_FIN_NONE);
    atomic_store(&a->job->paused, false);
    run_out(&r);
    assert_answer(&r, a);
    assert_answer(&r, b);
    rig_close(&r);
}

/* The same for want of memory instead of a slot. */
static void paused_jobs_give_memory(void **state)
{
    (void)state;
    rig r;
    rig_open_pages(&r, 2, 256, 16, 4);
    r.fake.end_one_in = 0;
    done_job *a = add(&r, 'a', 100, 100, 1);
    while (!a->text.len)
        step(&r);
    atomic_store(&a->job->paused, true);
    done_job *b = add(&r, 'b', 150, 20, 1);
    while (b->finish == SRV_FIN_NONE)
        assert_true(step(&r));
    atomic_store(&a->job->paused, false);
    run_out(&r);
    assert_answer(&r, a);
    assert_answer(&r, b);
    rig_close(&r);
}

/* The next turn of a conversation begins like the last one: only what is new is read. */
static void keeps_what_slots_hold(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 2, 400, 64);
    add(&r, 'a', 100, 1, 1);
    run_out(&r);
    add(&r, 'q', 50, 1, 1);
    run_out(&r);
    size_t before = r.fake.n_tokens;
    done_job *again = add(&r, 'a', 140, 5, 1);
    run_out(&r);
    assert_int_equal(again->job->n_cached, 100);
    assert_true(r.fake.n_tokens - before <= 45);
    assert_answer(&r, again);
    done_job *same = add(&r, 'a', 140, 5, 9);
    run_out(&r);
    assert_int_equal(same->job->n_cached, 139); /* the last token's logits are wanted anew */
    assert_answer(&r, same);
    rig_close(&r);
}

static void survives_a_failed_step(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 2, 400, 64);
    r.fake.end_one_in = 0;
    done_job *a = add(&r, 'a', 30, 50, 1), *b = add(&r, 'b', 30, 50, 1),
             *c = add(&r, 'a', 30, 9, 2);
    step(&r);
    r.fake.fail_next = SK_E_NOMEM;
    step(&r);
    assert_int_equal(a->finish, SRV_FIN_ERROR);
    assert_int_equal(b->finish, SRV_FIN_ERROR);
    assert_int_equal(a->error, SK_E_NOMEM);
    run_out(&r);
    assert_int_equal(c->job->n_cached, 0); /* what the slots held is not known any more */
    assert_answer(&r, c);
    rig_close(&r);
}

static void drains(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 1, 400, 64);
    r.fake.end_one_in = 0;
    done_job *a = add(&r, 'a', 30, 50, 1), *b = add(&r, 'b', 30, 50, 1);
    step(&r);
    srv_batch_drain(r.b, false);
    assert_int_equal(b->finish, SRV_FIN_DRAINED);
    assert_int_equal(a->finish, SRV_FIN_NONE);
    step(&r);
    srv_batch_drain(r.b, true);
    assert_int_equal(a->finish, SRV_FIN_DRAINED);
    assert_true(a->text.len > 0);
    assert_false(step(&r));
    rig_close(&r);
}

/* A stop sequence cut over tokens ends the answer, and is no part of it. */
static void stops_at_sequences(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 1, 400, 64);
    r.fake.script = "one two three four";
    done_job *a = add(&r, 'a', 3, 50, 1);
    assert_true(sk_stops_add(&a->job->stops, "three", 5));
    run_out(&r);
    assert_string_equal(a->text.p, "one two ");
    assert_int_equal(a->finish, SRV_FIN_STOP);
    assert_int_equal(a->job->n_out, strlen("one two three"));

    r.fake.script = "thr";
    done_job *b = add(&r, 'a', 3, 50, 1);
    assert_true(sk_stops_add(&b->job->stops, "three", 5));
    run_out(&r);
    assert_string_equal(b->text.p, "thr"); /* held back, then the answer ended otherwise */

    r.fake.script = "\xe2\x82\xac\xe2\x82";
    done_job *c = add(&r, 'a', 3, 5, 1);
    run_out(&r);
    assert_int_equal(c->finish, SRV_FIN_LENGTH);
    assert_int_equal(c->text.len, 5);
    rig_close(&r);
}

/* A guide that takes several tries for each mask and allows everything. */
typedef struct slow_guide {
    size_t tries, left, n_asked, n_told;
} slow_guide;

static bool slow_ready(void *self, uint64_t work)
{
    slow_guide *g = self;
    assert_true(work > 0);
    if (g->left) g->left--;
    return !g->left;
}

static const uint64_t *slow_mask(void *self, sk_err *e)
{
    slow_guide *g = self;
    (void)e;
    assert_int_equal(g->left, 0); /* not asked before it is ready */
    g->n_asked++;
    return NULL;
}

static sk_status slow_take(void *self, int32_t id, sk_err *e)
{
    slow_guide *g = self;
    (void)id;
    (void)e;
    g->n_told++;
    g->left = g->tries;
    return SK_OK;
}

/* Answers whose guides are not ready wait, the others don't; alone it is asked until it is. */
static void waits_for_a_slow_guide(void **state)
{
    (void)state;
    for (int alone = 0; alone < 2; alone++) {
        rig r;
        rig_open(&r, 4, 200, 8);
        r.fake.end_one_in = 0;
        slow_guide g = {.tries = 5, .left = 5}, h = {.tries = 1, .left = 1};
        done_job *slow = make(&r, 'A', 20, 20, 0, 10), *quick = make(&r, 'B', 20, 20, 0, 10);
        slow->job->guide = (srv_guide){&g, slow_mask, slow_take, slow_ready, NULL};
        quick->job->guide = (srv_guide){&h, slow_mask, slow_take, slow_ready, NULL};
        srv_batch_add(r.b, slow->job);
        if (!alone) srv_batch_add(r.b, quick->job);
        run_out(&r);
        assert_answer(&r, slow);
        assert_int_equal(g.n_told, 10);
        if (!alone) {
            assert_answer(&r, quick);
            assert_true(quick->at_end + 30 < slow->at_end);
        } else {
            srv_job_free(quick->job);
            quick->job = NULL;
        }
        assert_true(slow->at_end >= 50);
        rig_close(&r);
    }
}

/* Tokens that end an answer are like others where that is asked. */
static void goes_on_over_ends(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 2, 200, 8);
    r.fake.end_one_in = 4;
    done_job *d = make(&r, 'A', 5, 5, 0, 100), *other = make(&r, 'A', 5, 5, 0, 100);
    d->job->ignore_end = true;
    srv_batch_add(r.b, d->job);
    srv_batch_add(r.b, other->job);
    run_out(&r);
    assert_int_equal(d->finish, SRV_FIN_LENGTH);
    assert_int_equal(d->job->n_out, 100);
    assert_true(d->text.len < 100 && d->text.len > 40);
    assert_int_equal(other->finish, SRV_FIN_STOP);
    assert_true(other->text.len < 100 && !memcmp(d->text.p, other->text.p, other->text.len));
    rig_close(&r);
}

static void counts_what_it_does(void **state)
{
    (void)state;
    rig r;
    rig_open(&r, 1, 400, 64);
    sk_metrics *m = r.metrics;
    r.fake.end_one_in = 0;
    add(&r, 'a', 30, 7, 1);
    add(&r, 'b', 10, 3, 1);
    srv_batch_add(r.b, (r.done[r.n].job = srv_job_new(), r.done[r.n].job->owner = &r.done[r.n],
                        r.done[r.n].job->n_max = 1, eng_ids_push(&r.done[r.n].job->prompt, 1),
                        r.done[r.n++].job));
    atomic_store(&r.done[2].job->cancelled, true);
    step(&r);
    assert_true(sk_metric_get(m, SRV_M_RUNNING) == 1 && sk_metric_get(m, SRV_M_WAITING) == 1);
    run_out(&r);
    assert_true(sk_metric_get(m, SRV_M_RUNNING) == 0 && sk_metric_get(m, SRV_M_WAITING) == 0);
    assert_true(sk_metric_get(m, SRV_M_PROMPT_TOKENS) == 41);
    assert_true(sk_metric_get(m, SRV_M_OUT_TOKENS) == 10);
    assert_true(sk_metric_get(m, SRV_M_FINISHED) == 2);
    assert_true(sk_metric_get(m, SRV_M_CANCELLED) == 1);
    assert_true(sk_metric_get(m, SRV_M_TTFT_SECONDS) == 2);
    assert_true(sk_metric_get(m, SRV_M_ITL_SECONDS) == 8);
    assert_true(sk_metric_get(m, SRV_M_KV_USED) == 0);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_alike_alone_and_among_others),
        cmocka_unit_test(answers_alike_in_a_crowd),
        cmocka_unit_test(computes_a_shared_beginning_once),
        cmocka_unit_test(survives_its_leader),
        cmocka_unit_test(gives_way_and_goes_on),
        cmocka_unit_test(ends_what_is_too_late),
        cmocka_unit_test(waits_for_the_disk),
        cmocka_unit_test(waits_alone_and_is_cancelled),
        cmocka_unit_test(keeps_answers_going_beside_a_long_prompt),
        cmocka_unit_test(reads_a_short_prompt_in_one_go),
        cmocka_unit_test(reads_short_prompts_first),
        cmocka_unit_test(serves_waiting_jobs_in_order),
        cmocka_unit_test(cancels_in_every_state),
        cmocka_unit_test(cancels_all_waiting_at_once),
        cmocka_unit_test(pauses_without_losing_a_token),
        cmocka_unit_test(cancels_a_paused_job),
        cmocka_unit_test(paused_jobs_give_way),
        cmocka_unit_test(paused_jobs_give_memory),
        cmocka_unit_test(keeps_what_slots_hold),
        cmocka_unit_test(survives_a_failed_step),
        cmocka_unit_test(drains),
        cmocka_unit_test(stops_at_sequences),
        cmocka_unit_test(waits_for_a_slow_guide),
        cmocka_unit_test(goes_on_over_ends),
        cmocka_unit_test(counts_what_it_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
