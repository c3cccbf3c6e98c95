/* outage.c - reading an outage from a line of text. */
#include "fleet/sim/outage.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MOST = 200 };

/* Days after the beginning that a scenario may speak of: a century and a half. */
#define MOST_DAYS 55000.0

static sk_status bad(const char *text, const char *why, sk_err *e)
{
    return sk_fail(e, SK_E_INVALID, "outage \"%.100s\": %s", text, why);
}

/* "day12.5" or a date and time, text[0..n), into seconds. */
static sk_status read_begin(const char *text, const char *p, size_t n, int64_t start, int64_t *out,
                            sk_err *e)
{
    char word[64], *end;
    if (n >= sizeof word || !n) return bad(text, "it has no beginning (day12, or a date)", e);
    memcpy(word, p, n);
    word[n] = 0;
    if (strncmp(word, "day", 3) != 0) {
        sk_status st = sk_utc_parse(word, n, SK_UTC_ASSUMED, out, e);
        return st ? sk_while(e, "outage \"%.100s\"", text) : SK_OK;
    }
    double d = word[3] >= '0' && word[3] <= '9' ? strtod(word + 3, &end) : NAN;
    if (!(d >= 0 && d <= MOST_DAYS) || *end || strpbrk(word, "xXpP"))
        return bad(text, "after \"day\" stands a number of days", e);
    *out = start + (int64_t)llround(d * 86400);
    return SK_OK;
}

/* The word behind the last colon if it is a kind; *n is what stands before it. */
static flt_pool_state read_kind(const char *p, size_t *n)
{
    static const flt_pool_state kinds[] = {FLT_POOL_NO_LAUNCH, FLT_POOL_SILENT, FLT_POOL_GONE};
    const char *colon = strrchr(p, ':');
    for (size_t i = 0; colon && i < 3; i++) {
        if (strcmp(colon + 1, flt_word_pool_state(kinds[i])) != 0) continue;
        *n = (size_t)(colon - p);
        return kinds[i];
    }
    return FLT_POOL_GONE;
}

/* Cut at the last @ and at the last + behind it: a name may hold the one, and a date the other for
 * its zone. */
sk_status flt_outage_parse(const char *text, int64_t start, sk_arena *mem, flt_outage *out,
                           sk_err *e)
{
    const char *at = strrchr(text, '@'), *plus = at ? strrchr(at, '+') : NULL;
    if (!at || at == text || at - text > NAME_MOST)
        return bad(text, "write POOL@day12+15h, with :no-launch, :silent or :gone behind it", e);
    if (!plus) return bad(text, "it has no length (+15h)", e);
    flt_outage o = {.where = NULL};
    size_t n = strlen(plus + 1);
    o.kind = read_kind(plus + 1, &n);
    char length[32];
    if (n >= sizeof length) return bad(text, "its length is no time (15h, 90m, 2d)", e);
    (void)snprintf(length, sizeof length, "%.*s", (int)n, plus + 1);
    sk_status st = read_begin(text, at + 1, (size_t)(plus - at - 1), start, &o.span.from, e);
    if (st) return st;
    if (sk_utc_after(o.span.from, length, &o.span.to, e))
        return sk_while(e, "outage \"%.100s\"", text);
    if (o.span.to <= o.span.from) return bad(text, "it lasts no time", e);
    o.where = sk_arena_strndup(mem, text, (size_t)(at - text));
    if (!o.where) return sk_fail(e, SK_E_NOMEM, "no memory for an outage");
    *out = o;
    return SK_OK;
}

bool flt_outage_hits(const flt_outage *o, const char *pool, const char *provider)
{
    return strcmp(o->where, "*") == 0 || strcmp(o->where, pool) == 0 ||
           strcmp(o->where, provider) == 0;
}
