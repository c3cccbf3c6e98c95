/* promise.c - amounts of commitments in the words of contracts. */
#include "fleet/book/promise.h"

#include "fleet/book/interval.h"

#include <string.h>

typedef struct promise {
    const char *word;
    flt_kind kind;
    flt_model model;
    bool total; /* over the whole term */
} promise;

static const promise promises[] = {
    {"spend", FLT_SPEND, FLT_DISCONTINUOUS, true},
    {"spend_per_interval", FLT_SPEND, FLT_DISCONTINUOUS, false},
    {"spend_hourly", FLT_SPEND, FLT_CONTINUOUS, false},
    {"chip_hours", FLT_USAGE, FLT_DISCONTINUOUS, true},
    {"chip_hours_per_interval", FLT_USAGE, FLT_DISCONTINUOUS, false},
    {"chips", FLT_USAGE, FLT_CONTINUOUS, false},
};

enum { PROMISES = sizeof promises / sizeof *promises };

const char *flt_promise_word(size_t k)
{
    return k < PROMISES ? promises[k].word : NULL;
}

const char *flt_promise_said(const flt_commitment *c)
{
    for (size_t i = 0; i < PROMISES; i++)
        if (promises[i].kind == c->kind && promises[i].model == c->model && !promises[i].total)
            return promises[i].word;
    return "spend";
}

/* The interval where none was named, and whether the one that was fits. */
static sk_status fit_interval(flt_commitment *c, const promise *p, bool told, sk_err *e)
{
    if (p->model == FLT_CONTINUOUS) {
        if (!told) c->interval = FLT_HOURLY;
        return SK_OK;
    }
    if (!told && !p->total)
        return sk_fail(e, SK_E_INVALID, "%s needs an interval: monthly, annual, ...", p->word);
    if (!told) c->interval = FLT_FULL_PERIOD;
    return SK_OK;
}

/* A sum over the term must fall into whole intervals before it is divided: a part of an interval
 * would be owed as much as a whole one. */
sk_status flt_promise_set(flt_commitment *c, const char *word, const char *text, bool interval_told,
                          sk_err *e)
{
    size_t i = 0;
    while (i < PROMISES && strcmp(promises[i].word, word) != 0)
        i++;
    if (i == PROMISES) return sk_fail(e, SK_E_INTERNAL, "%s is no promise", word);
    const promise *p = &promises[i];
    int64_t amount;
    sk_status st = flt_money_parse(text, strlen(text), &amount, NULL, e);
    if (st) return sk_while(e, "%s", word);
    st = fit_interval(c, p, interval_told, e);
    if (st) return st;
    if (p->total) {
        int64_t n = flt_interval_count(c);
        if (n > 1 && flt_interval_begins(c, n) != c->term.to)
            return sk_fail(e, SK_E_INVALID,
                           "%s: the term is no whole number of %s intervals; say %s_per_interval",
                           word, flt_word_interval(c->interval), word);
        if (n > 1) (void)flt_muldiv(amount, 1, n, &amount);
    }
    c->kind = p->kind;
    c->model = p->model;
    c->amount = amount;
    return SK_OK;
}

static size_t steps_before(const flt_step *s, size_t n, int64_t end)
{
    while (n && s[n - 1].t >= end)
        n--;
    return n;
}

void flt_promise_end(flt_commitment *c, int64_t at)
{
    c->term.to = at;
    c->n_ramp = steps_before(c->ramp, c->n_ramp, at);
    c->n_milestone = steps_before(c->milestone, c->n_milestone, at + 1);
}
