/* t_keeper.c - models that come, change and go while answers are made: who gets which version, what
 * a failed load changes, when a version ends. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"
#include "serve/models/keeper.h"
#include "serve/sched/stats.h"
#include "tests/unit/fake_engine.h"

#include <stdio.h>
#include <unistd.h>

/* ---- models that are fakes: a path of digits is the salt of one ---- */

typedef struct model model;
typedef struct rig {
    struct event_base *base;
    srv_keeper *k;
    srv_roster *roster;
    srv_baton *baton;
    sk_metrics *metrics;
    atomic_int n_open;  /* fakes */
    atomic_bool hold;   /* opening waits */
    atomic_int n_begun; /* openings */
    size_t n_ok, n_failed;
    char said[256]; /* the last failure */
    model *spare;   /* the next one to be opened, made before; NULL: none */
} rig;

struct model {
    fake_engine fake;
    rig *r;
};

static model *new_model(rig *r)
{
    model *m = sk_calloc(SK_MEM_MISC, 1, sizeof *m);
    assert_non_null(m);
    m->r = r;
    fake_engine_init(&m->fake, 4, 400, 64);
    m->fake.end_one_in = 0;
    m->fake.engine.model = "m";
    atomic_fetch_add(&r->n_open, 1);
    return m;
}

static void close_model(void *self)
{
    model *m = self;
    fake_engine_fini(&m->fake);
    atomic_fetch_sub(&m->r->n_open, 1);
    sk_free(m);
}

static sk_status open_model(void *arg, const srv_opening *o, srv_core **out, sk_err *e)
{
    rig *r = arg;
    srv_source source;
    atomic_fetch_add(&r->n_begun, 1);
    while (atomic_load(&r->hold)) {
        if (o->stop && atomic_load(o->stop)) return sk_fail(e, SK_E_STOPPED, "stopped");
        usleep(1000);
    }
    if (strstr(o->source->path, "bad")) return sk_fail(e, SK_E_FORMAT, "bad is no model");
    sk_status st = srv_source_copy(o->source, &source, e);
    if (st) return st;
    model *m = r->spare ? r->spare : new_model(r);
    r->spare = NULL;
    m->fake.salt = strtoull(o->source->path, NULL, 10);
    srv_sched_opts so = {
        .max_waiting = 100, .target_us = 1000, .baton = r->baton, .metrics = r->metrics};
    return srv_core_open(&m->fake.engine, close_model, m, &so, &source, out, e);
}

static const fake_engine *fake_of(const srv_version *v)
{
    return &((const model *)v->core->self)->fake;
}

/* ---- requests ---- */

typedef struct client {
    srv_owner owner;
    srv_version *v;
    srv_job *job;
    sk_buf text;
    srv_finish finish;
} client;

static void client_mail(srv_owner *o, srv_job *j, const srv_mail *m)
{
    client *c = (client *)(void *)o;
    assert_ptr_equal(c->job, j);
    sk_buf_add(&c->text, m->text.p, m->text.len);
    c->finish = m->finish;
}

static void collect(srv_sched *s)
{
    srv_mail m;
    for (srv_job *j; (j = srv_sched_collect(s, &m));) {
        srv_owner *o = j->owner;
        o->mail(o, j, &m);
        srv_mail_fini(&m);
    }
}

/* Asks what is live under a name now. */
static void ask(rig *r, client *c, const char *name, size_t n_max)
{
    srv_version *v = srv_roster_find(r->roster, name);
    assert_non_null(v);
    *c = (client){.owner = {client_mail}, .v = srv_version_take(v), .job = srv_job_new()};
    c->job->owner = c;
    c->job->n_max = n_max;
    c->job->adapter = v->adapter ? v->adapter->lora : NULL;
    c->job->sample = (eng_sample_opts){.temperature = 1, .top_p = 1, .seed = 7};
    for (const char *p = "a question"; *p; p++)
        assert_true(eng_ids_push(&c->job->prompt, (unsigned char)*p));
    assert_int_equal(srv_sched_submit(v->sched, c->job), SK_OK);
}

