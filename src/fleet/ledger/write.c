/* write.c - rows of charge and applied, and the cells of rollup and drawdown. */
#include "fleet/ledger/write.h"

#include "base/mem.h"
#include "base/utc.h"
#include "fleet/ledger/rollup.h"
#include "fleet/money/money.h"

/* What was applied to a commitment on a day. */
typedef struct drawn {
    int64_t commitment, day, n, amount;
} drawn;

struct flt_writer {
    flt_stmt *charge, *applied, *rollup, *drawdown;
    flt_rollup sums;
    drawn *drawn;
    size_t n_drawn, cap;
};

/* Prepared once, for all charges of a run.  Sums and draw-downs are added to what is there, so that
 * one may be written a second time, for later charges of the same day. */
static sk_status prepare(flt_db *db, flt_writer *w, sk_err *e)
{
    sk_status st = flt_db_prepare(
        db,
        "INSERT INTO charge(kind, correction, paid, category, charge_from, charge_to, billing, "
        "provider, pool, workload, usage, commitment, quantity, list_micros, contracted_micros, "
        "billed_micros, effective_micros, currency, extra) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, "
        "$9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19) RETURNING id",
        &w->charge, e);
    if (!st)
        st = flt_db_prepare(db,
                            "INSERT INTO applied(charge, commitment, amount, t) "
                            "VALUES ($1, $2, $3, $4)",
                            &w->applied, e);
    if (!st)
        st = flt_db_prepare(
            db,
            "INSERT INTO rollup(day, origin, provider, commitment, workload, pool, kind, paid, "
            "category, billing, currency, n, quantity, list_micros, contracted_micros, "
            "billed_micros, effective_micros) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
            "$11, $12, $13, $14, $15, $16, $17) ON CONFLICT (day, origin, provider, commitment, "
            "workload, pool, kind, paid, category, billing, currency) DO UPDATE SET n = rollup.n + "
            "excluded.n, quantity = rollup.quantity + excluded.quantity, list_micros = "
            "rollup.list_micros + excluded.list_micros, contracted_micros = "
            "rollup.contracted_micros + excluded.contracted_micros, billed_micros = "
            "rollup.billed_micros + excluded.billed_micros, effective_micros = "
            "rollup.effective_micros + excluded.effective_micros",
            &w->rollup, e);
    if (!st)
        st = flt_db_prepare(db,
                            "INSERT INTO drawdown(commitment, day, n, amount) VALUES ($1, $2, $3, "
                            "$4) ON CONFLICT (commitment, day) DO UPDATE SET n = drawdown.n + "
                            "excluded.n, amount = drawdown.amount + excluded.amount",
                            &w->drawdown, e);
    return st;
}

sk_status flt_writer_new(flt_db *db, flt_writer **out, sk_err *e)
{
    flt_writer *w = sk_calloc(SK_MEM_MISC, 1, sizeof *w);
    if (!w) return sk_fail(e, SK_E_NOMEM, "no memory to write charges");
    sk_status st = prepare(db, w, e);
    if (st)
        flt_writer_free(w);
    else
        *out = w;
    return st;
}

void flt_writer_free(flt_writer *w)
{
    if (!w) return;
    flt_stmt_free(w->charge);
    flt_stmt_free(w->applied);
    flt_stmt_free(w->rollup);
    flt_stmt_free(w->drawdown);
    flt_rollup_fini(&w->sums);
    sk_free(w->drawn);
    sk_free(w);
}

void flt_writer_reset(flt_writer *w)
{
    flt_rollup_reset(&w->sums);
    w->n_drawn = 0;
}

/* The three arrays are bound in the order of the statement's columns.  The sums wait for
 * flt_writer_flush; a row of a bill and one of ours are of different origin, and never added
 * together. */
sk_status flt_writer_charge(flt_writer *w, const flt_charge *c, const char *extra, int64_t *id,
                            sk_err *e)
{
    flt_stmt *s = w->charge;
    const int64_t plain[] = {
        (int64_t)c->kind, c->correction, (int64_t)c->paid, (int64_t)c->category,
        c->span.from,     c->span.to,    c->billing};
    const int64_t ref[] = {c->provider, c->pool, c->workload, c->usage, c->commitment};
    const int64_t sums[] = {c->quantity, c->list_micros, c->contracted_micros, c->billed_micros,
                            c->effective_micros};
    bool row;
    for (int i = 0; i < 7; i++)
        flt_bind_int(s, 1 + i, plain[i]);
    for (int i = 0; i < 5; i++)
        flt_bind_ref(s, 8 + i, ref[i]);
    for (int i = 0; i < 5; i++)
        flt_bind_int(s, 13 + i, sums[i]);
    flt_bind_text(s, 18, c->currency);
    flt_bind_text(s, 19, extra);
    sk_status st = flt_stmt_step(s, &row, e);
    if (st) return st;
    if (!row) return sk_fail(e, SK_E_INTERNAL, "a charge was written and has no number");
    if (id) *id = flt_col_int(s, 0);
    flt_stmt_reset(s);
    return flt_rollup_add(&w->sums, c, extra ? FLT_BILLED : FLT_OURS, e);
}

