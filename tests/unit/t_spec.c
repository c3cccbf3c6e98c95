/* t_spec.c - guesses never change what is chosen, good ones save steps, bad ones cost little. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "base/rng.h"
#include "engine/infer/spec.h"
#include "tests/unit/fixture_model.h"

enum { N_CTX = 96, N_PROMPT = 12 };

/* ---- look-up ---- */

/* The definition: every earlier place, the longest agreement, the last of equals. */
static size_t reference(const int32_t *ids, size_t n, size_t most, int32_t *out)
{
    size_t best = 0, at = 0;
    for (size_t end = 1; end < n; end++) {
        size_t len = 0;
        while (len < end && len < ENG_LOOKUP_MAX && ids[end - 1 - len] == ids[n - 1 - len])
            len++;
        if (len >= ENG_LOOKUP_MIN && len >= best) {
            best = len;
            at = end;
        }
    }
    size_t got = 0;
    for (; best && at + got < n && got < most; got++)
        out[got] = ids[at + got];
    return got;
}

static void lookup(void **state)
{
    (void)state;
    size_t found = 0;
    for (uint64_t round = 0; round < 3000; round++) {
        int32_t ids[60], want[ENG_SPEC_MAX], got[ENG_SPEC_MAX];
        size_t n = 1 + (size_t)sk_rng_below(1, SK_RNG_TEST, round, 60), matched;
        for (size_t i = 0; i < n; i++)
            ids[i] = (int32_t)sk_rng_below(2, SK_RNG_TEST, round * 60 + i, 1 + round % 5);
        size_t most = 1 + round % 9;
        size_t k = reference(ids, n, most, want);
        assert_int_equal(eng_spec_lookup(ids, n, most, got, &matched), k);
        assert_memory_equal(got, want, k * sizeof *got);
        found += k > 0;
    }
    assert_true(found > 500);
}

/* ---- with models ---- */

typedef struct models {
    char dir[256];
    eng_exec *x;
    eng_model *main, *other, *foreign;
} models;

static void open_one(models *t, const char *name, uint64_t seed, size_t n_vocab, eng_model **out)
{
    sk_err e = SK_ERR_INIT;
    eng_config cfg = fixture_config("llama");
    cfg.n_vocab = (uint32_t)n_vocab;
    const char *path = unit_path(t->dir, name);
    assert_status_ok(fixture_model_write(path, &cfg, seed, ENG_F32, &e), e);
    assert_status_ok(eng_model_open(t->x, path, out, &e), e);
}

static int open_models(void **state)
{
    static models t;
    sk_err e = SK_ERR_INIT;
    (void)snprintf(t.dir, sizeof t.dir, "%s", unit_tmpdir());
    if (eng_exec_open(2, &t.x, &e)) return -1;
    open_one(&t, "main.gguf", 1, 288, &t.main);
    open_one(&t, "other.gguf", 2, 288, &t.other);
    open_one(&t, "foreign.gguf", 3, 300, &t.foreign);
    *state = &t;
    return 0;
}

static int close_models(void **state)
{
    models *t = *state;
    eng_model_close(t->main);
    eng_model_close(t->other);
    eng_model_close(t->foreign);
    eng_exec_close(t->x);
    unit_rm_rf(t->dir);
    return 0;
}

/* A sequence being continued, with or without guesses. */
typedef struct run {
    int32_t ids[N_CTX + 1];
    size_t n, steps, guessed, right;
} run;

/* The loop that engine.h describes. */
static void go_on(models *t, eng_spec *sp, const eng_sample_opts *o, run *r)
{
    sk_err e = SK_ERR_INIT;
    eng_session *s = NULL;
    eng_session_opts so = {.n_slots = 1, .n_ctx = N_CTX, .max_step = N_CTX};
    eng_sampler *sampler = eng_sampler_new(288);
    eng_sample_state st = {0};
    assert_status_ok(eng_session_open(t->x, t->main, &so, &s, &e), e);
    r->n = N_PROMPT;
    for (size_t i = 0; i < N_PROMPT; i++)
        r->ids[i] = (int32_t)(3 + i % 4);
    size_t ready = 0;
    while (r->n < N_CTX) {
        int32_t step[N_CTX], *guess = step + (r->n - ready);
        size_t k = 0, first = r->n - ready - 1, at = 0;
        memcpy(step, r->ids + ready, (r->n - ready) * sizeof *step);
        if (sp)
            assert_status_ok(eng_spec_guess(sp, o, r->ids, r->n, N_CTX - r->n, guess, &k, &e), e);
        eng_step_item it = {.pos = ready, .n = r->n - ready + k, .ids = step, .want = ENG_WANT_ALL};
        assert_status_ok(eng_session_step(s, &it, 1, &e), e);
        r->steps++;
        for (;;) {
            eng_sample_in in = {.logits = it.logits + (first + at) * 288,
                                .ids = r->ids,
                                .n_ids = r->n,
                                .state = &st};
            int32_t id;
            assert_status_ok(eng_sampler_pick(sampler, o, &in, &id, &e), e);
            ready = r->n;
            r->ids[r->n++] = id;
            if (at == k || guess[at] != id || r->n > N_CTX - 1) break;
            at++;
        }
        if (sp) eng_spec_learn(sp, k, at);
        r->guessed += k;
        r->right += at;
    }
    eng_sampler_free(sampler);
    eng_session_close(s);
}