/* The end of a request: its answer must be that of its version alone. */
static void check(client *c)
{
    char want[512];
    assert_int_equal(c->finish, SRV_FIN_LENGTH);
    size_t n = fake_engine_answer(fake_of(c->v), c->job->prompt.id, c->job->prompt.n, c->job->n_max,
                                  c->job->sample.seed, want, sizeof want);
    assert_int_equal(c->text.len, n);
    assert_memory_equal(c->text.p, want, n);
    srv_job_free(c->job);
    sk_buf_fini(&c->text);
    srv_version_put(c->v);
}

/* ---- the rig ---- */

static void rig_open(rig *r)
{
    sk_err e = SK_ERR_INIT;
    *r = (rig){.base = event_base_new(), .baton = srv_baton_new(), .metrics = srv_stats_new()};
    srv_keeper_opts o = {
        .base = r->base, .how = {open_model, r}, .collect = collect, .metrics = r->metrics};
    assert_status_ok(srv_keeper_open(&o, &r->k, &e), e);
    r->roster = srv_keeper_roster(r->k);
    srv_source s;
    assert_status_ok(srv_source_open("1", NULL, 1, &s, &e), e);
    assert_status_ok(srv_keeper_begin(r->k, "m", &s, &e), e);
}

static void turn(rig *r)
{
    assert_true(event_base_loop(r->base, EVLOOP_ONCE) >= 0);
}

static void rig_close(rig *r)
{
    while (srv_keeper_alive(r->k))
        turn(r);
    srv_keeper_close(r->k);
    assert_int_equal(atomic_load(&r->n_open), 0);
    sk_metrics_free(r->metrics);
    srv_baton_free(r->baton);
    event_base_free(r->base);
}

static void done(void *arg, const srv_version *v, const sk_err *e)
{
    rig *r = arg;
    if (v)
        r->n_ok++;
    else
        r->n_failed++;
    if (!v) snprintf(r->said, sizeof r->said, "%s", e->text);
}

/* Orders a load; the answer comes later. */
static void order(rig *r, const char *name, const char *path, const char *lora)
{
    sk_err e = SK_ERR_INIT;
    srv_load l = {name, path, lora, 1};
    assert_status_ok(srv_keeper_load(r->k, &l, done, r, &e), e);
}

static void wait_for(rig *r, size_t n)
{
    while (r->n_ok + r->n_failed < n)
        turn(r);
}

/* Turns until there are no more than n fakes. */
static void wait_open(rig *r, int n)
{
    for (int i = 0; atomic_load(&r->n_open) > n; i++) {
        assert_true(i < 60000);
        (void)event_base_loop(r->base, EVLOOP_NONBLOCK);
        usleep(1000);
    }
}

/* ---- tests ---- */

/* An answer under way ends on the version it began with, which then is closed. */
static void swaps_under_way(void **state)
{
    (void)state;
    rig r;
    static client old[6], new[6];
    rig_open(&r);
    for (size_t i = 0; i < 6; i++)
        ask(&r, &old[i], NULL, 300);
    order(&r, NULL, "2", NULL);
    wait_for(&r, 1);
    assert_int_equal(srv_roster_find(r.roster, "m")->number, 2);
    for (size_t i = 0; i < 6; i++)
        ask(&r, &new[i], "m", 60);
    assert_int_equal(old[0].v->number, 1);
    while (srv_keeper_alive(r.k))
        turn(&r);
    for (size_t i = 0; i < 6; i++)
        check(&old[i]);
    wait_open(&r, 1);
    for (size_t i = 0; i < 6; i++)
        check(&new[i]);
    rig_close(&r);
}

/* Back and forth many times with requests all along: none fails, and what is held stays bounded. */
static void many_swaps(void **state)
{
    (void)state;
    rig r;
    static client c[200];
    rig_open(&r);
    for (size_t i = 0; i < 200; i++) {
        char path[16];
        snprintf(path, sizeof path, "%zu", i % 3 + 1);
        ask(&r, &c[i], "m", 5 + i % 90);
        if (i % 5 == 0) order(&r, "m", path, NULL);
        if (i % 5 == 4) wait_for(&r, i / 5 + 1);
    }
    while (srv_keeper_alive(r.k))
        turn(&r);
    for (size_t i = 0; i < 200; i++)
        check(&c[i]);
    assert_int_equal(r.n_ok, 40);
    assert_true(sk_metric_get(r.metrics, SRV_M_LOADS_OK) == 40);
    wait_open(&r, 1);
    rig_close(&r);
}

