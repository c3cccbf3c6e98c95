/* draw.c - counts and times drawn from counter-based numbers. */
#include "fleet/sim/draw.h"

#include "base/rng.h"

#include <assert.h>
#include <math.h>

/* Up to this mean a count is found by going through its probabilities. */
#define SMALL_MEAN 12.0
/* Counts above this are not told apart by a double anyway. */
#define MOST_MEAN 1e15

flt_draw flt_draw_at(uint64_t seed, flt_draw_use use, uint32_t object, uint64_t step)
{
    return (flt_draw){
        .seed = seed, .index = step << 16, .stream = (uint32_t)use << 24 | (object & 0xFFFFFFu)};
}

uint64_t flt_draw_u64(flt_draw *d)
{
    return sk_rng_u64(d->seed, d->stream, d->index++);
}

double flt_draw_uniform(flt_draw *d)
{
    return sk_rng_uniform(d->seed, d->stream, d->index++);
}

double flt_draw_exponential(flt_draw *d, double mean)
{
    return mean > 0 ? -mean * log1p(-flt_draw_uniform(d)) : 0;
}

/* Inversion: the first k whose cumulated probability is over u. */
static int64_t poisson_small(flt_draw *d, double mean)
{
    double u = flt_draw_uniform(d), p = exp(-mean);
    int64_t k = 0;
    while (u >= p && k < 1000) {
        u -= p;
        k++;
        p *= mean / (double)k;
    }
    return k;
}

/* Hoermann's PTRS. */
static int64_t poisson_large(flt_draw *d, double mean)
{
    double b = 0.931 + 2.53 * sqrt(mean), a = -0.059 + 0.02483 * b;
    double inv_alpha = 1.1239 + 1.1328 / (b - 3.4), vr = 0.9277 - 3.6224 / (b - 2);
    for (;;) {
        double u = flt_draw_uniform(d) - 0.5, v = flt_draw_uniform(d);
        double us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + mean + 0.43);
        if (us >= 0.07 && v <= vr) return (int64_t)k;
        if (k < 0 || (us < 0.013 && v > us)) continue;
        if (log(v) + log(inv_alpha) - log(a / (us * us) + b) <=
            k * log(mean) - mean - lgamma(k + 1))
            return (int64_t)k;
    }
}

int64_t flt_draw_poisson(flt_draw *d, double mean)
{
    if (!(mean > 0)) return 0;
    if (mean > MOST_MEAN) mean = MOST_MEAN;
    return mean < SMALL_MEAN ? poisson_small(d, mean) : poisson_large(d, mean);
}

/* Inversion, for n p small and p <= 1/2. */
static int64_t binomial_small(flt_draw *d, int64_t n, double p)
{
    double q = 1 - p, s = p / q, u = flt_draw_uniform(d);
    double r = exp((double)n * log1p(-p));
    int64_t k = 0;
    while (u >= r && k < n && k < 1000) {
        u -= r;
        k++;
        r *= s * (double)(n - k + 1) / (double)k;
    }
    return k;
}

/* Hoermann's BTRS, for n p >= 10 and p <= 1/2. */
static int64_t binomial_large(flt_draw *d, int64_t count, double p)
{
    double n = (double)count, spq = sqrt(n * p * (1 - p)), b = 1.15 + 2.53 * spq;
    double a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5, vr = 0.92 - 4.2 / b;
    double alpha = (2.83 + 5.1 / b) * spq, lpq = log(p / (1 - p)), m = floor((n + 1) * p);
    double h = lgamma(m + 1) + lgamma(n - m + 1);
    for (;;) {
        double u = flt_draw_uniform(d) - 0.5, v = flt_draw_uniform(d);
        double us = 0.5 - fabs(u), k = floor((2 * a / us + b) * u + c);
        if (k < 0 || k > n) continue;
        if (us >= 0.07 && v <= vr) return (int64_t)k;
        v = log(v * alpha / (a / (us * us) + b));
        if (v <= h - lgamma(k + 1) - lgamma(n - k + 1) + (k - m) * lpq) return (int64_t)k;
    }
}

int64_t flt_draw_binomial(flt_draw *d, int64_t n, double p)
{
    if (n <= 0 || !(p > 0)) return 0;
    if (p >= 1) return n;
    if (p > 0.5) return n - flt_draw_binomial(d, n, 1 - p);
    int64_t k = (double)n * p < SMALL_MEAN ? binomial_small(d, n, p) : binomial_large(d, n, p);
    assert(k >= 0 && k <= n);
    return k;
}
