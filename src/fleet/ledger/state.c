/* state.c - the tables rating_*. */
#include "fleet/ledger/state.h"

#include "base/mem.h"
#include "fleet/ledger/close.h"

#include <string.h>

#define USAGE_COLUMNS                                                                              \
    "u.id, u.key, u.pool, u.workload, u.chips, u.used_from, u.used_to, u.useful_from, "            \
    "u.useful_to, u.category, u.reservation, u.sku"

/* The row a statement over USAGE_COLUMNS stands at; texts are the statement's. */
static flt_usage row_of(flt_stmt *s)
{
    return (flt_usage){.id = flt_col_int(s, 0),
                       .key = flt_col_text(s, 1),
                       .pool = flt_col_int(s, 2),
                       .workload = flt_col_int(s, 3),
                       .chips = flt_col_int(s, 4),
                       .span = {flt_col_int(s, 5), flt_col_int(s, 6)},
                       .useful = {flt_col_int(s, 7), flt_col_int(s, 8)},
                       .category = (flt_category)flt_col_int(s, 9),
                       .reservation = flt_col_int(s, 10),
                       .sku = flt_col_text(s, 11)};
}

/* Gives fn the rows of a query, cut off where they begin before `from`. */
static sk_status each(flt_stmt *s, int64_t from, flt_usage_fn fn, void *arg, uint64_t *n, sk_err *e)
{
    for (;;) {
        bool row;
        sk_status st = flt_stmt_step(s, &row, e);
        if (st || !row) return st;
        flt_usage u = row_of(s);
        if (u.span.from < from) u.span.from = from;
        if (n) ++*n;
        st = fn(arg, &u, e);
        if (!st) continue;
        flt_stmt_reset(s);
        return st;
    }
}

/* Rows that are open at the beginning are listed apart (rating_open), so that no query has to look
 * for them among all that began before. */
sk_status flt_state_usage(flt_db *db, sk_span span, bool cut, flt_usage_fn fn, void *arg,
                          uint64_t *n, sk_err *e)
{
    flt_stmt *s;
    int64_t from = cut ? span.from : SK_UTC_MIN;
    sk_status st = flt_db_prepare(db,
                                  "SELECT " USAGE_COLUMNS " FROM rating_open o JOIN usage u ON "
                                  "u.id = o.usage ORDER BY u.id",
                                  &s, e);
    if (st) return st;
    st = each(s, from, fn, arg, n, e);
    flt_stmt_free(s);
    if (st) return st;
    st = flt_db_prepare(db,
                        "SELECT " USAGE_COLUMNS " FROM usage u WHERE u.used_from >= $1 AND "
                        "u.used_from < $2 ORDER BY u.used_from, u.id",
                        &s, e);
    if (st) return st;
    flt_bind_int(s, 1, span.from);
    flt_bind_int(s, 2, span.to);
    st = each(s, from, fn, arg, n, e);
    flt_stmt_free(s);
    return st;
}

/* No row is longer than a year (usage_csv.h), so the index by beginning serves. */
sk_status flt_state_usage_again(flt_db *db, sk_span span, flt_usage_fn fn, void *arg, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(db,
                                  "SELECT " USAGE_COLUMNS " FROM usage u WHERE u.used_from >= $1 "
                                  "AND u.used_from < $2 AND u.used_to > $3 ORDER BY u.id",
                                  &s, e);
    if (st) return st;
    flt_bind_int(s, 1, span.from - INT64_C(366) * 86400);
    flt_bind_int(s, 2, span.to);
    flt_bind_int(s, 3, span.from);
    st = each(s, SK_UTC_MIN, fn, arg, NULL, e);
    flt_stmt_free(s);
    return st;
}

/* ---- balances ----------------------------------------------------------------------------------
 */

/* What was kept for t goes first, so that closing the same hour twice leaves one state. */
sk_status flt_state_keep(flt_db *db, const flt_book *book, const flt_rater *r, int64_t t, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(db, "DELETE FROM rating_balance WHERE t = $1", &s, e);
    if (st) return st;
    flt_bind_int(s, 1, t);
    st = flt_stmt_run(s, NULL, e);
    flt_stmt_free(s);
    if (!st)
        st = flt_db_prepare(db,
                            "INSERT INTO rating_balance(t, commitment, interval_from, interval_to, "
                            "committed, drawn, overage, met, prepaid, quantity) VALUES ($1, $2, "
                            "$3, $4, $5, $6, $7, $8, $9, $10)",
                            &s, e);
    if (st) return st;
    for (size_t i = 0; !st && i < book->n_commitment; i++) {
        const flt_balance *b = flt_rater_balance(r, book->commitment[i].id);
        if (!b) continue;
        const int64_t v[] = {
            t,        b->commitment, b->interval.from, b->interval.to, b->committed,
            b->drawn, b->overage,    b->met,           b->prepaid,     b->quantity};
        for (int k = 0; k < 10; k++)
            flt_bind_int(s, k + 1, v[k]);
        st = flt_stmt_run(s, NULL, e);
    }
    flt_stmt_free(s);
    return st;
}

