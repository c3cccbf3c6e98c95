/* audit_promise.h - the checks that need the book: charges against what contracts promise. */
#ifndef FLT_FLEET_LEDGER_AUDIT_PROMISE_H
#define FLT_FLEET_LEDGER_AUDIT_PROMISE_H

#include "fleet/store/db.h"

enum { FLT_FOUND_TEXT = 200 };

typedef enum flt_promise_check {
    FLT_CHECK_MET,   /* discontinuous, ended: applied + unmet = promised */
    FLT_CHECK_COST,  /* continuous, each closed interval: money used + unused = its cost */
    FLT_CHECK_HOURS, /* continuous in chip-hours, likewise: used + idle = bought, to the rounding */
    FLT_CHECK_PROMISES
} flt_promise_check;

/* What a check found: how many commitments or intervals are wrong, and the first. */
typedef struct flt_found {
    int64_t wrong;
    char first[FLT_FOUND_TEXT];
} flt_found;

/* Runs them over the raw rows, within the transaction that is open. */
sk_status flt_audit_promises(flt_db *db, flt_found out[FLT_CHECK_PROMISES], sk_err *e);

#endif
