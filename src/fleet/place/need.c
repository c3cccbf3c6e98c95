/* need.c - a want gets what it must have, from free chips first, then from lower priorities. */
#include "fleet/place/need.h"

#include "fleet/place/reclaim.h"

#include <math.h>

int64_t flt_free_chips(const flt_board *b, size_t s)
{
    int64_t n = b->site[s].chips - b->used[s];
    return n > 0 ? n : 0;
}

size_t flt_runs_at(const flt_board *b, size_t w)
{
    for (size_t s = 0; s < b->n_site; s++)
        if (flt_board_cell(b, w, s)->chips > 0) return s;
    return FLT_NONE;
}

double flt_supply(const flt_board *b, size_t w)
{
    double sum = 0;
    for (size_t s = 0; s < b->n_site; s++)
        if (b->site[s].state != FLT_POOL_SILENT)
            sum += (double)flt_board_cell(b, w, s)->chips * b->want[w].rate[s];
    return sum;
}

int64_t flt_chips_of(const flt_board *b, size_t w)
{
    int64_t sum = 0;
    for (size_t s = 0; s < b->n_site; s++)
        sum += flt_board_cell(b, w, s)->chips;
    return sum;
}

/* How far a want goes for chips, one after the other. */
typedef enum reach {
    REACH_FREE,    /* what nobody has */
    REACH_VICTIMS, /* lower priorities past their min_run_s */
    REACH_YOUNG    /* all lower priorities, for what a service can't do without */
} reach;

/* Chips that want w would still have to get in site s, in whole units: a service's rest of `demand`
 * at that site's rate, a run's least number. */
static int64_t missing(const flt_board *b, size_t w, size_t s, double demand)
{
    const flt_want *v = &b->want[w];
    if (v->kind != FLT_SERVE) return flt_least_chips(b, w, s);
    int64_t have = flt_chips_of(b, w), most = (v->max_chips - have) / v->unit * v->unit;
    double rest = demand - flt_supply(b, w), n = rest / v->rate[s];
    int64_t k = !(n > 0) ? 0 : n < 1e15 ? (int64_t)ceil(n - 1e-9) : INT64_MAX / 4;
    if (k < v->min_chips - have) k = v->min_chips - have;
    k = (k + v->unit - 1) / v->unit * v->unit;
    return k < most ? k : most;
}

/* What site s could give want w: all of it in free chips, or with victims; a service takes less
 * too.  Fills in the candidate up to its score. */
static void look(const flt_board *b, size_t w, size_t s, reach far, flt_candidate *c)
{
    static const flt_reclaim_level level[] = {FLT_TAKE_RUNS, FLT_TAKE_RUNS, FLT_TAKE_YOUNG};
    const flt_want *v = &b->want[w];
    int64_t unit = v->unit, free = flt_free_chips(b, s);
    double lost = 0;
    bool some = v->kind == FLT_SERVE;
    *c = (flt_candidate){.want = w, .site = s, .refusal = flt_fits(b, w, s)};
    if (c->refusal) return;
    int64_t need = missing(b, w, s, far == REACH_YOUNG ? v->floor : v->demand);
    int64_t got = free < need ? free : need;
    c->free_chips = got;
    if (far != REACH_FREE && got < need) {
        got += flt_reclaim_find(b, w, s, need - got, level[far], &lost);
        c->early_chips = flt_reclaim_young(b, s);
    }
    if (got > need) got = need;
    if (some) got = got / unit * unit;
    if (got <= 0 || (!some && got < need)) {
        c->refusal = FLT_NO_ROOM;
        return;
    }
    c->chips = got;
    if (c->free_chips > got) c->free_chips = got;
    flt_score(b, c, lost);
}

/* The candidate of the best score; false if there is none. */
static bool choose(const flt_board *b, size_t w, reach far, flt_candidate *best)
{
    bool any = false;
    for (size_t s = 0; s < b->n_site; s++) {
        flt_candidate c;
        look(b, w, s, far, &c);
        if (c.refusal || (any && c.score >= best->score)) continue;
        *best = c;
        any = true;
    }
    return any;
}

/* Tells all candidates again, now that one is chosen (site FLT_NONE: none). */
static void tell(const flt_board *b, size_t w, reach far, size_t chosen, const flt_place_ear *ear)
{
    for (size_t s = 0; ear && s < b->n_site; s++) {
        flt_candidate c;
        look(b, w, s, far, &c);
        c.chosen = s == chosen;
        ear->hear(ear->arg, &c);
    }
}

static void grant(flt_board *b, const flt_candidate *c)
{
    double lost;
    int64_t short_of = c->chips - flt_free_chips(b, c->site);
    if (short_of > 0) {
        (void)flt_reclaim_find(b, c->want, c->site, short_of,
                               c->early_chips ? FLT_TAKE_YOUNG : FLT_TAKE_RUNS, &lost);
        flt_reclaim_take(b, c->want, c->site);
    }
    flt_board_cell(b, c->want, c->site)->chips += c->chips;
    b->used[c->site] += c->chips;
}

/* Whether it has what it must have. */
static bool content(const flt_board *b, size_t w)
{
    const flt_want *v = &b->want[w];
    if (v->kind != FLT_SERVE) return v->max_chips == 0 || flt_runs_at(b, w) != FLT_NONE;
    int64_t have = flt_chips_of(b, w);
    if (have + v->unit > v->max_chips) return true;
    return have >= v->min_chips && flt_supply(b, w) >= v->demand * (1 - 1e-12);
}

/* Whether it is a service that would miss its goal with what it has. */
static bool desperate(const flt_board *b, size_t w)
{
    const flt_want *v = &b->want[w];
    return v->kind == FLT_SERVE &&
           (flt_chips_of(b, w) < v->min_chips || flt_supply(b, w) < v->floor * (1 - 1e-12));
}

/* Each grant is all that its site has or all that is missing, so there are few.  Free chips
 * anywhere go before victims: nobody is stopped while there is room. */
bool flt_meet_need(flt_board *b, size_t w, const flt_place_ear *ear)
{
    bool early = false;
    for (size_t i = 0; i < 3 * b->n_site + 3 && !content(b, w); i++) {
        flt_candidate best;
        reach far = REACH_FREE;
        bool any = choose(b, w, far, &best);
        if (!any) {
            far = REACH_VICTIMS;
            any = choose(b, w, far, &best);
        }
        if (!any && desperate(b, w)) {
            far = REACH_YOUNG;
            any = choose(b, w, far, &best);
        }
        tell(b, w, far, any ? best.site : FLT_NONE, ear);
        if (!any) break;
        grant(b, &best);
        early |= best.early_chips > 0;
    }
    return early;
}
