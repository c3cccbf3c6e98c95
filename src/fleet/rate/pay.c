/* pay.c - who pays for the usage of a slot. */
#include "fleet/rate/rater.h"

#include <string.h>

/* What a payer takes of a group: sums, which are handed down to its rows. */
typedef struct bill {
    flt_paid paid;
    int64_t commitment, work;
    int64_t list, contracted, billed, effective;
    bool draws; /* r->scratch has what it draws from the group's discontinuous commitments */
} bill;

sk_status flt_pay_emit(flt_rater *r, flt_charge *c, sk_err *e)
{
    c->id = ++r->n_charge;
    return r->sink && r->sink->charge ? r->sink->charge(r->sink->arg, c, e) : SK_OK;
}

sk_status flt_pay_applied(flt_rater *r, const flt_due *d, int64_t amount, int64_t t, sk_err *e)
{
    if (!amount || !r->sink || !r->sink->applied) return SK_OK;
    flt_applied a = {r->n_charge, d->c->id, amount, t};
    return r->sink->applied(r->sink->arg, &a, e);
}

/* ---- handing sums down to rows -----------------------------------------------------------------
 */

/* A sum that is handed down in parts, as flt_part has them: each part ends where the next begins.
 */
static int64_t next_part(int64_t total, int64_t to, int64_t whole, int64_t *before)
{
    int64_t after = to == whole ? total : (int64_t)flt_rounded((flt_wide)total * to, whole);
    int64_t part = after - *before;
    *before = after;
    return part;
}

/* Micro-units of chip-hours of [from, to) of a row's work: parts of a row add up to what all of it
 * comes to, rounded once. */
static int64_t row_quantity(const flt_open *o, int64_t from, int64_t to)
{
    int64_t all = flt_quantity(o->work);
    if (!from && to == o->work) return all;
    if (o->work % 36 == 0) return flt_quantity(to) - flt_quantity(from);
    return flt_part(all, from, to, o->work);
}

/* How far the sums of a bill are handed down. */
typedef struct running {
    int64_t work, list, contracted, billed, effective;
} running;

/* The next row's part of each sum of b, up to `to` of its work; sums that are the same have the
 * same parts. */
static void share_out(const bill *b, int64_t to, running *run, flt_charge *c)
{
    c->list_micros = next_part(b->list, to, b->work, &run->list);
    c->contracted_micros = b->contracted == b->list
                               ? c->list_micros
                               : next_part(b->contracted, to, b->work, &run->contracted);
    c->billed_micros = b->billed == b->contracted ? c->contracted_micros
                                                  : next_part(b->billed, to, b->work, &run->billed);
    c->effective_micros = b->effective == b->contracted
                              ? c->contracted_micros
                              : next_part(b->effective, to, b->work, &run->effective);
}

/* The charge of `take` work of an entry. */
static flt_charge piece(const flt_rater *r, const flt_group *g, const bill *b, const flt_entry *en,
                        int64_t take, running *run)
{
    const flt_open *o = &r->row[en->row];
    int64_t at = flt_rows_work(o, r->slot.from) + en->taken;
    flt_charge c = {
        .kind = FLT_CHARGE_USAGE,
        .paid = b->paid,
        .category = g->category,
        .span = {flt_most(o->span.from, r->slot.from), flt_least(o->span.to, r->slot.to)},
        .billing = r->month,
        .provider = g->pool->provider,
        .pool = g->pool->id,
        .workload = o->workload,
        .usage = o->usage,
        .commitment = b->commitment,
        .quantity = row_quantity(o, at, at + take),
        .currency = g->currency};
    run->work += take;
    share_out(b, run->work, run, &c);
    return c;
}

/* Emits one charge for each row that has a part in b, with its share of what b draws. */
static sk_status hand_down(flt_rater *r, flt_group *g, const bill *b, flt_due *payer, sk_err *e)
{
    running run = {0};
    sk_status st = SK_OK;
    if (b->list == INT64_MAX || b->contracted == INT64_MAX)
        return sk_fail(e, SK_E_TOOBIG, "what an hour in pool \"%s\" costs does not fit",
                       g->pool->name);
    memset(r->drawn, 0, g->n_deal * sizeof *r->drawn);
    g->rest -= b->work;
    while (run.work < b->work && !st) {
        flt_entry *en = &r->entry[g->at];
        int64_t take = flt_least(en->work - en->taken, b->work - run.work);
        if (!take) {
            g->at++;
            continue;
        }
        flt_charge c = piece(r, g, b, en, take, &run);
        if (payer) payer->b.quantity += c.quantity;
        st = flt_pay_emit(r, &c, e);
        for (size_t i = 0; i < g->n_deal && b->draws && !st; i++)
            st = flt_pay_applied(r, &r->due[g->deal[i]],
                                 next_part(r->scratch[i], run.work, b->work, &r->drawn[i]),
                                 c.span.from, e);
        en->taken += take;
    }
    return st;
}

