/* group.c - kinds of usage, and what each costs as things are. */
#include "fleet/rate/rater.h"

#include <stdlib.h>
#include <string.h>

/* ---- prices and eligibility --------------------------------------------------------------------
 */

/* Whether an offer is for this sku here. */
static bool offer_fits(const flt_offer *o, int64_t provider, int64_t chip, const char *region,
                       const char *sku)
{
    return o->priced && o->provider == provider && o->chip == chip && !strcmp(o->sku, sku) &&
           (!*o->region || !strcmp(o->region, region));
}

/* Whether a goes before b, both fitting: its own region, then the later beginning, then the id. */
static bool offer_before(const flt_offer *a, const flt_offer *b)
{
    if (!*a->region != !*b->region) return *a->region;
    if (a->valid.from != b->valid.from) return a->valid.from > b->valid.from;
    return a->id > b->id;
}

/* The offer of one sku. */
static const flt_offer *price_of_sku(const flt_book *b, int64_t provider, int64_t chip,
                                     const char *region, flt_category category, const char *sku,
                                     int64_t t)
{
    const flt_offer *best = NULL;
    for (size_t i = 0; i < b->n_offer; i++) {
        const flt_offer *o = &b->offer[i];
        if (o->category != category || t < o->valid.from || t >= o->valid.to) continue;
        if (offer_fits(o, provider, chip, region, sku) && (!best || offer_before(o, best)))
            best = o;
    }
    return best;
}

const flt_offer *flt_price_of(const flt_book *book, int64_t provider, int64_t chip,
                              const char *region, flt_category category, const char *sku, int64_t t)
{
    const flt_offer *o = NULL;
    if (*sku) o = price_of_sku(book, provider, chip, region, category, sku, t);
    if (!o) o = flt_book_price(book, provider, chip, region, category, t);
    if (o && o->priced) return o;
    bool held = category == FLT_BLOCK || category == FLT_RESERVED;
    return held ? flt_price_of(book, provider, chip, region, FLT_ON_DEMAND, sku, t) : NULL;
}

const flt_offer *flt_usage_price(const flt_book *book, const flt_pool *pool, flt_category category,
                                 const char *sku, int64_t t)
{
    return flt_price_of(book, pool->provider, pool->chip, pool->region, category, sku, t);
}

bool flt_eligible(const flt_book *book, const flt_commitment *c, const flt_pool *pool,
                  flt_category category, const char *sku)
{
    const flt_contract *k = flt_book_contract(book, c->contract);
    unsigned categories = c->categories ? c->categories : 1U << FLT_ON_DEMAND;
    return k && k->provider == pool->provider && (!c->chip || c->chip == pool->chip) &&
           (!*c->region || !strcmp(c->region, pool->region)) &&
           (!*c->sku || !strcmp(c->sku, sku)) && (categories >> category & 1);
}

/* ---- the table of groups -----------------------------------------------------------------------
 */

/* The fixed order of groups: that in which they are paid for within a step. */
static int compare_keys(const flt_group *a, const flt_group *b)
{
    if (a->pool->id != b->pool->id) return a->pool->id < b->pool->id ? -1 : 1;
    if (a->category != b->category) return a->category < b->category ? -1 : 1;
    if (a->reservation != b->reservation) return a->reservation < b->reservation ? -1 : 1;
    return strcmp(a->sku, b->sku);
}

/* Puts a group of its own into the table and its number into the order. */
static sk_status add_group(flt_rater *r, const flt_group *like, size_t place, sk_err *e)
{
    size_t cap_order = r->cap_group;
    sk_status st = flt_rate_room(&r->order, &cap_order, r->n_group + 1, sizeof *r->order, e);
    if (!st) st = flt_rate_room(&r->group, &r->cap_group, r->n_group + 1, sizeof *r->group, e);
    if (st) return st;
    flt_group *g = &r->group[r->n_group];
    *g = *like;
    g->sku = sk_arena_strndup(r->arena, like->sku, strlen(like->sku));
    g->deal = sk_new_n(r->arena, uint32_t, r->n_deal + 1);
    if (!g->sku || !g->deal) return sk_fail(e, SK_E_NOMEM, "no memory for a kind of usage");
    memmove(r->order + place + 1, r->order + place, (r->n_group - place) * sizeof *r->order);
    r->order[place] = (uint32_t)r->n_group++;
    r->pairs_stale = true;
    return SK_OK;
}

/* Rows of one kind tend to follow each other, so the last group is tried first; else by bisection.
 */
sk_status flt_group_of(flt_rater *r, const flt_pool *pool, flt_category category,
                       int64_t reservation, const char *sku, uint32_t *out, sk_err *e)
{
    flt_group like = {.pool = pool, .category = category, .reservation = reservation, .sku = sku};
    if (r->last_group < r->n_group && !compare_keys(&r->group[r->last_group], &like)) {
        *out = r->last_group;
        return SK_OK;
    }
    size_t a = 0, b = r->n_group;
    while (a < b) {
        size_t m = (a + b) / 2;
        int c = compare_keys(&r->group[r->order[m]], &like);
        if (!c) {
            *out = r->last_group = r->order[m];
            return SK_OK;
        }
        *(c < 0 ? &a : &b) = c < 0 ? m + 1 : m;
    }
    sk_status st = add_group(r, &like, a, e);
    if (!st) *out = r->last_group = r->order[a];
    return st;
}

