/* work.h - what a continuous commitment has promised up to a time, without rounding.  Only for
 * fleet/rate. */
#ifndef FLT_FLEET_RATE_WORK_H
#define FLT_FLEET_RATE_WORK_H

#include "fleet/book/book.h"
#include "fleet/rate/exact.h"

/* Amount times seconds (micro-units x s) from the beginning of c's term to t, ramps followed.
 * Divided by 3600 it is money (FLT_SPEND) or micro-units of chip-hours, divided by 1000 work. */
flt_wide flt_committed_work(const flt_commitment *c, int64_t t);

#endif
