/* exact.h - arithmetic of rating: products in 128 bits, rounded once.  Only for fleet/rate.
 *
 * Work is counted in thousandths of a chip-second: fine enough that what money buys of it is exact
 * to a few micro-units, coarse enough that a hundred million chips for a century fit.  A micro-unit
 * of a chip-hour is 3.6 of them.
 */
#ifndef FLT_FLEET_RATE_EXACT_H
#define FLT_FLEET_RATE_EXACT_H

#include "fleet/money/money.h"

typedef __int128 flt_wide;

enum { FLT_HOUR = 3600, FLT_MILLI = 1000 };

/* Work of one chip-hour. */
#define FLT_WORK_HOUR INT64_C(3600000)

/* The most work of one slot and kind of usage (278 million chips for an hour), and the highest
 * price of a chip-hour (10^9 of the currency): more is a mistake, and this leaves products of three
 * factors room in 128 bits. */
#define FLT_MOST_WORK INT64_C(1000000000000000)
#define FLT_MOST_PRICE (INT64_C(1000000000) * FLT_MICRO)

/* A price of a chip-hour: micros x keep / 10^6 micro-units of money. */
typedef struct flt_tariff {
    int64_t micros, keep; /* keep: parts per million that a discount leaves */
} flt_tariff;

/* a / den, half away from zero, for a >= 0 and den > 0. */
static inline flt_wide flt_rounded(flt_wide a, flt_wide den)
{
    if (a <= INT64_MAX / 2 && den <= INT64_MAX / 2)
        return ((int64_t)a + (int64_t)den / 2) / (int64_t)den;
    return (a + den / 2) / den;
}

/* v, held at the ends of int64_t. */
static inline int64_t flt_held(flt_wide v)
{
    return v > INT64_MAX ? INT64_MAX : v < INT64_MIN ? INT64_MIN : (int64_t)v;
}

static inline int64_t flt_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t flt_most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* Micro-units of chip-hours of some work (>= 0). */
static inline int64_t flt_quantity(int64_t work)
{
    return (int64_t)flt_rounded((flt_wide)work * 10, 36);
}

/* Work of micro-units of chip-hours, rounded down. */
static inline int64_t flt_work(int64_t quantity)
{
    return flt_held((flt_wide)quantity * 36 / 10);
}

/* What work costs, held at INT64_MAX; amounts that large are refused before they get here. */
static inline int64_t flt_cost(flt_tariff p, int64_t work)
{
    flt_wide whole = (flt_wide)p.micros * work;
    if (p.keep == FLT_PPM) return flt_held(flt_rounded(whole, FLT_WORK_HOUR));
    return flt_held(flt_rounded(whole * p.keep, (flt_wide)FLT_WORK_HOUR * FLT_PPM));
}

/* The most work that money pays for in full; INT64_MAX where it costs nothing. */
static inline int64_t flt_bought(flt_tariff p, int64_t money)
{
    flt_wide unit = (flt_wide)p.micros * p.keep;
    if (unit <= 0) return INT64_MAX;
    return flt_held((flt_wide)money * FLT_WORK_HOUR * FLT_PPM / unit);
}

#endif
