/* intervals.c - cutting a commitment's term into intervals. */
#include "fleet/rate/intervals.h"

#include "fleet/rate/exact.h"

/* Lengths in seconds, or else in months; neither for the whole term. */
static const struct length {
    int64_t seconds, months;
} lengths[FLT_INTERVAL_N] = {
    [FLT_HOURLY] = {3600, 0}, [FLT_DAILY] = {86400, 0},   [FLT_WEEKLY] = {604800, 0},
    [FLT_MONTHLY] = {0, 1},   [FLT_QUARTERLY] = {0, 3},   [FLT_SEMI_ANNUAL] = {0, 6},
    [FLT_ANNUAL] = {0, 12},   [FLT_FULL_PERIOD] = {0, 0},
};

/* Where interval k begins; beyond the term for the one after the last. */
static int64_t begins(const flt_commitment *c, int64_t k)
{
    const struct length *len = &lengths[c->interval];
    if (len->seconds) return c->term.from + k * len->seconds;
    if (len->months) return sk_utc_add_months(c->term.from, k * len->months);
    return k ? c->term.to : c->term.from;
}

/* The number of the interval that holds t, which is inside the term.  Months are estimated by the
 * calendar, then put right: a month's last day may be earlier than the beginning's day. */
static int64_t number_at(const flt_commitment *c, int64_t t)
{
    const struct length *len = &lengths[c->interval];
    if (len->seconds) return (t - c->term.from) / len->seconds;
    if (!len->months) return 0;
    sk_civil a = sk_utc_civil(c->term.from), b = sk_utc_civil(t);
    int64_t k = ((b.year - a.year) * INT64_C(12) + b.month - a.month) / len->months;
    while (k > 0 && begins(c, k) > t)
        k--;
    return k;
}

static bool inside(const flt_commitment *c, int64_t t)
{
    return t >= c->term.from && t < c->term.to;
}

/* An interval that the term cuts short ends with it. */
bool flt_interval_at(const flt_commitment *c, int64_t t, sk_span *out, int64_t *index)
{
    if (!inside(c, t)) return false;
    int64_t k = number_at(c, t);
    *out = (sk_span){begins(c, k), flt_least(begins(c, k + 1), c->term.to)};
    if (index) *index = k;
    return true;
}

int64_t flt_interval_count(const flt_commitment *c)
{
    return c->term.to > c->term.from ? number_at(c, c->term.to - 1) + 1 : 0;
}

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
    int64_t k = number_at(c, t);
    return begins(c, k) == t ? k : k + 1;
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
        int64_t from = begins(c, a), to = flt_least(begins(c, b), flt_least(c->term.to, t));
        if (to > from) sum += (flt_wide)amount * (to - from);
    }
    return sum;
}

/* What is promised in interval k of a discontinuous commitment. */
static int64_t pool_of(const flt_commitment *c, int64_t k)
{
    int64_t from = begins(c, k), end = begins(c, k + 1), amount = flt_interval_rate(c, from);
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
    int64_t at = flt_least(t, c->term.to) - 1, k = number_at(c, at);
    flt_wide sum = 0;
    for (size_t i = 0; i <= c->n_ramp; i++) {
        int64_t a, b, amount = stretch(c, i, &a, &b);
        if (flt_least(b, k) > a) sum += (flt_wide)amount * (flt_least(b, k) - a);
    }
    int64_t from = begins(c, k), end = flt_least(begins(c, k + 1), c->term.to);
    return flt_held(sum + flt_part(pool_of(c, k), 0, at + 1 - from, end - from));
}

int64_t flt_committed_total(const flt_commitment *c)
{
    return flt_committed_until(c, c->term.to);
}
