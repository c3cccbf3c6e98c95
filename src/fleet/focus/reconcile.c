/* reconcile.c - two sets of sums side by side. */
#include "fleet/focus/reconcile.h"

#include "base/mem.h"
#include "fleet/ledger/rollup.h"

#include <stdlib.h>
#include <string.h>

/* Both sides; `pools`: the bill knows pools. */
typedef struct sides {
    const flt_book *book;
    flt_rollup bill, ours;
    bool pools;
} sides;

/* Adds a charge to a side, by what lines are told apart by.  Bills name commitments that discount
 * what they cover, not those that are drawn down (FOCUS 1.2 has no column for them). */
static sk_status add(const flt_book *book, flt_rollup *r, const flt_charge *c, bool pools,
                     sk_err *e)
{
    flt_charge x = *c;
    const flt_commitment *m = flt_book_commitment(book, c->commitment);
    if (m && m->model == FLT_DISCONTINUOUS) x.commitment = 0;
    x.span.from = c->billing;
    x.workload = 0;
    x.paid = FLT_PAID_NONE;
    x.category = FLT_ON_DEMAND;
    if (!pools) x.pool = 0;
    return flt_rollup_add(r, &x, 0, e);
}

/* The bill's rows, with pools; *pools says whether any has one. */
static sk_status read_bill(flt_bill *b, sides *s, flt_taking *t, sk_err *e)
{
    for (;;) {
        const flt_charge *row = NULL;
        const char *extra = NULL;
        sk_err why = SK_ERR_INIT;
        sk_status st = flt_bill_next(b, &row, &extra, &why);
        if (!st && !row) return SK_OK;
        t->n.rows++;
        if (st == SK_E_FORMAT) {
            st = flt_taking_broken(t, &why, sk_csv_raw(t->c), &why);
        } else if (!st) {
            s->pools |= row->pool != 0;
            st = add(s->book, &s->bill, row, true, &why);
        }
        if (st) {
            if (e) *e = why;
            return st;
        }
        if (t->n.rows % 1024 == 0) flt_taking_moved(t);
    }
}

/* Whether the bill speaks of that month of that provider. */
static bool speaks_of(const flt_rollup *bill, int64_t billing, int64_t provider)
{
    for (size_t i = 0; i < bill->n; i++)
        if (bill->cell[i].key.billing == billing && bill->cell[i].key.provider == provider)
            return true;
    return false;
}

/* Our sums of those months. */
static sk_status read_ours(flt_db *db, sides *s, sk_err *e)
{
    flt_stmt *q;
    sk_status st = flt_db_prepare(
        db,
        "SELECT billing, provider, pool, commitment, kind, currency, CAST(SUM(quantity) AS "
        "BIGINT), CAST(SUM(billed_micros) AS BIGINT) FROM rollup WHERE origin = 0 GROUP BY 1, 2, "
        "3, 4, 5, 6",
        &q, e);
    if (st) return st;
    for (bool row = true;;) {
        st = flt_stmt_step(q, &row, e);
        if (st || !row) break;
        flt_charge c = {.billing = flt_col_int(q, 0),
                        .provider = flt_col_int(q, 1),
                        .pool = flt_col_int(q, 2),
                        .commitment = flt_col_int(q, 3),
                        .kind = (flt_charge_kind)flt_col_int(q, 4),
                        .currency = flt_col_text(q, 5),
                        .quantity = flt_col_int(q, 6),
                        .billed_micros = flt_col_int(q, 7)};
        if (!speaks_of(&s->bill, c.billing, c.provider)) continue;
        st = add(s->book, &s->ours, &c, s->pools, e);
        if (st) break;
    }
    flt_stmt_free(q);
    return st;
}

/* ---- comparing ---------------------------------------------------------------------------------
 */

static int compare_keys(const void *pa, const void *pb)
{
    const flt_cell *a = pa, *b = pb;
    return memcmp(&a->key, &b->key, sizeof a->key);
}

