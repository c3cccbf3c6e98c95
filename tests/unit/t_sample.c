/* t_sample.c - choosing tokens: filters against a plain sort, the draw against its distribution. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/infer/sample.h"

#include <math.h>

static eng_sample_opts plain(double temperature, uint64_t seed)
{
    return (eng_sample_opts){.temperature = temperature, .top_p = 1, .seed = seed};
}

static int32_t pick(eng_sampler *s, const float *logits, const eng_sample_opts *o, uint64_t pos)
{
    sk_err e = SK_ERR_INIT;
    int32_t id = -7;
    eng_sample_in in = {.logits = logits, .n_ids = pos};
    assert_status_ok(eng_sampler_pick(s, o, &in, &id, &e), e);
    return id;
}

static void defaults_and_ranges(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_sample_opts o;
    eng_sample_opts_default(&o);
    assert_true(o.temperature == 0.7 && o.top_k == 0 && o.top_p == 1 && o.min_p == 0.05 &&
                o.seed == 0);
    assert_status_ok(eng_sample_opts_check(&o, &e), e);
    const struct {
        double t;
        int64_t k;
        double p, m;
        const char *says;
    } bad[] = {
        {-0.1, 0, 1, 0, "temperature"}, {100.5, 0, 1, 0, "temperature"},
        {NAN, 0, 1, 0, "temperature"},  {INFINITY, 0, 1, 0, "temperature"},
        {1, -1, 1, 0, "top_k"},         {1, INT64_MIN, 1, 0, "top_k"},
        {1, 0, 1.01, 0, "top_p"},       {1, 0, -0.01, 0, "top_p"},
        {1, 0, NAN, 0, "top_p"},        {1, 0, 1, 1.01, "min_p"},
        {1, 0, 1, -0.01, "min_p"},      {1, 0, 1, NAN, "min_p"},
    };
    eng_sampler *s = eng_sampler_new(2);
    const float logits[2] = {0, 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int32_t id = -7;
        o = (eng_sample_opts){
            .temperature = bad[i].t, .top_k = bad[i].k, .top_p = bad[i].p, .min_p = bad[i].m};
        eng_sample_in in = {.logits = logits};
        assert_status(eng_sample_opts_check(&o, &e), SK_E_INVALID, e, bad[i].says);
        assert_status(eng_sampler_pick(s, &o, &in, &id, &e), SK_E_INVALID, e, bad[i].says);
        assert_int_equal(id, -7);
    }
    const eng_sample_opts edge[] = {
        {0}, {.temperature = 100, .top_k = INT64_MAX, .top_p = 1, .min_p = 1, .seed = UINT64_MAX}};
    for (size_t i = 0; i < 2; i++)
        assert_status_ok(eng_sample_opts_check(&edge[i], &e), e);
    eng_sampler_free(s);
    eng_sampler_free(NULL);
}

static void greedy(void **state)
{
    (void)state;
    eng_sampler *s = eng_sampler_new(6);
    const float ties[6] = {1, 3, 3, -5, 3, 0},
                bad[6] = {NAN, INFINITY, -INFINITY, -1e30f, NAN, -2e30f};
    eng_sample_opts o = plain(0, 1);
    for (uint64_t pos = 0; pos < 20; pos++) {
        assert_int_equal(pick(s, ties, &o, pos), 1);
        assert_int_equal(pick(s, bad, &o, pos), 3);
    }
    o = plain(1.5, 1);
    o.top_k = 1;
    for (uint64_t pos = 0; pos < 20; pos++)
        assert_int_equal(pick(s, ties, &o, pos), 1);
    /* a vocabulary of one */
    eng_sampler *one = eng_sampler_new(1);
    const float only = -3;
    o = plain(1, 9);
    assert_int_equal(pick(one, &only, &o, 3), 0);
    eng_sampler_free(one);
    eng_sampler_free(s);
}

static void nothing_to_choose(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_sampler *s = eng_sampler_new(3);
    const float none[][3] = {
        {NAN, NAN, NAN}, {-INFINITY, -INFINITY, -INFINITY}, {INFINITY, NAN, -INFINITY}};
    for (size_t i = 0; i < 3; i++)
        for (int t = 0; t < 2; t++) {
            int32_t id = -7;
            eng_sample_opts o = plain(t, 0);
            eng_sample_in in = {.logits = none[i]};
            assert_status(eng_sampler_pick(s, &o, &in, &id, &e), SK_E_INTERNAL, e, "finite");
            assert_int_equal(id, -7);
        }
    eng_sampler_free(s);
}

