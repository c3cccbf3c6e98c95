/* close.h - rating what is in the ledger: usage that is there becomes charges, once and for good.
 *
 * Time is closed stretch by stretch, each in one transaction: the charges of the stretch, what of
 * them counts for commitments, the sums over both, where the commitments stand at its end and how
 * far is closed are there together or not at all.  So it can be killed at any moment and run again,
 * and two that run at once do each stretch once.  Results don't depend on the stretches.
 *
 * Usage that came after its beginning was closed is late: it is rated first, as corrections
 * (fleet/rate/rate.h, flt_rate_again), from the last end of a stretch before it on.
 */
#ifndef FLT_FLEET_LEDGER_CLOSE_H
#define FLT_FLEET_LEDGER_CLOSE_H

#include "fleet/book/book.h"
#include "fleet/rate/rate.h"
#include "fleet/store/db.h"

typedef struct flt_close_opts {
    int64_t until;                            /* close everything before it; cut down to its hour */
    size_t most;                              /* usage rows of a stretch, about; 0: 200,000 */
    void (*moved)(void *arg, int64_t closed); /* how far it is */
    bool (*stop)(void *arg);                  /* asked between stretches */
    void *arg;
} flt_close_opts;

/* What was done. */
typedef struct flt_closed {
    int64_t from, until; /* equal: there was nothing to do */
    uint64_t stretches, usage, charges, applied, late, corrections;
} flt_closed;

/* Closes.  SK_E_STOPPED when it was asked to stop: what was closed stays.  Else what rating says
 * (fleet/rate/rate.h), with nothing of the stretch that failed. */
sk_status flt_ledger_close(flt_db *db, const flt_book *book, const flt_close_opts *o,
                           flt_closed *out, sk_err *e);

/* Where commitments stand at the latest end of a stretch at or before t (SK_UTC_END: at the end of
 * all), n rows in the arena; *at (may be NULL) is when.  None there: n = 0. */
sk_status flt_ledger_balances(flt_db *db, sk_arena *arena, int64_t t, flt_balance **out, size_t *n,
                              int64_t *at, sk_err *e);

#endif