/* What can't be opened leaves all as it was, and so does an order that can't be. */
static void refused(void **state)
{
    (void)state;
    rig r;
    client c;
    sk_err e = SK_ERR_INIT;
    rig_open(&r);
    order(&r, "m", "bad", NULL);
    wait_for(&r, 1);
    assert_string_equal(r.said, "bad is no model");
    assert_int_equal(srv_roster_find(r.roster, NULL)->number, 1);
    assert_true(sk_metric_get(r.metrics, SRV_M_LOADS_FAILED) == 1);
    order(&r, "a", NULL, "bad");
    wait_for(&r, 2);
    assert_null(srv_roster_find(r.roster, "a"));
    assert_int_equal(srv_keeper_rollback(r.k, "m", done, &r, &e), SK_E_NOTFOUND);
    assert_int_equal(srv_keeper_rollback(r.k, "none", done, &r, &e), SK_E_NOTFOUND);
    srv_unloaded u;
    assert_int_equal(srv_keeper_unload(r.k, "none", &u, &e), SK_E_NOTFOUND);
    assert_int_equal(srv_keeper_unload(r.k, "m", &u, &e), SK_E_INUSE);
    srv_load l = {"no such name", "2", NULL, 1};
    assert_int_equal(srv_keeper_load(r.k, &l, done, &r, &e), SK_E_INVALID);
    l = (srv_load){"m", NULL, NULL, 1};
    assert_int_equal(srv_keeper_load(r.k, &l, done, &r, &e), SK_E_INVALID);
    atomic_store(&r.hold, true);
    for (size_t i = 0; i < 17; i++)
        order(&r, "m", "2", NULL);
    l = (srv_load){"m", "2", NULL, 1};
    assert_int_equal(srv_keeper_load(r.k, &l, done, &r, &e), SK_E_BUSY);
    assert_true(srv_keeper_is_busy(r.k));
    atomic_store(&r.hold, false);
    wait_for(&r, 19);
    ask(&r, &c, "m", 20);
    while (srv_keeper_alive(r.k))
        turn(&r);
    check(&c);
    rig_close(&r);
}

/* A rollback brings the file that was live before, also when another has its name by now. */
static void rolls_back(void **state)
{
    (void)state;
    rig r;
    client c;
    sk_err e = SK_ERR_INIT;
    rig_open(&r);
    order(&r, "m", "2", NULL);
    wait_for(&r, 1);
    assert_status_ok(srv_keeper_rollback(r.k, "m", done, &r, &e), e);
    wait_for(&r, 2);
    srv_version *v = srv_roster_find(r.roster, "m");
    assert_int_equal(v->number, 3);
    assert_string_equal(v->source.path, "1");
    ask(&r, &c, "m", 20);
    while (srv_keeper_alive(r.k))
        turn(&r);
    assert_int_equal(fake_of(c.v)->salt, 1);
    check(&c);
    assert_status_ok(srv_keeper_rollback(r.k, "m", done, &r, &e), e);
    wait_for(&r, 3);
    assert_string_equal(srv_roster_find(r.roster, "m")->source.path, "2");
    rig_close(&r);
}

/* Several names; one that is taken off ends with its last request. */
static void several(void **state)
{
    (void)state;
    rig r;
    client a, b;
    sk_err e = SK_ERR_INIT;
    rig_open(&r);
    order(&r, "other", "5", NULL);
    wait_for(&r, 1);
    assert_int_equal(srv_roster_count(r.roster), 2);
    assert_string_equal(srv_roster_find(r.roster, NULL)->name, "m");
    ask(&r, &a, "m", 200);
    ask(&r, &b, "other", 200);
    srv_unloaded u;
    assert_status_ok(srv_keeper_unload(r.k, "other", &u, &e), e);
    assert_true(u.model && !u.loads);
    assert_null(srv_roster_find(r.roster, "other"));
    while (srv_keeper_alive(r.k))
        turn(&r);
    assert_int_equal(fake_of(b.v)->salt, 5);
    assert_int_equal(atomic_load(&r.n_open), 2);
    check(&a);
    check(&b);
    wait_open(&r, 1);
    order(&r, "other", "6", NULL);
    wait_for(&r, 2);
    assert_int_equal(srv_roster_find(r.roster, "other")->number, 2);
    rig_close(&r);
}