/* Tiny filters leave the likeliest; extreme logits and temperatures do no harm. */
static void extremes(void **state)
{
    (void)state;
    eng_sampler *s = eng_sampler_new(4);
    const float wide[4] = {-3e38f, 3e38f, 0, -1e-30f}, near[4] = {0, 1e-7f, 0, 0};
    eng_sample_opts o;
    for (uint64_t pos = 0; pos < 50; pos++) {
        o = plain(1, pos);
        assert_int_equal(pick(s, wide, &o, pos), 1);
        o.top_p = 1e-12;
        assert_int_equal(pick(s, near, &o, pos), 1);
        o.top_p = 0;
        assert_int_equal(pick(s, near, &o, pos), 1);
        o = plain(1, pos);
        o.min_p = 1;
        assert_int_equal(pick(s, near, &o, pos), 1);
        o = plain(5e-324, pos);
        assert_int_equal(pick(s, near, &o, pos), 1);
    }
    /* min_p 1 keeps ties: both appear */
    const float tie[4] = {2, 1, 2, 1};
    int seen[4] = {0};
    o = plain(1, 4);
    o.min_p = 1;
    for (uint64_t pos = 0; pos < 64; pos++)
        seen[pick(s, tie, &o, pos)]++;
    assert_true(seen[0] > 10 && seen[2] > 10 && !seen[1] && !seen[3]);
    /* top_k 3 of four equals drops the largest id */
    const float flat[4] = {7, 7, 7, 7};
    memset(seen, 0, sizeof seen);
    o = plain(1, 5);
    o.top_k = 3;
    for (uint64_t pos = 0; pos < 64; pos++)
        seen[pick(s, flat, &o, pos)]++;
    assert_true(seen[0] && seen[1] && seen[2] && !seen[3]);
    eng_sampler_free(s);
}

static void pure(void **state)
{
    (void)state;
    enum { N = 1000 };
    float logits[N];
    for (size_t i = 0; i < N; i++)
        logits[i] = (float)sk_rng_normal(1, SK_RNG_TEST, i);
    eng_sampler *s = eng_sampler_new(N), *t = eng_sampler_new(N);
    eng_sample_opts o = {.temperature = 1, .top_k = 500, .top_p = 0.95, .min_p = 0.01, .seed = 3};
    int32_t first[50];
    size_t differ_pos = 0, differ_seed = 0;
    for (uint64_t pos = 0; pos < 50; pos++)
        first[pos] = pick(s, logits, &o, pos);
    for (uint64_t pos = 50; pos-- > 0;) { /* another sampler, another order */
        assert_int_equal(pick(t, logits, &o, pos), first[pos]);
        eng_sample_opts other = o;
        other.seed = 4;
        differ_seed += pick(t, logits, &other, pos) != first[pos];
        differ_pos += pos && first[pos] != first[pos - 1];
    }
    assert_true(differ_pos > 40 && differ_seed > 40);
    eng_sampler_free(s);
    eng_sampler_free(t);
}

/* ---- against a plain sort ---- */

typedef struct ranked {
    double logit;
    int id;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id - y->id;
}

static int by_id(const void *a, const void *b)
{
    return ((const ranked *)a)->id - ((const ranked *)b)->id;
}

