/* t_trainstate.c - checkpoints of training runs: whole containers with the wrong contents. */
#include "tests/unit/unit.h"

#include "engine/format/ckpt.h"
#include "engine/train/trainstate.h"

#include <math.h>
#include <stdio.h>

enum { FLOATS = 48, STEPS = 10 };

static char dir[128], path[160];

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s", unit_tmpdir());
    (void)snprintf(path, sizeof(path), "%s/c.stk", dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    unit_rm_rf(dir);
    return 0;
}

static json_t *meta(void)
{
    eng_train_opts o;
    eng_train_opts_default(&o);
    o.steps = STEPS;
    json_t *m = eng_trainstate_meta("pretrain", &o, true);
    assert_non_null(m);
    assert_true(eng_trainstate_input(m, "text", 7));
    return m;
}

/* A state after `step` steps, all numbers different. */
static void fill(eng_trainstate *s, uint64_t step)
{
    for (size_t i = 0; i < FLOATS; i++) {
        s->param[i] = (float)i;
        s->m[i] = (float)i + 0.25f;
        s->v[i] = (float)i + 0.5f;
    }
    s->step = step;
    for (uint64_t i = 0; i <= step; i++) {
        eng_point p = {(double)i, (double)i * 64, 3.0 - (double)i / 10, 0.1, 1, NAN, NAN};
        eng_curve_add(&s->curve, &p);
    }
}

static void a_state_comes_back(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_trainstate a, b;
    json_t *m = meta(), *again = meta();
    bool done = true;
    for (uint64_t step = 0; step <= STEPS; step += 5) {
        assert_status_ok(eng_trainstate_init(&a, FLOATS, FLOATS, STEPS, &e), e);
        assert_status_ok(eng_trainstate_init(&b, FLOATS, FLOATS, STEPS, &e), e);
        fill(&a, step);
        assert_status_ok(eng_trainstate_save(&a, path, m, &e), e);
        assert_status_ok(eng_trainstate_load(&b, path, again, &e), e);
        assert_memory_equal(a.param, b.param, FLOATS * sizeof(float));
        assert_memory_equal(a.m, b.m, FLOATS * sizeof(float));
        assert_memory_equal(a.v, b.v, FLOATS * sizeof(float));
        assert_int_equal(b.step, step);
        assert_int_equal(b.curve.n, step + 1);
        assert_memory_equal(a.curve.point, b.curve.point, b.curve.n * sizeof(eng_point));
        assert_true(b.cpu[0]);
        assert_status_ok(eng_trainstate_is_done(path, again, STEPS, &done, &e), e);
        assert_int_equal(done, step == STEPS);
        eng_trainstate_fini(&a);
        eng_trainstate_fini(&b);
    }
    json_decref(m);
    json_decref(again);
}

/* What is wrong with a container: a section in place of the right one. */
typedef struct wrong {
    const char *section; /* NUL-terminated name */
    const void *p;
    size_t n; /* SIZE_MAX: the section is missing */
    const char *part;
} wrong;

/* Writes a right checkpoint but for one section; expects a refusal that names it. */
static void check_wrong(const char *right_meta, const wrong *w)
{
    static float floats[FLOATS];
    static const eng_point curve[2] = {{.step = 0}, {.step = 1}};
    eng_ckpt_section right[] = {{"meta", right_meta, strlen(right_meta)},
                                {"param", floats, sizeof(floats)},
                                {"adam.m", floats, sizeof(floats)},
                                {"adam.v", floats, sizeof(floats)},
                                {"curve", curve, sizeof(curve)}};
    eng_ckpt_section sec[5];
    size_t n = 0;
    for (size_t i = 0; i < 5; i++) {
        bool it = strcmp(right[i].name, w->section) == 0;
        if (it && w->n == SIZE_MAX) continue;
        sec[n] = right[i];
        if (it) {
            sec[n].p = w->p;
            sec[n].n = w->n;
        }
        n++;
    }
    sk_err e = SK_ERR_INIT;
    eng_trainstate s;
    json_t *m = meta();
    assert_status_ok(eng_ckpt_write(path, sec, n, &e), e);
    assert_status_ok(eng_trainstate_init(&s, FLOATS, FLOATS, STEPS, &e), e);
    sk_status st = eng_trainstate_load(&s, path, m, &e);
    if (!w->part) {
        assert_status_ok(st, e);
    } else {
        assert_int_not_equal(st, SK_OK);
        assert_contains(e.text, w->part);
    }
    eng_trainstate_fini(&s);
    json_decref(m);
}

