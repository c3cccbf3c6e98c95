/* late.c - corrections for usage that was told of too late. */
#include "fleet/ledger/late.h"

#include "base/mem.h"
#include "fleet/ledger/state.h"
#include "fleet/ledger/write.h"
#include "fleet/store/settled.h"

#include <string.h>

/* Rows of any kind that grow. */
typedef struct pile {
    void *at;
    size_t n, cap;
} pile;

static void *push(pile *p, size_t size)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 256;
        void *at = sk_realloc(SK_MEM_MISC, p->at, cap * size);
        if (!at) return NULL;
        p->at = at;
        p->cap = cap;
    }
    return (char *)p->at + p->n++ * size;
}

/* One run. */
typedef struct redo {
    const flt_book *book;
    sk_arena *arena;
    flt_writer *w;
    pile usage, charge, applied;
    int64_t last; /* id in the ledger of the correction written last */
    flt_closed seen;
} redo;

static sk_status no_memory(sk_err *e)
{
    return sk_fail(e, SK_E_NOMEM, "no memory to rate late usage");
}

static sk_status keep_usage(void *arg, const flt_usage *u, sk_err *e)
{
    redo *x = arg;
    flt_usage *row = push(&x->usage, sizeof *row);
    if (!row) return no_memory(e);
    *row = *u;
    row->key = sk_arena_strndup(x->arena, u->key, strlen(u->key));
    row->sku = *u->sku ? sk_arena_strndup(x->arena, u->sku, strlen(u->sku)) : "";
    return row->key && row->sku ? SK_OK : no_memory(e);
}

/* Runs a query whose parameters are the end and the beginning of a span, and keeps each row. */
static sk_status each_row(flt_db *db, const char *sql, sk_span span,
                          sk_status (*keep)(redo *x, flt_stmt *s, sk_err *e), redo *x, sk_err *e)
{
    flt_stmt *s;
    bool row;
    sk_status st = flt_db_prepare(db, sql, &s, e);
    if (st) return st;
    flt_bind_int(s, 1, span.to);
    flt_bind_int(s, 2, span.from);
    while (!st && !(st = flt_stmt_step(s, &row, e)) && row)
        st = keep(x, s, e);
    flt_stmt_free(s);
    return st;
}

static sk_status keep_charge(redo *x, flt_stmt *s, sk_err *e)
{
    flt_charge *c = push(&x->charge, sizeof *c);
    if (!c) return no_memory(e);
    *c = flt_col_charge(s);
    c->currency = sk_arena_strndup(x->arena, c->currency, strlen(c->currency));
    return c->currency ? SK_OK : no_memory(e);
}

static sk_status keep_applied(redo *x, flt_stmt *s, sk_err *e)
{
    flt_applied *a = push(&x->applied, sizeof *a);
    if (!a) return no_memory(e);
    *a = (flt_applied){flt_col_int(s, 0), flt_col_int(s, 1), flt_col_int(s, 2), flt_col_int(s, 3)};
    return SK_OK;
}

/* Our charges that touch the span, and what of them was applied. */
static sk_status read_rated(flt_db *db, sk_span span, redo *x, sk_err *e)
{
    sk_status st = each_row(db,
                            FLT_CHARGE_SELECT "WHERE charge_from < $1 AND charge_to > $2 AND extra "
                                              "IS NULL ORDER BY id",
                            span, keep_charge, x, e);
    if (st) return st;
    return each_row(db,
                    "SELECT a.charge, a.commitment, a.amount, a.t FROM applied a JOIN charge c ON "
                    "c.id = a.charge WHERE c.charge_from < $1 AND c.charge_to > $2 AND c.extra IS "
                    "NULL ORDER BY a.charge, a.commitment",
                    span, keep_applied, x, e);
}

/* ---- writing -----------------------------------------------------------------------------------
 */

static sk_status on_charge(void *arg, const flt_charge *c, sk_err *e)
{
    redo *x = arg;
    x->seen.corrections++;
    return flt_writer_charge(x->w, c, NULL, &x->last, e);
}

static sk_status on_applied(void *arg, const flt_applied *a, sk_err *e)
{
    redo *x = arg;
    flt_applied row = *a;
    row.charge = x->last;
    return flt_writer_applied(x->w, &row, e);
}

