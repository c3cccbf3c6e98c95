/* interval.c - cutting a commitment's term into intervals. */
#include "fleet/book/interval.h"

/* Lengths in seconds, or else in months; neither for the whole term. */
static const struct length {
    int64_t seconds, months;
} lengths[FLT_INTERVAL_N] = {
    [FLT_HOURLY] = {3600, 0}, [FLT_DAILY] = {86400, 0},   [FLT_WEEKLY] = {604800, 0},
    [FLT_MONTHLY] = {0, 1},   [FLT_QUARTERLY] = {0, 3},   [FLT_SEMI_ANNUAL] = {0, 6},
    [FLT_ANNUAL] = {0, 12},   [FLT_FULL_PERIOD] = {0, 0},
};

int64_t flt_interval_begins(const flt_commitment *c, int64_t k)
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
    while (k > 0 && flt_interval_begins(c, k) > t)
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
    int64_t end = flt_interval_begins(c, k + 1);
    *out = (sk_span){flt_interval_begins(c, k), end < c->term.to ? end : c->term.to};
    if (index) *index = k;
    return true;
}

int64_t flt_interval_count(const flt_commitment *c)
{
    return c->term.to > c->term.from ? number_at(c, c->term.to - 1) + 1 : 0;
}