/* Adapters share their base, go along when it changes, and are closed when nobody has them. */
static void adapters(void **state)
{
    (void)state;
    rig r;
    client c, d;
    sk_err e = SK_ERR_INIT;
    rig_open(&r);
    assert_status_ok(srv_keeper_begin_adapter(r.k, NULL, "first", "good", 1, &e), e);
    order(&r, "second", NULL, "good");
    wait_for(&r, 1);
    srv_version *v = srv_roster_find(r.roster, "m"), *s = srv_roster_find(r.roster, "second");
    assert_ptr_equal(s->core, v->core);
    assert_int_equal(atomic_load(&r.n_open), 1);
    assert_int_equal(atomic_load(&fake_of(v)->n_adapters), 2);
    ask(&r, &c, "first", 200);
    order(&r, "second", "1", "good"); /* by the base's own path: shared as well */
    wait_for(&r, 2);
    assert_int_equal(atomic_load(&r.n_open), 1);
    for (int i = 0; atomic_load(&fake_of(v)->n_adapters) != 2; i++) {
        assert_true(i < 60000);
        (void)event_base_loop(r.base, EVLOOP_NONBLOCK);
        usleep(1000);
    }
    order(&r, "m", "2", NULL);
    wait_for(&r, 3);
    s = srv_roster_find(r.roster, "second");
    assert_ptr_equal(s->core, srv_roster_find(r.roster, "m")->core);
    assert_string_equal(s->source.path, "2");
    assert_string_equal(s->source.lora, "good");
    assert_int_equal(s->number, 3);
    assert_int_equal(atomic_load(&fake_of(s)->n_adapters), 2);
    ask(&r, &d, "first", 20);
    while (srv_keeper_alive(r.k))
        turn(&r);
    assert_ptr_equal(d.v->core, s->core);
    check(&c);
    check(&d);
    wait_open(&r, 1);
    rig_close(&r);
}

/* An opening has begun, and waits. */
static void wait_begun(rig *r, int n)
{
    for (int i = 0; atomic_load(&r->n_begun) < n; i++) {
        assert_true(i < 60000);
        usleep(1000);
    }
}

/* An unloading ends loads of its name, the one under way and those that wait, and no others. */
static void called_off(void **state)
{
    (void)state;
    rig r;
    client c;
    sk_err e = SK_ERR_INIT;
    srv_unloaded u;
    rig_open(&r);
    atomic_store(&r.hold, true);
    order(&r, "new", "2", NULL);
    order(&r, "m", "3", NULL);
    order(&r, "new", "4", NULL);
    order(&r, "m", "5", NULL);
    wait_begun(&r, 2); /* the first model's was the first */
    assert_status_ok(srv_keeper_unload(r.k, "new", &u, &e), e);
    assert_true(!u.model && u.loads == 2);
    assert_int_equal(r.n_failed, 1); /* the one that waited ends at once */
    assert_int_equal(srv_keeper_unload(r.k, "new", &u, &e), SK_E_NOTFOUND);
    wait_for(&r, 2);
    assert_string_equal(r.said, "new was unloaded before it was loaded");
    assert_null(srv_roster_find(r.roster, "new"));
    wait_begun(&r, 3);
    assert_status_ok(srv_keeper_unload(r.k, "m", &u, &e), e);
    assert_true(!u.model && u.loads == 2); /* the only one stays */
    wait_for(&r, 4);
    assert_int_equal(r.n_failed, 4);
    atomic_store(&r.hold, false);
    order(&r, "new", "6", NULL);
    wait_for(&r, 5);
    assert_int_equal(srv_roster_find(r.roster, "new")->number, 1);
    ask(&r, &c, "m", 20);
    while (srv_keeper_alive(r.k))
        turn(&r);
    assert_int_equal(fake_of(c.v)->salt, 1);
    check(&c);
    rig_close(&r);
}

/* What had been opened when it was called off is closed again. */
static void called_off_late(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    srv_unloaded u;
    for (int i = 0; i < 30; i++) {
        rig r;
        rig_open(&r);
        order(&r, "new", "2", NULL);
        wait_begun(&r, 2);
        usleep((useconds_t)i * 50);
        assert_status_ok(srv_keeper_unload(r.k, "new", &u, &e), e);
        wait_for(&r, 1);
        assert_int_equal(r.n_failed, 1);
        wait_open(&r, 1);
        rig_close(&r);
    }
}

