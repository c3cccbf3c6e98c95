/* rows.c - usage that waits for its slot to be closed. */
#include "fleet/rate/rater.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits (Fowler, Noll, Vo). */
static uint64_t hash_text(const char *s)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
    return h;
}

/* ---- checks ------------------------------------------------------------------------------------
 */

/* Says which row is meant. */
static sk_status refuse(const flt_usage *u, sk_status st, const char *why, sk_err *e)
{
    char at[SK_UTC_TEXT];
    sk_utc_print(u->span.from, at);
    return sk_fail(e, st, "usage %lld%s%.60s%s of pool %lld from %s: %s", (long long)u->id,
                   *u->key ? " \"" : "", u->key, *u->key ? "\"" : "", (long long)u->pool, at, why);
}

static const flt_reservation *find_reservation(const flt_rater *r, int64_t id)
{
    for (size_t i = 0; i < r->n_hold; i++)
        if (r->hold[i].row->id == id) return r->hold[i].row;
    return NULL;
}

/* Workloads tend to repeat, so the last that was found is remembered. */
static sk_status check_references(flt_rater *r, const flt_usage *u, sk_err *e)
{
    if (u->workload && u->workload != r->known_workload) {
        if (!flt_book_workload(r->book, u->workload))
            return refuse(u, SK_E_NOTFOUND, "there is no such workload", e);
        r->known_workload = u->workload;
    }
    if (!u->reservation) return SK_OK;
    const flt_reservation *v = find_reservation(r, u->reservation);
    if (!v) return refuse(u, SK_E_NOTFOUND, "there is no such reservation", e);
    if (v->pool != u->pool) return refuse(u, SK_E_INVALID, "its reservation is of another pool", e);
    return SK_OK;
}

/* What can be wrong with a row by itself. */
static sk_status check_row(const flt_rater *r, const flt_usage *u, bool clip, sk_err *e)
{
    if (u->chips < 0) return refuse(u, SK_E_INVALID, "a negative number of chips", e);
    if (u->span.to < u->span.from) return refuse(u, SK_E_INVALID, "it ends before it begins", e);
    if (u->span.from < SK_UTC_MIN || u->span.to > SK_UTC_END)
        return refuse(u, SK_E_INVALID, "it is out of the calendar", e);
    if ((unsigned)u->category >= FLT_CATEGORY_N)
        return refuse(u, SK_E_INVALID, "its category is none", e);
    if (!clip && u->span.from < r->now && u->span.to > u->span.from)
        return refuse(u, SK_E_INVALID, "that time is closed; what is late is rated again", e);
    return SK_OK;
}

/* ---- adding ------------------------------------------------------------------------------------
 */

static sk_status push_row(flt_rater *r, const flt_open *o, sk_err *e)
{
    sk_status st = flt_rate_room(&r->row, &r->cap_row, r->n_row + 1, sizeof *r->row, e);
    if (st) return st;
    r->row[r->n_row++] = *o;
    r->sorted = false;
    return SK_OK;
}

/* Open addressing; the table is never more than half full.  The cell of the pair, or a free one. */
static flt_cell *find_cell(const flt_rater *r, uint32_t group, int64_t workload)
{
    uint64_t h = ((uint64_t)workload * 0x9E3779B97F4A7C15U) ^ (group * 0xC2B2AE3D27D4EB4FU);
    size_t mask = r->cap_cell - 1;
    for (size_t i = (size_t)(h >> 32) & mask;; i = (i + 1) & mask) {
        flt_cell *c = &r->cell[i];
        if (!c->round || (c->group == group && c->workload == workload)) return c;
    }
}

/* Doubles the table of cells. */
static sk_status grow_cells(flt_rater *r, sk_err *e)
{
    flt_cell *old = r->cell;
    size_t n = r->cap_cell, bigger = n ? n * 2 : 64;
    flt_cell *cell = sk_calloc(SK_MEM_MISC, bigger, sizeof *cell);
    if (!cell) return sk_fail(e, SK_E_NOMEM, "no memory for %zu kinds of usage", bigger);
    r->cell = cell;
    r->cap_cell = bigger;
    for (size_t i = 0; i < n; i++)
        if (old[i].round) *find_cell(r, old[i].group, old[i].workload) = old[i];
    sk_free(old);
    return SK_OK;
}