/* Where the commitments stood at each end of a stretch in the span, anew. */
static sk_status keep_balances(flt_db *db, redo *x, sk_span span, const flt_balance *b, size_t n,
                               sk_err *e)
{
    flt_rater *r;
    flt_stmt *s;
    const flt_usage *u = x->usage.at;
    sk_status st = flt_rater_open(x->book, span.from, b, n, &r, e);
    if (st) return st;
    for (size_t i = 0; !st && i < x->usage.n; i++)
        st = flt_rater_resume(r, &u[i], e);
    pile t = {0};
    if (!st)
        st = flt_db_prepare(db,
                            "SELECT DISTINCT t FROM rating_balance WHERE t > $1 AND t <= $2 "
                            "ORDER BY t",
                            &s, e);
    if (!st) {
        bool row = true;
        flt_bind_int(s, 1, span.from);
        flt_bind_int(s, 2, span.to);
        while (!st && !(st = flt_stmt_step(s, &row, e)) && row) {
            int64_t *at = push(&t, sizeof *at);
            if (!at) st = no_memory(e);
            if (at) *at = flt_col_int(s, 0);
        }
        flt_stmt_free(s);
    }
    for (size_t i = 0; !st && i < t.n; i++) {
        int64_t end = ((int64_t *)t.at)[i];
        st = flt_rater_close(r, end, NULL, e);
        if (!st) st = flt_state_keep(db, x->book, r, end, e);
    }
    sk_free(t.at);
    flt_rater_free(r);
    return st;
}

/* Late rows that reach beyond what is closed are open now; none is late any more. */
static sk_status settle(flt_db *db, int64_t closed, sk_err *e)
{
    flt_stmt *s;
    sk_status st = flt_db_prepare(db,
                                  "INSERT INTO rating_open(usage) SELECT l.usage FROM rating_late "
                                  "l JOIN usage u ON u.id = l.usage WHERE u.used_to > $1",
                                  &s, e);
    if (st) return st;
    flt_bind_int(s, 1, closed);
    st = flt_stmt_run(s, NULL, e);
    flt_stmt_free(s);
    return st ? st : flt_db_exec(db, "DELETE FROM rating_late", e);
}

/* Rates [span) again and writes what differs. */
static sk_status rate_again(flt_db *db, redo *x, sk_span span, const flt_balance *b, size_t n,
                            sk_err *e)
{
    sk_status st = flt_state_usage_again(db, span, keep_usage, x, e);
    if (!st) st = read_rated(db, span, x, e);
    if (st) return st;
    const flt_again again = {
        span,          b,           n, x->usage.at, x->usage.n, x->charge.at, x->charge.n,
        x->applied.at, x->applied.n};
    const flt_sink sink = {on_charge, on_applied, x};
    st = flt_rate_again(x->book, &again, &sink, e);
    if (!st) st = flt_writer_flush(x->w, e);
    if (!st) st = keep_balances(db, x, span, b, n, e);
    return st ? st : settle(db, span.to, e);
}

/* Inside a transaction: nothing where nothing is late. */
static sk_status run(flt_db *db, void *arg, sk_err *e)
{
    redo *x = arg;
    int64_t late, first, closed, at = 0;
    flt_balance *b = NULL;
    size_t n = 0;
    sk_arena_reset(x->arena);
    flt_writer_reset(x->w);
    x->usage.n = x->charge.n = x->applied.n = 0;
    x->seen = (flt_closed){.from = 0};
    sk_status st = flt_db_int(db, "SELECT COUNT(*) FROM rating_late", 0, &late, e);
    if (st || !late) return st;
    x->seen.late = (uint64_t)late;
    st = flt_db_int(db, "SELECT MIN(u.used_from) FROM rating_late l JOIN usage u ON u.id = l.usage",
                    0, &first, e);
    if (!st) st = flt_settled_until(db, &closed, e);
    if (!st) st = flt_ledger_balances(db, x->arena, first, &b, &n, &at, e);
    if (st) return st;
    return rate_again(db, x, (sk_span){n ? at : sk_utc_hour(first), closed}, b, n, e);
}

/* Rates all of it in one transaction, so that the ledger shows either none of the corrections or
 * all; what was counted is added only then. */
sk_status flt_ledger_late(flt_db *db, const flt_book *book, flt_closed *seen, sk_err *e)
{
    int64_t late;
    redo x = {.book = book};
    sk_status st = flt_db_int(db, "SELECT COUNT(*) FROM rating_late", 0, &late, e);
    if (st || !late) return st;
    x.arena = sk_arena_new(SK_MEM_MISC);
    if (!x.arena) return no_memory(e);
    st = flt_writer_new(db, &x.w, e);
    if (!st) st = flt_db_do(db, run, &x, e);
    if (!st) {
        seen->late += x.seen.late;
        seen->corrections += x.seen.corrections;
    }
    flt_writer_free(x.w);
    sk_free(x.usage.at);
    sk_free(x.charge.at);
    sk_free(x.applied.at);
    sk_arena_free(x.arena);
    return st;
}