static void same_tokens(void **state)
{
    models *t = *state;
    sk_err e = SK_ERR_INIT;
    for (int how = 0; how < 5; how++) {
        eng_sample_opts o;
        eng_sample_opts_default(&o);
        o.seed = (uint64_t)how;
        o.temperature = how == 0 ? 0 : how == 1 ? 0.1 : 1;
        if (how == 3) o.repeat_penalty = 1.2, o.dry_multiplier = 1;
        if (how == 4) o.mirostat = 2;
        run plain = {0};
        go_on(t, NULL, &o, &plain);
        const eng_spec_opts kind[] = {{.n_max = 8, .lookup = true},
                                      {.n_max = 8, .draft = t->main},
                                      {.n_max = 5, .draft = t->other},
                                      {.n_max = ENG_SPEC_MAX, .lookup = true, .draft = t->other},
                                      {.n_max = 1, .draft = t->main}};
        for (size_t i = 0; i < sizeof kind / sizeof *kind; i++) {
            eng_spec *sp = NULL;
            run r = {0};
            assert_status_ok(eng_spec_open(t->x, t->main, &kind[i], N_CTX, &sp, &e), e);
            go_on(t, sp, &o, &r);
            eng_spec_close(sp);
            assert_int_equal(r.n, plain.n);
            assert_memory_equal(r.ids, plain.ids, r.n * sizeof *r.ids);
            assert_true(r.steps <= plain.steps);
            if (how == 1 && i == 1) assert_true(2 * r.steps < plain.steps); /* a perfect draft */
        }
    }
}

/* A draft that is always wrong is asked less and less. */
static void bad_luck(void **state)
{
    models *t = *state;
    sk_err e = SK_ERR_INIT;
    eng_spec *sp = NULL;
    eng_spec_opts o = {.n_max = 8, .lookup = true};
    eng_sample_opts so = {0};
    int32_t ids[8] = {1, 2, 3, 1, 2, 3, 1, 2}, out[ENG_SPEC_MAX];
    assert_status_ok(eng_spec_open(t->x, t->main, &o, N_CTX, &sp, &e), e);
    size_t guessed = 0, k;
    for (int i = 0; i < 300; i++) {
        assert_status_ok(eng_spec_guess(sp, &so, ids, 8, 8, out, &k, &e), e);
        guessed += k;
        if (k) assert_int_equal(out[0], 3);
        eng_spec_learn(sp, k, 0);
    }
    assert_true(guessed > 5 && guessed < 60);
    do {
        assert_status_ok(eng_spec_guess(sp, &so, ids, 8, 8, out, &k, &e), e);
    } while (!k);
    eng_spec_learn(sp, k, k); /* luck turned */
    assert_status_ok(eng_spec_guess(sp, &so, ids, 8, 8, out, &k, &e), e);
    assert_true(k > 0);
    assert_status_ok(eng_spec_guess(sp, &so, ids, 8, 0, out, &k, &e), e);
    assert_int_equal(k, 0);
    eng_spec_close(sp);
    eng_spec_close(NULL);
}

static sk_status open_spec(void *arg, sk_err *e)
{
    const models *t = arg;
    eng_spec *sp = NULL;
    eng_spec_opts o = {.n_max = 8, .draft = t->other};
    sk_status st = eng_spec_open(t->x, t->main, &o, N_CTX, &sp, e);
    assert_int_equal(st == SK_OK, sp != NULL);
    eng_spec_close(sp);
    return st;
}

static void refusals(void **state)
{
    models *t = *state;
    sk_err e = SK_ERR_INIT;
    eng_spec *sp = NULL;
    eng_spec_opts o = {.n_max = 0, .lookup = true};
    assert_status(eng_spec_open(t->x, t->main, &o, 8, &sp, &e), SK_E_INVALID, e, "guessed");
    o.n_max = ENG_SPEC_MAX + 1;
    assert_status(eng_spec_open(t->x, t->main, &o, 8, &sp, &e), SK_E_INVALID, e, "guessed");
    o = (eng_spec_opts){.n_max = 8, .draft = t->foreign};
    assert_status(eng_spec_open(t->x, t->main, &o, 8, &sp, &e), SK_E_INVALID, e, "vocabulary");
    unit_starve(open_spec, t, 100, UNIT_TOLD | UNIT_GROWS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lookup),
        cmocka_unit_test(same_tokens),
        cmocka_unit_test(bad_luck),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, open_models, close_models);
}