/* The chain spelled out: sort all, cut, cut, cut, draw in the order of ids. */
static int reference(const float *logits, size_t n, const eng_sample_opts *o, uint64_t pos,
                     size_t *kept)
{
    ranked *r = malloc(n * sizeof *r);
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
        if (isfinite(logits[i])) r[m++] = (ranked){logits[i], (int)i};
    qsort(r, m, sizeof *r, by_rank);
    double top = r[0].logit, total = 0, sum = 0;
    if (o->top_k && (size_t)o->top_k < m) m = (size_t)o->top_k;
    qsort(r, m, sizeof *r, by_id);
    for (size_t i = 0; i < m; i++)
        total += exp(r[i].logit - top);
    qsort(r, m, sizeof *r, by_rank);
    size_t cut = m;
    for (size_t i = 0; o->top_p < 1 && i < m; i++) {
        sum += exp(r[i].logit - top);
        if (sum >= o->top_p * total) {
            cut = i + 1;
            break;
        }
    }
    m = cut;
    while (m > 1 && r[m - 1].logit < top + log(o->min_p))
        m--;
    *kept = m;
    qsort(r, m, sizeof *r, by_id);
    total = sum = 0;
    for (size_t i = 0; i < m; i++)
        total += exp((r[i].logit - top) / o->temperature);
    double want = sk_rng_uniform(o->seed, SK_RNG_SAMPLE, pos) * total;
    int id = -1;
    for (size_t i = 0; i < m && id < 0; i++)
        if ((sum += exp((r[i].logit - top) / o->temperature)) > want) id = r[i].id;
    free(r);
    return id;
}

static void same_as_sorting(void **state)
{
    (void)state;
    enum { N = 700 };
    float logits[N];
    eng_sampler *s = eng_sampler_new(N);
    size_t smallest = N, largest = 0;
    for (uint64_t round = 0; round < 400; round++) {
        for (size_t i = 0; i < N; i++) {
            double v = sk_rng_normal(round, SK_RNG_TEST, i) * (1 + (double)(round % 5));
            logits[i] = (float)(round % 3 ? v : floor(v * 4) / 4); /* a third full of ties */
            if (round % 7 == 0 && i % 11 == 0) logits[i] = i % 2 ? NAN : -INFINITY;
        }
        eng_sample_opts o = plain(0.2 + (double)(round % 6) * 0.4, round);
        o.top_k = round & 1 ? (int64_t)sk_rng_below(1, SK_RNG_TEST, round, 720) : 0;
        o.top_p = round & 2 ? sk_rng_uniform(2, SK_RNG_TEST, round) : 1;
        o.min_p = round & 4 ? sk_rng_uniform(3, SK_RNG_TEST, round) * 0.2 : 0;
        size_t kept;
        int want = reference(logits, N, &o, round * 31, &kept);
        assert_int_equal(pick(s, logits, &o, round * 31), want);
        smallest = kept < smallest ? kept : smallest;
        largest = kept > largest ? kept : largest;
    }
    assert_true(smallest < 5 && largest > 600); /* the rounds did cover both ends */
    eng_sampler_free(s);
}

/* Chi-square of 20000 draws against the softmax; the seed is fixed, so this never flickers.  The
 * 99.9 % point of chi-square with 7 degrees of freedom is 24.3. */
static void distribution(void **state)
{
    (void)state;
    const float logits[8] = {0, 1, 2, -1, 0.5f, 1.5f, -2, 0.25f};
    const double temps[] = {0.5, 1, 2};
    eng_sampler *s = eng_sampler_new(8);
    for (size_t t = 0; t < 3; t++) {
        double p[8], total = 0, chi = 0;
        size_t count[8] = {0}, n = 20000;
        for (size_t i = 0; i < 8; i++)
            total += p[i] = exp((double)logits[i] / temps[t]);
        eng_sample_opts o = plain(temps[t], 12345);
        for (uint64_t pos = 0; pos < n; pos++)
            count[pick(s, logits, &o, pos)]++;
        for (size_t i = 0; i < 8; i++) {
            double want = p[i] / total * (double)n, d = (double)count[i] - want;
            chi += d * d / want;
        }
        assert_true(chi < 24.3);
        assert_true(chi > 0.5); /* too good would mean it is no random draw */
    }
    eng_sampler_free(s);
}

/* ---- what is new to the chain beyond its parts ---- */