/* A drain ends the load under way and those that wait. */
static void drains_while_loading(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    atomic_store(&r.hold, true);
    order(&r, "m", "2", NULL);
    order(&r, "n", "4", NULL);
    wait_begun(&r, 2);
    srv_keeper_drain(r.k, false);
    wait_for(&r, 2);
    assert_int_equal(r.n_failed, 2);
    assert_string_equal(r.said, "the server is shutting down");
    assert_false(srv_keeper_is_busy(r.k));
    rig_close(&r);
}

/* The server ends while one load is under way and others wait. */
static void closes_while_loading(void **state)
{
    (void)state;
    rig r;
    rig_open(&r);
    order(&r, "m", "2", NULL);
    order(&r, "m", "3", NULL);
    order(&r, "n", "4", NULL);
    rig_close(&r);
    assert_int_equal(r.n_failed, 3);
    assert_string_equal(r.said, "the server is shutting down");
}

/* Every allocation of a swap fails once: the version before stays, or the new one is live. */
static void without_memory(void **state)
{
    (void)state;
    for (unsigned long n = 1; n < 400; n += n < 40 ? 1 : 7) {
        rig r;
        sk_err e = SK_ERR_INIT;
        rig_open(&r);
        r.spare = new_model(&r); /* the fake's own memory is not at stake */
        sk_fault_plan(SK_FAULT_ALLOC, n, false);
        srv_load l = {"m", "2", NULL, 1};
        sk_status st = srv_keeper_load(r.k, &l, done, &r, &e);
        if (!st) wait_for(&r, 1);
        sk_fault_plan(SK_FAULT_ALLOC, 0, false);
        assert_non_null(srv_roster_find(r.roster, "m"));
        if (r.spare) close_model(r.spare);
        rig_close(&r);
    }
}

/* Files keep their content for a rollback though their names have gone to others. */
static void sources(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    srv_source s, t;
    char buf[SRV_SOURCE_FD_NAME], path[512], other[512];
    snprintf(path, sizeof path, "%s/m.gguf", unit_dir);
    snprintf(other, sizeof other, "%s/new", unit_dir);
    unit_write(path, "one", 3);
    assert_status_ok(srv_source_open(path, NULL, 1, &s, &e), e);
    assert_string_equal(srv_source_path(&s, false, buf), path);
    assert_null(srv_source_path(&s, true, buf));
    assert_true(srv_source_bytes(&s) == 3);
    unit_write(other, "three", 5);
    assert_int_equal(rename(other, path), 0);
    sk_buf b = SK_BUF_INIT;
    assert_true(unit_read(srv_source_path(&s, false, buf), &b));
    assert_int_equal(b.len, 3);
    assert_status_ok(srv_source_open(path, "none", 1, &t, &e), e);
    assert_false(srv_source_same_model(&s, &t));
    assert_string_equal(srv_source_path(&t, false, buf), path);
    assert_string_equal(srv_source_path(&t, true, buf), "none");
    srv_source_close(&t);
    assert_status_ok(srv_source_copy(&s, &t, &e), e);
    assert_true(srv_source_same_model(&s, &t));
    srv_source_close(&s);
    assert_true(unit_read(srv_source_path(&t, false, buf), &b));
    srv_source_close(&t);
    assert_status_ok(srv_source_open(unit_dir, NULL, 1, &t, &e), e);
    assert_int_equal(t.fd, -1);
    assert_true(srv_source_bytes(&t) == 5);
    srv_source_close(&t);
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(swaps_under_way),
        cmocka_unit_test(many_swaps),
        cmocka_unit_test(refused),
        cmocka_unit_test(rolls_back),
        cmocka_unit_test(several),
        cmocka_unit_test(adapters),
        cmocka_unit_test(called_off),
        cmocka_unit_test(called_off_late),
        cmocka_unit_test(drains_while_loading),
        cmocka_unit_test(closes_while_loading),
        cmocka_unit_test(without_memory),
        cmocka_unit_test_setup_teardown(sources, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
