/* intervals.h - the fulfilment intervals of a commitment, and what is promised in each.
 *
 * Intervals are cut from the commitment's beginning: hours, days and weeks have their length, month
 * k begins k months after the beginning (so one that began on Jan 31 has borders on Feb 28, Mar 31,
 * ...), quarters, half-years and years likewise.  The last one ends with the term.  FOCUS 1.4 calls
 * them fulfilment intervals (CommitmentFulfillmentInterval).
 */
#ifndef FLT_FLEET_RATE_INTERVALS_H
#define FLT_FLEET_RATE_INTERVALS_H

#include "fleet/book/book.h"

/* The interval of c that holds t, cut off at the end of the term; *index (may be NULL) is its
 * number from 0.  False (and nothing set) where t is outside the term. */
bool flt_interval_at(const flt_commitment *c, int64_t t, sk_span *out, int64_t *index);

/* How many intervals the term has, a part of one at its end counted. */
int64_t flt_interval_count(const flt_commitment *c);

/* What `amount` is in an interval that begins at t: the last step of the ramp at or before t. */
int64_t flt_interval_rate(const flt_commitment *c, int64_t t);

/* What is promised in the interval that holds t, in c's unit (micro-units of money or of
 * chip-hours).  Continuous: amount times its hours.  Discontinuous: amount, or where the term cuts
 * the interval short, its share by seconds.  0 outside the term; held at INT64_MAX. */
int64_t flt_interval_amount(const flt_commitment *c, int64_t t);

/* What is promised from the beginning of the term up to t: whole intervals, and of the one that
 * holds t its share by seconds.  Sums over neighbouring spans add up exactly.  Held at INT64_MAX.
 */
int64_t flt_committed_until(const flt_commitment *c, int64_t t);

/* Of the whole term. */
int64_t flt_committed_total(const flt_commitment *c);

#endif
