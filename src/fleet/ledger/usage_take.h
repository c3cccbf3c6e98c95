/* usage_take.h - usage into the ledger: in batches, each key once.
 *
 * A row whose key is there already with the same content is counted as told twice; with other
 * content it is broken.  An import that is killed leaves whole batches behind; run again, it takes
 * the rest.
 */
#ifndef FLT_FLEET_LEDGER_USAGE_TAKE_H
#define FLT_FLEET_LEDGER_USAGE_TAKE_H

#include "fleet/book/book.h"
#include "fleet/ledger/take.h"
#include "fleet/store/db.h"

/* Takes all rows of c, whose header is read, against the book as it is.  *out is set where the
 * file was read to its end, strict or not; SK_E_FORMAT then says that nothing was taken. */
sk_status flt_usage_take(flt_db *db, const flt_book *book, sk_csv *c, const flt_take_opts *o,
                         flt_taken *out, sk_err *e);

#endif
