/* marginal.c - the price of one more chip-hour.
 *
 * The rest of the present slot is rated with what runs, by the rules of rating themselves; what
 * reservations and continuous commitments then have left is free.
 */
#include "fleet/rate/marginal.h"

#include "fleet/rate/rater.h"

#include <math.h>
#include <string.h>

struct flt_hour {
    flt_rater *r;
    int64_t *before;     /* of each due: what it had left before the slot, in its unit */
    double *p_shortfall; /* of each due */
    uint32_t *deal;      /* room for the commitments of one group */
};

const char *flt_why_text(flt_why w)
{
    static const char *const text[] = {
        [FLT_WHY_RESERVATION] = "reservation, held and unused",
        [FLT_WHY_CONTINUOUS] = "bought and unused",
        [FLT_WHY_BEHIND] = "draws down a commitment",
        [FLT_WHY_OVERAGE] = "beyond a commitment",
        [FLT_WHY_SPOT] = "spot",
        [FLT_WHY_LIST] = "list price",
        [FLT_WHY_UNPRICED] = "no price known",
    };
    return text[w];
}

/* ---- the hour as it stands ---------------------------------------------------------------------
 */

static const flt_forecast *forecast_of(const flt_present *p, int64_t commitment)
{
    for (size_t i = 0; i < p->n_expected; i++)
        if (p->expected[i].commitment == commitment) return &p->expected[i].forecast;
    return NULL;
}

/* Where nothing is known of a commitment's open interval, it has been drawn on evenly: neither is
 * all of it free nor is it behind. */
static void assume_even(flt_due *d, const flt_present *p)
{
    for (size_t i = 0; i < p->n_balance; i++)
        if (p->balance[i].commitment == d->c->id) return;
    sk_span s = d->b.interval;
    if (p->t > s.from && p->t < s.to)
        d->b.drawn = flt_part(d->b.committed, 0, p->t - s.from, s.to - s.from);
}

/* What runs, as usage of the rest of the slot. */
static sk_status add_loads(flt_hour *h, const flt_present *p, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; i < p->n_load && !st; i++) {
        flt_usage u = {.key = "",
                       .pool = p->load[i].pool,
                       .chips = p->load[i].chips,
                       .span = h->r->slot,
                       .category = p->load[i].category,
                       .sku = ""};
        st = flt_rater_add(h->r, &u, e);
    }
    return st;
}

/* Opens what begins now, notes where commitments stand, and rates what runs.  Nothing is emitted
 * and no interval ends. */
static sk_status rate_present(flt_hour *h, const flt_present *p, sk_err *e)
{
    flt_rater *r = h->r;
    r->lenient = true;
    sk_status st = flt_due_begin(r, e);
    if (st) return st;
    r->slot = flt_rater_slot(r, p->t);
    for (size_t i = 0; i < r->n_due; i++) {
        flt_pace pace;
        assume_even(&r->due[i], p);
        h->before[i] = flt_due_left(&r->due[i]);
        flt_pace_at(r->due[i].c, &r->due[i].b, p->t, forecast_of(p, r->due[i].c->id), &pace);
        h->p_shortfall[i] = pace.p_shortfall;
    }
    st = add_loads(h, p, e);
    if (st) return st;
    flt_rows_sort(r);
    st = flt_rows_collect(r, e);
    return st ? st : flt_pay_slot(r, e);
}

/* All of it lies in the rater's arena and goes with it. */
sk_status flt_hour_new(const flt_book *book, const flt_present *present, flt_hour **out, sk_err *e)
{
    flt_rater *r;
    sk_status st = flt_rater_open(book, present->t, present->balance, present->n_balance, &r, e);
    if (st) return st;
    flt_hour *h = sk_new(r->arena, flt_hour);
    if (h) {
        h->r = r;
        h->before = sk_new_n(r->arena, int64_t, r->n_due + 1);
        h->p_shortfall = sk_new_n(r->arena, double, r->n_due + 1);
        h->deal = sk_new_n(r->arena, uint32_t, r->n_deal + 1);
    }
    if (!h || !h->before || !h->p_shortfall || !h->deal)
        st = sk_fail(e, SK_E_NOMEM, "no memory for marginal prices");
    else
        st = rate_present(h, present, e);
    if (st)
        flt_rater_free(r);
    else
        *out = h;
    return st;
}

void flt_hour_free(flt_hour *h)
{
    if (h) flt_rater_free(h->r); /* h lies in its arena */
}

/* ---- one candidate -----------------------------------------------------------------------------
 */

/* Work of one chip in the rest of the slot. */
static int64_t one_chip(const flt_hour *h)
{
    return sk_span_seconds(h->r->slot) * FLT_MILLI;
}

/* Work that due k could still pay for in this slot at a price.  Of an interval that goes on, the
 * slot has its share of what was left before: later slots will want theirs. */
static int64_t free_work(const flt_hour *h, size_t k, flt_tariff price)
{
    const flt_due *d = &h->r->due[k];
    int64_t slot = sk_span_seconds(h->r->slot), rest = d->b.interval.to - h->r->slot.from;
    int64_t used = h->before[k] - flt_due_left(d);
    int64_t mine = rest > 0 ? flt_part(h->before[k], 0, flt_least(slot, rest), rest) : 0;
    int64_t left = flt_most(0, mine - used);
    return d->c->kind == FLT_USAGE ? flt_work(left) : flt_bought(price, left);
}

