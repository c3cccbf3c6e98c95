/* t_mirostat.c - the cut and mu against the algorithm spelled out; replaying choices. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/infer/sampler.h"

#include <math.h>

enum { N = 200, STEPS = 300 };

static void make(uint64_t pos, float *x)
{
    for (size_t i = 0; i < N; i++)
        x[i] = (float)(3 * sk_rng_normal(pos, SK_RNG_TEST, i));
}

typedef struct item {
    double p;
    int id;
} item;

static int by_p(const void *a, const void *b)
{
    const item *x = a, *y = b;
    return x->p != y->p ? (x->p > y->p ? -1 : 1) : x->id - y->id;
}

static int by_id(const void *a, const void *b)
{
    return ((const item *)a)->id - ((const item *)b)->id;
}

/* Algorithm 2 over a full sort; returns the choice and moves mu. */
static int reference(const float *x, const eng_sample_opts *o, uint64_t pos, double *mu)
{
    item it[N];
    double total = 0, sum = 0;
    for (size_t i = 0; i < N; i++) {
        it[i] = (item){exp((double)x[i] / o->temperature), (int)i};
        total += it[i].p;
    }
    qsort(it, N, sizeof *it, by_p);
    size_t n = 0;
    while (n < N && -log2(it[n].p / total) <= *mu)
        n++;
    if (!n) n = 1;
    qsort(it, n, sizeof *it, by_id);
    total = 0;
    for (size_t i = 0; i < n; i++)
        total += it[i].p;
    double want = sk_rng_uniform(o->seed, SK_RNG_SAMPLE, pos) * total;
    size_t at = 0;
    while ((sum += it[at].p) <= want && at + 1 < n)
        at++;
    *mu -= o->mirostat_eta * (-log2(it[at].p / total) - o->mirostat_tau);
    return it[at].id;
}

static void as_defined(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_sampler *s = eng_sampler_new(N);
    for (int tau = 1; tau <= 5; tau += 2) {
        float x[N];
        eng_sample_opts o = {.temperature = 0.9, .top_p = 1, .mirostat = 2, .seed = 11};
        o.mirostat_tau = tau;
        o.mirostat_eta = 0.1;
        eng_sample_state st = {0}, replay = {0}, half = {0};
        double mu = 2.0 * tau, surprise = 0;
        for (uint64_t pos = 0; pos < STEPS; pos++) {
            make(pos, x);
            eng_sample_in in = {.logits = x, .n_ids = pos, .state = &st};
            int32_t id = -1;
            double before = mu;
            int want = reference(x, &o, pos, &mu);
            assert_status_ok(eng_sampler_pick(s, &o, &in, &id, &e), e);
            assert_int_equal(id, want);
            assert_true(fabs(2.0 * tau + st.drift - mu) < 1e-9);
            surprise += tau - (mu - before) / o.mirostat_eta;
            in.state = &replay;
            assert_status_ok(eng_sampler_follow(s, &o, &in, id, &e), e);
            assert_true(replay.drift == st.drift); /* to the last bit */
            if (pos == STEPS / 2) half = st;
        }
        (void)half;
        /* what it is for: where the distribution allows, choices surprise by tau on average */
        if (tau <= 3) assert_true(fabs(surprise / STEPS - tau) < 0.3);
    }
    eng_sampler_free(s);
}

static void refusals(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_sampler *s = eng_sampler_new(3);
    const float x[3] = {0, 20, -20};
    eng_sample_opts o = {.top_p = 1, .mirostat = 2, .mirostat_tau = 0.5, .mirostat_eta = 0.1};
    eng_sample_state st = {0};
    eng_sample_in in = {.logits = x};
    int32_t id = -1;
    assert_status(eng_sampler_pick(s, &o, &in, &id, &e), SK_E_INVALID, e, "state");
    in.state = &st;
    assert_status_ok(eng_sampler_pick(s, &o, &in, &id, &e), e); /* greedy */
    assert_int_equal(id, 1);
    assert_true(st.drift > 0); /* no surprise at all: mu rises */
    assert_status(eng_sampler_follow(s, &o, &in, 0, &e), SK_E_INVALID, e, "chosen");
    o.temperature = 1;
    st.drift = 0;
    assert_status(eng_sampler_follow(s, &o, &in, 2, &e), SK_E_INVALID, e, "chosen");
    assert_true(st.drift == 0);
    st.drift = -1e9; /* mu far below zero: the best alone is left */
    assert_status_ok(eng_sampler_pick(s, &o, &in, &id, &e), e);
    assert_int_equal(id, 1);
    o.mirostat = 1;
    assert_status(eng_sampler_pick(s, &o, &in, &id, &e), SK_E_INVALID, e, "mirostat");
    eng_sampler_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_defined),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