static void masks(void **state)
{
    (void)state;
    enum { N = 200 };
    sk_err e = SK_ERR_INIT;
    float logits[N];
    uint64_t allowed[4] = {0}, none[4] = {0};
    for (size_t i = 0; i < N; i++)
        logits[i] = (float)sk_rng_normal(8, SK_RNG_TEST, i);
    for (size_t i = 0; i < N; i += 7)
        allowed[i / 64] |= (uint64_t)1 << i % 64;
    eng_sampler *s = eng_sampler_new(N);
    int seen[N] = {0};
    eng_sample_opts o = plain(2, 1);
    for (uint64_t pos = 0; pos < 2000; pos++) {
        eng_sample_in in = {.logits = logits, .n_ids = pos, .allowed = allowed};
        int32_t id = -1;
        o.temperature = pos % 2 ? 2 : 0;
        assert_status_ok(eng_sampler_pick(s, &o, &in, &id, &e), e);
        seen[id]++;
    }
    for (size_t i = 0; i < N; i++)
        assert_true(!seen[i] == !!(i % 7));
    eng_sample_in in = {.logits = logits, .allowed = none};
    int32_t id = -7;
    assert_status(eng_sampler_pick(s, &o, &in, &id, &e), SK_E_INTERNAL, e, "allowed");
    none[3] = (uint64_t)1 << (199 % 64); /* a single survivor */
    assert_status_ok(eng_sampler_pick(s, &o, &in, &id, &e), e);
    assert_int_equal(id, 199);
    eng_sampler_free(s);
}

static void biases_and_penalties(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_sampler *s = eng_sampler_new(4);
    const float logits[4] = {5, 4, 3, 2};
    const int32_t ids[] = {0, 0, 1, 0, 1, 0};
    const eng_logit_bias up[] = {{3, 10}}, ban[] = {{0, -INFINITY}, {1, -INFINITY}},
                         bad[] = {{0, NAN}};
    eng_sample_opts o = plain(0, 0);
    o.bias = up, o.n_bias = 1;
    assert_int_equal(pick(s, logits, &o, 0), 3);
    o.bias = ban, o.n_bias = 2;
    assert_int_equal(pick(s, logits, &o, 0), 2);
    int32_t id = -7;
    eng_sample_in in = {.logits = logits, .ids = ids, .n_ids = 6};
    o.bias = bad, o.n_bias = 1;
    assert_status(eng_sampler_pick(s, &o, &in, &id, &e), SK_E_INVALID, e, "bias");
    o.n_bias = 0;
    o.penalty_last_n = -1;
    o.frequency_penalty = 1; /* 5 - 4, 4 - 2, 3, 2 */
    assert_status_ok(eng_sampler_pick(s, &o, &in, &id, &e), e);
    assert_int_equal(id, 2);
    o.penalty_last_n = 1; /* only the last 0 counts: 4, 4, 3, 2 */
    assert_status_ok(eng_sampler_pick(s, &o, &in, &id, &e), e);
    assert_int_equal(id, 0);
    o.penalty_last_n = 2; /* 4, 3, 3, 2 */
    o.frequency_penalty = 0;
    o.presence_penalty = 2.5;
    assert_status_ok(eng_sampler_pick(s, &o, &in, &id, &e), e);
    assert_int_equal(id, 2);
    in.ids = NULL;
    assert_status(eng_sampler_pick(s, &o, &in, &id, &e), SK_E_INVALID, e, "tokens before");
    /* DRY: ids end in 0, before 0 1 0 1 0; 1 would go on */
    o = plain(0, 0);
    o.dry_multiplier = 100, o.dry_base = 1, o.dry_allowed_length = 2, o.dry_last_n = -1;
    const float one[4] = {1, 9, 0, 0};
    in = (eng_sample_in){.logits = one, .ids = ids, .n_ids = 6};
    assert_status_ok(eng_sampler_pick(s, &o, &in, &id, &e), e);
    assert_int_equal(id, 0);
    assert_true(logits[0] == 5); /* nobody writes into the model's logits */
    eng_sampler_free(s);
}

/* XTC acts as often as it should and then never leaves the top; typical may drop the best. */
static void top_choices_excluded(void **state)
{
    (void)state;
    const float logits[4] = {2, 1.9f, 1.8f, -3};
    eng_sampler *s = eng_sampler_new(4);
    eng_sample_opts o = plain(0, 3);
    o.xtc_probability = 0.5;
    o.xtc_threshold = 0.1;
    int seen[4] = {0};
    for (uint64_t pos = 0; pos < 4000; pos++)
        seen[pick(s, logits, &o, pos)]++;
    assert_true(seen[0] > 1850 && seen[0] < 2150 && seen[0] + seen[2] == 4000);
    o.xtc_threshold = 0.51;
    assert_int_equal(pick(s, logits, &o, 1), 0);
    o = plain(0, 3);
    o.typical_p = 0.2;
    const float peaked[6] = {3, 2, 2, 2, 2, 2}; /* entropy nearer the surprise of the many */
    assert_int_equal(pick(s, peaked, &o, 1) != 0, 1);
    eng_sampler_free(s);
}

