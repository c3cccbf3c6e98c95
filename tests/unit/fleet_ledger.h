/* fleet_ledger.h - steps that tests of the ledger share: usage in, rating, checks, a number out. */
#ifndef TESTS_UNIT_FLEET_LEDGER_H
#define TESTS_UNIT_FLEET_LEDGER_H

#include "fleet/ledger/close.h"
#include "fleet/ledger/usage_take.h"
#include "tests/unit/fleet_book.h"

/* Bytes of a CSV file that are still to be read, and the source that gives them (an
 * sk_csv_source). */
typedef struct ledger_text {
    const char *p;
    size_t n;
} ledger_text;
sk_status ledger_give(void *arg, void *p, size_t cap, size_t *n, sk_err *e);

/* A fleet of the book in a file of the test's folder. */
flt_db *ledger_new(const fleet_book *f, const char *name);

/* Takes text in, as "u.csv" at FLEET_T1; what is told of the first three broken rows goes into
 * `told` (may be NULL). */
sk_status ledger_take(flt_db *db, const flt_book *book, const char *csv, bool strict, sk_buf *told,
                      flt_taken *out, sk_err *e);

/* Rates up to `until`, `most` rows a stretch (0: as the program does); a failure fails the test. */
void ledger_closes(flt_db *db, const flt_book *book, int64_t until, size_t most, flt_closed *out);

/* All checks of the books pass, or the test fails. */
void ledger_balanced(flt_db *db);

/* The number a query gives, -1 for none. */
int64_t ledger_number(flt_db *db, const char *sql);

#define LEDGER_HEAD                                                                                \
    "key,pool,workload,chips,from,to,useful_from,useful_to,category,reservation,sku\n"

/* A file with each step-th hour, from `first`, of the week of 2026-02-01: three jobs an hour, and
 * (first 0) one that lasts three days. */
void ledger_week(sk_buf *b, int step, int first);

#endif