/* Adds a bucket that lies within one slot to what is there of that slot. */
static sk_status merge(flt_rater *r, const flt_open *o, sk_err *e)
{
    sk_status st = (r->n_cell + 1) * 2 > r->cap_cell ? grow_cells(r, e) : SK_OK;
    if (st) return st;
    flt_cell *c = find_cell(r, o->group, o->workload);
    if (c->round == r->round && c->from == r->add_slot.from) {
        flt_open *row = &r->row[c->row];
        row->span.from = flt_least(row->span.from, o->span.from);
        row->span.to = flt_most(row->span.to, o->span.to);
        if (!flt_sum(row->work, o->work, &row->work))
            return sk_fail(e, SK_E_TOOBIG, "usage of an hour does not fit");
        return SK_OK;
    }
    st = push_row(r, o, e);
    if (st) return st;
    r->n_cell += !c->round;
    *c = (flt_cell){o->group, (uint32_t)(r->n_row - 1), o->workload, r->round, r->add_slot.from};
    return SK_OK;
}

/* Cuts a bucket at the borders of slots and adds it up; what is before r->now is left out. */
static sk_status merge_pieces(flt_rater *r, const flt_open *o, sk_err *e)
{
    sk_status st = SK_OK;
    for (int64_t t = flt_most(o->span.from, r->now); t < o->span.to && !st;) {
        if (t < r->add_slot.from || t >= r->add_slot.to) r->add_slot = flt_rater_slot(r, t);
        flt_open piece = *o;
        piece.span = (sk_span){t, flt_least(r->add_slot.to, o->span.to)};
        if (sk_span_seconds(piece.span) < sk_span_seconds(o->span))
            piece.work = flt_part(o->work, t - o->span.from, piece.span.to - o->span.from,
                                  sk_span_seconds(o->span));
        st = merge(r, &piece, e);
        t = piece.span.to;
    }
    return st;
}

/* Rows with a name stay rows, since each is to have its own charges; the others are added up. */
sk_status flt_rows_add(flt_rater *r, const flt_usage *u, bool clip, sk_err *e)
{
    sk_status st = check_row(r, u, clip, e);
    const flt_pool *pool = st ? NULL : flt_book_pool(r->book, u->pool);
    if (!st && !pool) st = refuse(u, SK_E_NOTFOUND, "there is no such pool", e);
    if (!st) st = check_references(r, u, e);
    int64_t work = 0;
    if (!st && !flt_muldiv(u->chips, sk_span_seconds(u->span) * FLT_MILLI, 1, &work))
        st = refuse(u, SK_E_TOOBIG, "its chip-seconds don't fit", e);
    if (st || !work || u->span.to <= r->now) return st;
    flt_open o = {.span = u->span,
                  .workload = u->workload,
                  .usage = u->id,
                  .chips = u->chips,
                  .work = work,
                  .key = *u->key ? hash_text(u->key) : 0};
    st = flt_group_of(r, pool, u->category, u->reservation, u->sku, &o.group, e);
    if (st) return st;
    if (u->id || *u->key) return push_row(r, &o, e);
    o.chips = 0;
    return merge_pieces(r, &o, e);
}

sk_status flt_rater_add(flt_rater *r, const flt_usage *u, sk_err *e)
{
    return flt_rows_add(r, u, false, e);
}

sk_status flt_rater_resume(flt_rater *r, const flt_usage *u, sk_err *e)
{
    return flt_rows_add(r, u, true, e);
}

/* The pool of the last group is looked at first: a simulator goes through its pools in turn. */
sk_status flt_rater_bucket(flt_rater *r, int64_t pool, int64_t workload, flt_category category,
                           sk_span span, int64_t milli_chip_seconds, sk_err *e)
{
    flt_usage u = {.key = "",
                   .pool = pool,
                   .workload = workload,
                   .chips = milli_chip_seconds,
                   .span = span,
                   .category = category,
                   .sku = ""};
    sk_status st = check_row(r, &u, false, e);
    const flt_pool *p = NULL;
    if (!st && r->last_group < r->n_group && r->group[r->last_group].pool->id == pool)
        p = r->group[r->last_group].pool;
    else if (!st)
        p = flt_book_pool(r->book, pool);
    if (!st && !p) st = refuse(&u, SK_E_NOTFOUND, "there is no such pool", e);
    if (!st) st = check_references(r, &u, e);
    if (st || !milli_chip_seconds || span.to == span.from) return st;
    flt_open o = {.span = span, .workload = workload, .work = milli_chip_seconds};
    st = flt_group_of(r, p, category, 0, "", &o.group, e);
    return st ? st : merge_pieces(r, &o, e);
}

