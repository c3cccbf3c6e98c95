/* take.h - taking files in: what all imports share.
 *
 * A file is read once, row by row, in memory that does not depend on its size.  Broken rows are
 * told with their line, at most so many of them, and all are counted; they can be kept in a file of
 * their own, with the header, to be put right and imported again.  Strict: one broken row, and
 * nothing of the file is taken.
 */
#ifndef FLT_FLEET_LEDGER_TAKE_H
#define FLT_FLEET_LEDGER_TAKE_H

#include "base/csv.h"
#include "base/outfile.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct flt_take_opts {
    bool strict;
    bool assume_utc;
    int64_t now;         /* the time; rows that end over a day later are refused */
    uint64_t most_told;  /* broken rows that `tell` hears of */
    const char *rejects; /* a file for broken rows, NULL: none */
    void (*tell)(void *arg, const char *sentence);
    void (*moved)(void *arg, uint64_t bytes, uint64_t rows); /* how far it is */
    void *arg;
} flt_take_opts;

/* What became of a file. */
typedef struct flt_taken {
    uint64_t rows;   /* without the header, broken ones among them */
    uint64_t added;  /* new in the ledger */
    uint64_t twice;  /* there already, the same */
    uint64_t broken; /* not taken */
} flt_taken;

/* An import on its way. */
typedef struct flt_taking {
    const flt_take_opts *o;
    sk_csv *c;
    flt_taken n;
    sk_outfile *rejects;
    sk_err first; /* the first broken row */
} flt_taking;

/* Begins: opens the file of rejects. */
sk_status flt_taking_begin(flt_taking *t, const flt_take_opts *o, sk_csv *c, sk_err *e);

/* A row that is not taken: what is wrong with it, and its text. */
sk_status flt_taking_broken(flt_taking *t, const sk_err *why, sk_csv_field raw, sk_err *e);

/* Ends: the file of rejects appears if there were any.  Strict, with broken rows: SK_E_FORMAT, a
 * sentence that counts them.  st: what went wrong so far, which it returns. */
sk_status flt_taking_end(flt_taking *t, sk_status st, sk_err *e);

/* Says how far it is. */
void flt_taking_moved(const flt_taking *t);

#endif
