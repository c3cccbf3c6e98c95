/* due.c - commitments from interval to interval: what is bought, drawn, unused, unmet. */
#include "fleet/rate/rater.h"

#include "fleet/rate/intervals.h"

#include <string.h>

/* Price of the chip-hours of c: its rate, or what was asked for its chip on the first day, less its
 * discount.  It stays that price: it was agreed then. */
static sk_status settle_rate(const flt_book *book, flt_due *d, sk_err *e)
{
    const flt_commitment *c = d->c;
    d->rate = c->rate_micros;
    if (c->kind == FLT_SPEND || c->rate_micros > 0) return SK_OK;
    flt_category category = FLT_ON_DEMAND;
    while (c->categories && !(c->categories >> category & 1) && category + 1 < FLT_CATEGORY_N)
        category++;
    const flt_offer *o = c->chip ? flt_price_of(book, d->contract->provider, c->chip, c->region,
                                                category, c->sku, c->term.from)
                                 : NULL;
    if (!o)
        return sk_fail(
            e, SK_E_INVALID,
            "commitment \"%s\" of \"%s\": what its chip-hours cost is not known: give it "
            "a rate, or a chip that has a price on its first day",
            c->name, d->contract->name);
    if (!flt_muldiv(o->price_micros, FLT_PPM - c->discount_ppm, FLT_PPM, &d->rate))
        return sk_fail(e, SK_E_TOOBIG, "commitment \"%s\": its price does not fit", c->name);
    return SK_OK;
}

/* What the whole term costs; INT64_MAX where it does not fit. */
static int64_t total_money(const flt_due *d)
{
    int64_t total = flt_committed_total(d->c), money = total;
    if (d->c->kind == FLT_USAGE && !flt_muldiv(total, d->rate, FLT_MICRO, &money)) return INT64_MAX;
    return total == INT64_MAX ? total : money;
}

static bool is_share(int64_t ppm)
{
    return ppm >= 0 && ppm <= FLT_PPM;
}

/* Steps of a ramp or of milestones: none negative, times ascend. */
static bool sound_steps(const flt_step *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i].amount < 0 || (i && s[i].t <= s[i - 1].t)) return false;
    return true;
}

/* What arithmetic here relies on; flt_book_check has the sentences for all of it. */
static bool sound(const flt_commitment *c)
{
    return c->amount >= 0 && c->term.to > c->term.from && c->term.from >= SK_UTC_MIN &&
           c->term.to <= SK_UTC_END && is_share(c->discount_ppm) && is_share(c->upfront_ppm) &&
           (c->overage_ppm == -1 || is_share(c->overage_ppm)) && (unsigned)c->kind <= FLT_USAGE &&
           (unsigned)c->model <= FLT_DISCONTINUOUS && (unsigned)c->interval < FLT_INTERVAL_N &&
           sound_steps(c->ramp, c->n_ramp) && sound_steps(c->milestone, c->n_milestone);
}

/* The sums are checked here once, so that nothing later can wrap: what a commitment is drawn by
 * never exceeds what it comes to in all. */
sk_status flt_due_init(const flt_book *book, const flt_commitment *c, flt_due *d, sk_err *e)
{
    *d = (flt_due){.c = c, .contract = flt_book_contract(book, c->contract)};
    d->b.commitment = c->id;
    if (!d->contract)
        return sk_fail(e, SK_E_NOTFOUND,
                       "commitment \"%s\" is of contract %lld, which there is not", c->name,
                       (long long)c->contract);
    if (!sound(c))
        return sk_fail(
            e, SK_E_INVALID,
            "commitment \"%s\" can't be: a negative amount, a share over 1, no term, or a "
            "kind that is none",
            c->name);
    sk_status st = settle_rate(book, d, e);
    if (st) return st;
    if (total_money(d) == INT64_MAX)
        return sk_fail(e, SK_E_TOOBIG, "commitment \"%s\": what it comes to in all does not fit",
                       c->name);
    return SK_OK;
}

/* Money of a continuous commitment from its beginning up to t. */
static int64_t cost_until(const flt_due *d, int64_t t)
{
    int64_t v = flt_committed_until(d->c, t);
    if (d->c->kind == FLT_USAGE) (void)flt_muldiv(v, d->rate, FLT_MICRO, &v);
    return v;
}

sk_status flt_committed_cost(const flt_book *book, const flt_commitment *c, sk_span span,
                             int64_t *money, sk_err *e)
{
    flt_due d;
    sk_status st = flt_due_init(book, c, &d, e);
    if (!st) *money = cost_until(&d, span.to) - cost_until(&d, span.from);
    return st;
}