/* ---- what a group costs ------------------------------------------------------------------------
 */

/* A commitment of money needs the list price that its discount is off; one of chip-hours does not.
 */
bool flt_group_pair(const flt_rater *r, const flt_due *d, const flt_group *g, int64_t t,
                    flt_tariff *price)
{
    if (d->c->model != FLT_CONTINUOUS || d->tied || !flt_due_active(d, t)) return false;
    if (!flt_eligible(r->book, d->c, g->pool, g->category, g->sold_as)) return false;
    if (d->c->kind == FLT_SPEND && !g->priced) return false;
    *price = d->c->kind == FLT_SPEND ? (flt_tariff){g->list.micros, FLT_PPM - d->c->discount_ppm}
                                     : (flt_tariff){d->rate, FLT_PPM};
    return true;
}

/* Price of usage that draws on a discontinuous commitment. */
static flt_tariff deal_price(const flt_due *d, const flt_group *g)
{
    if (d->c->kind == FLT_USAGE) return (flt_tariff){d->rate, FLT_PPM};
    return (flt_tariff){g->list.micros, FLT_PPM - d->c->discount_ppm};
}

/* Own machines without an offer cost nothing.  Where there is no offer the currency is that of the
 * commitment, or the pool's. */
sk_status flt_group_price(flt_rater *r, flt_group *g, int64_t t, sk_err *e)
{
    bool own = false;
    const flt_provider *p = flt_book_provider(r->book, g->pool->provider);
    const flt_offer *o = flt_usage_price(r->book, g->pool, g->category, g->sku, t);
    (void)e;
    if (p && !o) own = !strcmp(p->kind, "own");
    g->stretch = r->stretch;
    g->priced = o || own;
    g->list = (flt_tariff){o ? o->price_micros : 0, FLT_PPM};
    g->sold_as = *g->sku || !o ? g->sku : o->sku;
    g->currency = o ? o->currency : g->pool->currency;
    g->contracted = g->list;
    g->n_deal = 0;
    for (size_t i = 0; i < r->n_deal; i++) {
        const flt_due *d = &r->due[r->deal[i]];
        if (!flt_due_active(d, t) || (!g->priced && d->c->kind == FLT_SPEND) ||
            !flt_eligible(r->book, d->c, g->pool, g->category, g->sold_as))
            continue;
        if (!g->n_deal) g->contracted = deal_price(d, g);
        if (!o) g->currency = d->contract->currency;
        g->deal[g->n_deal++] = r->deal[i];
    }
    return SK_OK;
}

/* ---- pairs -------------------------------------------------------------------------------------
 */

/* p / list of two pairs, without dividing.  Where there is no list price, or it is 0, nothing is
 * saved. */
static int compare_share(const flt_pair *a, const flt_pair *b)
{
    flt_tariff la = a->list.micros ? a->list : a->price, lb = b->list.micros ? b->list : b->price;
    flt_wide x = (flt_wide)a->price.micros * a->price.keep * (lb.micros ? lb.micros : 1);
    flt_wide y = (flt_wide)b->price.micros * b->price.keep * (la.micros ? la.micros : 1);
    return x < y ? -1 : x > y;
}

/* Highest discount, then lowest price, then ids: nothing is left to chance. */
static int compare_pairs(const void *pa, const void *pb)
{
    const flt_pair *a = pa, *b = pb;
    int c = compare_share(a, b);
    if (c) return c;
    flt_wide x = (flt_wide)a->price.micros * a->price.keep;
    flt_wide y = (flt_wide)b->price.micros * b->price.keep;
    if (x != y) return x < y ? -1 : 1;
    if (a->due != b->due) return a->due < b->due ? -1 : 1;
    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* Made anew when the stretch changes or a group comes up; groups that have had no usage in this
 * stretch are not in it. */
sk_status flt_group_pairs(flt_rater *r, sk_err *e)
{
    if (!r->pairs_stale) return SK_OK;
    r->n_pair = 0;
    for (size_t i = 0; i < r->n_group; i++) {
        const flt_group *g = &r->group[r->order[i]];
        for (size_t k = 0; k < r->n_due && g->stretch == r->stretch; k++) {
            flt_tariff price;
            if (!flt_group_pair(r, &r->due[k], g, r->slot.from, &price)) continue;
            sk_status st = flt_rate_room(&r->pair, &r->cap_pair, r->n_pair + 1, sizeof *r->pair, e);
            if (st) return st;
            r->pair[r->n_pair++] =
                (flt_pair){(uint32_t)k, r->order[i], (uint32_t)i, price, g->list};
        }
    }
    if (r->n_pair) qsort(r->pair, r->n_pair, sizeof *r->pair, compare_pairs);
    r->pairs_stale = false;
    return SK_OK;
}
