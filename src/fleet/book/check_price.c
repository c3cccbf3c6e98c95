/* check_price.c - checks of offers. */
#include "fleet/book/check.h"

#include <stdio.h>
#include <string.h>

enum {
    WHAT = 3 * FLT_NAME_MAX + 64, /* bytes of a row's name in a sentence */
    MAX_LIMIT = 1000000000
};

/* An offer has no name of its own. */
static void name_it(char out[WHAT], const flt_offer *row, const char *provider, const char *chip)
{
    char from[SK_UTC_TEXT];
    sk_utc_print_short(row->valid.from, from);
    (void)snprintf(out, WHAT, "offer of %s for %s%s%.64s (%s) from %s", provider, chip,
                   *row->sku ? " as " : "", row->sku, flt_word_category(row->category), from);
}

static bool same_article(const flt_offer *a, const flt_offer *b)
{
    return a->provider == b->provider && a->chip == b->chip && a->category == b->category &&
           !strcmp(a->sku, b->sku) && !strcmp(a->region, b->region);
}

/* Against the other offers: one price at a time, one size of machine a sku. */
static sk_status check_others(const flt_book *b, const char *what, const flt_offer *row, sk_err *e)
{
    for (size_t i = 0; i < b->n_offer; i++) {
        const flt_offer *o = &b->offer[i];
        if (o->id == row->id) continue;
        if (same_article(o, row) && o->valid.from == row->valid.from)
            return sk_fail(e, SK_E_INVALID,
                           "%s: there is one from that very day; a changed price needs a date of "
                           "its own",
                           what);
        if (*row->sku && o->provider == row->provider && !strcmp(o->sku, row->sku) &&
            (o->chip != row->chip || o->chips_per_unit != row->chips_per_unit))
            return sk_fail(e, SK_E_INVALID,
                           "%s: another offer has %lld chips of %s in a %s, this one %lld; one "
                           "of them is wrong",
                           what, (long long)o->chips_per_unit,
                           o->chip == row->chip ? "the same kind" : "another kind", row->sku,
                           (long long)row->chips_per_unit);
    }
    return SK_OK;
}

static sk_status check_figures(const flt_book *b, const char *what, const flt_offer *row,
                               const char *chip, sk_err *e)
{
    sk_status st = flt_check_range(what, "the price", row->price_micros, 0, INT64_MAX, e);
    if (!st && !row->priced && row->price_micros)
        st = sk_fail(e, SK_E_INVALID, "%s is said to have no price, and has one", what);
    if (!st) st = flt_check_machine(what, "chips per unit", chip, row->chips_per_unit, e);
    if (!st) st = flt_check_range(what, "the limit of chips", row->limit_chips, 0, MAX_LIMIT, e);
    if (!st) st = flt_check_currency(what, row->currency, e);
    if (!st) st = flt_check_mix(b, what, row->provider, row->currency, row->id, 0, e);
    return st;
}

sk_status flt_book_check_offer(const flt_book *b, const flt_offer *row, sk_err *e)
{
    char what[WHAT];
    const flt_provider *p = flt_book_provider(b, row->provider);
    const flt_chip *c = flt_book_chip(b, row->chip);
    name_it(what, row, p ? p->name : "?", c ? c->name : "?");
    if (!p) return sk_fail(e, SK_E_INVALID, "%s: its provider is not known; add it first", what);
    if (!c) return sk_fail(e, SK_E_INVALID, "%s: its chip is not known; add it first", what);
    sk_status st =
        flt_check_range(what, "the category", (int64_t)row->category, 0, FLT_CATEGORY_N - 1, e);
    if (!st) st = flt_check_text(what, "the region", row->region, e);
    if (!st) st = flt_check_text(what, "the sku", row->sku, e);
    if (!st) st = flt_check_text(what, "the source", row->source, e);
    if (!st) st = flt_check_span(what, row->valid, e);
    if (!st) st = check_figures(b, what, row, c->name, e);
    if (!st) st = check_others(b, what, row, e);
    return st;
}
