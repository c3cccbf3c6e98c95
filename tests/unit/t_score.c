/* t_score.c - log-probabilities of prompts: a record for each token, from the right row, once,
 * whatever the cache knows, however steps are cut, and when a job has to give way. */
#include "tests/unit/unit.h"

#include "serve/sched/batch.h"
#include "serve/sched/score.h"
#include "serve/sched/stats.h"
#include "tests/unit/fake_engine.h"

#include <math.h>

typedef struct rig {
    fake_engine fake;
    srv_batch *b;
    sk_metrics *metrics;
    size_t n_done, n_mails; /* jobs that ended; mails that were no end, with records */
} rig;

static void on_emit(void *arg, srv_job *j, const sk_buf *text, srv_finish fin, const sk_err *err)
{
    rig *r = arg;
    (void)text;
    (void)err;
    r->n_mails += !fin && j->toks.len;
    if (!fin) return;
    j->mail.finish = fin;
    r->n_done++;
}

static void rig_open(rig *r, size_t n_slots, size_t n_ctx, size_t max_step, size_t n_pages)
{
    memset(r, 0, sizeof *r);
    fake_engine_init_pages(&r->fake, n_slots, n_ctx, max_step, n_pages);
    r->fake.end_one_in = 0;
    r->metrics = srv_stats_new();
    srv_batch_opts o = {.target_us = 1, .emit = on_emit, .arg = r, .metrics = r->metrics};
    sk_err e = SK_ERR_INIT;
    assert_non_null(r->metrics);
    assert_status_ok(srv_batch_open(&r->fake.engine, &o, &r->b, &e), e);
}

static void rig_close(rig *r)
{
    srv_batch_close(r->b);
    sk_metrics_free(r->metrics);
    fake_engine_fini(&r->fake);
}

/* A job with a prompt of n tokens, added. */
static srv_job *add(rig *r, int first, size_t n, size_t n_max, bool scored)
{
    srv_job *j = srv_job_new();
    assert_non_null(j);
    for (size_t i = 0; i < n; i++)
        assert_true(eng_ids_push(&j->prompt, (first + (int)(i * i)) % 200));
    j->n_max = n_max;
    j->want_prompt = j->want_lp = j->want_toks = scored;
    j->n_top = scored;
    srv_batch_add(r->b, j);
    return j;
}

static void run(rig *r, size_t n)
{
    for (size_t i = 0; r->n_done < n; i++) {
        assert_true(i < 20000);
        (void)srv_batch_step(r->b);
    }
}

/* A record for each token of the prompt, in order, and n more; the first has nothing before it, the
 * others are read off the row before them (which the fake tells by its number). */
static void check(const srv_job *j, size_t n_more)
{
    srv_tok t;
    size_t at = 0, n = 0;
    while (srv_toklog_next(&j->toks, &at, &t)) {
        if (n < j->prompt.n) assert_int_equal(t.id, j->prompt.id[n]);
        assert_int_equal(isnan(t.logprob) != 0, n == 0);
        assert_int_equal(t.n_top, n > 0 ? j->n_top : 0);
        if (n) assert_int_equal((int)-t.top[0].logprob, n);
        n++;
    }
    assert_int_equal(n, j->prompt.n + n_more);
}

/* Prompts of several lengths, with and without an answer, twice: the second time the cache knows
 * them. */
static void every_token_once(void **state)
{
    static const size_t length[] = {1, 2, 63, 64, 65, 300};
    rig r;
    (void)state;
    rig_open(&r, 4, 512, 48, 64);
    for (size_t i = 0; i < sizeof length / sizeof *length; i++)
        for (size_t again = 0; again < 2; again++)
            for (size_t n_max = 0; n_max < 4; n_max += 3) {
                srv_job *j = add(&r, (int)i, length[i], n_max, true);
                run(&r, r.n_done + 1);
                assert_int_equal(j->mail.finish, SRV_FIN_LENGTH);
                check(j, n_max);
                srv_job_free(j);
            }
    assert_true(sk_metric_get(r.metrics, SRV_M_FAILED) == 0);
    rig_close(&r);
}

