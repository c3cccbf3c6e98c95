/* usage_csv.h - usage as CSV: what was held, by whom, from when to when.
 *
 *     key,pool,workload,chips,from,to,useful_from,useful_to,category,reservation,sku
 *
 * key, pool, chips, from and to are needed; the others may be missing or empty (docs/format/
 * ledger.md).  A row is refused with its line if it names what the book does not have, if it ends
 * before it begins (a clock that went back), lies in the far future, or is longer than a year.
 */
#ifndef FLT_FLEET_LEDGER_USAGE_CSV_H
#define FLT_FLEET_LEDGER_USAGE_CSV_H

#include "base/csv.h"
#include "fleet/book/book.h"
#include "fleet/book/usage.h"

enum { FLT_USAGE_TEXT = 200 }; /* bytes of a key or a sku, its NUL among them */

#define FLT_USAGE_COLUMNS(ROW)                                                                     \
    ROW(key)                                                                                       \
    ROW(pool)                                                                                      \
    ROW(workload)                                                                                  \
    ROW(chips)                                                                                     \
    ROW(from)                                                                                      \
    ROW(to)                                                                                        \
    ROW(useful_from)                                                                               \
    ROW(useful_to)                                                                                 \
    ROW(category)                                                                                  \
    ROW(reservation)                                                                               \
    ROW(sku)

#define FLT_USAGE_ENUM(name) FLT_UC_##name,
typedef enum flt_usage_column { FLT_USAGE_COLUMNS(FLT_USAGE_ENUM) FLT_UC_N } flt_usage_column;
#undef FLT_USAGE_ENUM

/* How rows of one file are read. */
typedef struct flt_usage_reader {
    const flt_book *book;
    int at[FLT_UC_N];                              /* column of the file, -1: not there */
    int64_t latest;                                /* no row may end after it */
    bool assume_utc;                               /* times without an offset are UTC */
    char key[FLT_USAGE_TEXT], sku[FLT_USAGE_TEXT]; /* of the last row */
    const flt_pool *pool;                          /* found last */
    const flt_workload *workload;
    char day_text[10]; /* the date that was read last, and its midnight */
    int64_t day;
} flt_usage_reader;

/* Whether a header is one of usage. */
bool flt_usage_is(const sk_csv *c);

/* Finds the columns.  SK_E_FORMAT if one that is needed is missing, or one is not known. */
sk_status flt_usage_reader_init(flt_usage_reader *r, const flt_book *book, const sk_csv *c,
                                int64_t latest, bool assume_utc, sk_err *e);

/* The row that c stands at; key and sku are good until the next call.  SK_E_FORMAT with line and
 * column. */
sk_status flt_usage_read(flt_usage_reader *r, const sk_csv *c, const sk_csv_field *field,
                         flt_usage *out, sk_err *e);

#endif
