/* t_filter.c - each filter against its definition spelled out over a full sort. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/infer/filter.h"

#include <math.h>

enum { N = 300 };

typedef struct item {
    double logit, p, score;
    int id;
} item;

static int by_logit(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->logit != y->logit) return x->logit > y->logit ? -1 : 1;
    return x->id - y->id;
}

static int by_score(const void *a, const void *b)
{
    const item *x = a, *y = b;
    if (x->score != y->score) return x->score < y->score ? -1 : 1;
    return by_logit(a, b);
}

/* n candidates and, as items with probabilities, the same in falling order. */
static size_t make(uint64_t round, eng_cand *v, item *it)
{
    size_t n = 1 + (size_t)sk_rng_below(9, SK_RNG_TEST, round, N);
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        v[i] = (eng_cand){(float)(2.5 * sk_rng_normal(round, SK_RNG_TEST, i)), (int32_t)(3 * i)};
        it[i] = (item){.logit = (double)v[i].logit, .id = v[i].id};
    }
    qsort(it, n, sizeof *it, by_logit);
    for (size_t i = 0; i < n; i++)
        total += it[i].p = exp(it[i].logit - it[0].logit);
    for (size_t i = 0; i < n; i++)
        it[i].p /= total;
    return n;
}

/* The list holds exactly the items, in whatever order. */
static void same(eng_cands c, item *it, size_t n)
{
    assert_int_equal(c.n, n);
    qsort(it, n, sizeof *it, by_logit);
    eng_cands_fall(&c);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(c.v[i].id, it[i].id);
}

static void top_p(void **state)
{
    (void)state;
    static eng_cand v[N], w[N], spare[N];
    static item it[N];
    for (uint64_t round = 0; round < 300; round++) {
        size_t n = make(round, v, it), keep = 0;
        double p = sk_rng_uniform(5, SK_RNG_TEST, round), sum = 0;
        while (keep < n && sum < p)
            sum += it[keep++].p;
        if (!keep) keep = 1;
        float x[3 * N], block_max[ENG_RANK_BLOCKS(3 * N)];
        for (size_t i = 0; i < (size_t)3 * N; i++)
            x[i] = -INFINITY;
        for (size_t i = 0; i < n; i++)
            x[v[i].id] = v[i].logit;
        eng_rank r = {.x = x, .n = (size_t)3 * N, .block_max = block_max};
        eng_rank_scan(&r);
        eng_cands all = {.v = w, .scratch = spare};
        eng_filter_top_p_all(&r, p, &all);
        same(all, it, keep);
        eng_cands c = {.v = v, .n = n};
        eng_filter_top_p(&c, p);
        same(c, it, keep);
    }
}

static void typical(void **state)
{
    (void)state;
    static eng_cand v[N];
    static item it[N];
    static double scratch[N];
    for (uint64_t round = 0; round < 300; round++) {
        size_t n = make(round, v, it), keep = 0;
        double p = sk_rng_uniform(6, SK_RNG_TEST, round), sum = 0, entropy = 0;
        for (size_t i = 0; i < n; i++)
            entropy -= it[i].p * log(it[i].p);
        for (size_t i = 0; i < n; i++)
            it[i].score = fabs(-log(it[i].p) - entropy);
        qsort(it, n, sizeof *it, by_score);
        while (keep < n && sum <= p)
            sum += it[keep++].p;
        eng_cands c = {.v = v, .n = n};
        eng_filter_typical(&c, p, scratch);
        same(c, it, keep);
    }
}

static void min_p(void **state)
{
    (void)state;
    static eng_cand v[N];
    static item it[N];
    for (uint64_t round = 0; round < 300; round++) {
        size_t n = make(round, v, it), keep = 0;
        double p = sk_rng_uniform(7, SK_RNG_TEST, round);
        while (keep < n && it[keep].p >= p * it[0].p)
            keep++;
        eng_cands c = {.v = v, .n = n};
        if (round % 2) eng_cands_fall(&c);
        eng_filter_min_p(&c, p);
        same(c, it, keep);
    }
}

static void xtc(void **state)
{
    (void)state;
    static eng_cand v[N];
    static item it[N];
    size_t acted = 0;
    for (uint64_t round = 0; round < 300; round++) {
        size_t n = make(round, v, it), above = 0;
        double threshold = 0.3 * sk_rng_uniform(8, SK_RNG_TEST, round);
        while (above < n && it[above].p >= threshold)
            above++;
        size_t drop = above > 1 ? above - 1 : 0;
        acted += drop > 0;
        eng_cands c = {.v = v, .n = n};
        eng_filter_xtc(&c, threshold);
        same(c, it + drop, n - drop);
    }
    assert_true(acted > 50 && acted < 290);
}

/* Equal logits, one candidate, the ends of the ranges. */
static void edges(void **state)
{
    (void)state;
    double scratch[4];
    eng_cand one[1] = {{-7, 5}};
    eng_cands c = {.v = one, .n = 1};
    eng_filter_typical(&c, 1e-9, scratch);
    eng_filter_top_p(&c, 0);
    eng_filter_min_p(&c, 1);
    eng_filter_xtc(&c, 0);
    assert_true(c.n == 1 && c.v[0].id == 5);
    for (int which = 0; which < 4; which++) {
        eng_cand four[4] = {{2, 0}, {2, 1}, {2, 2}, {2, 3}};
        c = (eng_cands){.v = four, .n = 4};
        if (which == 0) eng_filter_typical(&c, 0.3, scratch);
        if (which == 1) eng_filter_top_p(&c, 0.5);
        if (which == 2) eng_filter_min_p(&c, 1);
        if (which == 3) eng_filter_xtc(&c, 0.25);
        const size_t want[] = {2, 2, 4, 1};
        assert_int_equal(c.n, want[which]);
        eng_cands_rise(&c);
        assert_int_equal(c.v[0].id, which == 3 ? 3 : 0); /* smaller ids rank higher */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(top_p), cmocka_unit_test(typical), cmocka_unit_test(min_p),
        cmocka_unit_test(xtc),   cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