/* ---- reservations and continuous commitments ---------------------------------------------------
 */

/* How much of `want` work what d has left pays for, at a price. */
static int64_t covers(const flt_due *d, flt_tariff price, int64_t want)
{
    int64_t left = flt_due_left(d);
    if (left <= 0 || want <= 0) return 0;
    if (d->c->kind == FLT_SPEND) return flt_least(want, flt_bought(price, left));
    return flt_quantity(want) <= left ? want : flt_work(left);
}

/* Takes what `work` costs out of what d bought, or all that is left (chip-hours, money): the last
 * of it goes to usage that it does not quite pay for.  Returns the cost. */
static int64_t spend(flt_due *d, flt_tariff price, int64_t work, bool all)
{
    int64_t before = d->b.drawn, left = flt_due_left(d);
    int64_t take = d->c->kind == FLT_SPEND ? flt_cost(price, work) : flt_quantity(work);
    d->b.drawn += all ? left : flt_least(left, take);
    if (d->c->kind == FLT_SPEND) return d->b.drawn - before;
    return flt_part(d->cost, before, d->b.drawn, d->b.committed);
}

/* d pays for as much of g as it can, up to `most`. */
static sk_status cover(flt_rater *r, flt_group *g, flt_due *d, flt_tariff price, flt_paid paid,
                       int64_t *most, sk_err *e)
{
    int64_t want = flt_least(g->rest, *most), work = covers(d, price, want);
    if (work <= 0) return SK_OK;
    flt_tariff list = g->priced ? g->list : price, contracted = g->priced ? g->contracted : price;
    bill b = {.paid = paid,
              .commitment = d->c->id,
              .work = work,
              .list = flt_cost(list, work),
              .contracted = flt_cost(contracted, work),
              .effective = spend(d, price, work, work < want)};
    *most -= work;
    return hand_down(r, g, &b, d, e);
}

/* A reservation that is paid elsewhere. */
static sk_status hold_free(flt_rater *r, flt_group *g, int64_t *most, sk_err *e)
{
    int64_t work = flt_least(g->rest, *most);
    if (work <= 0) return SK_OK;
    bill b = {.paid = FLT_PAID_RESERVATION,
              .work = work,
              .list = flt_cost(g->list, work),
              .contracted = flt_cost(g->contracted, work)};
    *most -= work;
    return hand_down(r, g, &b, NULL, e);
}

/* A reservation pays for as much of g as it has room for, out of its commitment if it has one. */
static sk_status hold_group(flt_rater *r, flt_hold *h, flt_group *g, sk_err *e)
{
    if (!g->rest || !h->left) return SK_OK;
    if (!h->due) return hold_free(r, g, &h->left, e);
    const flt_commitment *c = h->due->c;
    if (!flt_due_active(h->due, r->slot.from) || (c->kind == FLT_SPEND && !g->priced)) return SK_OK;
    flt_tariff price = c->kind == FLT_USAGE
                           ? (flt_tariff){h->due->rate, FLT_PPM}
                           : (flt_tariff){g->list.micros, FLT_PPM - c->discount_ppm};
    return cover(r, g, h->due, price, FLT_PAID_RESERVATION, &h->left, e);
}

/* Groups that name the reservation go first, then those of its pool that name none. */
static sk_status pay_hold(flt_rater *r, flt_hold *h, sk_err *e)
{
    sk_status st = SK_OK;
    h->left = h->row->chips * FLT_MILLI * sk_span_shared(h->row->term, r->slot);
    if (h->inert) h->left = 0;
    for (int open = 0; open < 2; open++) {
        for (size_t i = 0; i < r->n_group && h->left && !st; i++) {
            flt_group *g = &r->group[r->order[i]];
            bool fits =
                open ? !g->reservation && g->category != FLT_SPOT : g->reservation == h->row->id;
            if (fits && g->pool->id == h->row->pool) st = hold_group(r, h, g, e);
        }
    }
    return st;
}

/* The pairs are in the order of discounts; each takes what the ones before left. */
static sk_status pay_pairs(flt_rater *r, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; i < r->n_pair && !st; i++) {
        const flt_pair *p = &r->pair[i];
        int64_t most = INT64_MAX;
        if (r->group[p->group].rest)
            st = cover(r, &r->group[p->group], &r->due[p->due], p->price, FLT_PAID_CONTINUOUS,
                       &most, e);
    }
    return st;
}

/* ---- discontinuous commitments, and the list ---------------------------------------------------
 */

