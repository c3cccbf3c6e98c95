/* check.c - checks of single fields, and of a whole book. */
#include "fleet/book/check.h"

#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bool printable(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f) return false;
    return sk_utf8_valid(text, strlen(text));
}

sk_status flt_check_name(const char *kind, const char *name, sk_err *e)
{
    size_t n = strlen(name);
    if (n == 0) return sk_fail(e, SK_E_INVALID, "a %s needs a name", kind);
    if (!printable(name))
        return sk_fail(e, SK_E_INVALID, "the name of a %s has bytes that can't be printed", kind);
    if (n > FLT_NAME_MAX)
        return sk_fail(e, SK_E_INVALID, "the name \"%.20s...\" of a %s is longer than %d bytes",
                       name, kind, FLT_NAME_MAX);
    if (name[0] == ' ' || name[n - 1] == ' ')
        return sk_fail(e, SK_E_INVALID, "the name \"%s\" of a %s has a blank at an end", name,
                       kind);
    if (name[0] == '-' || strchr(name, '"'))
        return sk_fail(e, SK_E_INVALID, "the name %s of a %s has a quote, or a dash before it",
                       name, kind);
    return SK_OK;
}

sk_status flt_check_text(const char *what, const char *field, const char *text, sk_err *e)
{
    if (strlen(text) > FLT_TEXT_MAX)
        return sk_fail(e, SK_E_INVALID, "%s: %s is longer than %d bytes", what, field,
                       FLT_TEXT_MAX);
    if (!printable(text))
        return sk_fail(e, SK_E_INVALID, "%s: %s has bytes that can't be printed", what, field);
    return SK_OK;
}

sk_status flt_check_range(const char *what, const char *field, int64_t v, int64_t min, int64_t max,
                          sk_err *e)
{
    if (v < 0 && min >= 0) return sk_fail(e, SK_E_INVALID, "%s: %s is negative", what, field);
    if (v < min || v > max)
        return sk_fail(e, SK_E_INVALID, "%s: %s is %lld; it is %lld to %lld", what, field,
                       (long long)v, (long long)min, (long long)max);
    return SK_OK;
}

sk_status flt_check_share(const char *what, const char *field, int64_t ppm, sk_err *e)
{
    if (ppm >= 0 && ppm <= FLT_PPM) return SK_OK;
    return sk_fail(e, SK_E_INVALID, "%s: %s is %g %%; a share is 0 to 100 %%", what, field,
                   (double)ppm / 1e4);
}

sk_status flt_check_size(const char *what, const char *field, double v, sk_err *e)
{
    if (isfinite(v) && v >= 0) return SK_OK;
    return sk_fail(e, SK_E_INVALID, "%s: %s is %g; it is 0 or more", what, field, v);
}

sk_status flt_check_span(const char *what, sk_span s, sk_err *e)
{
    char from[SK_UTC_TEXT], to[SK_UTC_TEXT];
    if (s.from >= SK_UTC_MIN && s.to <= SK_UTC_END && s.from < s.to) return SK_OK;
    sk_utc_print_short(s.from, from);
    sk_utc_print_short(s.to, to);
    return sk_fail(e, SK_E_INVALID, "%s: from %s to %s is no span of time", what, from, to);
}

sk_status flt_check_currency(const char *what, const char *currency, sk_err *e)
{
    if (flt_currency_ok(currency)) return SK_OK;
    return sk_fail(e, SK_E_INVALID,
                   "%s: the currency \"%.16s\" is no ISO 4217 code, such as USD or EUR", what,
                   currency);
}

sk_status flt_check_mix(const flt_book *b, const char *what, int64_t provider, const char *currency,
                        int64_t offer, int64_t contract, sk_err *e)
{
    for (size_t i = 0; i < b->n_offer; i++) {
        const flt_offer *o = &b->offer[i];
        if (o->provider == provider && o->id != offer && strcmp(o->currency, currency) != 0)
            return sk_fail(e, SK_E_INVALID,
                           "%s is in %s, but its provider's offers are in %s; convert one of them",
                           what, currency, o->currency);
    }
    for (size_t i = 0; i < b->n_contract; i++) {
        const flt_contract *c = &b->contract[i];
        if (c->provider == provider && c->id != contract && strcmp(c->currency, currency) != 0)
            return sk_fail(e, SK_E_INVALID,
                           "%s is in %s, but its provider's contract \"%s\" is in %s; convert one "
                           "of them",
                           what, currency, c->name, c->currency);
    }
    return SK_OK;
}

/* ---- a whole book ----------------------------------------------------------------------------
 */

typedef struct ids {
    const char *kind;
    int64_t last;
} ids;

static sk_status next_id(ids *s, int64_t id, sk_err *e)
{
    if (id <= s->last)
        return sk_fail(e, SK_E_INVALID, "the id %lld of a %s is not above the one before, %lld",
                       (long long)id, s->kind, (long long)s->last);
    s->last = id;
    return SK_OK;
}

/* Checks every row of one kind, and that their ids ascend. */
#define CHECK_ALL(T)                                                                               \
    static sk_status all_##T(const flt_book *b, sk_err *e)                                         \
    {                                                                                              \
        ids s = {#T, 0};                                                                           \
        for (size_t i = 0; i < b->n_##T; i++) {                                                    \
            sk_status st = next_id(&s, b->T[i].id, e);                                             \
            if (!st) st = flt_book_check_##T(b, &b->T[i], e);                                      \
            if (st) return st;                                                                     \
        }                                                                                          \
        return SK_OK;                                                                              \
    }

CHECK_ALL(provider)
CHECK_ALL(chip)
CHECK_ALL(pool)
CHECK_ALL(offer)
CHECK_ALL(contract)
CHECK_ALL(commitment)
CHECK_ALL(reservation)
CHECK_ALL(workload)

sk_status flt_book_check(const flt_book *b, sk_err *e)
{
    sk_status st = all_provider(b, e);
    if (!st) st = all_chip(b, e);
    if (!st) st = all_pool(b, e);
    if (!st) st = all_offer(b, e);
    if (!st) st = all_contract(b, e);
    if (!st) st = all_commitment(b, e);
    if (!st) st = all_reservation(b, e);
    if (!st) st = all_workload(b, e);
    return st;
}