/* Rows are bounded over all jobs of a step; jobs without scores go on beside them. */
static void rows_are_bounded(void **state)
{
    rig r;
    srv_job *j[4];
    (void)state;
    rig_open(&r, 4, 512, 200, 64);
    r.fake.engine.n_vocab = SRV_SCORE_BYTES / sizeof(float) / 10;
    r.fake.rows = sk_realloc(SK_MEM_MISC, r.fake.rows,
                             (size_t)10 * r.fake.engine.n_vocab * sizeof *r.fake.rows);
    assert_non_null(r.fake.rows);
    assert_int_equal(srv_score_rows(&r.fake.engine), 10);
    for (size_t i = 0; i < 4; i++)
        j[i] = add(&r, (int)i, 150, 2, i < 3);
    run(&r, 1);
    assert_int_equal(j[3]->mail.finish, SRV_FIN_LENGTH);
    run(&r, 4);
    assert_int_equal(r.fake.most_rows, 10);
    for (size_t i = 0; i < 4; i++) {
        if (i < 3) check(j[i], 2);
        srv_job_free(j[i]);
    }
    rig_close(&r);
}

/* A job that gives way half way through its prompt or its answer goes on with the records it has.
 */
static void survives_giving_way(void **state)
{
    rig r;
    srv_job *j[2];
    (void)state;
    rig_open(&r, 2, 1280, 8, 20);
    j[0] = add(&r, 0, 100, 1000, true);
    for (size_t i = 0; i < 2000 && j[0]->n_seq < 600; i++)
        (void)srv_batch_step(r.b);
    j[1] = add(&r, 1, 600, 20, true); /* the two have all pages; the first soon needs another one */
    for (size_t i = 0; i < 60 && sk_metric_get(r.metrics, SRV_M_PREEMPTED) == 0; i++)
        (void)srv_batch_step(r.b);
    assert_true(sk_metric_get(r.metrics, SRV_M_PREEMPTED) > 0);
    assert_true(j[1]->n_scored > 0 && j[1]->n_scored < 600);
    assert_int_equal(j[1]->state, SRV_JOB_WAITING);
    run(&r, 2);
    check(j[0], 1000);
    check(j[1], 20);
    srv_job_free(j[0]);
    srv_job_free(j[1]);
    rig_close(&r);
}

/* Records come step by step, so many at a time; a reader who is too slow for them holds up nobody
 * but himself, and gives way to who has no slot. */
static void comes_in_pieces(void **state)
{
    rig r;
    (void)state;
    rig_open(&r, 1, 1024, 1024, 32);
    srv_job *j = add(&r, 0, 500, 2, true);
    j->n_top = SRV_MAX_TOP;
    size_t most = srv_score_most(j);
    assert_in_range(most, 100, 249);
    assert_true(srv_batch_step(r.b));
    assert_int_equal(r.fake.most_rows, most);
    assert_int_equal(r.n_mails, 1);
    assert_true(srv_batch_step(r.b));
    assert_int_equal(r.n_mails, 2);
    atomic_store(&j->paused, true);
    size_t n = j->n_scored;
    assert_false(srv_batch_step(r.b));
    srv_job *k = add(&r, 1, 100, 2, false);
    run(&r, 1);
    assert_int_equal(k->mail.finish, SRV_FIN_LENGTH);
    assert_int_equal(j->n_scored, n);
    atomic_store(&j->paused, false);
    run(&r, 2);
    assert_int_equal(r.fake.most_rows, most);
    check(j, 2);
    srv_job_free(j);
    srv_job_free(k);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_token_once),
        cmocka_unit_test(rows_are_bounded),
        cmocka_unit_test(survives_giving_way),
        cmocka_unit_test(comes_in_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
