/* write.h - charges into the ledger and out of it, and what they amount to with them.
 *
 * A writer is used inside a transaction of the caller's: rows go in one by one, sums over them
 * (tables rollup and drawdown) when it is flushed, before the commit.
 */
#ifndef FLT_FLEET_LEDGER_WRITE_H
#define FLT_FLEET_LEDGER_WRITE_H

#include "fleet/book/usage.h"
#include "fleet/store/db.h"

/* Whose charges: what our own rating says, or a provider's bill. */
typedef enum flt_origin { FLT_OURS, FLT_BILLED } flt_origin;

typedef struct flt_writer flt_writer;

sk_status flt_writer_new(flt_db *db, flt_writer **out, sk_err *e);
void flt_writer_free(flt_writer *w);

/* Forgets sums that were not flushed: their transaction was rolled back. */
void flt_writer_reset(flt_writer *w);

/* Writes a charge; its id in the ledger into *id (may be NULL).  extra: a JSON object, which makes
 * it a row of a bill, or NULL. */
sk_status flt_writer_charge(flt_writer *w, const flt_charge *c, const char *extra, int64_t *id,
                            sk_err *e);

/* Writes what of a charge (an id of the ledger) counts for a commitment. */
sk_status flt_writer_applied(flt_writer *w, const flt_applied *a, sk_err *e);

/* Adds the sums of what was written to the tables. */
sk_status flt_writer_flush(flt_writer *w, sk_err *e);

/* What a query for charges begins with, and the charge that its statement stands at; the currency
 * is the statement's. */
#define FLT_CHARGE_SELECT                                                                          \
    "SELECT id, kind, correction, paid, category, charge_from, charge_to, billing, provider, "     \
    "pool, workload, usage, commitment, quantity, list_micros, contracted_micros, "                \
    "billed_micros, effective_micros, currency FROM charge "
flt_charge flt_col_charge(flt_stmt *s);

#endif
