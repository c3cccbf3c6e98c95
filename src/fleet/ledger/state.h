/* state.h - how far is rated, and where the commitments stood: tables rating_* of the store.
 *
 * All of it is called inside the transaction of a stretch (close.h).
 */
#ifndef FLT_FLEET_LEDGER_STATE_H
#define FLT_FLEET_LEDGER_STATE_H

#include "fleet/rate/rate.h"
#include "fleet/store/db.h"

typedef sk_status (*flt_usage_fn)(void *arg, const flt_usage *u, sk_err *e);

/* Gives fn the usage rows that touch the span, in the order of their beginning, those that are open
 * at its beginning first; *n is how many.  cut: rows that began earlier are given as if they began
 * with the span. */
sk_status flt_state_usage(flt_db *db, sk_span span, bool cut, flt_usage_fn fn, void *arg,
                          uint64_t *n, sk_err *e);

/* All usage rows that touch a span that is closed, in the order of id. */
sk_status flt_state_usage_again(flt_db *db, sk_span span, flt_usage_fn fn, void *arg, sk_err *e);

/* Keeps where the rater's commitments stand, as of t, in place of what was kept for t. */
sk_status flt_state_keep(flt_db *db, const flt_book *book, const flt_rater *r, int64_t t,
                         sk_err *e);

/* Says that everything before span.to is closed, and which rows are open then. */
sk_status flt_state_close(flt_db *db, sk_span span, sk_err *e);

#endif
