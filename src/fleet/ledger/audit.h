/* audit.h - whether the books balance: sums against rows, used and unused against bought, applied
 * and unmet against promised.
 *
 * Most checks are one query of the table in audit.c, the same for both kinds of database, that
 * counts what is wrong; those of audit_promise.h compare sums of rows with the book's terms.
 */
#ifndef FLT_FLEET_LEDGER_AUDIT_H
#define FLT_FLEET_LEDGER_AUDIT_H

#include "fleet/store/db.h"

/* Called for each check: its name, how many rows are wrong (0: none), and the first of them. */
typedef void (*flt_audit_fn)(void *arg, const char *name, int64_t wrong, const char *first);

/* Runs all checks in one view of the database; *wrong is how many failed. */
sk_status flt_ledger_audit(flt_db *db, flt_audit_fn fn, void *arg, size_t *wrong, sk_err *e);

#endif