/* The cell of a commitment's day: few, and the last one nearly always. */
static drawn *drawn_of(flt_writer *w, int64_t commitment, int64_t day)
{
    for (size_t i = w->n_drawn; i-- > 0;)
        if (w->drawn[i].commitment == commitment && w->drawn[i].day == day) return &w->drawn[i];
    if (w->n_drawn == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 32;
        drawn *p = sk_realloc(SK_MEM_MISC, w->drawn, cap * sizeof *p);
        if (!p) return NULL;
        w->drawn = p;
        w->cap = cap;
    }
    w->drawn[w->n_drawn] = (drawn){commitment, day, 0, 0};
    return &w->drawn[w->n_drawn++];
}

sk_status flt_writer_applied(flt_writer *w, const flt_applied *a, sk_err *e)
{
    flt_bind_int(w->applied, 1, a->charge);
    flt_bind_int(w->applied, 2, a->commitment);
    flt_bind_int(w->applied, 3, a->amount);
    flt_bind_int(w->applied, 4, a->t);
    sk_status st = flt_stmt_run(w->applied, NULL, e);
    if (st) return st;
    drawn *d = drawn_of(w, a->commitment, sk_utc_day(a->t));
    if (!d) return sk_fail(e, SK_E_NOMEM, "no memory for sums");
    d->n++;
    if (!flt_sum(d->amount, a->amount, &d->amount))
        return sk_fail(e, SK_E_TOOBIG, "the sum of a day's drawdown does not fit");
    return SK_OK;
}

static sk_status flush_cell(flt_stmt *s, const flt_cell *x, sk_err *e)
{
    const int64_t key[] = {x->key.day,      x->key.origin, x->key.provider, x->key.commitment,
                           x->key.workload, x->key.pool,   x->key.kind,     x->key.paid,
                           x->key.category, x->key.billing};
    const int64_t sums[] = {x->n,
                            x->quantity,
                            x->list_micros,
                            x->contracted_micros,
                            x->billed_micros,
                            x->effective_micros};
    for (int i = 0; i < 10; i++)
        flt_bind_int(s, 1 + i, key[i]);
    flt_bind_text(s, 11, x->key.currency);
    for (int i = 0; i < 6; i++)
        flt_bind_int(s, 12 + i, sums[i]);
    return flt_stmt_run(s, NULL, e);
}

sk_status flt_writer_flush(flt_writer *w, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < w->sums.n; i++)
        st = flush_cell(w->rollup, &w->sums.cell[i], e);
    for (size_t i = 0; !st && i < w->n_drawn; i++) {
        flt_bind_int(w->drawdown, 1, w->drawn[i].commitment);
        flt_bind_int(w->drawdown, 2, w->drawn[i].day);
        flt_bind_int(w->drawdown, 3, w->drawn[i].n);
        flt_bind_int(w->drawdown, 4, w->drawn[i].amount);
        st = flt_stmt_run(w->drawdown, NULL, e);
    }
    if (!st) flt_writer_reset(w);
    return st;
}

/* In the order of FLT_CHARGE_SELECT's columns. */
flt_charge flt_col_charge(flt_stmt *s)
{
    return (flt_charge){.id = flt_col_int(s, 0),
                        .kind = (flt_charge_kind)flt_col_int(s, 1),
                        .correction = flt_col_int(s, 2) != 0,
                        .paid = (flt_paid)flt_col_int(s, 3),
                        .category = (flt_category)flt_col_int(s, 4),
                        .span = {flt_col_int(s, 5), flt_col_int(s, 6)},
                        .billing = flt_col_int(s, 7),
                        .provider = flt_col_int(s, 8),
                        .pool = flt_col_int(s, 9),
                        .workload = flt_col_int(s, 10),
                        .usage = flt_col_int(s, 11),
                        .commitment = flt_col_int(s, 12),
                        .quantity = flt_col_int(s, 13),
                        .list_micros = flt_col_int(s, 14),
                        .contracted_micros = flt_col_int(s, 15),
                        .billed_micros = flt_col_int(s, 16),
                        .effective_micros = flt_col_int(s, 17),
                        .currency = flt_col_text(s, 18)};
}
