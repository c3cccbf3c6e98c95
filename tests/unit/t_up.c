/* t_up.c - what the supervisor keeps in its folder and reads from others: the memo, versions, plans
 * of rounds, a trainer's metrics, a server's; the floor and the budget.
 */
#include "unit.h"
#include "up/control.h"
#include "up/dir.h"
#include "up/memo.h"
#include "up/observe.h"
#include "up/policy.h"
#include "up/round.h"
#include "up/versions.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static up_dir d;

static int set_up(void **state)
{
    sk_err e = SK_ERR_INIT;
    int rc = unit_dir_make(state);
    assert_status_ok(up_dir_open(unit_path(unit_dir, "up"), &d, &e), e);
    return rc;
}

static int tear_down(void **state)
{
    up_dir_close(&d, true);
    return unit_dir_remove(state);
}

static const char *in_dir(const char *name)
{
    static char b[UP_PATH];
    return up_dir_at(&d, name, b);
}

static void one_supervisor(void **state)
{
    (void)state;
    up_dir other;
    sk_err e = SK_ERR_INIT;
    assert_status(up_dir_open(d.path, &other, &e), SK_E_INUSE, e, "lock is held by process");
    assert_status_ok(up_dir_look(d.path, &other, &e), e);
    up_dir_close(&other, true);
}

static void lines_and_files(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    unit_write(in_dir("log.txt"), "half", 4);
    sk_buf_adds(&b, "one");
    assert_status_ok(up_dir_add_line(&d, "log.txt", &b, true, &e), e);
    assert_status_ok(up_dir_add_line(&d, "log.txt", &b, false, &e), e);
    assert_true(unit_read(in_dir("log.txt"), &b));
    assert_string_equal(b.p, "half\none\none\n");
    up_dir_trim(&d, "log.txt", "log.1", 100);
    assert_int_equal(access(in_dir("log.1"), F_OK), -1);
    up_dir_trim(&d, "log.txt", "log.1", 3);
    assert_true(unit_read(in_dir("log.1"), &b));
    assert_string_equal(b.p, "half\none\none\n");
    assert_true(unit_read(in_dir("log.txt"), &b));
    assert_int_equal(b.len, 0);
    sk_buf_adds(&b, "state");
    assert_status_ok(up_dir_show(&d, "state.json", &b, &e), e);
    assert_true(unit_read(in_dir("state.json"), &b));
    assert_string_equal(b.p, "state");
    sk_buf_fini(&b);
}

/* Three versions of plain files. */
static void fill_versions(up_versions *v)
{
    sk_err e = SK_ERR_INIT;
    for (uint32_t i = 0; i < 3; i++) {
        up_row row = {
            .round = i, .live_bpb = i ? 1.5 : NAN, .new_bpb = 1.25, .why = "it is \"good\""};
        unit_write(unit_path(unit_dir, "m.gguf"), "model", 5);
        assert_status_ok(up_versions_add(v, &d, unit_path(unit_dir, "m.gguf"), &row, &e), e);
        (void)unlink(unit_path(unit_dir, "m.gguf"));
    }
}

static void versions_last(void **state)
{
    (void)state;
    up_versions v;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    assert_int_equal(v.n, 0);
    fill_versions(&v);
    up_versions_drop(&v, &d, 2);
    up_versions_free(&v);
    /* a killed writer's half line, and one of nonsense */
    sk_buf b = SK_BUF_INIT;
    assert_true(unit_read(in_dir("versions.jsonl"), &b));
    sk_buf_adds(&b, "[7]\n{\"version\":4,\"rou");
    unit_write(in_dir("versions.jsonl"), b.p, b.len);
    sk_buf_fini(&b);
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    assert_int_equal(v.n, 2);
    assert_int_equal(v.last, 3);
    assert_null(up_versions_find(&v, 2));
    const up_row *row = up_versions_find(&v, 3);
    assert_int_equal(row->round, 2);
    assert_int_equal(row->bytes, 5);
    assert_true(row->live_bpb == 1.5 && row->new_bpb == 1.25);
    assert_string_equal(row->why, "it is \"good\"");
    assert_int_equal(up_versions_of_path(&v, row->path), 3);
    assert_int_equal(up_versions_of_path(&v, "/elsewhere"), 0);
    fill_versions(&v);
    assert_int_equal(v.last, 6);
    up_versions_free(&v);
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    assert_int_equal(v.n, 5);
    up_versions_free(&v);
}

