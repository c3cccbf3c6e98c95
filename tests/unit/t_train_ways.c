/* t_train_ways.c - every way to train keeps the promises: the same bytes for any number of threads
 * and after a stop, and a checkpoint is not gone on with in another way. */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include <stdio.h>

static tiny_run base;

static int make_base(void **state)
{
    (void)state;
    tiny_run_init(&base);
    return 0;
}

static int remove_base(void **state)
{
    (void)state;
    tiny_run_fini(&base);
    return 0;
}

static void muon(eng_train_opts *o)
{
    o->optimizer = ENG_MUON;
}

static void muon_alone(eng_train_opts *o)
{
    o->optimizer = ENG_MUON;
    o->muon_lr = 0.02;
    o->muon_momentum = 0.8;
}

static void z_loss(eng_train_opts *o)
{
    o->z_loss = 1e-2;
}

static void ema(eng_train_opts *o)
{
    o->ema = 0.8;
}

typedef struct way {
    const char *name;
    void (*set)(eng_train_opts *o);
    const char *flag; /* a refusal to go on without it names this */
} way;

static const way ways[] = {
    {"muon", muon, "--optimizer"},
    {"muon-alone", muon_alone, "--optimizer"},
    {"z-loss", z_loss, "--z-loss"},
    {"ema", ema, "--ema"},
};
enum { WAYS = sizeof(ways) / sizeof(*ways) };

static tiny_run run_of(const way *w, const char *what, size_t threads)
{
    char name[64];
    (void)snprintf(name, sizeof(name), "%s-%s", w->name, what);
    tiny_run r = tiny_run_beside(&base, name);
    r.threads = threads;
    w->set(&r.o);
    return r;
}

static void threads_do_not_change_a_byte(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    for (size_t i = 0; i < WAYS; i++) {
        tiny_run whole = run_of(&ways[i], "whole", 2);
        assert_status_ok(tiny_run_train(&whole, &e), e);
        for (size_t t = 1; t <= 3; t += 2) {
            tiny_run r = run_of(&ways[i], t == 1 ? "one" : "three", t);
            assert_status_ok(tiny_run_train(&r, &e), e);
            tiny_run_same(&r, &whole);
        }
    }
}

/* Answers yes to question number `at`. */
typedef struct stopper {
    size_t asked, at;
} stopper;

static bool stop(void *arg)
{
    stopper *s = arg;
    return ++s->asked == s->at;
}

static void a_stop_is_only_a_pause(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    for (size_t i = 0; i < WAYS; i++) {
        tiny_run whole = run_of(&ways[i], "whole", 2);
        size_t stops = 0;
        for (size_t at = 1;; at++) {
            stopper s = {.at = at};
            tiny_run r = run_of(&ways[i], "stopped", 2);
            r.o.stop = stop;
            r.o.arg = &s;
            sk_status st = tiny_run_train(&r, &e);
            if (!st) break;
            assert_int_equal(st, SK_E_STOPPED);
            stops++;
            r.o.resume = true;
            r.o.stop = NULL;
            assert_status_ok(tiny_run_train(&r, &e), e);
            tiny_run_same(&r, &whole);
            unit_rm_rf(r.out);
            if (at > 6) at += 9;
        }
        assert_true(stops > 5);
    }
}

/* The checkpoint of each way is refused by a plain run, and a plain one by each way. */
static void ways_are_not_mixed(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run plain = tiny_run_beside(&base, "plain");
    assert_status_ok(tiny_run_train(&plain, &e), e);
    plain.o.resume = true;
    for (size_t i = 0; i < WAYS; i++) {
        sk_err no = SK_ERR_INIT;
        tiny_run r = run_of(&ways[i], "whole", 2);
        r.o = plain.o;
        r.o.out = r.out;
        r.o.data = r.list;
        assert_status(tiny_run_train(&r, &no), SK_E_INVALID, no, ways[i].flag);
        r = plain;
        ways[i].set(&r.o);
        sk_err other = SK_ERR_INIT;
        assert_status(tiny_run_train(&r, &other), SK_E_INVALID, other, ways[i].flag);
    }
}

static void recomputing_is_not_another_way(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run a = tiny_run_beside(&base, "kept"), b = tiny_run_beside(&base, "recomputed");
    a.o.layers = b.o.layers = 3;
    b.o.recompute = true;
    assert_status_ok(tiny_run_train(&a, &e), e);
    assert_status_ok(tiny_run_train(&b, &e), e);
    tiny_run_same(&a, &b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_do_not_change_a_byte),
        cmocka_unit_test(a_stop_is_only_a_pause),
        cmocka_unit_test(ways_are_not_mixed),
        cmocka_unit_test(recomputing_is_not_another_way),
    };
    return cmocka_run_group_tests(tests, make_base, remove_base);
}