/* The first that has something free names the reason; later ones fill up the chip-hour. */
static void add_free(flt_marginal *m, flt_why why, int64_t work, int64_t chip)
{
    if (work <= 0) return;
    if (m->spare <= 0) m->why = why;
    m->spare += (double)work / (double)chip;
    m->free = fmin(1, m->spare);
}

static double micros_of(flt_tariff t)
{
    return (double)t.micros * (double)t.keep / (double)FLT_PPM;
}

/* Reservations of the pool: what is held and unused, as far as their commitment has something left.
 */
static void free_in_holds(const flt_hour *h, const flt_group *g, flt_marginal *m)
{
    const flt_rater *r = h->r;
    for (size_t i = 0; i < r->n_hold && g->category != FLT_SPOT; i++) {
        const flt_hold *v = &r->hold[i];
        int64_t work = v->left;
        if (v->row->pool != g->pool->id || v->inert || work <= 0) continue;
        if (v->due &&
            (!flt_due_active(v->due, r->slot.from) || (v->due->c->kind == FLT_SPEND && !g->priced)))
            continue;
        if (v->due) {
            flt_tariff price = {g->list.micros, FLT_PPM - v->due->c->discount_ppm};
            work = flt_least(work, free_work(h, (size_t)(v->due - r->due), price));
        }
        if (work > 0 && m->free <= 0) {
            m->reservation = v->row->id;
            m->commitment = v->row->commitment;
        }
        add_free(m, FLT_WHY_RESERVATION, work, one_chip(h));
    }
}

/* Continuous commitments that would pay for usage like g's. */
static void free_in_dues(const flt_hour *h, const flt_group *g, flt_marginal *m)
{
    const flt_rater *r = h->r;
    for (size_t k = 0; k < r->n_due; k++) {
        flt_tariff price;
        if (!flt_group_pair(r, &r->due[k], g, r->slot.from, &price)) continue;
        int64_t work = free_work(h, k, price);
        if (work > 0 && m->free <= 0) m->commitment = r->due[k].c->id;
        add_free(m, FLT_WHY_CONTINUOUS, work, one_chip(h));
    }
}

/* The most that any obligation of d's contract, which g counts for, is likely to be missed: money
 * for it is owed anyway. */
static double contract_shortfall(const flt_hour *h, const flt_group *g, const flt_due *d)
{
    double p = 0;
    for (size_t i = 0; i < g->n_deal; i++) {
        const flt_due *o = &h->r->due[g->deal[i]];
        if (o->contract == d->contract && flt_due_left(o)) p = fmax(p, h->p_shortfall[g->deal[i]]);
    }
    return p;
}

/* What a chip-hour costs that nothing has paid yet. */
static flt_why base_price(const flt_hour *h, const flt_group *g, flt_marginal *m,
                          int64_t *commitment)
{
    const flt_due *best = NULL;
    m->list = m->contracted = micros_of(g->list);
    for (size_t i = 0; i < g->n_deal; i++) {
        const flt_due *d = &h->r->due[g->deal[i]];
        int64_t off = d->c->overage_ppm < 0 ? d->c->discount_ppm : d->c->overage_ppm;
        if (flt_due_left(d)) {
            *commitment = d->c->id;
            m->contracted = d->c->kind == FLT_USAGE
                                ? (double)d->rate
                                : m->list * (double)(FLT_PPM - d->c->discount_ppm) / FLT_PPM;
            m->p_shortfall = contract_shortfall(h, g, d);
            return FLT_WHY_BEHIND;
        }
        double price = m->list * (double)(FLT_PPM - off) / FLT_PPM;
        if (best && price >= m->contracted) continue;
        best = d;
        m->contracted = price;
    }
    if (!g->priced) return FLT_WHY_UNPRICED;
    if (!best) return FLT_WHY_LIST;
    *commitment = best->c->id;
    return FLT_WHY_OVERAGE;
}

/* Free parts first, in the order of rating; the rest at the price that nothing has paid yet. */
sk_status flt_marginal_price(const flt_hour *h, int64_t pool, flt_category category, double redo,
                             flt_marginal *out, sk_err *e)
{
    const flt_pool *p = flt_book_pool(h->r->book, pool);
    if (!p || (unsigned)category >= FLT_CATEGORY_N)
        return sk_fail(e, SK_E_NOTFOUND, "there is no pool %lld, or no such category",
                       (long long)pool);
    if (!(redo >= 0 && redo < 1))
        return sk_fail(e, SK_E_INVALID, "the share that is done again must be below 1");
    flt_group g = {.pool = p, .category = category, .sku = "", .deal = h->deal};
    sk_status st = flt_group_price(h->r, &g, h->r->slot.from, e);
    if (st) return st;
    flt_marginal m = {.redo = category == FLT_SPOT ? redo : 0, .currency = g.currency};
    int64_t commitment = 0;
    free_in_holds(h, &g, &m);
    free_in_dues(h, &g, &m);
    flt_why why = base_price(h, &g, &m, &commitment);
    m.beyond = m.contracted * (1 - m.p_shortfall) / (1 - m.redo);
    if (why == FLT_WHY_UNPRICED) m.beyond = INFINITY;
    m.price = m.free >= 1 ? 0 : (1 - m.free) * m.beyond;
    if (m.free <= 0) m.commitment = commitment;
    if (m.free <= 0) m.why = category == FLT_SPOT && why == FLT_WHY_LIST ? FLT_WHY_SPOT : why;
    *out = m;
    return SK_OK;
}
