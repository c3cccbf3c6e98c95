/* settled.h - what can't be changed any more: the terms of what was used or charged.
 *
 * The ledger is kept for good, so the rows that it was reckoned from must go on saying what they
 * said: a pool's provider and chip once it was used, a commitment's terms and its contract's
 * provider, currency and beginning once something was charged.  Ends may move within the time that
 * is not rated yet.
 */
#ifndef FLT_FLEET_STORE_SETTLED_H
#define FLT_FLEET_STORE_SETTLED_H

#include "fleet/store/store.h"

/* Refuses (SK_E_INUSE) to have the stored row of `now`'s id become `now` where that would change
 * what is settled; `stored` is the book as it is in the store. */
sk_status flt_settled_check(flt_db *db, flt_row_kind kind, const flt_book *stored, const void *now,
                            sk_err *e);

/* Up to where everything is rated and closed, SK_UTC_MIN if nothing is. */
sk_status flt_settled_until(flt_db *db, int64_t *out, sk_err *e);

#endif
