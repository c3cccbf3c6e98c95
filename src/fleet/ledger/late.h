/* late.h - usage that came when its beginning was rated already. */
#ifndef FLT_FLEET_LEDGER_LATE_H
#define FLT_FLEET_LEDGER_LATE_H

#include "fleet/ledger/close.h"

/* Rates late rows, if there are any, as corrections, all in one transaction; counts are added to
 * *seen.  Memory grows with the span from the earliest of them to what is closed. */
sk_status flt_ledger_late(flt_db *db, const flt_book *book, flt_closed *seen, sk_err *e);

#endif
