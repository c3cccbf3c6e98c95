/* t_up_fault.c - the supervisor without memory, and with writes that fail: each allocation of what
 * it reads and keeps fails once, each write does, and nothing that was kept is lost or made up.
 */
#include "unit.h"
#include "up/memo.h"
#include "up/round.h"
#include "up/super.h"

#include "base/fault.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

static up_dir d;

static int set_up(void **state)
{
    sk_err e = SK_ERR_INIT;
    int rc = unit_dir_make(state);
    assert_status_ok(up_dir_open(unit_path(unit_dir, "up"), &d, &e), e);
    unit_write(unit_path(unit_dir, "m.gguf"), "model", 5);
    return rc;
}

static int tear_down(void **state)
{
    up_dir_close(&d, true);
    return unit_dir_remove(state);
}

static const up_row row = {.round = 3, .live_bpb = NAN, .new_bpb = 1.25, .why = "it is \"good\""};

static void add_version(up_versions *v)
{
    sk_err e = SK_ERR_INIT;
    assert_status_ok(up_versions_add(v, &d, unit_path(unit_dir, "m.gguf"), &row, &e), e);
}

/* ---- memory ---- */

static sk_status read_versions(void *arg, sk_err *e)
{
    up_versions v;
    sk_status st = up_versions_open(&d, &v, e);
    if (st) return st;
    assert_int_equal(v.n, *(const size_t *)arg); /* all of them or none */
    assert_int_equal(v.last, v.n);
    up_versions_free(&v);
    return SK_OK;
}

static sk_status write_version(void *arg, sk_err *e)
{
    (void)arg;
    up_versions v;
    sk_status st = up_versions_open(&d, &v, e);
    if (st) return st;
    size_t before = v.n;
    st = up_versions_add(&v, &d, unit_path(unit_dir, "m.gguf"), &row, e);
    assert_int_equal(v.n, before + !st);
    up_versions_free(&v);
    return st;
}

/* However often it failed, each version that was said to be kept is there once. */
static void versions_without_memory(void **state)
{
    (void)state;
    up_versions v;
    sk_err e = SK_ERR_INIT;
    size_t three = 3;
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    for (int i = 0; i < 3; i++)
        add_version(&v);
    up_versions_free(&v);
    unit_starve(read_versions, &three, 300, UNIT_TOLD);
    unit_starve(read_versions, &three, 300, UNIT_TOLD | UNIT_LATER);
    unit_starve(write_version, NULL, 300, UNIT_TOLD);
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    assert_int_equal(v.n, 4);
    assert_int_equal(v.last, 4);
    up_versions_free(&v);
}

static sk_status remember(void *arg, sk_err *e)
{
    const up_versions *v = arg;
    up_house h;
    uint32_t micro;
    up_house_init(&h, 1, 3, 2, 0);
    sk_status st = up_memo_load(&d, v, &h, &micro, e);
    assert_int_equal(h.live, st ? 2 : 1);
    if (st) return st;
    assert_true(h.paused && micro == 1 && h.version[1].bad);
    return up_memo_save(&d, &h, micro, e);
}

/* A memo that can't be read for want of memory is not called damaged. */
static void memo_without_memory(void **state)
{
    (void)state;
    up_versions v;
    up_house h;
    uint32_t micro;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    add_version(&v);
    add_version(&v);
    up_house_init(&h, 1, 3, 2, 0);
    assert_status_ok(up_memo_load(&d, &v, &h, &micro, &e), e);
    h.live = 1;
    h.paused = true;
    h.version[1].bad = true;
    assert_status_ok(up_memo_save(&d, &h, 1, &e), e);
    unit_starve(remember, &v, 300, UNIT_TOLD);
    unit_starve(remember, &v, 300, UNIT_TOLD | UNIT_LATER);
    up_versions_free(&v);
}

static sk_status make_round(void *arg, sk_err *e)
{
    const up_learn *l = arg;
    up_round r;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    if (!mem) return sk_fail(e, SK_E_NOMEM, "no arena");
    sk_status st = up_round_plan(l, &d, 7, "/b.gguf", "/l.gguf", 1, mem, &r, e);
    if (!st) assert_true(r.n == 2 && r.gate.n > 8);
    sk_arena_free(mem);
    return st;
}

static void rounds_without_memory(void **state)
{
    (void)state;
    const char text[] = "train {data} --out {round}/x\ntune {chat} --out {round}/y -m {from}\n";
    up_learn l = {.data = {{"/a"}, 1}, .chat = {{"/c"}, 1}, .valid = "/v"};
    unit_starve(make_round, &l, 300, UNIT_TOLD); /* the usual plan */
    unit_write(unit_path(unit_dir, "plan"), text, sizeof text - 1);
    l.plan = unit_path(unit_dir, "plan");
    unit_starve(make_round, &l, 300, UNIT_TOLD);
    unit_starve(make_round, &l, 300, UNIT_TOLD | UNIT_LATER);
}

