/* column.c - the table of FOCUS columns as data. */
#include "fleet/focus/column.h"

#include <string.h>

#define ROW(name, type, level, nulls, since, until, words)                                         \
    {#name, FLT_FOCUS_##type, FLT_FOCUS_##level, nulls, since, until, words},
static const flt_focus_column cost[] = {FLT_FOCUS_COST(ROW)};
static const flt_focus_column promise[] = {FLT_FOCUS_PROMISE(ROW)};
#undef ROW

const flt_focus_set flt_focus_cost_set = {"Cost and Usage", cost, FLT_FC_N};
const flt_focus_set flt_focus_promise_set = {"Contract Commitment", promise, FLT_FP_N};

bool flt_focus_in(const flt_focus_column *c, int version)
{
    return c->since <= version && version <= c->until;
}

bool flt_focus_word(const char *words, sk_csv_field text)
{
    for (const char *p = words; p;) {
        const char *bar = strchr(p, '|');
        size_t n = bar ? (size_t)(bar - p) : strlen(p);
        if (n == text.n && !memcmp(p, text.p, n)) return true;
        p = bar ? bar + 1 : NULL;
    }
    return false;
}

int flt_focus_version(const char *text)
{
    if (!strcmp(text, "1.2")) return 12;
    if (!strcmp(text, "1.3")) return 13;
    if (!strcmp(text, "1.4")) return 14;
    return 0;
}