/* The part of v that is paid up front. */
static int64_t upfront_of(const flt_due *d, int64_t v)
{
    int64_t part = 0;
    (void)flt_muldiv(v, d->c->upfront_ppm, FLT_PPM, &part);
    return part;
}

/* Differences of running totals: chip-hours cost what their sum costs, however they are cut. */
int64_t flt_due_money(const flt_due *d, int64_t before, int64_t amount)
{
    if (d->c->kind == FLT_SPEND) return amount;
    int64_t a = 0, b = 0;
    (void)flt_muldiv(before, d->rate, FLT_MICRO, &a);
    (void)flt_muldiv(before + amount, d->rate, FLT_MICRO, &b);
    return b - a;
}

/* What the open interval of a continuous commitment costs. */
static void resume(flt_due *d)
{
    sk_span s = d->b.interval;
    if (d->c->model == FLT_CONTINUOUS) d->cost = cost_until(d, s.to) - cost_until(d, s.from);
}

/* Opens the interval that holds t; the unmet rest of the last one is carried into it if it was not
 * charged. */
static void open_interval(flt_due *d, int64_t t)
{
    bool more = sk_span_seconds(d->b.interval) > 0 && d->c->model == FLT_DISCONTINUOUS;
    int64_t carried = more ? flt_due_left(d) : 0;
    (void)flt_interval_at(d->c, t, &d->b.interval, NULL);
    d->b.committed = flt_interval_amount(d->c, t) + carried;
    d->b.drawn = d->b.quantity = 0;
    resume(d);
}

/* Milestones up to t are of the past: whoever rated up to there has charged them. */
void flt_due_set(flt_due *d, const flt_balance *b, int64_t t)
{
    while (d->next_milestone < d->c->n_milestone && d->c->milestone[d->next_milestone].t <= t)
        d->next_milestone++;
    if (b) {
        d->b = *b;
        resume(d);
    } else if (flt_due_active(d, t) && d->c->term.from < t) {
        open_interval(d, t);
        if (d->c->model == FLT_DISCONTINUOUS) d->b.prepaid = upfront_of(d, total_money(d));
    }
}

/* The prepaid part is used up first, at most by what is drawn here and by what is to be billed: the
 * same money may have been prepaid for another obligation of the contract. */
int64_t flt_due_draw(flt_due *d, int64_t amount, int64_t money)
{
    int64_t own = flt_due_money(d, d->b.met, amount);
    int64_t taken = flt_least(flt_least(d->b.prepaid, own), money);
    d->b.drawn += amount;
    d->b.met += amount;
    d->b.prepaid -= taken;
    return taken;
}

/* A charge of d that is not usage. */
static flt_charge fee(const flt_due *d, flt_charge_kind kind, sk_span span)
{
    return (flt_charge){.kind = kind,
                        .paid = FLT_PAID_NONE,
                        .span = span,
                        .provider = d->contract->provider,
                        .commitment = d->c->id,
                        .currency = d->contract->currency};
}

static bool same_or_any(const char *wide, const char *narrow)
{
    return !*wide || !strcmp(wide, narrow);
}

/* Whether all that counts for a (any category, if `all`) counts for b too. */
static bool within(const flt_commitment *a, const flt_commitment *b, bool all)
{
    unsigned on_demand = 1U << FLT_ON_DEMAND;
    unsigned ca = a->categories ? a->categories : on_demand;
    unsigned cb = b->categories ? b->categories : on_demand;
    return (!b->chip || b->chip == a->chip) && same_or_any(b->region, a->region) &&
           same_or_any(b->sku, a->sku) && (all || !(ca & ~cb));
}

/* Whether an unmet rest of d, which its contract charges, counts for p too: a monthly minimum
 * inside a yearly one. */
static bool counts_rest(const flt_due *d, const flt_due *p, int64_t t)
{
    return p != d && p->contract == d->contract && p->c->kind == FLT_SPEND &&
           p->c->interval > d->c->interval && flt_due_active(p, t) && within(d->c, p->c, false);
}

/* Whether buying the continuous d counts for p: the same seller, money, all it is for, and nothing
 * prepaid (that is for usage alone). */
static bool counts_purchase(const flt_due *d, const flt_due *p, int64_t t)
{
    return p->contract->provider == d->contract->provider && p->c->kind == FLT_SPEND &&
           !p->c->upfront_ppm && flt_due_active(p, t) && within(d->c, p->c, true);
}

