/* draft.c - a book under change. */
#include "fleet/store/draft.h"

#include "fleet/store/settled.h"

#include <string.h>

enum { KEPT, CHANGED, ADDED };

/* Shows the draft's rows in its book. */
static void show(flt_draft *d, flt_row_kind kind)
{
    const flt_rows *k = flt_rows_of(kind);
    memcpy((char *)&d->book + k->rows_at, &d->kind[kind].rows, sizeof(char *));
    memcpy((char *)&d->book + k->count_at, &d->kind[kind].n, sizeof(size_t));
}

/* Room for one more row; the arena keeps the old array. */
static sk_status grow(flt_draft *d, flt_row_kind kind, size_t room, sk_err *e)
{
    size_t size = flt_rows_of(kind)->size, n = d->kind[kind].n;
    char *rows = sk_arena_calloc(d->a, room, size);
    unsigned char *mark = sk_arena_calloc(d->a, room, 1);
    if (!rows || !mark) return sk_fail(e, SK_E_NOMEM, "no memory for the fleet");
    if (d->kind[kind].rows) memcpy(rows, d->kind[kind].rows, n * size);
    if (d->kind[kind].mark) memcpy(mark, d->kind[kind].mark, n);
    d->kind[kind].rows = rows;
    d->kind[kind].mark = mark;
    d->kind[kind].room = room;
    return SK_OK;
}

sk_status flt_draft_begin(flt_draft *d, const flt_book *base, sk_arena *a, sk_err *e)
{
    *d = (flt_draft){.a = a};
    for (int k = 0; k < FLT_ROW_N; k++) {
        size_t n, size = flt_rows_of((flt_row_kind)k)->size;
        const char *rows = flt_rows_in(base, (flt_row_kind)k, &n);
        sk_status st = grow(d, (flt_row_kind)k, n + 8, e);
        if (st) return st;
        if (n) memcpy(d->kind[k].rows, rows, n * size);
        d->kind[k].n = n;
        d->kind[k].next = n ? flt_row_id(rows + (n - 1) * size) + 1 : 1;
        show(d, (flt_row_kind)k);
    }
    return SK_OK;
}

/* A cleared new row. */
static sk_status append(flt_draft *d, flt_row_kind kind, void **row, sk_err *e)
{
    size_t size = flt_rows_of(kind)->size, n = d->kind[kind].n;
    if (n == d->kind[kind].room || !d->kind[kind].rows) {
        sk_status st = grow(d, kind, 2 * n + 8, e);
        if (st) return st;
    }
    char *p = d->kind[kind].rows + n * size;
    memset(p, 0, size);
    flt_row_set_id(p, d->kind[kind].next++);
    d->kind[kind].mark[n] = ADDED;
    d->kind[kind].n = n + 1;
    show(d, kind);
    *row = p;
    return SK_OK;
}

sk_status flt_draft_add(flt_draft *d, flt_row_kind kind, void **row, sk_err *e)
{
    void *p;
    sk_status st = append(d, kind, &p, e);
    if (!st) st = flt_row_defaults(kind, d->a, p, e);
    if (!st) *row = p;
    return st;
}

static size_t index_of(const flt_draft *d, flt_row_kind kind, const void *row)
{
    return (size_t)((const char *)row - d->kind[kind].rows) / flt_rows_of(kind)->size;
}

void *flt_draft_edit(flt_draft *d, flt_row_kind kind, const void *row)
{
    size_t i = index_of(d, kind, row);
    if (d->kind[kind].mark[i] == KEPT) d->kind[kind].mark[i] = CHANGED;
    return d->kind[kind].rows + i * flt_rows_of(kind)->size;
}

/* ---- merging ----------------------------------------------------------------------------------
 */

static bool same_offer(const flt_offer *a, const flt_offer *b)
{
    return a->provider == b->provider && a->chip == b->chip && a->category == b->category &&
           a->valid.from == b->valid.from && !strcmp(a->region, b->region) &&
           !strcmp(a->sku, b->sku);
}

static bool same_hold(const flt_reservation *a, const flt_reservation *b)
{
    return a->pool == b->pool && a->commitment == b->commitment && a->term.from == b->term.from;
}

/* Whether two rows are the same thing, though perhaps with other figures. */
static bool same_thing(flt_row_kind kind, const void *a, const void *b)
{
    if (kind == FLT_ROW_OFFER) return same_offer(a, b);
    if (kind == FLT_ROW_RESERVATION) return same_hold(a, b);
    if (kind == FLT_ROW_COMMITMENT &&
        ((const flt_commitment *)a)->contract != ((const flt_commitment *)b)->contract)
        return false;
    const flt_field *f = flt_field_named(kind, "name");
    const char *x, *y;
    memcpy(&x, (const char *)a + f->at, sizeof x);
    memcpy(&y, (const char *)b + f->at, sizeof y);
    return !strcmp(x, y);
}

static void *find(const flt_draft *d, flt_row_kind kind, const void *row)
{
    size_t size = flt_rows_of(kind)->size;
    for (size_t i = 0; i < d->kind[kind].n; i++)
        if (same_thing(kind, d->kind[kind].rows + i * size, row))
            return d->kind[kind].rows + i * size;
    return NULL;
}