static void memo_lasts(void **state)
{
    (void)state;
    up_versions v;
    up_house a, b;
    uint32_t micro = 9;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    fill_versions(&v);
    up_house_init(&a, 1, 3, 2, 0);
    assert_status_ok(up_memo_load(&d, &v, &a, &micro, &e), e);
    assert_int_equal(a.live, 3);
    assert_int_equal(a.round, 3);
    assert_int_equal(micro, 0);
    a.live = 1;
    a.before = 3;
    a.pinned = 1;
    a.version[1].bad = true;
    a.stage = 1;
    a.base = 3;
    a.paused = true;
    assert_status_ok(up_memo_save(&d, &a, 1, &e), e);
    up_house_init(&b, 1, 3, 2, 0);
    assert_false(up_memo_same(&a, &b));
    assert_status_ok(up_memo_load(&d, &v, &b, &micro, &e), e);
    assert_true(up_memo_same(&a, &b));
    assert_int_equal(micro, 1);
    /* the base's file is gone: the round can't be gone on with */
    up_versions_drop(&v, &d, 3);
    up_house_init(&b, 1, 3, 2, 0);
    assert_status_ok(up_memo_load(&d, &v, &b, &micro, &e), e);
    assert_int_equal(b.round, 4);
    assert_int_equal(b.stage + b.base, 0);
    up_versions_free(&v);
}

/* The version was kept, and the supervisor killed before it was noted. */
static void kept_but_not_noted(void **state)
{
    (void)state;
    up_versions v;
    up_house a;
    uint32_t micro;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    fill_versions(&v);
    up_house_init(&a, 1, 3, 2, 0);
    assert_status_ok(up_memo_load(&d, &v, &a, &micro, &e), e);
    a.live = 2;
    a.round = 2; /* version 3 is of this round */
    a.phase = UP_PHASE_KEEP;
    assert_status_ok(up_memo_save(&d, &a, 0, &e), e);
    up_house_init(&a, 1, 3, 2, 0);
    assert_status_ok(up_memo_load(&d, &v, &a, &micro, &e), e);
    assert_int_equal(a.round, 3);
    assert_int_equal(a.phase, UP_PHASE_STAGE);
    assert_int_equal(a.live, 2);
    assert_int_equal(up_house_want(&a), 3);
    up_versions_free(&v);
}

static void bad_memos(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "", "{", "[]", "{\"live\":\"x\"}", "{\"phase\":9}", "{\"round\":-1}", "\xff"};
    up_versions v;
    up_house a;
    uint32_t micro;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    fill_versions(&v);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        unit_write(in_dir("memo.json"), texts[i], strlen(texts[i]));
        up_house_init(&a, 1, 3, 2, 0);
        sk_status st = up_memo_load(&d, &v, &a, &micro, &e);
        if (i != 2) assert_status(st, SK_E_CORRUPT, e, "memo.json is not what it should be");
        assert_int_equal(a.live, 3);
        assert_int_equal(a.round, 3);
    }
    static const char lost[] = "{\"live\":77,\"before\":5,\"pinned\":6,\"stage\":40}";
    unit_write(in_dir("memo.json"), lost, sizeof lost - 1);
    up_house_init(&a, 1, 3, 2, 0);
    assert_status_ok(up_memo_load(&d, &v, &a, &micro, &e), e);
    assert_int_equal(a.live, 3);
    assert_int_equal(a.before + a.pinned, 0);
    assert_int_equal(a.phase, UP_PHASE_GATE);
    up_versions_free(&v);
}

/* ---- rounds ---- */

static void join(const sk_opt_list *w, sk_buf *b)
{
    sk_buf_reset(b);
    for (size_t i = 0; i < w->n; i++)
        sk_buf_addf(b, "%s%s", i ? " " : "", w->item[i]);
}

static sk_status plan(const char *text, up_learn *l, sk_arena *mem, up_round *r, sk_err *e)
{
    unit_write(unit_path(unit_dir, "plan"), text, strlen(text));
    l->plan = unit_path(unit_dir, "plan");
    return up_round_plan(l, &d, 7, "/b.gguf", "/l.gguf", 1, mem, r, e);
}

static void rounds(void **state)
{
    (void)state;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    up_learn l = {.data = {{"/a", "/b"}, 2}, .valid = "/v", .chat = {{"/c"}, 1}, .threads = 2};
    up_round r;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    char want[3 * UP_PATH];
    assert_status_ok(plan("# two\n\ntrain {data} --out={round}/x --seed {number}\n"
                          "tune -m {round}/x/model.gguf {chat} -o {round}/y --init {from}\n",
                          &l, mem, &r, &e),
                     e);
    assert_int_equal(r.n, 2);
    join(&r.stage[0], &b);
    (void)snprintf(want, sizeof want,
                   "train --data /a /b --out=%s/rounds/0007/x --seed 7 --resume --share %s "
                   "--threads=2 --micro=1 --quiet",
                   d.path, d.share);
    assert_string_equal(b.p, want);
    join(&r.stage[1], &b);
    assert_contains(b.p, "--data /c -o ");
    assert_contains(b.p, "--init /b.gguf");
    assert_contains(r.candidate, "/rounds/0007/y/model.gguf");
    join(&r.gate, &b);
    assert_contains(b.p, "gate --live /l.gguf --new ");
    assert_contains(b.p, "--json");
    sk_buf_fini(&b);
    sk_arena_free(mem);
}

