/* audit_promise.c - rows added up by the database, compared with the terms as the book has them.
 *
 * A commitment that was added when the ledger was past its beginning is rated from the interval
 * that was open then; what balances were kept tells.
 */
#include "fleet/ledger/audit_promise.h"

#include "base/utc.h"
#include "fleet/rate/intervals.h"
#include "fleet/rate/rate.h"
#include "fleet/store/settled.h"
#include "fleet/store/store.h"

#include <stdarg.h>
#include <stdio.h>

/* Sums of used and unused parts by commitment and time; see `next`. */
typedef struct parts {
    flt_stmt *s;
    bool row;
    int64_t commitment, t, money, hours, n;
} parts;

typedef struct audit {
    flt_book book;
    int64_t closed;
    flt_stmt *met, *missed; /* of one commitment */
    parts used;
    flt_found *found;
} audit;

static void wrong(audit *a, flt_promise_check k, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void wrong(audit *a, flt_promise_check k, const char *fmt, ...)
{
    va_list ap;
    if (a->found[k].wrong++) return;
    va_start(ap, fmt);
    (void)vsnprintf(a->found[k].first, FLT_FOUND_TEXT, fmt, ap);
    va_end(ap);
}

/* From when c is rated: its beginning, or that of the interval in which it was added. */
static sk_status rated_from(const audit *a, const flt_commitment *c, int64_t *from, sk_err *e)
{
    bool row;
    sk_span open;
    flt_bind_int(a->missed, 1, c->term.from);
    flt_bind_int(a->missed, 2, c->id);
    sk_status st = flt_stmt_step(a->missed, &row, e);
    if (st) return st;
    bool late = row && !flt_col_null(a->missed, 0);
    *from = c->term.from;
    if (late)
        *from = flt_interval_at(c, flt_col_int(a->missed, 0), &open, NULL) ? open.from : c->term.to;
    flt_stmt_reset(a->missed);
    return SK_OK;
}

/* Applied + unmet = promised. */
static sk_status check_met(audit *a, const flt_commitment *c, int64_t from, sk_err *e)
{
    bool row;
    flt_bind_int(a->met, 1, c->id);
    flt_bind_int(a->met, 2, c->id);
    sk_status st = flt_stmt_step(a->met, &row, e);
    if (st) return st;
    int64_t applied = flt_col_int(a->met, 0),
            unmet = flt_col_int(a->met, c->kind == FLT_SPEND ? 1 : 2),
            promised = flt_committed_total(c) - flt_committed_until(c, from);
    if (applied + unmet != promised)
        wrong(a, FLT_CHECK_MET,
              "commitment %lld \"%.60s\": %lld applied and %lld unmet, %lld promised",
              (long long)c->id, c->name, (long long)applied, (long long)unmet, (long long)promised);
    flt_stmt_reset(a->met);
    return SK_OK;
}

/* The next sum of used and unused parts. */
static sk_status next(parts *p, sk_err *e)
{
    sk_status st = flt_stmt_step(p->s, &p->row, e);
    if (st || !p->row) return st;
    p->commitment = flt_col_int(p->s, 0);
    p->t = flt_col_int(p->s, 1);
    p->money = flt_col_int(p->s, 2);
    p->hours = flt_col_int(p->s, 3);
    p->n = flt_col_int(p->s, 4);
    return SK_OK;
}

/* Whether the sum at hand is of c, or of a commitment before it, and of before t. */
static bool before(const parts *p, const flt_commitment *c, int64_t t)
{
    return p->row && (p->commitment < c->id || (p->commitment == c->id && p->t < t));
}

/* An interval of c against the sums in it. */
static sk_status check_interval(audit *a, const flt_commitment *c, sk_span s, sk_err *e)
{
    parts *p = &a->used;
    int64_t money = 0, hours = 0, n = 0, cost;
    char from[SK_UTC_TEXT];
    sk_status st = flt_committed_cost(&a->book, c, s, &cost, e);
    for (; !st && before(p, c, s.to); st = next(p, e)) {
        money += p->money;
        hours += p->hours;
        n += p->n;
    }
    if (st) return st;
    int64_t bought = flt_committed_until(c, s.to) - flt_committed_until(c, s.from);
    sk_utc_print_short(s.from, from);
    if (money != cost)
        wrong(a, FLT_CHECK_COST,
              "commitment %lld \"%.60s\", interval from %s: %lld used and unused, %lld bought",
              (long long)c->id, c->name, from, (long long)money, (long long)cost);
    if (c->kind == FLT_USAGE && (hours - bought > n || bought - hours > n))
        wrong(a, FLT_CHECK_HOURS,
              "commitment %lld \"%.60s\", interval from %s: %lld chip-hours (millionths) used and "
              "idle, %lld bought",
              (long long)c->id, c->name, from, (long long)hours, (long long)bought);
    return SK_OK;
}

/* All intervals of c that are closed. */
static sk_status check_intervals(audit *a, const flt_commitment *c, int64_t from, sk_err *e)
{
    sk_status st = SK_OK;
    sk_span s;
    while (!st && before(&a->used, c, from))
        st = next(&a->used, e);
    for (; !st && flt_interval_at(c, from, &s, NULL) && s.to <= a->closed; from = s.to)
        st = check_interval(a, c, s, e);
    return st;
}

/* The questions that are asked of each commitment: the last time at which others have a balance and
 * it has none, and what was applied and left unmet.  The sums of used and unused parts are one walk
 * beside the commitments, in the order of their ids. */
static sk_status prepare(flt_db *db, audit *a, sk_err *e)
{
    sk_status st = flt_db_prepare(
        db,
        "SELECT MAX(b.t) FROM rating_balance b WHERE b.t > $1 AND NOT EXISTS (SELECT 1 FROM "
        "rating_balance o WHERE o.t = b.t AND o.commitment = $2)",
        &a->missed, e);
    if (!st)
        st = flt_db_prepare(
            db,
            "SELECT CAST(COALESCE((SELECT SUM(amount) FROM applied WHERE commitment = $1), 0) AS "
            "BIGINT), CAST(COALESCE(SUM(effective_micros), 0) AS BIGINT), "
            "CAST(COALESCE(SUM(quantity), 0) AS BIGINT) FROM charge WHERE commitment = $2 AND kind "
            "= 3 AND extra IS NULL",
            &a->met, e);
    if (!st)
        st = flt_db_prepare(
            db,
            "SELECT commitment, charge_from, CAST(SUM(effective_micros) AS BIGINT), "
            "CAST(SUM(quantity) AS BIGINT), COUNT(*) FROM charge WHERE kind IN (0, 1) AND "
            "commitment IN (SELECT id FROM commitment WHERE model = 'continuous') AND extra IS "
            "NULL GROUP BY commitment, charge_from ORDER BY commitment, charge_from",
            &a->used.s, e);
    return st ? st : next(&a->used, e);
}

/* A commitment that is still running has no unmet part yet: only closed intervals and ended terms
 * are held against what was promised. */
sk_status flt_audit_promises(flt_db *db, flt_found out[FLT_CHECK_PROMISES], sk_err *e)
{
    audit a = {.found = out};
    sk_arena *arena = sk_arena_new(SK_MEM_MISC);
    if (!arena) return sk_fail(e, SK_E_NOMEM, "no memory to check the books");
    for (int k = 0; k < FLT_CHECK_PROMISES; k++)
        out[k] = (flt_found){.wrong = 0};
    sk_status st = flt_store_load(db, arena, &a.book, e);
    if (!st) st = flt_settled_until(db, &a.closed, e);
    if (!st) st = prepare(db, &a, e);
    for (size_t i = 0; !st && i < a.book.n_commitment; i++) {
        const flt_commitment *c = &a.book.commitment[i];
        int64_t from;
        st = rated_from(&a, c, &from, e);
        if (!st && c->model == FLT_CONTINUOUS) st = check_intervals(&a, c, from, e);
        if (!st && c->model == FLT_DISCONTINUOUS && c->term.to <= a.closed)
            st = check_met(&a, c, from, e);
    }
    flt_stmt_free(a.missed);
    flt_stmt_free(a.met);
    flt_stmt_free(a.used.s);
    sk_arena_free(arena);
    return st;
}
