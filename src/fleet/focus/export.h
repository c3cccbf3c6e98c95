/* export.h - our charges as a FOCUS file, and our promises as its data set Contract Commitment.
 *
 * What is written keeps all rules of rule.h.  Columns that FOCUS has no place for begin with x_:
 * x_Pool, x_Workload, x_ChargeId.
 */
#ifndef FLT_FLEET_FOCUS_EXPORT_H
#define FLT_FLEET_FOCUS_EXPORT_H

#include "base/outfile.h"
#include "fleet/book/usage.h"
#include "fleet/focus/column.h"
#include "fleet/store/db.h"

typedef struct flt_export {
    int version;     /* 12, 13, 14 */
    sk_span billing; /* charges whose billing month begins in it */
    uint64_t rows;   /* out: written */
} flt_export;

/* The header of Cost and Usage, and one charge as a row; ids are looked up in the book. */
void flt_focus_head(int version, sk_buf *out);
void flt_focus_row_of(const flt_book *book, const flt_charge *c, int version, sk_buf *out);

/* Writes our charges of the span, in the order of their ids. */
sk_status flt_focus_export(flt_db *db, const flt_book *book, flt_export *x, sk_outfile *out,
                           sk_err *e);

/* Appends the commitments whose term touches the span; version 13 or 14 (12 has no such data set:
 * that of 13 is written).  now: when the record was made. */
void flt_focus_commitments(const flt_book *book, sk_span span, int version, int64_t now,
                           sk_buf *out);

#endif