/* What a file can't know of a row is kept: a pool's epoch, which a change of state moves on. */
static void carry(flt_row_kind kind, const void *old, void *fresh)
{
    if (kind != FLT_ROW_POOL) return;
    const flt_pool *was = old;
    flt_pool *now = fresh;
    now->epoch = was->epoch + (now->state != was->state);
}

/* The row is compared as it would become (carry: what the old one knows and the new one doesn't
 * say), so that a file that is read twice changes nothing the second time. */
sk_status flt_draft_merge(flt_draft *d, flt_row_kind kind, const void *row, void **at, sk_err *e)
{
    const flt_rows *k = flt_rows_of(kind);
    const flt_field *which = NULL;
    void *old = find(d, kind, row), *p;
    if (!old) {
        sk_status st = append(d, kind, &p, e);
        if (st) return st;
        int64_t id = flt_row_id(p);
        memcpy(p, row, k->size);
        flt_row_set_id(p, id);
        *at = p;
        return SK_OK;
    }
    *at = old;
    int64_t id = flt_row_id(old);
    unsigned char mark = d->kind[kind].mark[index_of(d, kind, old)];
    char saved[512];
    _Static_assert(sizeof saved >= sizeof(flt_commitment), "a row's room");
    memcpy(saved, row, k->size);
    carry(kind, old, saved);
    if (flt_row_same(kind, old, saved, &which)) return SK_OK;
    if (kind == FLT_ROW_OFFER && mark == KEPT)
        return sk_fail(e, SK_E_INVALID,
                       "there is this offer from that day already, with another %s; a changed "
                       "price needs a date of its own",
                       which->name);
    if (mark == ADDED)
        return sk_fail(e, SK_E_INVALID, "this %s is given twice, with another %s", k->name,
                       which->name);
    p = flt_draft_edit(d, kind, old);
    memcpy(p, saved, k->size);
    flt_row_set_id(p, id);
    return SK_OK;
}

/* ---- saving -----------------------------------------------------------------------------------
 */

/* Has every reference to a row of a kind follow from its id on paper to the real one. */
static void follow(flt_draft *d, flt_row_kind kind, int64_t from, int64_t to)
{
    for (int k = 0; k < FLT_ROW_N; k++) {
        const flt_rows *r = flt_rows_of((flt_row_kind)k);
        for (size_t j = 0; j < r->n; j++) {
            const flt_field *f = &r->field[j];
            if (f->type != FLT_AS_REF || f->ref != kind) continue;
            for (size_t i = 0; i < d->kind[k].n; i++) {
                char *row = d->kind[k].rows + i * r->size;
                if (d->kind[k].mark[i] != KEPT && flt_field_int(f, row) == from)
                    flt_field_set_int(f, row, to);
            }
        }
    }
}

static sk_status save_row(flt_draft *d, flt_db *db, flt_row_kind kind, size_t i, sk_err *e)
{
    char *row = d->kind[kind].rows + i * flt_rows_of(kind)->size;
    int64_t paper = flt_row_id(row);
    if (d->kind[kind].mark[i] == ADDED) flt_row_set_id(row, 0);
    sk_status st = flt_store_put(db, kind, row, e);
    if (!st && d->kind[kind].mark[i] == ADDED && flt_row_id(row) != paper)
        follow(d, kind, paper, flt_row_id(row));
    return st;
}

/* That no change touches what the ledger hangs on; the book as it was is read again for that. */
static sk_status check_settled(const flt_draft *d, flt_db *db, sk_err *e)
{
    sk_arena *a = NULL;
    flt_book was;
    sk_status st = SK_OK;
    for (int k = 0; k < FLT_ROW_N; k++) {
        for (size_t i = 0; i < d->kind[k].n && !st; i++) {
            if (d->kind[k].mark[i] != CHANGED) continue;
            if (!a) {
                a = sk_arena_new(SK_MEM_MISC);
                st = a ? flt_store_load(db, a, &was, e) : sk_fail(e, SK_E_NOMEM, "no memory");
            }
            if (!st)
                st = flt_settled_check(db, (flt_row_kind)k, &was,
                                       d->kind[k].rows + i * flt_rows_of((flt_row_kind)k)->size, e);
        }
    }
    sk_arena_free(a);
    return st;
}

sk_status flt_draft_save(flt_draft *d, flt_db *db, flt_saved *saved, sk_err *e)
{
    flt_saved done = {0};
    sk_status settled = check_settled(d, db, e);
    if (settled) return settled;
    for (int k = 0; k < FLT_ROW_N; k++) {
        for (size_t i = 0; i < d->kind[k].n; i++) {
            unsigned char mark = d->kind[k].mark[i];
            if (mark == KEPT) continue;
            sk_status st = save_row(d, db, (flt_row_kind)k, i, e);
            if (st) return st;
            (mark == ADDED ? done.added : done.changed)[k]++;
        }
    }
    *saved = done;
    return SK_OK;
}