/* Charges `unmet` of d's unit, for a span that ends now. */
static sk_status charge_unmet(flt_rater *r, flt_due *d, int64_t unmet, sk_span span, sk_err *e)
{
    int64_t money = flt_due_money(d, d->b.met, unmet), rest = money, t = span.to - 1;
    flt_charge row = fee(d, FLT_CHARGE_SHORTFALL, span);
    rest -= flt_due_draw(d, unmet, rest);
    for (size_t i = 0; i < r->n_deal; i++) {
        flt_due *p = &r->due[r->deal[i]];
        r->scratch[i] = counts_rest(d, p, t) ? flt_least(money, flt_due_left(p)) : 0;
        if (r->scratch[i]) rest -= flt_due_draw(p, r->scratch[i], rest);
    }
    row.list_micros = row.contracted_micros = row.effective_micros = money;
    row.billed_micros = rest;
    row.quantity = d->c->kind == FLT_USAGE ? unmet : 0;
    row.billing = sk_utc_month(t);
    sk_status st = flt_pay_emit(r, &row, e);
    for (size_t i = 0; i < r->n_deal && !st; i++)
        st = flt_pay_applied(r, &r->due[r->deal[i]], r->scratch[i], t, e);
    return st;
}

/* Milestones of d that are due now. */
static sk_status reach_milestones(flt_rater *r, flt_due *d, sk_err *e)
{
    const flt_commitment *c = d->c;
    for (; d->next_milestone < c->n_milestone && c->milestone[d->next_milestone].t <= r->now;
         d->next_milestone++) {
        int64_t unmet =
            flt_least(c->milestone[d->next_milestone].amount - d->b.met, flt_due_left(d));
        sk_status st =
            unmet > 0 ? charge_unmet(r, d, unmet, (sk_span){c->term.from, r->now}, e) : SK_OK;
        if (st) return st;
    }
    return SK_OK;
}

/* The unused part of a continuous commitment's interval. */
static sk_status charge_unused(flt_rater *r, flt_due *d, sk_err *e)
{
    flt_charge row = fee(d, FLT_CHARGE_UNUSED, d->b.interval);
    row.category = FLT_RESERVED;
    int64_t left = flt_due_left(d);
    row.effective_micros = left;
    if (d->c->kind == FLT_USAGE && left) {
        row.effective_micros = flt_part(d->cost, d->b.drawn, d->b.committed, d->b.committed);
        row.quantity = flt_most(0, d->b.committed - d->b.quantity);
    }
    row.billing = sk_utc_month(row.span.from);
    return row.effective_micros || row.quantity ? flt_pay_emit(r, &row, e) : SK_OK;
}

/* What was prepaid and never drawn against when the term is over, since other obligations of the
 * contract had prepaid the same: its cost is spread over nothing but this row. */
static sk_status charge_left_over(flt_rater *r, flt_due *d, sk_err *e)
{
    flt_charge row = fee(d, FLT_CHARGE_UNUSED, d->c->term);
    row.category = FLT_RESERVED;
    row.effective_micros = d->b.prepaid;
    row.billing = sk_utc_month(r->now - 1);
    d->b.prepaid = 0;
    return row.effective_micros ? flt_pay_emit(r, &row, e) : SK_OK;
}

/* The end of a discontinuous commitment's interval. */
static sk_status end_pool(flt_rater *r, flt_due *d, sk_err *e)
{
    sk_status st = reach_milestones(r, d, e);
    sk_span s = d->b.interval;
    if (st || s.to > r->now) return st;
    bool last = s.to >= d->c->term.to;
    int64_t unmet = d->c->shortfall == FLT_CARRY && !last ? 0 : flt_due_left(d);
    if (unmet) st = charge_unmet(r, d, unmet, s, e);
    return last && !st ? charge_left_over(r, d, e) : st;
}

/* What is due at this border of one commitment; most have nothing. */
static sk_status end_one(flt_rater *r, flt_due *d, sk_err *e)
{
    sk_span s = d->b.interval;
    if (s.to < r->now || sk_span_seconds(s) == 0) return SK_OK;
    if (d->c->model == FLT_DISCONTINUOUS) return end_pool(r, d, e);
    return s.to == r->now ? charge_unused(r, d, e) : SK_OK;
}