/* Reads the balances kept for exactly t. */
static sk_status read_balances(flt_db *db, sk_arena *arena, int64_t t, flt_balance *out, size_t n,
                               sk_err *e)
{
    flt_stmt *s;
    sk_status st =
        flt_db_prepare(db,
                       "SELECT commitment, interval_from, interval_to, committed, drawn, "
                       "overage, met, prepaid, quantity FROM rating_balance WHERE t = $1 "
                       "ORDER BY commitment",
                       &s, e);
    (void)arena;
    if (st) return st;
    flt_bind_int(s, 1, t);
    for (size_t i = 0; i < n; i++) {
        bool row;
        st = flt_stmt_step(s, &row, e);
        if (st || !row) break;
        out[i] = (flt_balance){.commitment = flt_col_int(s, 0),
                               .interval = {flt_col_int(s, 1), flt_col_int(s, 2)},
                               .committed = flt_col_int(s, 3),
                               .drawn = flt_col_int(s, 4),
                               .overage = flt_col_int(s, 5),
                               .met = flt_col_int(s, 6),
                               .prepaid = flt_col_int(s, 7),
                               .quantity = flt_col_int(s, 8)};
    }
    flt_stmt_free(s);
    return st;
}

/* One number of a query with one parameter. */
static sk_status ask(flt_db *db, const char *sql, int64_t t, int64_t none, int64_t *out, sk_err *e)
{
    flt_stmt *s;
    bool row;
    sk_status st = flt_db_prepare(db, sql, &s, e);
    if (st) return st;
    flt_bind_int(s, 1, t);
    st = flt_stmt_step(s, &row, e);
    if (!st) *out = row && !flt_col_null(s, 0) ? flt_col_int(s, 0) : none;
    flt_stmt_free(s);
    return st;
}

sk_status flt_ledger_balances(flt_db *db, sk_arena *arena, int64_t t, flt_balance **out, size_t *n,
                              int64_t *at, sk_err *e)
{
    int64_t when, rows;
    sk_status st =
        ask(db, "SELECT MAX(t) FROM rating_balance WHERE t <= $1", t, SK_UTC_MIN, &when, e);
    if (!st) st = ask(db, "SELECT COUNT(*) FROM rating_balance WHERE t = $1", when, 0, &rows, e);
    if (st) return st;
    flt_balance *b = sk_new_n(arena, flt_balance, (size_t)rows + 1);
    if (!b) return sk_fail(e, SK_E_NOMEM, "no memory for balances");
    st = read_balances(db, arena, when, b, (size_t)rows, e);
    if (st) return st;
    *out = b;
    *n = (size_t)rows;
    if (at) *at = when;
    return SK_OK;
}

/* ---- how far -----------------------------------------------------------------------------------
 */

/* The rows that reach beyond the end: of those that were open, and of those that began. */
static sk_status keep_open(flt_db *db, sk_span span, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(db,
                                  "DELETE FROM rating_open WHERE usage IN (SELECT o.usage FROM "
                                  "rating_open o JOIN usage u ON u.id = o.usage WHERE "
                                  "u.used_to <= $1)",
                                  &s, e);
    if (st) return st;
    flt_bind_int(s, 1, span.to);
    st = flt_stmt_run(s, NULL, e);
    flt_stmt_free(s);
    if (!st)
        st =
            flt_db_prepare(db,
                           "INSERT INTO rating_open(usage) SELECT id FROM usage WHERE used_from >= "
                           "$1 AND used_from < $2 AND used_to > $2",
                           &s, e);
    if (st) return st;
    flt_bind_int(s, 1, span.from);
    flt_bind_int(s, 2, span.to);
    st = flt_stmt_run(s, NULL, e);
    flt_stmt_free(s);
    return st;
}

sk_status flt_state_close(flt_db *db, sk_span span, sk_err *e)
{
    flt_stmt *s;
    sk_status st = keep_open(db, span, e);
    if (!st)
        st =
            flt_db_prepare(db,
                           "INSERT INTO rating_state(one, closed) VALUES (1, $1) ON CONFLICT (one) "
                           "DO UPDATE SET closed = excluded.closed",
                           &s, e);
    if (st) return st;
    flt_bind_int(s, 1, span.to);
    st = flt_stmt_run(s, NULL, e);
    flt_stmt_free(s);
    return st;
}