static void logprobs(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    const float logits[5] = {1, 3, -INFINITY, 2, NAN};
    double total = exp(1) + exp(3) + exp(2), of = 0;
    eng_sampler *s = eng_sampler_new(5);
    eng_logprob top[5];
    size_t n = 9;
    assert_status_ok(eng_sampler_logprobs(s, logits, 3, 2, &of, top, &n, &e), e);
    assert_int_equal(n, 2);
    assert_true(fabs(of - (2 - log(total))) < 1e-12);
    assert_true(top[0].id == 1 && fabs(top[0].logprob - (3 - log(total))) < 1e-12);
    assert_true(top[1].id == 3 && top[1].logprob == of);
    assert_status_ok(eng_sampler_logprobs(s, logits, 2, 5, &of, top, &n, &e), e);
    assert_true(n == 3 && of == -INFINITY);
    assert_status_ok(eng_sampler_logprobs(s, logits, 0, 0, &of, NULL, &n, &e), e);
    assert_int_equal(n, 0);
    assert_status(eng_sampler_logprobs(s, logits, 5, 0, &of, NULL, &n, &e), SK_E_INVALID, e, "5");
    const float none[5] = {NAN, NAN, NAN, NAN, NAN};
    assert_status(eng_sampler_logprobs(s, none, 0, 0, &of, NULL, &n, &e), SK_E_INTERNAL, e,
                  "finite");
    eng_sampler_free(s);
}

/* Choices made together, on several threads and samplers: those made one by one; one that has
 * failed before is left alone. */
static void together(void **state)
{
    (void)state;
    enum { N = 1000, PICKS = 7 };
    static float logits[PICKS][N];
    sk_err e = SK_ERR_INIT;
    for (size_t n_threads = 1; n_threads <= 3; n_threads++) {
        eng_exec *x = NULL;
        eng_sampler *s[3] = {eng_sampler_new(N), eng_sampler_new(N), eng_sampler_new(N)};
        eng_pick p[PICKS] = {0};
        int32_t want[PICKS];
        assert_status_ok(eng_exec_open(n_threads, &x, &e), e);
        for (size_t i = 0; i < PICKS; i++) {
            for (size_t k = 0; k < N; k++)
                logits[i][k] = (float)sk_rng_normal(7, (uint32_t)i, k);
            p[i].opts = plain(i ? 1 : 0, 40 + i);
            p[i].in = (eng_sample_in){.logits = logits[i], .n_ids = 10 + i};
            want[i] = pick(s[0], logits[i], &p[i].opts, 10 + i);
        }
        p[2].status = SK_E_NOMEM;
        p[4].opts.temperature = -1;
        eng_sampler_pick_all(x, s, n_threads, p, PICKS);
        for (size_t i = 0; i < PICKS; i++) {
            if (i != 2 && i != 4) assert_int_equal(p[i].status, SK_OK);
            if (i != 2 && i != 4) assert_int_equal(p[i].id, want[i]);
        }
        assert_int_equal(p[2].status, SK_E_NOMEM);
        assert_status(p[4].status, SK_E_INVALID, p[4].err, "temperature");
        for (size_t i = 0; i < 3; i++)
            eng_sampler_free(s[i]);
        eng_exec_close(x);
    }
}

static sk_status make_starved(void *arg, sk_err *e)
{
    (void)arg;
    eng_sampler *s = eng_sampler_new(100);
    eng_sampler_free(s);
    return s ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a sampler");
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(unit_starve(make_starved, NULL, 50, UNIT_TOLD) >= 7);
    assert_null(eng_sampler_new(SIZE_MAX / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_and_ranges),
        cmocka_unit_test(greedy),
        cmocka_unit_test(nothing_to_choose),
        cmocka_unit_test(extremes),
        cmocka_unit_test(pure),
        cmocka_unit_test(same_as_sorting),
        cmocka_unit_test(distribution),
        cmocka_unit_test(masks),
        cmocka_unit_test(biases_and_penalties),
        cmocka_unit_test(top_choices_excluded),
        cmocka_unit_test(logprobs),
        cmocka_unit_test(together),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
