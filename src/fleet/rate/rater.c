/* rater.c - from border to border: making a rater, and closing slots. */
#include "fleet/rate/rater.h"

#include "fleet/rate/intervals.h"

#include <stdlib.h>
#include <string.h>

/* By doubling; the pointer is copied byte by byte since it may be of any type. */
sk_status flt_rate_room(void *p, size_t *cap, size_t n, size_t size, sk_err *e)
{
    if (n <= *cap) return SK_OK;
    size_t bigger = *cap ? *cap : 16, bytes;
    while (bigger < n)
        bigger *= 2;
    void *old;
    memcpy(&old, p, sizeof old);
    void *made = sk_mul_size(bigger, size, &bytes) ? sk_realloc(SK_MEM_MISC, old, bytes) : NULL;
    if (!made) return sk_fail(e, SK_E_NOMEM, "no memory for %zu rows of rating", n);
    memcpy(p, &made, sizeof made);
    *cap = bigger;
    return SK_OK;
}

/* ---- making one --------------------------------------------------------------------------------
 */

/* Offers that no pool can be rated by make no borders. */
static bool offer_matters(const flt_book *b, const flt_offer *o)
{
    for (size_t i = 0; i < b->n_pool; i++)
        if (b->pool[i].provider == o->provider && b->pool[i].chip == o->chip) return true;
    return false;
}