static flt_difference line_of(const flt_cell *any, const flt_cell *bill, const flt_cell *ours)
{
    flt_difference d = {.billing = any->key.billing,
                        .provider = any->key.provider,
                        .pool = any->key.pool,
                        .commitment = any->key.commitment,
                        .kind = (flt_charge_kind)any->key.kind};
    memcpy(d.currency, any->key.currency, sizeof d.currency);
    d.currency[FLT_CURRENCY - 1] = 0;
    bool counted = d.kind == FLT_CHARGE_USAGE;
    d.bill_micros = bill ? bill->billed_micros : 0;
    d.our_micros = ours ? ours->billed_micros : 0;
    d.bill_quantity = bill && counted ? bill->quantity : 0;
    d.our_quantity = ours && counted ? ours->quantity : 0;
    return d;
}

/* Goes through both sides, which are sorted alike. */
static sk_status merge(sides *s, sk_arena *arena, flt_reconciled *out, sk_err *e)
{
    size_t i = 0, j = 0;
    flt_rollup *a = &s->bill, *b = &s->ours;
    if (a->n) qsort(a->cell, a->n, sizeof *a->cell, compare_keys);
    if (b->n) qsort(b->cell, b->n, sizeof *b->cell, compare_keys);
    out->line = sk_new_n(arena, flt_difference, a->n + b->n + 1);
    if (!out->line) return sk_fail(e, SK_E_NOMEM, "no memory to compare a bill");
    while (i < a->n || j < b->n) {
        int c = i == a->n ? 1 : j == b->n ? -1 : compare_keys(&a->cell[i], &b->cell[j]);
        const flt_cell *x = c <= 0 ? &a->cell[i++] : NULL, *y = c >= 0 ? &b->cell[j++] : NULL;
        flt_difference d = line_of(x ? x : y, x, y);
        if (d.bill_micros == d.our_micros && d.bill_quantity == d.our_quantity)
            out->same++;
        else
            out->line[out->n++] = d;
    }
    return SK_OK;
}

/* The bill's cells again, with their pools added up. */
static sk_status drop_pools(const flt_book *book, flt_rollup *r, sk_err *e)
{
    flt_rollup plain = {0};
    sk_status st = SK_OK;
    for (size_t i = 0; !st && i < r->n; i++) {
        const flt_cell *x = &r->cell[i];
        flt_charge c = {.billing = x->key.billing,
                        .provider = x->key.provider,
                        .commitment = x->key.commitment,
                        .kind = (flt_charge_kind)x->key.kind,
                        .currency = x->key.currency,
                        .quantity = x->quantity,
                        .billed_micros = x->billed_micros};
        st = add(book, &plain, &c, false, e);
    }
    flt_rollup_fini(r);
    *r = plain;
    return st;
}

/* Both sides are added up into cells of the same keys before they are compared, so memory goes with
 * the days and not with the rows.  A bill that knows no pools is compared without ours. */
sk_status flt_bill_reconcile(flt_db *db, const flt_book *book, sk_csv *c, const flt_bill_opts *o,
                             sk_arena *arena, flt_reconciled *out, sk_err *e)
{
    flt_bill *b;
    flt_taking t;
    sides s = {.book = book};
    flt_reconciled r = {0};
    sk_status st = flt_bill_open(book, c, o, &b, e);
    if (st) return st;
    st = flt_taking_begin(&t, &o->take, c, e);
    if (!st) {
        st = read_bill(b, &s, &t, e);
        if (!st && !s.pools) st = drop_pools(book, &s.bill, e);
        if (!st) st = read_ours(db, &s, e);
        if (!st) st = merge(&s, arena, &r, e);
        st = flt_taking_end(&t, st, e);
        r.rows = t.n;
    }
    if (!st) *out = r;
    flt_rollup_fini(&s.bill);
    flt_rollup_fini(&s.ours);
    flt_bill_close(b);
    return st;
}
