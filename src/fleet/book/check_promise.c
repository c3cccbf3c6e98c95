/* check_promise.c - checks of contracts and their commitments. */
#include "fleet/book/check.h"

#include "fleet/book/interval.h"

#include <stdio.h>
#include <string.h>

enum {
    WHAT = 2 * FLT_NAME_MAX + 64, /* bytes of a row's name in a sentence */
    MAX_STEPS = 1000,             /* of a ramp, or milestones */
    MAX_YEARS = 100
};

sk_status flt_book_check_contract(const flt_book *b, const flt_contract *row, sk_err *e)
{
    char what[WHAT];
    sk_status st = flt_check_name("contract", row->name, e);
    if (st) return st;
    (void)snprintf(what, sizeof what, "contract \"%s\"", row->name);
    const flt_contract *same = flt_book_contract_named(b, row->name);
    if (same && same->id != row->id)
        return sk_fail(e, SK_E_INVALID, "there is a %s already; choose another name", what);
    if (!flt_book_provider(b, row->provider))
        return sk_fail(e, SK_E_INVALID, "%s: its provider is not known; add it first", what);
    st = flt_check_currency(what, row->currency, e);
    if (!st) st = flt_check_span(what, row->term, e);
    if (!st && sk_utc_add_months(row->term.from, MAX_YEARS * 12) < row->term.to)
        st = sk_fail(e, SK_E_INVALID, "%s: its term is longer than %d years", what, MAX_YEARS);
    if (!st) st = flt_check_mix(b, what, row->provider, row->currency, 0, row->id, e);
    return st;
}

/* ---- amounts over time -----------------------------------------------------------------------
 */

/* What is promised from t on. */
static int64_t amount_at(const flt_commitment *c, int64_t t)
{
    int64_t amount = c->amount;
    for (size_t i = 0; i < c->n_ramp && c->ramp[i].t <= t; i++)
        amount = c->ramp[i].amount;
    return amount;
}

/* All that is promised over the term; false where it does not fit.  A discontinuous commitment is
 * counted by intervals, a continuous one by its steps, since its amount is per hour. */
static bool whole(const flt_commitment *c, int64_t *out)
{
    int64_t total = 0, part;
    if (c->model == FLT_DISCONTINUOUS) {
        int64_t n = flt_interval_count(c);
        for (int64_t k = 0; k < n; k++)
            if (!flt_sum(total, amount_at(c, flt_interval_begins(c, k)), &total)) return false;
        *out = total;
        return true;
    }
    for (size_t i = 0; i <= c->n_ramp; i++) {
        int64_t from = i ? c->ramp[i - 1].t : c->term.from;
        int64_t to = i < c->n_ramp ? c->ramp[i].t : c->term.to;
        int64_t amount = i ? c->ramp[i - 1].amount : c->amount;
        if (!flt_muldiv(amount, to - from, 3600, &part) || !flt_sum(total, part, &total))
            return false;
    }
    *out = total;
    return true;
}

/* A list of steps: dates and, of milestones, amounts ascend. */
static sk_status check_steps(const char *what, const char *list, const flt_step *s, size_t n,
                             sk_span within, bool grows, sk_err *e)
{
    if (n > MAX_STEPS)
        return sk_fail(e, SK_E_TOOBIG, "%s: more than %d %ss", what, MAX_STEPS, list);
    for (size_t i = 0; i < n; i++) {
        char day[SK_UTC_TEXT];
        sk_utc_print_short(s[i].t, day);
        if (s[i].t < within.from || s[i].t > within.to)
            return sk_fail(e, SK_E_INVALID, "%s: the %s of %s is outside its term", what, list,
                           day);
        if (s[i].amount < 0)
            return sk_fail(e, SK_E_INVALID, "%s: the %s of %s is negative", what, list, day);
        if (i && s[i].t <= s[i - 1].t)
            return sk_fail(e, SK_E_INVALID, "%s: the %s of %s is not after the one before it", what,
                           list, day);
        if (i && grows && s[i].amount <= s[i - 1].amount)
            return sk_fail(e, SK_E_INVALID,
                           "%s: the %s of %s asks no more than the one before it; milestones are "
                           "sums from the beginning on",
                           what, list, day);
    }
    return SK_OK;
}

/* Amount, ramp and milestones, and that they fit together. */
static sk_status check_amounts(const char *what, const flt_commitment *c, sk_err *e)
{
    sk_span inside = {c->term.from, c->term.to - 1}, until = {c->term.from + 1, c->term.to};
    int64_t total;
    if (c->amount < 0) return sk_fail(e, SK_E_INVALID, "%s: the amount is negative", what);
    sk_status st = check_steps(what, "ramp", c->ramp, c->n_ramp, inside, false, e);
    if (!st) st = check_steps(what, "milestone", c->milestone, c->n_milestone, until, true, e);
    if (st) return st;
    if (c->n_ramp && c->model == FLT_DISCONTINUOUS && c->interval == FLT_FULL_PERIOD)
        return sk_fail(e, SK_E_INVALID,
                       "%s: a commitment over its full period has one amount; use milestones for "
                       "steps within it",
                       what);
    if (!whole(c, &total))
        return sk_fail(e, SK_E_TOOBIG, "%s: all that it promises is too large to count", what);
    if (total == 0) return sk_fail(e, SK_E_INVALID, "%s promises nothing", what);
    if (c->n_milestone && c->milestone[c->n_milestone - 1].amount > total)
        return sk_fail(e, SK_E_INVALID,
                       "%s: its last milestone asks for more than all that it promises", what);
    return SK_OK;
}

/* ---- commitments ------------------------------------------------------------------------------
 */