static void rounds_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"train --out {nowhere}/x", "{nowhere} stands for nothing"},
        {"serve --out x", "a stage is a train or a tune"},
        {"train --data x", "a stage needs --out"},
        {"# nothing\n", "there is no stage in it"},
        {"train --out a\ntrain --out a\ntrain --out a\ntrain --out a\ntrain --out a\n"
         "train --out a\ntrain --out a\ntrain --out a\ntrain --out a\n",
         "8 stages at most"},
    };
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    up_learn l = {.valid = "/v"};
    up_round r;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        assert_int_not_equal(plan(bad[i][0], &l, mem, &r, &e), SK_OK);
        assert_contains(e.text, bad[i][1]);
    }
    sk_arena_free(mem);
}

/* ---- what others write ---- */

static void trainers(void **state)
{
    (void)state;
    up_training t;
    sk_buf b = SK_BUF_INIT;
    assert_false(up_training_read(unit_dir, &t));
    sk_buf_adds(&b, "{\"event\":\"run\",\"step\":0,\"total\":5000}\n");
    for (int i = 1; i <= 2000; i++)
        sk_buf_addf(&b,
                    "{\"event\":\"step\",\"step\":%d,\"loss\":%.2f,\"tokens\":%d,"
                    "\"tokens_per_s\":1000,\"mfu\":null,\"eta_s\":12.5}\n",
                    i, 5 - i / 1000.0, 64 * i);
    sk_buf_adds(&b, "{\"event\":\"eval\",\"step\":2000,\"bits_per_byte\":1.75}\n{\"event\":\"st");
    unit_write(unit_path(unit_dir, "metrics.jsonl"), b.p, b.len);
    assert_true(up_training_read(unit_dir, &t));
    assert_int_equal(t.step, 2000);
    assert_int_equal(t.steps, 5000);
    assert_int_equal(t.tokens, 128000);
    assert_true(t.loss == 3.0 && t.bits_per_byte == 1.75 && t.eta_s == 12.5);
    unit_write(unit_path(unit_dir, "metrics.jsonl"), "nonsense\n[1]\n", 13);
    assert_false(up_training_read(unit_dir, &t));
    sk_buf_fini(&b);
}

static void servers(void **state)
{
    (void)state;
    up_serving s;
    double last = 0;
    up_serving_read("# HELP x\nstoke_generated_tokens_total 12\nstoke_generated_tokens_total_x 4\n"
                    "stoke_generations_failed_total 3",
                    &s);
    assert_true(s.generated == 12 && s.failed == 3 && s.prompt == 0);
    up_serving_read("", &s);
    assert_true(s.generated == 0);
    assert_true(up_grown(&last, 10) == 10 && up_grown(&last, 15) == 5 && up_grown(&last, 2) == 2);
}

static void floors(void **state)
{
    (void)state;
    assert_true(up_policy_floor(0.2, 0, 100, 0.9) == 0.2);
    /* with people at work half of the time half of the machine is there anyway */
    assert_true(up_policy_floor(0, 50, 100, 0.5) <= 0.0001);
    assert_true(fabs(up_policy_floor(0, 75, 100, 0.5) - 0.5) < 1e-9);
    assert_true(up_policy_floor(0, 200, 100, 0.5) == 1);
    assert_true(up_policy_floor(0, 10, -1, 0.5) == 1);
    assert_true(up_policy_floor(0.3, 1, 100, 0.5) == 0.3);
    assert_false(up_policy_disk_full(false, 100, 100)); /* full below 100, roomy from 125 on */
    assert_true(up_policy_disk_full(false, 99, 100) && up_policy_disk_full(true, 124, 100));
    assert_false(up_policy_disk_full(true, 125, 100));
}

static void budgets(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const uint64_t gb = (uint64_t)1 << 30;
    up_budget b = {.available = 4 * gb, .version = gb, .training = 2 * gb};
    assert_status_ok(up_budget_check(&b, &e), e);
    b.training = 4 * gb;
    assert_status(up_budget_check(&b, &e), SK_E_NOMEM, e, "training takes 4295 MB");
    b = (up_budget){.available = 40 * gb, .allowed = 4 * gb, .used = 3 * gb, .training = 2 * gb};
    assert_status(up_budget_check(&b, &e), SK_E_NOMEM, e, "of which memory has 1074 MB left");
    b = (up_budget){.training = gb};
    assert_status_ok(up_budget_check(&b, &e), e);
}

static void nobody_answers(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    assert_status(up_control_ask(&d, "{}", &b, &e), SK_E_NOTFOUND, e, "no stoke up runs in");
    sk_buf_fini(&b);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(one_supervisor),     CASE(lines_and_files), CASE(versions_last), CASE(memo_lasts),
        CASE(kept_but_not_noted), CASE(bad_memos),       CASE(rounds),        CASE(rounds_refused),
        CASE(trainers),           CASE(servers),         CASE(floors),        CASE(budgets),
        CASE(nobody_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