/* ---- order -------------------------------------------------------------------------------------
 */

#define BY(field)                                                                                  \
    if (a->field != b->field) return a->field < b->field ? -1 : 1

/* A total order but for rows that are the same in all that matters. */
static int compare_rows(const void *pa, const void *pb)
{
    const flt_open *a = pa, *b = pb;
    BY(span.from);
    BY(span.to);
    BY(workload);
    BY(chips);
    BY(usage);
    BY(key);
    BY(work);
    return a->group < b->group ? -1 : a->group > b->group;
}

/* Rows mostly come in order, which a look through them shows. */
void flt_rows_sort(flt_rater *r)
{
    r->next_row = 0;
    r->n_active = 0;
    r->round++;
    r->add_slot = (sk_span){0, 0};
    if (r->sorted) return;
    bool already = true;
    for (size_t i = 1; i < r->n_row && already; i++)
        already = compare_rows(&r->row[i - 1], &r->row[i]) <= 0;
    if (!already) qsort(r->row, r->n_row, sizeof *r->row, compare_rows);
    r->sorted = true;
}

/* ---- the slot ----------------------------------------------------------------------------------
 */

int64_t flt_rows_work(const flt_open *o, int64_t t)
{
    if (t <= o->span.from) return 0;
    if (t >= o->span.to) return o->work;
    int64_t past = t - o->span.from;
    return o->chips ? o->chips * FLT_MILLI * past
                    : flt_part(o->work, 0, past, sk_span_seconds(o->span));
}

/* Makes rows active that begin in the slot. */
static sk_status begin_rows(flt_rater *r, sk_err *e)
{
    size_t n = r->next_row;
    while (n < r->n_row && r->row[n].span.from < r->slot.to)
        n++;
    sk_status st = flt_rate_room(&r->active, &r->cap_active, r->n_active + (n - r->next_row),
                                 sizeof *r->active, e);
    for (; r->next_row < n && !st; r->next_row++)
        r->active[r->n_active++] = (uint32_t)r->next_row;
    return st;
}

/* Entries in the order of rows come first, in r->mixed; then each group's go behind one another in
 * r->entry. */
sk_status flt_rows_collect(flt_rater *r, sk_err *e)
{
    sk_status st = begin_rows(r, e);
    size_t n = r->n_active;
    if (!st) st = flt_rate_room(&r->mixed, &r->cap_mixed, n, sizeof *r->mixed, e);
    if (!st) st = flt_rate_room(&r->entry, &r->cap_entry, n, sizeof *r->entry, e);
    if (st) return st;
    for (size_t i = 0; i < r->n_group; i++)
        r->group[i].n = 0, r->group[i].rest = 0;
    for (size_t i = 0; i < n; i++) {
        const flt_open *o = &r->row[r->active[i]];
        flt_group *g = &r->group[o->group];
        int64_t work = flt_rows_work(o, r->slot.to) - flt_rows_work(o, r->slot.from);
        r->mixed[i] = (flt_entry){r->active[i], work, 0};
        g->n++;
        if (!flt_sum(g->rest, work, &g->rest) || g->rest > FLT_MOST_WORK)
            return sk_fail(e, SK_E_TOOBIG, "usage of an hour in pool \"%s\" does not fit",
                           g->pool->name);
    }
    size_t at = 0;
    for (size_t i = 0; i < r->n_group; i++) {
        flt_group *g = &r->group[r->order[i]];
        g->first = g->at = at;
        at += g->n;
        g->n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        flt_group *g = &r->group[r->row[r->mixed[i].row].group];
        r->entry[g->first + g->n++] = r->mixed[i];
    }
    return SK_OK;
}

void flt_rows_passed(flt_rater *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_active; i++)
        if (r->row[r->active[i]].span.to > r->slot.to) r->active[n++] = r->active[i];
    r->n_active = n;
}

void flt_rows_pack(flt_rater *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_active; i++)
        r->row[n++] = r->row[r->active[i]];
    for (size_t i = r->next_row; i < r->n_row; i++)
        r->row[n++] = r->row[i];
    r->n_row = n;
}