static sk_status tell_state(void *arg, sk_err *e)
{
    up_super *u = arg;
    sk_buf b = SK_BUF_INIT, text = SK_BUF_INIT;
    up_state_json(u, &b);
    sk_status st = sk_buf_ok(&b) ? up_describe(b.p, b.len, &text, e) : SK_OK;
    sk_buf_fini(&text);
    up_show_state(u); /* one more is shown a second later */
    up_say(u, "a decision");
    up_add_timeline(u);
    return st ? (sk_buf_fini(&b), st) : unit_starved_buf(&b, e);
}

static void state_without_memory(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    up_super *u = sk_calloc(SK_MEM_MISC, 1, sizeof *u);
    assert_non_null(u);
    u->round = sk_calloc(SK_MEM_MISC, 1, sizeof *u->round);
    assert_non_null(u->round);
    u->dir = d;
    u->o.price = 2;
    u->o.currency = "EUR";
    up_house_init(&u->house, 3, 3, 2, 0);
    assert_status_ok(up_versions_open(&d, &u->versions, &e), e);
    add_version(&u->versions);
    unit_starve(tell_state, u, 600, 0);
    unit_starve(tell_state, u, 600, UNIT_LATER);
    up_versions_free(&u->versions);
    sk_free(u->round);
    sk_free(u);
}

static sk_status read_metrics(void *arg, sk_err *e)
{
    (void)e;
    up_training t;
    if (up_training_read(arg, &t)) assert_int_equal(t.step, 8);
    return SK_OK;
}

/* What is not understood for want of memory counts as not there; it is looked at again. */
static void metrics_without_memory(void **state)
{
    (void)state;
    const char text[] = "{\"event\":\"step\",\"step\":8,\"loss\":2.5,\"tokens\":512}\n";
    unit_write(unit_path(unit_dir, "metrics.jsonl"), text, sizeof text - 1);
    unit_starve(read_metrics, unit_dir, 100, 0);
}

/* ---- disks ---- */

/* Each write-side call of adding a version fails once: the list is the old one or the new one, the
 * number is given once, and the next try is well. */
static void versions_on_a_bad_disk(void **state)
{
    (void)state;
    static const sk_fault_kind kinds[] = {SK_FAULT_WRITE, SK_FAULT_FSYNC, SK_FAULT_RENAME};
    uint32_t last = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        for (unsigned long nth = 1;; nth++) {
            up_versions v;
            sk_err e = SK_ERR_INIT;
            assert_status_ok(up_versions_open(&d, &v, &e), e);
            assert_in_range(v.last, last,
                            last + 1); /* written, though not known to be on the disk */
            last = v.last;
            sk_fault_plan(kinds[k], nth, false);
            sk_status st = up_versions_add(&v, &d, unit_path(unit_dir, "m.gguf"), &row, &e);
            bool hit = sk_fault_count(kinds[k]) >= nth;
            sk_fault_plan(kinds[k], 0, false);
            assert_true(st ? hit && e.text[0] && v.last == last : v.last == last + 1);
            if (st) add_version(&v);
            last = v.last;
            assert_int_equal(v.row[v.n - 1].number, last);
            up_versions_free(&v);
            if (!hit) break;
        }
    }
}

/* The memo is the old one or the new one. */
static void memo_on_a_bad_disk(void **state)
{
    (void)state;
    static const sk_fault_kind kinds[] = {SK_FAULT_WRITE, SK_FAULT_FSYNC, SK_FAULT_RENAME};
    up_versions v;
    up_house h, again;
    uint32_t micro;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(up_versions_open(&d, &v, &e), e);
    add_version(&v);
    up_house_init(&h, 1, 3, 2, 0);
    assert_status_ok(up_memo_load(&d, &v, &h, &micro, &e), e);
    h.round = 100;
    assert_status_ok(up_memo_save(&d, &h, 0, &e), e);
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        bool hit = true;
        for (unsigned long nth = 1; hit; nth++) {
            uint32_t old = h.round++;
            sk_fault_plan(kinds[k], nth, false);
            sk_status st = up_memo_save(&d, &h, 0, &e);
            hit = sk_fault_count(kinds[k]) >= nth;
            sk_fault_plan(kinds[k], 0, false);
            assert_true(!st == !hit);
            up_house_init(&again, 1, 3, 2, 0);
            assert_status_ok(up_memo_load(&d, &v, &again, &micro, &e), e);
            assert_true(again.round == h.round || (st && again.round == old));
            h.round = again.round;
        }
    }
    up_versions_free(&v);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(versions_without_memory), CASE(memo_without_memory),    CASE(rounds_without_memory),
        CASE(state_without_memory),    CASE(metrics_without_memory), CASE(versions_on_a_bad_disk),
        CASE(memo_on_a_bad_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
