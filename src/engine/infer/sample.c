/* sample.c - filters and the draw, without sorting the vocabulary.
 *
 * Sums run in double, in the order of ids, or for top-p from the likeliest token down; uniform
 * numbers come from Philox keyed by (seed, position).  So a choice is a pure function of its
 * inputs.
 */
#include "engine/infer/sample.h"

#include "base/mem.h"
#include "base/rng.h"

#include <assert.h>
#include <math.h>

/* Tokens top-p ranks at first; it doubles them until their mass suffices. */
#define RANK_FIRST 64

typedef struct cand {
    float logit;
    int32_t id;
} cand;

struct eng_sampler {
    size_t n_vocab;
    cand *cand;     /* [n_vocab] */
    double *weight; /* [n_vocab] */
};

void eng_sample_opts_default(eng_sample_opts *o)
{
    *o = (eng_sample_opts){.temperature = 0.7, .top_k = 0, .top_p = 1, .min_p = 0.05, .seed = 0};
}

sk_status eng_sample_opts_check(const eng_sample_opts *o, sk_err *e)
{
    if (!(o->temperature >= 0 && o->temperature <= 100))
        return sk_fail(e, SK_E_INVALID, "temperature is %g; it must be 0 to 100", o->temperature);
    if (o->top_k < 0)
        return sk_fail(e, SK_E_INVALID, "top_k is %lld; it must be 0 (off) or more",
                       (long long)o->top_k);
    if (!(o->top_p >= 0 && o->top_p <= 1))
        return sk_fail(e, SK_E_INVALID, "top_p is %g; it must be 0 to 1", o->top_p);
    if (!(o->min_p >= 0 && o->min_p <= 1))
        return sk_fail(e, SK_E_INVALID, "min_p is %g; it must be 0 to 1", o->min_p);
    return SK_OK;
}

eng_sampler *eng_sampler_new(size_t n_vocab)
{
    eng_sampler *s = sk_calloc(SK_MEM_SCRATCH, 1, sizeof(*s));
    size_t bytes = 0;
    if (!s || !sk_mul_size(n_vocab, sizeof(cand), &bytes)) goto free_sampler;
    s->n_vocab = n_vocab;
    s->cand = sk_alloc(SK_MEM_SCRATCH, bytes);
    s->weight = sk_alloc(SK_MEM_SCRATCH, n_vocab * sizeof(double));
    if (s->cand && s->weight) return s;
free_sampler:
    eng_sampler_free(s);
    return NULL;
}

void eng_sampler_free(eng_sampler *s)
{
    if (!s) return;
    sk_free(s->cand);
    sk_free(s->weight);
    sk_free(s);
}

/* ---- the order of candidates ---- */

/* a ranks above b. */
static bool above(cand a, cand b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

static void swap(cand *a, cand *b)
{
    cand t = *a;
    *a = *b;
    *b = t;
}

/* Moves v[i] down the heap v[0..n) whose root ranks lowest. */
static void sift(cand *v, size_t n, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && above(v[child], v[child + 1])) child++;
        if (!above(v[i], v[child])) return;
        swap(&v[i], &v[child]);
    }
}

/* Brings the k highest of v[0..n) to the front, in falling order: a heap of k over the stream, then
 * heapsort.  Ids differ, so the order is total and the outcome one. */
static void rank(cand *v, size_t n, size_t k)
{
    assert(k <= n);
    for (size_t i = k / 2; i-- > 0;)
        sift(v, k, i);
    for (size_t i = k; i < n && k; i++)
        if (above(v[i], v[0])) {
            swap(&v[i], &v[0]);
            sift(v, k, 0);
        }
    for (size_t left = k; left > 1; left--) {
        swap(&v[0], &v[left - 1]);
        sift(v, left - 1, 0);
    }
}

/* ---- filters ---- */

/* The highest of the finite logits, smaller ids first; false if there is none. */
static bool highest(const float *logits, size_t n, cand *best)
{
    cand top = {-INFINITY, -1};
    for (size_t i = 0; i < n; i++)
        if (logits[i] > top.logit && isfinite(logits[i])) top = (cand){logits[i], (int32_t)i};
    *best = top;
    return top.id >= 0;
}

/* Collects, in the order of ids, the finite logits that rank at or above `mark` and are at least
 * `least`; returns how many. */
static size_t collect(eng_sampler *s, const float *logits, cand mark, double least)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_vocab; i++) {
        cand c = {logits[i], (int32_t)i};
        if ((double)c.logit >= least && isfinite(c.logit) && !above(mark, c)) s->cand[n++] = c;
    }
    return n;
}

/* The last of the k highest. */
static cand mark_top_k(cand *v, size_t n, size_t k)
{
    rank(v, n, k);
    return v[k - 1];
}

/* The last of the fewest highest candidates whose probabilities reach p. */
static cand mark_top_p(cand *v, size_t n, cand best, double p)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++)
        total += exp((double)v[i].logit - (double)best.logit);
    size_t done = 0, ranked = 0;
    for (; done < n; done++) {
        if (done == ranked) {
            ranked = ranked ? 2 * ranked : RANK_FIRST;
            ranked = ranked < n ? ranked : n;
            rank(v + done, n - done, ranked - done);
        }
        sum += exp((double)v[done].logit - (double)best.logit);
        if (sum >= p * total) return v[done];
    }
    return v[n - 1]; /* rounding kept the sum below p */
}

/* Draws among v[0..n) at the temperature. */
static int32_t draw(const eng_sampler *s, size_t n, cand best, const eng_sample_opts *o,
                    uint64_t pos)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)s->cand[i].logit - (double)best.logit;
        s->weight[i] = exp(d / o->temperature);
        total += s->weight[i];
    }
    double want = sk_rng_uniform(o->seed, SK_RNG_SAMPLE, pos) * total;
    for (size_t i = 0; i < n; i++) {
        sum += s->weight[i];
        if (sum > want) return s->cand[i].id;
    }
    return best.id; /* rounding took `want` to the very end */
}

/* Each filter collects what the mark leaves and moves the mark; then the draw. */
sk_status eng_sampler_pick(eng_sampler *s, const float *logits, const eng_sample_opts *o,
                           uint64_t pos, int32_t *out, sk_err *e)
{
    sk_status st = eng_sample_opts_check(o, e);
    if (st) return st;
    cand best, mark = {-INFINITY, INT32_MAX};
    if (!highest(logits, s->n_vocab, &best))
        return sk_fail(e, SK_E_INTERNAL, "none of the %zu logits is a finite number", s->n_vocab);
    if (o->temperature == 0 || o->top_k == 1) {
        *out = best.id;
        return SK_OK;
    }
    size_t n;
    if (o->top_k) {
        n = collect(s, logits, mark, -INFINITY);
        if ((uint64_t)o->top_k < n) mark = mark_top_k(s->cand, n, (size_t)o->top_k);
    }
    if (o->top_p < 1) {
        n = collect(s, logits, mark, -INFINITY);
        mark = mark_top_p(s->cand, n, best, o->top_p);
    }
    n = collect(s, logits, mark, (double)best.logit + log(o->min_p));
    assert(n);
    *out = draw(s, n, best, o, pos);
    return SK_OK;
}
