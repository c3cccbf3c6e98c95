/* bill.h - a provider's bill: FOCUS rows as charges.
 *
 * Who a row is from, which commitment paid for it and which pool it is of are found by name in the
 * book: ProviderName (or ServiceProviderName) is a provider's name, kind or what the market calls
 * it; CommitmentDiscountId a commitment's name, alone or as contract/commitment; x_Pool a pool's
 * name, else the only pool of the provider in RegionId.  What a charge has no field for is kept as
 * JSON.
 */
#ifndef FLT_FLEET_FOCUS_BILL_H
#define FLT_FLEET_FOCUS_BILL_H

#include "fleet/book/usage.h"
#include "fleet/focus/rule.h"
#include "fleet/ledger/take.h"
#include "fleet/store/db.h"

typedef struct flt_bill_opts {
    flt_take_opts take;
    int version; /* 12, ...; 0: told by the columns */
    flt_dates dates;
    bool partial;         /* columns that a whole file must have may be missing */
    const char *provider; /* of rows that name none, "" if none is given */
    const char *currency; /* likewise */
} flt_bill_opts;

/* How often each rule was broken in each column. */
typedef struct flt_bill_findings {
    const flt_focus_set *set;
    uint64_t n; /* in all */
    uint64_t count[FLT_FR_N][FLT_FOCUS_MAX];
    uint64_t rounded; /* values with more digits than a millionth has */
} flt_bill_findings;

/* A file of Cost and Usage, row by row. */
typedef struct flt_bill flt_bill;

/* Begins with c, whose header is read.  SK_E_FORMAT if it is no whole file. */
sk_status flt_bill_open(const flt_book *book, sk_csv *c, const flt_bill_opts *o, flt_bill **out,
                        sk_err *e);
void flt_bill_close(flt_bill *b);

/* The next row that can be taken: *row and *extra are good until the next call; *row is NULL at the
 * end.  SK_E_FORMAT for a row that can't (the next call goes on). */
sk_status flt_bill_next(flt_bill *b, const flt_charge **row, const char **extra, sk_err *e);

/* What was found so far, borrowed. */
const flt_bill_findings *flt_bill_found(const flt_bill *b);

/* Takes the file into the ledger, in one transaction.  A file that was taken before (by the sum of
 * its rows) is counted as told twice. */
sk_status flt_bill_take(flt_db *db, const flt_book *book, sk_csv *c, const flt_bill_opts *o,
                        flt_taken *out, flt_bill_findings *found, sk_err *e);

#endif