/* Draws what b costs from d and from the other obligations of its contract that the group counts
 * for; the prepaid part is not billed. */
static void draw(flt_rater *r, const flt_group *g, const flt_due *d, bill *b, int64_t quantity)
{
    int64_t rest = b->contracted;
    for (size_t i = 0; i < g->n_deal; i++) {
        flt_due *p = &r->due[g->deal[i]];
        r->scratch[i] = 0;
        if (p->contract != d->contract) continue;
        int64_t amount = p->c->kind == FLT_SPEND ? b->contracted : quantity;
        r->scratch[i] = flt_least(amount, flt_due_left(p));
        rest -= flt_due_draw(p, r->scratch[i], rest);
    }
    b->billed = rest;
    b->effective = b->contracted;
    b->draws = true;
}

/* As much of g as d's balance has room for, at d's price. */
static sk_status negotiate(flt_rater *r, flt_group *g, flt_due *d, sk_err *e)
{
    int64_t left = flt_due_left(d), quantity = flt_quantity(g->rest);
    flt_tariff price = {g->list.micros, FLT_PPM - d->c->discount_ppm};
    bill b = {.paid = FLT_PAID_NEGOTIATED, .commitment = d->c->id, .work = g->rest};
    if (d->c->kind == FLT_USAGE) {
        price = (flt_tariff){d->rate, FLT_PPM};
        if (quantity > left) {
            quantity = left;
            b.work = flt_least(g->rest, flt_work(left));
        }
        b.contracted = flt_due_money(d, d->b.met, quantity);
    } else {
        b.contracted = flt_cost(price, g->rest);
        if (b.contracted > left) {
            b.work = flt_least(g->rest, flt_bought(price, left));
            b.contracted = left;
            quantity = flt_quantity(b.work);
        }
    }
    if (!left || !b.work) return SK_OK;
    b.list = flt_cost(g->priced ? g->list : price, b.work);
    draw(r, g, d, &b, quantity);
    return hand_down(r, g, &b, NULL, e);
}

/* Parts per million that are taken off beyond d. */
static int64_t overage_ppm(const flt_due *d)
{
    return d->c->overage_ppm < 0 ? d->c->discount_ppm : d->c->overage_ppm;
}

/* What no balance has room for: the best discount on overage, or the list price. */
static sk_status pay_rest(flt_rater *r, flt_group *g, sk_err *e)
{
    flt_due *best = NULL;
    for (size_t i = 0; i < g->n_deal; i++) {
        flt_due *d = &r->due[g->deal[i]];
        if (!best || overage_ppm(d) > overage_ppm(best)) best = d;
    }
    if (!g->priced && r->lenient) return SK_OK;
    if (!g->priced) {
        char at[SK_UTC_TEXT];
        sk_utc_print(r->slot.from, at);
        return sk_fail(e, SK_E_NOTFOUND,
                       "pool \"%s\": usage at %s has no %s price: add an offer for its chip",
                       g->pool->name, at, flt_word_category(g->category));
    }
    int64_t off = best ? overage_ppm(best) : 0;
    bill b = {.paid = off ? FLT_PAID_NEGOTIATED : FLT_PAID_LIST,
              .commitment = best ? best->c->id : 0,
              .work = g->rest,
              .list = flt_cost(g->list, g->rest),
              .contracted = flt_cost((flt_tariff){g->list.micros, FLT_PPM - off}, g->rest)};
    b.billed = b.effective = b.contracted;
    if (best) {
        int64_t more = best->c->kind == FLT_SPEND ? b.contracted : flt_quantity(b.work);
        best->b.overage = flt_held((flt_wide)best->b.overage + more);
    }
    return hand_down(r, g, &b, NULL, e);
}

/* Reservations, continuous commitments, then for each group in order its deals and the list. */
sk_status flt_pay_slot(flt_rater *r, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; i < r->n_group && !st; i++) {
        flt_group *g = &r->group[i];
        if (!g->rest || g->stretch == r->stretch) continue;
        st = flt_group_price(r, g, r->slot.from, e);
        r->pairs_stale = true;
    }
    if (!st) st = flt_group_pairs(r, e);
    for (size_t i = 0; i < r->n_hold && !st; i++)
        st = pay_hold(r, &r->hold[i], e);
    if (!st) st = pay_pairs(r, e);
    for (size_t i = 0; i < r->n_group && !st; i++) {
        flt_group *g = &r->group[r->order[i]];
        for (size_t k = 0; k < g->n_deal && g->rest && !st; k++)
            st = negotiate(r, g, &r->due[g->deal[k]], e);
        if (g->rest && !st) st = pay_rest(r, g, e);
    }
    return st;
}