/* The right meta section at step n, as text. */
static char *meta_text(json_int_t step)
{
    json_t *m = meta();
    assert_int_equal(json_object_set_new(m, "step", json_integer(step)), 0);
    assert_int_equal(json_object_set_new(m, "cpu", json_string("c")), 0);
    sk_buf b = SK_BUF_INIT;
    char raw[4096];
    size_t n = json_dumpb(m, raw, sizeof(raw), 0);
    assert_true(n > 0 && n < sizeof(raw));
    sk_buf_add(&b, raw, n);
    json_decref(m);
    size_t len;
    return sk_buf_detach(&b, &len);
}

static void wrong_contents_are_refused(void **state)
{
    (void)state;
    static float floats[FLOATS + 1];
    static const eng_point twice[] = {{.step = 0}, {.step = 0}};
    static const eng_point back[] = {{.step = 1}, {.step = 0}};
    static const eng_point ahead[] = {{.step = 0}, {.step = 9}};
    static const eng_point many[STEPS + 2];
    const eng_point no_number[] = {{.step = NAN}};
    char *good = meta_text(1), *far = meta_text(STEPS + 1), *below = meta_text(-1);
    const wrong list[] = {
        {"none", NULL, 0, NULL}, /* the right one is accepted */
        {"meta", NULL, SIZE_MAX, "meta"},
        {"meta", "", 0, "JSON"},
        {"meta", "{", 1, "JSON"},
        {"meta", "[]", 2, ""},
        {"meta", "{}", 2, ""},
        {"meta", "{\"version\":2}", 13, "version"},
        {"meta", "{\"version\":1}", 13, "pretrain"},
        {"meta", far, strlen(far), "past the end"},
        {"meta", below, strlen(below), "step"},
        {"param", NULL, SIZE_MAX, "param"},
        {"param", floats, sizeof(floats), "param"},
        {"param", floats, 0, "param"},
        {"adam.m", floats, sizeof(floats) - 5, "adam.m"},
        {"adam.v", NULL, SIZE_MAX, "adam.v"},
        {"curve", NULL, SIZE_MAX, "curve"},
        {"curve", twice, 13, "curve"},
        {"curve", twice, sizeof(twice), "order"},
        {"curve", back, sizeof(back), "order"},
        {"curve", ahead, sizeof(ahead), "order"},
        {"curve", no_number, sizeof(no_number), "order"},
        {"curve", many, sizeof(many), "curve"},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
        check_wrong(good, &list[i]);
    sk_buf drop[3] = {{good, 0, 1, false}, {far, 0, 1, false}, {below, 0, 1, false}};
    for (size_t i = 0; i < 3; i++)
        sk_buf_fini(&drop[i]);
}

/* Every setting is held against the checkpoint's; a missing or an added one counts too. */
static void every_setting_is_compared(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_trainstate s;
    json_t *m = meta(), *settings = json_object_get(m, "settings"), *v;
    const char *key;
    assert_true(json_object_size(settings) >= 20);
    assert_status_ok(eng_trainstate_init(&s, FLOATS, FLOATS, STEPS, &e), e);
    fill(&s, 3);
    assert_status_ok(eng_trainstate_save(&s, path, m, &e), e);
    json_object_foreach(settings, key, v)
    {
        char flag[64];
        json_t *other = meta();
        (void)snprintf(flag, sizeof(flag), "--%s", key);
        assert_int_equal(
            json_object_set_new(json_object_get(other, "settings"), key, json_integer(-77)), 0);
        sk_err no = SK_ERR_INIT;
        assert_status(eng_trainstate_load(&s, path, other, &no), SK_E_INVALID, no, flag);
        json_decref(other);
    }
    json_t *other = meta();
    assert_true(eng_trainstate_input(other, "text", 8));
    sk_err no = SK_ERR_INIT;
    assert_status(eng_trainstate_load(&s, path, other, &no), SK_E_INVALID, no, "another text");
    bool done;
    no = (sk_err)SK_ERR_INIT; /* inputs are not known yet when this is asked */
    assert_status_ok(eng_trainstate_is_done(path, other, STEPS, &done, &no), no);
    json_decref(other);
    json_decref(m);
    eng_trainstate_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_comes_back),
        cmocka_unit_test(wrong_contents_are_refused),
        cmocka_unit_test(every_setting_is_compared),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
