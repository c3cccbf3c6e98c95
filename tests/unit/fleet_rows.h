/* fleet_rows.h - the rows of a book put into an empty store, for tests of what is kept there. */
#ifndef TESTS_UNIT_FLEET_ROWS_H
#define TESTS_UNIT_FLEET_ROWS_H

#include "fleet/book/book.h"
#include "fleet/store/db.h"

/* Writes providers, chips, pools, contracts, commitments and workloads (what the ledger's rows
 * refer to); ids must count from 1.  Fails the test where that does not work. */
void fleet_rows_put(flt_db *db, const flt_book *b);

#endif
