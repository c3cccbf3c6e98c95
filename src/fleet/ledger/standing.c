/* standing.c - how commitments are doing: balances kept with the last stretch, sums by day. */
#include "fleet/ledger/report.h"

#include "fleet/ledger/close.h"
#include "fleet/rate/intervals.h"

#include <math.h>
#include <string.h>

enum { DAY_S = 86400, WEEKS = 28 };

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory for a report");
}

/* ---- drawn by day ------------------------------------------------------------------------------
 */

/* The statement that gives (day, amount) of a commitment. */
static sk_status prepare_days(flt_db *db, const flt_commitment *c, flt_stmt **out, sk_err *e)
{
    const char *sql =
        c->model == FLT_DISCONTINUOUS
            ? "SELECT day, amount FROM drawdown WHERE commitment = $1 AND day >= $2 AND day < $3 "
              "ORDER BY day"
        : c->kind == FLT_SPEND
            ? "SELECT day, CAST(SUM(effective_micros) AS BIGINT) FROM rollup WHERE commitment = $1 "
              "AND day >= $2 AND day < $3 AND origin = 0 AND kind = 0 GROUP BY day ORDER BY day"
            : "SELECT day, CAST(SUM(quantity) AS BIGINT) FROM rollup WHERE commitment = $1 AND day "
              ">= $2 AND day < $3 AND origin = 0 AND kind = 0 GROUP BY day ORDER BY day";
    return flt_db_prepare(db, sql, out, e);
}

/* A row a day on which something was drawn; a term of more than 100,000 days is cut there. */
sk_status flt_ledger_drawdown(flt_db *db, const flt_commitment *c, sk_arena *arena,
                              flt_drawdown **out, size_t *n, sk_err *e)
{
    flt_stmt *s;
    int64_t days = (c->term.to - c->term.from) / DAY_S + 2, sum = 0;
    size_t cap = days > 100000 ? 100000 : (size_t)days, k = 0;
    flt_drawdown *d = sk_new_n(arena, flt_drawdown, cap);
    if (!d) return no_memory(e);
    sk_status st = prepare_days(db, c, &s, e);
    if (st) return st;
    flt_bind_int(s, 1, c->id);
    flt_bind_int(s, 2, sk_utc_day(c->term.from));
    flt_bind_int(s, 3, c->term.to);
    for (bool row = true; k < cap; k++) {
        st = flt_stmt_step(s, &row, e);
        if (st || !row) break;
        (void)flt_sum(sum, flt_col_int(s, 1), &sum);
        d[k].day = flt_col_int(s, 0) + DAY_S;
        d[k].drawn = sum;
        d[k].committed = flt_committed_until(c, d[k].day);
    }
    flt_stmt_free(s);
    if (st) return st;
    *out = d;
    *n = k;
    return SK_OK;
}

/* Mean and spread of an hour over the last weeks; days without a row count as nothing. */
static sk_status forecast(flt_db *db, const flt_commitment *c, int64_t t, flt_forecast *f,
                          sk_err *e)
{
    flt_stmt *s;
    int64_t to = sk_utc_day(t), from = to - (int64_t)WEEKS * DAY_S,
            first = sk_utc_day(c->term.from);
    double sum = 0, squares = 0, days;
    *f = (flt_forecast){0};
    if (from < first) from = first;
    days = (double)(to - from) / DAY_S;
    if (days < 1) return SK_OK;
    sk_status st = prepare_days(db, c, &s, e);
    if (st) return st;
    flt_bind_int(s, 1, c->id);
    flt_bind_int(s, 2, from);
    flt_bind_int(s, 3, to);
    for (bool row = true;;) {
        st = flt_stmt_step(s, &row, e);
        if (st || !row) break;
        double v = (double)flt_col_int(s, 1) / 24;
        sum += v;
        squares += v * v;
    }
    flt_stmt_free(s);
    f->mean = sum / days;
    double var = squares / days - f->mean * f->mean;
    f->spread = var > 0 ? sqrt(var) : 0;
    return st;
}

/* ---- coverage ----------------------------------------------------------------------------------
 */

/* Sums as if they were charges: what flt_cover_add asks of one is in a cell. */
static sk_status cover(flt_db *db, const flt_book *book, const flt_commitment *c, int64_t t,
                       flt_cover *out, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(
        db,
        "SELECT MIN(day), provider, commitment, workload, pool, kind, paid, category, CAST(SUM("
        "quantity) AS BIGINT), CAST(SUM(list_micros) AS BIGINT), CAST(SUM(contracted_micros) AS "
        "BIGINT), CAST(SUM(billed_micros) AS BIGINT), CAST(SUM(effective_micros) AS BIGINT) FROM "
        "rollup WHERE origin = 0 AND day >= $1 AND day < $2 GROUP BY provider, commitment, "
        "workload, pool, kind, paid, category",
        &s, e);
    if (st) return st;
    flt_bind_int(s, 1, sk_utc_day(c->term.from));
    flt_bind_int(s, 2, t);
    for (bool row = true;;) {
        st = flt_stmt_step(s, &row, e);
        if (st || !row) break;
        flt_charge x = {.span = {flt_col_int(s, 0), flt_col_int(s, 0) + 1},
                        .provider = flt_col_int(s, 1),
                        .commitment = flt_col_int(s, 2),
                        .workload = flt_col_int(s, 3),
                        .pool = flt_col_int(s, 4),
                        .kind = (flt_charge_kind)flt_col_int(s, 5),
                        .paid = (flt_paid)flt_col_int(s, 6),
                        .category = (flt_category)flt_col_int(s, 7),
                        .quantity = flt_col_int(s, 8),
                        .list_micros = flt_col_int(s, 9),
                        .contracted_micros = flt_col_int(s, 10),
                        .billed_micros = flt_col_int(s, 11),
                        .effective_micros = flt_col_int(s, 12),
                        .currency = ""};
        flt_cover_add(book, c, &x, 1, out);
    }
    flt_stmt_free(s);
    return st;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

static const flt_balance *balance_of(const flt_balance *b, size_t n, int64_t commitment)
{
    for (size_t i = 0; i < n; i++)
        if (b[i].commitment == commitment) return &b[i];
    return NULL;
}

/* Balances are kept for certain times only: t becomes the one that they are of, and everything else
 * is asked as of then, so that the figures of one row go together. */
sk_status flt_ledger_pace(flt_db *db, const flt_book *book, int64_t t, sk_arena *arena,
                          flt_standing **out, size_t *n, sk_err *e)
{
    flt_balance *b;
    size_t n_balance, k = 0;
    int64_t at;
    flt_standing *list = sk_new_n(arena, flt_standing, book->n_commitment + 1);
    if (!list) return no_memory(e);
    sk_status st = flt_ledger_balances(db, arena, t, &b, &n_balance, &at, e);
    if (!st && n_balance) t = at;
    for (size_t i = 0; !st && i < book->n_commitment; i++) {
        const flt_commitment *c = &book->commitment[i];
        const flt_balance *have = balance_of(b, n_balance, c->id);
        if (!have || t < c->term.from || t > c->term.to) continue;
        flt_standing *x = &list[k++];
        x->commitment = c;
        x->contract = flt_book_contract(book, c->contract);
        st = forecast(db, c, t, &x->forecast, e);
        if (!st) st = cover(db, book, c, t, &x->cover, e);
        if (!st) flt_pace_at(c, have, t, &x->forecast, &x->pace);
    }
    if (st) return st;
    *out = list;
    *n = k;
    return SK_OK;
}
