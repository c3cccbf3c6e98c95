/* buy_book.c - offers and contracts of a fleet as a part of the question what to buy. */
#include "fleet/plan/buy_book.h"

#include "fleet/rate/intervals.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* The question's arrays with room for the book's rows. */
typedef struct grown {
    flt_buy_offer *offer;
    flt_buy_spend *spend;
    flt_buy_held *held;
} grown;

static bool make_room(const flt_buy *b, const flt_book *k, sk_arena *mem, grown *g)
{
    g->offer = sk_new_n(mem, flt_buy_offer, b->n_offer + k->n_offer + 1);
    g->spend = sk_new_n(mem, flt_buy_spend, b->n_spend + k->n_commitment + 1);
    g->held = sk_new_n(mem, flt_buy_held, b->n_held + k->n_commitment + k->n_reservation + 1);
    if (!g->offer || !g->spend || !g->held) return false;
    if (b->n_offer) memcpy(g->offer, b->offer, b->n_offer * sizeof *g->offer);
    if (b->n_spend) memcpy(g->spend, b->spend, b->n_spend * sizeof *g->spend);
    if (b->n_held) memcpy(g->held, b->held, b->n_held * sizeof *g->held);
    return true;
}

static const char *provider_of(const flt_book *k, int64_t id)
{
    const flt_provider *p = flt_book_provider(k, id);
    return p ? p->name : "";
}

/* On-demand offers that are the ones in force, each once. */
static void add_offers(flt_buy *b, const flt_book *k, const flt_buy_kind *kind, grown *g)
{
    for (size_t i = 0; i < k->n_offer; i++) {
        const flt_offer *o = &k->offer[i];
        if (o->chip != kind->chip->id || o->category != FLT_ON_DEMAND || !o->priced ||
            flt_book_price(k, o->provider, o->chip, o->region, FLT_ON_DEMAND, b->start) != o)
            continue;
        g->offer[b->n_offer++] = (flt_buy_offer){.name = *o->sku ? o->sku : kind->chip->name,
                                                 .provider = provider_of(k, o->provider),
                                                 .category = FLT_ON_DEMAND,
                                                 .price_micros = o->price_micros,
                                                 .rate = kind->rate,
                                                 .chips_per_unit = 1,
                                                 .limit_chips = o->limit_chips,
                                                 .availability = 1};
    }
}

/* Whole months of the plan that a span covers. */
static bool months_of(const flt_buy *b, sk_span term, int *from, int *until)
{
    *from = 0;
    *until = 0;
    for (int m = 0; m < b->months; m++) {
        bool in = sk_utc_add_months(b->start, m) >= term.from &&
                  sk_utc_add_months(b->start, m + 1) <= term.to;
        if (in && !*until) *from = m;
        if (in) *until = m + 1;
    }
    return *until > 0;
}

static void hold(flt_buy *b, grown *g, const char *name, double chips, sk_span term)
{
    flt_buy_held h = {.name = name, .chips = chips};
    if (chips > 0 && months_of(b, term, &h.from, &h.until)) g->held[b->n_held++] = h;
}

/* What the contract's provider asks for a chip-hour where the commitment counts, the dearest of its
 * regions; 0: nothing is known. */
static double list_price(const flt_buy *b, const flt_book *k, const flt_contract *t,
                         const flt_commitment *c, const flt_chip *chip)
{
    double most = 0;
    for (size_t i = 0; i < k->n_offer; i++) {
        const flt_offer *o = &k->offer[i];
        bool here = !*c->region || !*o->region || strcmp(c->region, o->region) == 0;
        if (here && o->provider == t->provider && o->chip == chip->id && o->priced &&
            flt_book_price(k, o->provider, o->chip, o->region, FLT_ON_DEMAND, b->start) == o)
            most = fmax(most, (double)o->price_micros);
    }
    return most;
}

/* Chips that a continuous commitment pays for all the time. */
static double chips_of(const flt_buy *b, const flt_book *k, const flt_contract *t,
                       const flt_commitment *c, const flt_chip *chip)
{
    double amount = (double)flt_interval_rate(c, b->start);
    if (c->kind == FLT_USAGE) return floor(amount / 1e6);
    double price = list_price(b, k, t, c, chip) * (1 - (double)c->discount_ppm / 1e6);
    return price > 0 ? floor(amount / price) : 0;
}

/* The kind that a chip is of; of none in particular (0) the first; NULL: none of them. */
static const flt_buy_kind *kind_of(const flt_buy_kind *kind, size_t n, int64_t chip)
{
    for (size_t i = 0; i < n; i++) {
        assert(kind[i].chip);
        if (!chip || kind[i].chip->id == chip) return &kind[i];
    }
    return NULL;
}

static void add_commitments(flt_buy *b, const flt_book *k, const flt_buy_kind *kinds, size_t n,
                            grown *g)
{
    int64_t end = sk_utc_add_months(b->start, b->months);
    for (size_t i = 0; i < k->n_commitment; i++) {
        const flt_commitment *c = &k->commitment[i];
        const flt_contract *t = flt_book_contract(k, c->contract);
        const flt_buy_kind *kind = kind_of(kinds, n, c->chip);
        if (!t || !kind) continue;
        int64_t due = flt_committed_until(c, end) - flt_committed_until(c, b->start);
        if (c->model == FLT_CONTINUOUS)
            hold(b, g, t->name, chips_of(b, k, t, c, kind->chip) * kind->rate, c->term);
        else if (c->kind == FLT_SPEND && due > 0)
            g->spend[b->n_spend++] = (flt_buy_spend){.name = t->name,
                                                     .provider = provider_of(k, t->provider),
                                                     .amount_micros = due,
                                                     .interval_months = b->months,
                                                     .discount_ppm = c->discount_ppm,
                                                     .is_signed = true};
    }
}

static void add_reservations(flt_buy *b, const flt_book *k, const flt_buy_kind *kinds, size_t n,
                             grown *g)
{
    for (size_t i = 0; i < k->n_reservation; i++) {
        const flt_reservation *r = &k->reservation[i];
        const flt_pool *p = flt_book_pool(k, r->pool);
        const flt_buy_kind *kind = p && p->chip ? kind_of(kinds, n, p->chip) : NULL;
        if (kind && !r->commitment) hold(b, g, p->name, (double)r->chips * kind->rate, r->term);
    }
}

/* The lesser of a rate so far and what one figure says; a figure that one of both lacks says
 * nothing. */
static double lesser(double rate, double have, double unit)
{
    if (!(have > 0) || !(unit > 0)) return rate;
    return rate > 0 ? fmin(rate, have / unit) : have / unit;
}

double flt_buy_rate(const flt_chip *chip, const flt_chip *unit)
{
    double rate = lesser(0, chip->peak_bf16_flops, unit->peak_bf16_flops);
    rate = lesser(rate, chip->prefill_rate, unit->prefill_rate);
    return lesser(rate, chip->decode_rate, unit->decode_rate);
}

sk_status flt_buy_add_book(flt_buy *b, const flt_book *book, const flt_buy_kind *kind, size_t n,
                           sk_arena *mem, sk_err *e)
{
    grown g;
    assert(n > 0);
    if (!make_room(b, book, mem, &g))
        return sk_fail(e, SK_E_NOMEM, "no memory for the offers of the fleet");
    for (size_t i = 0; i < n; i++)
        add_offers(b, book, &kind[i], &g);
    add_commitments(b, book, kind, n, &g);
    add_reservations(b, book, kind, n, &g);
    b->offer = g.offer;
    b->spend = g.spend;
    b->held = g.held;
    return SK_OK;
}
