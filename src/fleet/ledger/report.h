/* report.h - what was spent, by what, and how commitments are doing: out of the sums that are kept
 * with the charges, so that reports over years of rows take no time.
 */
#ifndef FLT_FLEET_LEDGER_REPORT_H
#define FLT_FLEET_LEDGER_REPORT_H

#include "fleet/book/book.h"
#include "fleet/ledger/write.h"
#include "fleet/rate/pace.h"
#include "fleet/store/db.h"

#define FLT_BY_TABLE(ROW)                                                                          \
    ROW(PROVIDER, "provider")                                                                      \
    ROW(CONTRACT, "contract")                                                                      \
    ROW(COMMITMENT, "commitment")                                                                  \
    ROW(WORKLOAD, "workload")                                                                      \
    ROW(POOL, "pool")                                                                              \
    ROW(MONTH, "month")                                                                            \
    ROW(CATEGORY, "category")                                                                      \
    ROW(KIND, "kind")

#define FLT_BY_ENUM(name, word) FLT_BY_##name,
typedef enum flt_by { FLT_BY_TABLE(FLT_BY_ENUM) FLT_BY_N } flt_by;
#undef FLT_BY_ENUM

/* The word of a way to report, and back (-1 for a word that is none). */
const char *flt_word_by(flt_by by);
int flt_by_of(const char *word);

/* Word of a kind of charge: "usage", "unused", ... */
const char *flt_word_charge(flt_charge_kind v);

/* One line of a report. */
typedef struct flt_line {
    const char *name; /* of what it is about; "-" for what has none */
    const char *currency;
    int64_t key; /* an id, a month's beginning, or the number of an enum */
    int64_t n;   /* charges */
    int64_t quantity, list_micros, contracted_micros, billed_micros, effective_micros;
} flt_line;

/* Charges of an origin whose beginning lies in whole days of the span, added up.  Lines in the
 * arena, ordered by key, one for each currency. */
sk_status flt_ledger_report(flt_db *db, const flt_book *book, flt_by by, flt_origin origin,
                            sk_span span, sk_arena *arena, flt_line **out, size_t *n, sk_err *e);

/* How one commitment is doing. */
typedef struct flt_standing {
    const flt_commitment *commitment;
    const flt_contract *contract;
    flt_pace pace;
    flt_cover cover;       /* since its term began */
    flt_forecast forecast; /* what was drawn an hour of late, and how it varied */
} flt_standing;

/* All commitments whose term holds t, as of t: what is closed (flt_settled_until) or before it.
 * The forecast is what was drawn in the four weeks before. */
sk_status flt_ledger_pace(flt_db *db, const flt_book *book, int64_t t, sk_arena *arena,
                          flt_standing **out, size_t *n, sk_err *e);

/* What was drawn of a commitment, day by day, beside what was promised by then.  For a continuous
 * one it is what was used of it. */
typedef struct flt_drawdown {
    int64_t day;       /* its end */
    int64_t drawn;     /* since the term began, in the commitment's unit */
    int64_t committed; /* by then */
} flt_drawdown;

sk_status flt_ledger_drawdown(flt_db *db, const flt_commitment *c, sk_arena *arena,
                              flt_drawdown **out, size_t *n, sk_err *e);

#endif
