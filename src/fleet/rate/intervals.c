/* intervals.c - what is promised in the intervals of a commitment. */
#include "fleet/rate/intervals.h"

#include "fleet/rate/exact.h"

int64_t flt_interval_rate(const flt_commitment *c, int64_t t)
{
    int64_t amount = c->amount;
    for (size_t i = 0; i < c->n_ramp && c->ramp[i].t <= t; i++)
        amount = c->ramp[i].amount;
    return amount;
}

/* The first interval that begins at or after t. */
static int64_t first_from(const flt_commitment *c, int64_t t)
{
    if (t <= c->term.from) return 0;
    if (t >= c->term.to) return flt_interval_count(c);
    sk_span s = {0};
    int64_t k = 0;
    (void)flt_interval_at(c, t, &s, &k);
    return s.from == t ? k : k + 1;
}

/* Between two steps of a ramp the amount is the same: stretch i has intervals [*a, *b). */
static int64_t stretch(const flt_commitment *c, size_t i, int64_t *a, int64_t *b)
{
    *a = i ? first_from(c, c->ramp[i - 1].t) : 0;
    *b = i < c->n_ramp ? first_from(c, c->ramp[i].t) : flt_interval_count(c);
    return i ? c->ramp[i - 1].amount : c->amount;
}

/* What a continuous commitment has promised up to t, without rounding: amount times seconds. */
static flt_wide committed_work(const flt_commitment *c, int64_t t)
{
    flt_wide sum = 0;
    for (size_t i = 0; i <= c->n_ramp; i++) {
        int64_t a, b, amount = stretch(c, i, &a, &b);
        if (a >= b) continue;
        int64_t from = flt_interval_begins(c, a),
                to = flt_least(flt_interval_begins(c, b), flt_least(c->term.to, t));
        if (to > from) sum += (flt_wide)amount * (to - from);
    }
    return sum;
}

/* What is promised in interval k of a discontinuous commitment. */
static int64_t pool_of(const flt_commitment *c, int64_t k)
{
    int64_t from = flt_interval_begins(c, k), end = flt_interval_begins(c, k + 1),
            amount = flt_interval_rate(c, from);
    if (end <= c->term.to) return amount;
    return flt_part(amount, 0, c->term.to - from, end - from);
}

/* As a difference of totals for continuous ones, so that all intervals add up to the whole. */
int64_t flt_interval_amount(const flt_commitment *c, int64_t t)
{
    sk_span s;
    int64_t k;
    if (!flt_interval_at(c, t, &s, &k)) return 0;
    if (c->model == FLT_DISCONTINUOUS) return pool_of(c, k);
    int64_t until = flt_committed_until(c, s.to);
    return until == INT64_MAX ? until : until - flt_committed_until(c, s.from);
}

/* Whole intervals are counted stretch by stretch of the ramp, not one by one: 7 years have 61,368
 * hours. */
int64_t flt_committed_until(const flt_commitment *c, int64_t t)
{
    if (t <= c->term.from || c->term.to <= c->term.from) return 0;
    if (c->model == FLT_CONTINUOUS) return flt_held(flt_rounded(committed_work(c, t), FLT_HOUR));
    int64_t at = flt_least(t, c->term.to) - 1, k = 0;
    sk_span open = {0};
    (void)flt_interval_at(c, at, &open, &k);
    flt_wide sum = 0;
    for (size_t i = 0; i <= c->n_ramp; i++) {
        int64_t a, b, amount = stretch(c, i, &a, &b);
        if (flt_least(b, k) > a) sum += (flt_wide)amount * (flt_least(b, k) - a);
    }
    return flt_held(sum + flt_part(pool_of(c, k), 0, at + 1 - open.from, open.to - open.from));
}

int64_t flt_committed_total(const flt_commitment *c)
{
    return flt_committed_until(c, c->term.to);
}
