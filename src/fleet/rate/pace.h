/* pace.h - how a commitment is doing: drawn, left, pace, and what will be missing at the end.
 *
 * pace = drawn / (committed x elapsed share of the interval): below 1, a shortfall is ahead.  The
 * forecast is a normal one: what will be drawn in h more hours is N(mean x h, (spread x h)^2), mean
 * and spread in units an hour.  The spread is that of the level, not of single hours (hours of one
 * fleet go up and down together, so they don't average out).  With rest R:
 *
 *     P(shortfall) = Phi(z),  E(shortfall) = (R - mean h) Phi(z) + spread h phi(z),
 *     z = (R - mean h) / (spread h)
 *
 * A continuous commitment has no pace worth the name: its utilization is used / bought, its
 * coverage the share of eligible usage that commitments pay.
 */
#ifndef FLT_FLEET_RATE_PACE_H
#define FLT_FLEET_RATE_PACE_H

#include "fleet/rate/rate.h"

/* What is expected to be drawn: micro-units (of money or chip-hours) an hour. */
typedef struct flt_forecast {
    double mean, spread;
} flt_forecast;

/* Where a commitment stands at t.  Amounts in its unit, micro-units. */
typedef struct flt_pace {
    int64_t commitment, t;
    sk_span interval;         /* empty: outside the term, all else is 0 */
    int64_t committed;        /* in the interval, what was carried over included */
    int64_t committed_so_far; /* its share by elapsed seconds */
    int64_t drawn, remaining; /* remaining = committed - drawn, not below 0 */
    double elapsed;           /* share of the interval, 0 to 1 */
    double pace;              /* drawn / committed_so_far; 1 where nothing was due yet */
    double needed;            /* an hour from now on, to meet it to the end */
    double p_shortfall;       /* 0 to 1 */
    int64_t shortfall;        /* expected at the interval's end */
    int64_t overage;          /* so far */
    int64_t exhausted; /* when it is used up at the forecast's mean; 0: not in the interval */
    double days_to_exhaustion; /* from t; -1: not in the interval */
    flt_step milestone;        /* the next after t, {0, 0} if none */
    int64_t milestone_unmet;   /* of it, as of now */
} flt_pace;

/* b: c's balance at t (of the interval that holds t).  f may be NULL: the rate so far goes on, with
 * no spread. */
void flt_pace_at(const flt_commitment *c, const flt_balance *b, int64_t t, const flt_forecast *f,
                 flt_pace *out);

/* The balance at t of a commitment that has been drawn on evenly since its term began: what to open
 * a rater or a simulation with that starts in the middle of contracts (flt_rater_open), where
 * nothing better is known.  Without it the open interval would look all undrawn, and far behind its
 * pace. */
void flt_balance_even(const flt_commitment *c, int64_t t, flt_balance *out);

/* P(X < x) of a normal X; a step where spread is 0 (0 at x = mean). */
double flt_normal_below(double x, double mean, double spread);

/* Sums over charges for one commitment, micro-units of money unless said otherwise. */
typedef struct flt_cover {
    int64_t bought;            /* what used and unused parts cost: amortised (EffectiveCost) */
    int64_t used, unused;      /* of it */
    int64_t eligible_list;     /* list cost of usage that counts for it */
    int64_t covered_list;      /* of that, what any reservation or continuous commitment paid */
    int64_t eligible, covered; /* the same in chip-hours */
    double utilization;        /* used / bought, 1 where nothing was bought */
    double coverage;           /* covered / eligible chip-hours, 1 where nothing was eligible */
} flt_cover;

/* Over n charges; rows of other providers and kinds are passed over.  Start with a cleared *out and
 * call it as often as there are batches. */
void flt_cover_add(const flt_book *book, const flt_commitment *c, const flt_charge *row, size_t n,
                   flt_cover *out);

#endif
