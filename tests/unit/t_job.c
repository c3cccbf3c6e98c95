/* t_job.c - what a job carries besides its text: records of its tokens, a guide that says what may
 * come next. */
#include "tests/unit/unit.h"

#include "serve/sched/batch.h"
#include "tests/unit/fake_engine.h"

typedef struct seen {
    sk_buf text, toks;
    srv_finish finish;
    sk_status error;
    uint64_t mask[5];
    size_t n_asked, n_told;
    bool no_mask;
} seen;

static void on_emit(void *arg, srv_job *j, const sk_buf *text, srv_finish fin, const sk_err *err)
{
    seen *s = arg;
    sk_buf_add(&s->text, text->p, text->len);
    sk_buf_add(&s->toks, j->toks.p, j->toks.len);
    sk_buf_reset(&j->toks);
    s->finish = fin;
    if (err) s->error = err->status;
}

static const uint64_t *mask_of(void *self, sk_err *e)
{
    seen *s = self;
    s->n_asked++;
    if (!s->no_mask) return s->mask;
    (void)sk_fail(e, SK_E_NOMEM, "no memory for a mask");
    return NULL;
}

static sk_status take(void *self, int32_t id, sk_err *e)
{
    seen *s = self;
    (void)id;
    (void)e;
    s->n_told++;
    return SK_OK;
}

/* Runs one job of a prompt of three bytes to its end. */
static void run(seen *s, srv_job *j)
{
    fake_engine fake;
    srv_batch *b;
    sk_err e = SK_ERR_INIT;
    fake_engine_init(&fake, 1, 64, 8);
    fake.end_one_in = 0;
    srv_batch_opts o = {.target_us = 1, .emit = on_emit, .arg = s};
    assert_status_ok(srv_batch_open(&fake.engine, &o, &b, &e), e);
    for (int i = 0; i < 3; i++)
        assert_true(eng_ids_push(&j->prompt, 'a' + i));
    j->n_max = 20;
    j->sample = (eng_sample_opts){.temperature = 1, .top_p = 1};
    srv_batch_add(b, j);
    while (srv_batch_step(b))
        continue;
    srv_job_free(j);
    srv_batch_close(b);
    fake_engine_fini(&fake);
}

static void seen_fini(seen *s)
{
    sk_buf_fini(&s->text);
    sk_buf_fini(&s->toks);
}

static void records_tokens(void **state)
{
    (void)state;
    seen s = {.finish = SRV_FIN_NONE};
    srv_job *j = srv_job_new();
    assert_non_null(j);
    j->want_toks = j->want_lp = true;
    j->n_top = 3;
    run(&s, j);
    srv_tok t;
    size_t at = 0, n = 0;
    for (; srv_toklog_next(&s.toks, &at, &t); n++) {
        assert_int_equal(t.n_top, 3);
        assert_int_equal(t.n_bytes, 1);
        assert_int_equal(t.id, s.text.p[n]);
        assert_true(t.logprob == -0.5);
        assert_int_equal(t.top[2].id, 'c');
    }
    assert_int_equal(n, 20);
    assert_int_equal(at, s.toks.len);
    seen_fini(&s);
}

static void records_nothing_unasked(void **state)
{
    (void)state;
    seen s = {.finish = SRV_FIN_NONE};
    srv_job *j = srv_job_new();
    assert_non_null(j);
    run(&s, j);
    assert_int_equal(s.toks.len, 0);
    assert_int_equal(s.text.len, 20);
    seen_fini(&s);
}

static void asks_its_guide(void **state)
{
    (void)state;
    for (int bad = 0; bad < 2; bad++) {
        seen s = {.no_mask = bad};
        srv_job *j = srv_job_new();
        assert_non_null(j);
        j->guide = (srv_guide){.self = &s, .mask = mask_of, .take = take};
        run(&s, j);
        assert_int_equal(s.n_asked, bad ? 1 : 20);
        assert_int_equal(s.n_told, bad ? 0 : 20);
        assert_int_equal(s.finish, bad ? SRV_FIN_ERROR : SRV_FIN_LENGTH);
        assert_int_equal(s.error, bad ? SK_E_NOMEM : SK_OK);
        seen_fini(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_tokens),
        cmocka_unit_test(records_nothing_unasked),
        cmocka_unit_test(asks_its_guide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