/* Narrower intervals end first: a fee of the month counts for the year that ends with it. */
sk_status flt_due_end(flt_rater *r, sk_err *e)
{
    sk_status st = SK_OK;
    for (size_t i = 0; i < r->n_due && !st; i++)
        st = end_one(r, &r->due[r->ending[i]], e);
    return st;
}

/* Draws a purchase of d from what it counts for in the contract of deal `first`; all obligations of
 * one contract are met by the same money.  Returns the largest of the draws, which no other
 * contract gets. */
static int64_t draw_contract(flt_rater *r, const flt_due *d, size_t first, int64_t money, int64_t t)
{
    const flt_contract *k = r->due[r->deal[first]].contract;
    int64_t most = 0;
    for (size_t i = first; i < r->n_deal; i++) {
        flt_due *p = &r->due[r->deal[i]];
        if (p->contract != k || !counts_purchase(d, p, t)) continue;
        r->scratch[i] = flt_least(money, flt_due_left(p));
        (void)flt_due_draw(p, r->scratch[i], 0);
        most = flt_most(most, r->scratch[i]);
    }
    return most;
}

/* Whether an earlier commitment in the order is of the same contract. */
static bool contract_seen(const flt_rater *r, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (r->due[r->deal[j]].contract == r->due[r->deal[i]].contract) return true;
    return false;
}

/* Hands a purchase on, with what it reduces of discontinuous commitments, contract by contract in
 * their order. */
static sk_status purchase(flt_rater *r, const flt_due *d, flt_charge *row, sk_err *e)
{
    int64_t rest = row->billed_micros, t = row->span.from;
    row->list_micros = row->contracted_micros = row->billed_micros;
    row->billing = sk_utc_month(t);
    sk_status st = flt_pay_emit(r, row, e);
    if (d->c->model == FLT_DISCONTINUOUS) return st;
    memset(r->scratch, 0, r->n_due * sizeof *r->scratch);
    for (size_t i = 0; i < r->n_deal; i++)
        if (!contract_seen(r, i)) rest -= draw_contract(r, d, i, rest, t);
    for (size_t i = 0; i < r->n_deal && !st; i++)
        st = flt_pay_applied(r, &r->due[r->deal[i]], r->scratch[i], t, e);
    return st;
}

/* The share that is paid when the term begins, for all of it. */
static sk_status buy_upfront(flt_rater *r, flt_due *d, sk_err *e)
{
    flt_charge row = fee(d, FLT_CHARGE_PURCHASE, d->c->term);
    row.billed_micros = upfront_of(d, total_money(d));
    if (d->c->kind == FLT_USAGE) row.quantity = upfront_of(d, flt_committed_total(d->c));
    if (d->c->model == FLT_DISCONTINUOUS) d->b.prepaid = row.billed_micros;
    return row.billed_micros || row.quantity ? purchase(r, d, &row, e) : SK_OK;
}

/* The rest of a continuous one, interval by interval: differences of what is due up to a time, so
 * that it adds up to the whole. */
static sk_status buy_interval(flt_rater *r, flt_due *d, sk_err *e)
{
    sk_span s = d->b.interval;
    flt_charge row = fee(d, FLT_CHARGE_PURCHASE, s);
    int64_t a = cost_until(d, s.from), b = cost_until(d, s.to);
    row.billed_micros = b - upfront_of(d, b) - (a - upfront_of(d, a));
    if (d->c->kind == FLT_USAGE) {
        a = flt_committed_until(d->c, s.from), b = flt_committed_until(d->c, s.to);
        row.quantity = b - upfront_of(d, b) - (a - upfront_of(d, a));
    }
    return row.billed_micros || row.quantity ? purchase(r, d, &row, e) : SK_OK;
}

/* All intervals are opened before anything is bought, so that a purchase finds the new balances. */
sk_status flt_due_begin(flt_rater *r, sk_err *e)
{
    for (size_t i = 0; i < r->n_due; i++) {
        flt_due *d = &r->due[i];
        bool none = sk_span_seconds(d->b.interval) == 0 || d->b.interval.to <= r->now;
        d->fresh = none && flt_due_active(d, r->now);
        if (d->fresh) open_interval(d, r->now);
    }
    sk_status st = SK_OK;
    for (size_t i = 0; i < r->n_due && !st; i++) {
        flt_due *d = &r->due[i];
        if (!d->fresh) continue;
        d->fresh = false;
        if (d->c->term.from == r->now && d->c->upfront_ppm) st = buy_upfront(r, d, e);
        if (!st && d->c->model == FLT_CONTINUOUS) st = buy_interval(r, d, e);
    }
    return st;
}