/* One currency a provider: rating adds up its money and converts none. */
static sk_status check_offer(const flt_book *b, const flt_offer *o, sk_err *e)
{
    if (o->priced && (o->price_micros < 0 || o->price_micros > FLT_MOST_PRICE))
        return sk_fail(e, SK_E_INVALID, "offer %lld \"%s\": a price below 0 or beyond a billion",
                       (long long)o->id, o->sku);
    for (size_t i = 0; i < b->n_contract && o->priced; i++) {
        const flt_contract *k = &b->contract[i];
        if (k->provider == o->provider && strcmp(k->currency, o->currency) != 0)
            return sk_fail(e, SK_E_INVALID,
                           "contract \"%s\" is in %s and offer %lld \"%s\" of the same provider in "
                           "%s: rating needs one currency a provider",
                           k->name, k->currency, (long long)o->id, o->sku, o->currency);
    }
    return SK_OK;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void add_border(flt_rater *r, sk_span s)
{
    r->border[r->n_border++] = s.from;
    r->border[r->n_border++] = s.to;
}

/* All times at which what is fixed may change, ascending, each once. */
static sk_status make_borders(flt_rater *r, sk_err *e)
{
    const flt_book *b = r->book;
    size_t n = 2 * (b->n_offer + b->n_reservation + b->n_commitment);
    for (size_t i = 0; i < b->n_commitment; i++)
        n += b->commitment[i].n_milestone;
    r->border = sk_new_n(r->arena, int64_t, n + 1);
    if (!r->border) return sk_fail(e, SK_E_NOMEM, "no memory for %zu times of change", n);
    for (size_t i = 0; i < b->n_offer; i++)
        if (offer_matters(b, &b->offer[i])) add_border(r, b->offer[i].valid);
    for (size_t i = 0; i < b->n_reservation; i++)
        add_border(r, b->reservation[i].term);
    for (size_t i = 0; i < b->n_commitment; i++) {
        add_border(r, b->commitment[i].term);
        for (size_t k = 0; k < b->commitment[i].n_milestone; k++)
            r->border[r->n_border++] = b->commitment[i].milestone[k].t;
    }
    qsort(r->border, r->n_border, sizeof *r->border, compare_times);
    size_t kept = 0;
    for (size_t i = 0; i < r->n_border; i++)
        if (!kept || r->border[i] != r->border[kept - 1]) r->border[kept++] = r->border[i];
    r->n_border = kept;
    while (r->next_border < r->n_border && r->border[r->next_border] <= r->now)
        r->next_border++;
    return SK_OK;
}

/* Whether intervals of a end before those of b that end at the same time. */
static bool ends_before(const flt_due *a, const flt_due *b)
{
    return a->c->interval < b->c->interval;
}

/* Whether usage is offered to a before b. */
static bool offered_before(const flt_due *a, const flt_due *b)
{
    if (a->c->discount_ppm != b->c->discount_ppm) return a->c->discount_ppm > b->c->discount_ppm;
    return a->c->interval > b->c->interval;
}

/* Puts i into its place among n numbers of dues; those that are equal stay in order of ids. */
static void insert(const flt_rater *r, uint32_t *list, size_t n, uint32_t i,
                   bool (*before)(const flt_due *, const flt_due *))
{
    for (; n > 0 && before(&r->due[i], &r->due[list[n - 1]]); n--)
        list[n] = list[n - 1];
    list[n] = i;
}

/* Commitments as they are in the book, and the two orders in which they are gone through. */
static sk_status make_dues(flt_rater *r, sk_err *e)
{
    const flt_book *b = r->book;
    size_t n = b->n_commitment + 1;
    r->due = sk_new_n(r->arena, flt_due, n);
    r->ending = sk_new_n(r->arena, uint32_t, n);
    r->deal = sk_new_n(r->arena, uint32_t, n);
    r->scratch = sk_new_n(r->arena, int64_t, n);
    r->drawn = sk_new_n(r->arena, int64_t, n);
    if (!r->due || !r->ending || !r->deal || !r->scratch || !r->drawn)
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu commitments", n);
    for (uint32_t i = 0; i < b->n_commitment; i++) {
        sk_status st = flt_due_init(b, &b->commitment[i], &r->due[i], e);
        if (st) return st;
        if (r->due[i].rate < 0 || r->due[i].rate > FLT_MOST_PRICE)
            return sk_fail(e, SK_E_INVALID, "commitment \"%s\": a rate below 0 or beyond a billion",
                           r->due[i].c->name);
        insert(r, r->ending, i, i, ends_before);
        if (r->due[i].c->model == FLT_DISCONTINUOUS)
            insert(r, r->deal, r->n_deal++, i, offered_before);
    }
    r->n_due = b->n_commitment;
    return SK_OK;
}

static flt_due *find_due(const flt_rater *r, int64_t id)
{
    for (size_t i = 0; i < r->n_due; i++)
        if (r->due[i].c->id == id) return &r->due[i];
    return NULL;
}

/* Reservations.  A continuous commitment that one of them names pays for nothing else: it is bought
 * for these chips. */
static sk_status make_holds(flt_rater *r, sk_err *e)
{
    const flt_book *b = r->book;
    r->hold = sk_new_n(r->arena, flt_hold, b->n_reservation + 1);
    if (!r->hold) return sk_fail(e, SK_E_NOMEM, "no memory for %zu reservations", b->n_reservation);
    for (size_t i = 0; i < b->n_reservation; i++) {
        const flt_reservation *v = &b->reservation[i];
        flt_hold *h = &r->hold[i];
        *h = (flt_hold){.row = v, .due = find_due(r, v->commitment)};
        if (v->commitment && !h->due)
            return sk_fail(e, SK_E_NOTFOUND, "reservation %lld: there is no commitment %lld",
                           (long long)v->id, (long long)v->commitment);
        if (v->chips < 0 || v->chips > INT64_MAX / (FLT_MILLI * FLT_HOUR))
            return sk_fail(e, SK_E_INVALID, "reservation %lld: a number of chips that can't be",
                           (long long)v->id);
        h->inert = h->due && h->due->c->model == FLT_DISCONTINUOUS;
        if (h->due) h->due->tied = true;
    }
    r->n_hold = b->n_reservation;
    return SK_OK;
}

/* Balances come from outside (a ledger): none may be below 0. */
static sk_status set_balances(flt_rater *r, const flt_balance *balance, size_t n, sk_err *e)
{
    for (size_t i = 0; i < r->n_due; i++) {
        const flt_balance *b = NULL;
        for (size_t k = 0; k < n && !b; k++)
            if (balance[k].commitment == r->due[i].c->id) b = &balance[k];
        if (b && (b->committed < 0 || b->drawn < 0 || b->prepaid < 0 || b->met < 0))
            return sk_fail(e, SK_E_INVALID, "the balance of commitment \"%s\" is below 0",
                           r->due[i].c->name);
        flt_due_set(&r->due[i], b, r->now);
    }
    return SK_OK;
}

/* Everything that can be wrong with the book is found here, before the first row. */
sk_status flt_rater_open(const flt_book *book, int64_t from, const flt_balance *balance, size_t n,
                         flt_rater **out, sk_err *e)
{
    sk_arena *arena = sk_arena_new(SK_MEM_MISC);
    flt_rater *r = arena ? sk_new(arena, flt_rater) : NULL;
    if (!r) {
        sk_arena_free(arena);
        return sk_fail(e, SK_E_NOMEM, "no memory for rating");
    }
    *r = (flt_rater){.book = book, .arena = arena, .now = from, .stretch = 1, .sorted = true};
    r->round = 1;
    sk_status st = SK_OK;
    for (size_t i = 0; i < book->n_offer && !st; i++)
        st = check_offer(book, &book->offer[i], e);
    if (!st) st = make_dues(r, e);
    if (!st) st = make_holds(r, e);
    if (!st) st = make_borders(r, e);
    if (!st) st = set_balances(r, balance, n, e);
    if (st)
        flt_rater_free(r);
    else
        *out = r;
    return st;
}

sk_status flt_rater_new(const flt_book *book, int64_t from, flt_rater **out, sk_err *e)
{
    return flt_rater_open(book, from, NULL, 0, out, e);
}

void flt_rater_free(flt_rater *r)
{
    if (!r) return;
    sk_free(r->group);
    sk_free(r->order);
    sk_free(r->pair);
    sk_free(r->row);
    sk_free(r->active);
    sk_free(r->entry);
    sk_free(r->mixed);
    sk_free(r->cell);
    sk_arena_free(r->arena);
}

int64_t flt_rater_closed(const flt_rater *r)
{
    return r->now;
}

const flt_balance *flt_rater_balance(const flt_rater *r, int64_t commitment)
{
    const flt_due *d = find_due(r, commitment);
    return d ? &d->b : NULL;
}

/* ---- closing -----------------------------------------------------------------------------------
 */

/* Cuts s, which holds t, at the borders around t. */
static sk_span cut(const flt_rater *r, int64_t t, sk_span s)
{
    size_t i = r->next_border;
    while (i < r->n_border && r->border[i] <= t)
        i++;
    if (i > 0) s.from = flt_most(s.from, r->border[i - 1]);
    if (i < r->n_border) s.to = flt_least(s.to, r->border[i]);
    for (size_t k = 0; k < r->n_due; k++) {
        sk_span v = r->due[k].b.interval;
        bool open = t >= v.from && t < v.to;
        if (!open && !flt_interval_at(r->due[k].c, t, &v, NULL)) continue;
        s = (sk_span){flt_most(s.from, v.from), flt_least(s.to, v.to)};
    }
    return s;
}

/* Also for times ahead of r->now, as rows come in. */
sk_span flt_rater_slot(const flt_rater *r, int64_t t)
{
    int64_t hour = sk_utc_hour(t);
    return cut(r, t, (sk_span){flt_most(hour, r->now), hour + FLT_HOUR});
}

/* Where the slot that begins now ends: with its hour while something runs, else with the hour
 * before the next row. */
static int64_t slot_end(const flt_rater *r, int64_t until)
{
    int64_t hour = sk_utc_hour(r->now) + FLT_HOUR;
    bool waits = r->next_row < r->n_row && !r->n_active;
    if (r->n_active)
        until = flt_least(until, hour);
    else if (waits)
        until = flt_least(until, flt_most(hour, sk_utc_hour(r->row[r->next_row].span.from)));
    return cut(r, r->now, (sk_span){r->now, until}).to;
}

/* One slot: what begins, what is used, what ends.  Prices are looked up anew after a border. */
static sk_status close_slot(flt_rater *r, int64_t until, sk_err *e)
{
    sk_status st = flt_due_begin(r, e);
    if (st) return st;
    r->slot = (sk_span){r->now, slot_end(r, until)};
    r->month = sk_utc_month(r->now);
    st = flt_rows_collect(r, e);
    if (!st && r->n_active) st = flt_pay_slot(r, e);
    if (st) return st;
    flt_rows_passed(r);
    r->now = r->slot.to;
    while (r->next_border < r->n_border && r->border[r->next_border] <= r->now) {
        r->next_border++;
        r->stretch++;
        r->pairs_stale = true;
    }
    return flt_due_end(r, e);
}

/* Rows that are still open move to the front for the next time. */
sk_status flt_rater_close(flt_rater *r, int64_t until, const flt_sink *sink, sk_err *e)
{
    if (until < r->now)
        return sk_fail(e, SK_E_INVALID, "what is closed already can't be closed earlier");
    if (until > SK_UTC_END) return sk_fail(e, SK_E_INVALID, "that is out of the calendar");
    flt_rows_sort(r);
    r->sink = sink;
    sk_status st = SK_OK;
    while (r->now < until && !st)
        st = close_slot(r, until, e);
    flt_rows_pack(r);
    return st;
}