/* What a continuous commitment can't have, and what one of money can't. */
static sk_status check_sense(const char *what, const flt_commitment *c, sk_err *e)
{
    if (c->model == FLT_CONTINUOUS && c->n_milestone)
        return sk_fail(e, SK_E_INVALID,
                       "%s: milestones are of discontinuous commitments; this one is kept hour by "
                       "hour",
                       what);
    if (c->model == FLT_CONTINUOUS && c->shortfall == FLT_CARRY)
        return sk_fail(e, SK_E_INVALID,
                       "%s: the unused part of a continuous commitment is lost at once, it can't "
                       "be carried",
                       what);
    if (c->kind == FLT_SPEND && c->rate_micros)
        return sk_fail(e, SK_E_INVALID,
                       "%s: a rate is the price of promised chip-hours; money has a discount",
                       what);
    return SK_OK;
}

static sk_status check_enums(const char *what, const flt_commitment *c, sk_err *e)
{
    sk_status st = flt_check_range(what, "the kind", (int64_t)c->kind, 0, FLT_USAGE, e);
    if (!st) st = flt_check_range(what, "the model", (int64_t)c->model, 0, FLT_DISCONTINUOUS, e);
    if (!st)
        st = flt_check_range(what, "the interval", (int64_t)c->interval, 0, FLT_INTERVAL_N - 1, e);
    if (!st) st = flt_check_range(what, "the shortfall", (int64_t)c->shortfall, 0, FLT_CARRY, e);
    if (!st && c->categories >> FLT_CATEGORY_N)
        st = sk_fail(e, SK_E_INVALID, "%s: it is eligible for a category that is none", what);
    return st;
}

static sk_status check_rates(const char *what, const flt_commitment *c, sk_err *e)
{
    sk_status st = flt_check_share(what, "the discount", c->discount_ppm, e);
    if (!st) st = flt_check_share(what, "the part paid up front", c->upfront_ppm, e);
    if (!st && c->overage_ppm != -1)
        st = flt_check_share(what, "the discount beyond it", c->overage_ppm, e);
    if (!st) st = flt_check_range(what, "the rate", c->rate_micros, 0, INT64_MAX, e);
    return st;
}

static unsigned categories_of(const flt_commitment *c)
{
    return c->categories ? c->categories : 1U << FLT_ON_DEMAND;
}

static bool same_eligibility(const flt_commitment *a, const flt_commitment *c)
{
    return a->chip == c->chip && !strcmp(a->region, c->region) && !strcmp(a->sku, c->sku) &&
           categories_of(a) == categories_of(c);
}

/* Against the other commitments.  Hourly blocks of different contracts may lie on each other; two
 * sums to be drawn down by the very same charges contradict each other wherever they are written,
 * unless one contract has them over different intervals: a minimum of each month of a yearly sum.
 */
static sk_status check_others(const flt_book *b, const char *what, const flt_commitment *row,
                              const flt_contract *contract, sk_err *e)
{
    for (size_t i = 0; i < b->n_commitment; i++) {
        const flt_commitment *c = &b->commitment[i];
        const flt_contract *k = flt_book_contract(b, c->contract);
        if (c->id == row->id || !k || k->provider != contract->provider) continue;
        bool same = c->contract == row->contract;
        if (same && !strcmp(c->name, row->name))
            return sk_fail(e, SK_E_INVALID, "there is a %s already; choose another name", what);
        if (c->kind != row->kind || c->model != row->model || !same_eligibility(c, row)) continue;
        if (!same && row->model == FLT_CONTINUOUS) continue;
        if (same && row->model == FLT_DISCONTINUOUS && c->interval != row->interval) continue;
        if (!sk_span_shared(c->term, row->term)) continue;
        char from[SK_UTC_TEXT], to[SK_UTC_TEXT];
        sk_utc_print_short(c->term.from, from);
        sk_utc_print_short(c->term.to, to);
        return sk_fail(e, SK_E_INVALID,
                       "%s overlaps \"%s\" of contract \"%s\" (%s to %s), which promises the same; "
                       "end one before the other begins, or make them one",
                       what, c->name, k->name, from, to);
    }
    return SK_OK;
}

/* Where it belongs: contract, term, chip. */
static sk_status check_place(const flt_book *b, const char *what, const flt_commitment *c,
                             const flt_contract *k, sk_err *e)
{
    sk_status st = flt_check_span(what, c->term, e);
    if (st) return st;
    if (c->term.from < k->term.from || c->term.to > k->term.to)
        return sk_fail(e, SK_E_INVALID, "%s: its term is not within its contract's", what);
    if (c->chip && !flt_book_chip(b, c->chip))
        return sk_fail(e, SK_E_INVALID, "%s: its eligible chip is not known; add it first", what);
    st = flt_check_text(what, "the region", c->region, e);
    return st ? st : flt_check_text(what, "the sku", c->sku, e);
}

sk_status flt_book_check_commitment(const flt_book *b, const flt_commitment *row, sk_err *e)
{
    char what[WHAT];
    sk_status st = flt_check_name("commitment", row->name, e);
    if (st) return st;
    const flt_contract *k = flt_book_contract(b, row->contract);
    if (!k)
        return sk_fail(e, SK_E_INVALID, "commitment \"%s\": its contract is not known", row->name);
    (void)snprintf(what, sizeof what, "commitment \"%s\" of \"%s\"", row->name, k->name);
    st = check_enums(what, row, e);
    if (!st) st = check_place(b, what, row, k, e);
    if (!st) st = check_rates(what, row, e);
    if (!st) st = check_sense(what, row, e);
    if (!st) st = check_amounts(what, row, e);
    if (!st) st = check_others(b, what, row, k, e);
    return st;
}
