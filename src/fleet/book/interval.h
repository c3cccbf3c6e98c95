/* interval.h - the fulfilment intervals of a commitment.
 *
 * Intervals are cut from the commitment's beginning: hours, days and weeks have their length, month
 * k begins k months after the beginning (so one that began on Jan 31 has borders on Feb 28, Mar 31,
 * ...), quarters, half-years and years likewise.  The last one ends with the term.  FOCUS 1.4 calls
 * them fulfilment intervals (CommitmentFulfillmentInterval).
 */
#ifndef FLT_FLEET_BOOK_INTERVAL_H
#define FLT_FLEET_BOOK_INTERVAL_H

#include "fleet/book/book.h"

/* Where interval k begins, k from 0 to the count: the one after the last begins where that would
 * end if the term did not cut it short. */
int64_t flt_interval_begins(const flt_commitment *c, int64_t k);

/* The interval of c that holds t, cut off at the end of the term; *index (may be NULL) is its
 * number from 0.  False (and nothing set) where t is outside the term. */
bool flt_interval_at(const flt_commitment *c, int64_t t, sk_span *out, int64_t *index);

/* How many intervals the term has, a part of one at its end counted. */
int64_t flt_interval_count(const flt_commitment *c);

#endif
