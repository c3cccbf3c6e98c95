/* intervals.h - what is promised in each fulfilment interval of a commitment (book/interval.h cuts
 * them).
 */
#ifndef FLT_FLEET_RATE_INTERVALS_H
#define FLT_FLEET_RATE_INTERVALS_H

#include "fleet/book/interval.h"

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
