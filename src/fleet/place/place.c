/* place.c - one round of placement: the order of its steps (place.h says which and why). */
#include "fleet/place/place.h"

#include "fleet/place/need.h"
#include "fleet/place/reclaim.h"

#include <math.h>
#include <stdlib.h>

/* Whether want x goes before y. */
static bool before(const flt_board *b, size_t x, size_t y)
{
    const flt_want *p = &b->want[x], *q = &b->want[y];
    if (p->priority != q->priority) return p->priority > q->priority;
    if ((p->kind == FLT_SERVE) != (q->kind == FLT_SERVE)) return p->kind == FLT_SERVE;
    return p->workload != q->workload ? p->workload < q->workload : x < y;
}

/* The cells as they were, the order of the wants, what is used.  (Wants are few and come in nearly
 * the same order each time: sorting by insertion.) */
static void begin(flt_board *b)
{
    for (size_t s = 0; s < b->n_site; s++)
        b->used[s] = 0;
    for (size_t w = 0; w < b->n_want; w++) {
        size_t at = w;
        for (; at > 0 && before(b, w, b->order[at - 1]); at--)
            b->order[at] = b->order[at - 1];
        b->order[at] = w;
        for (size_t s = 0; s < b->n_site; s++) {
            flt_cell *c = flt_board_cell(b, w, s);
            c->chips = c->before;
            c->cause = FLT_CAUSE_KEPT;
            c->by = FLT_NONE;
            c->lost_chip_s = 0;
            c->early = false;
            b->used[s] += c->chips;
        }
    }
}

/* Takes n chips out of a cell. */
static void drop(flt_board *b, size_t w, size_t s, int64_t n, flt_cause cause)
{
    flt_cell *c = flt_board_cell(b, w, s);
    if (cause == FLT_CAUSE_LOST) c->lost_chip_s = flt_lost_work(b, w, s);
    c->chips -= n;
    c->cause = cause;
    b->used[s] -= n;
}

/* Step 1: what is no longer there. */
static void lose(flt_board *b)
{
    for (size_t s = 0; s < b->n_site; s++) {
        for (size_t w = 0; w < b->n_want && b->site[s].state == FLT_POOL_GONE; w++)
            if (flt_board_cell(b, w, s)->chips)
                drop(b, w, s, flt_board_cell(b, w, s)->chips, FLT_CAUSE_LOST);
        if (b->used[s] <= b->site[s].chips) continue;
        double lost;
        (void)flt_reclaim_find(b, FLT_NONE, s, b->used[s] - b->site[s].chips, FLT_TAKE_RUNS, &lost);
        flt_reclaim_take(b, FLT_NONE, s);
    }
}

/* The site whose chips a service gives back first, the dearest a unit at the margin; FLT_NONE if it
 * has none that it can do without. */
static size_t dearest(const flt_board *b, size_t w, double spare)
{
    const flt_want *v = &b->want[w];
    size_t best = FLT_NONE;
    double most = -1;
    for (size_t s = 0; s < b->n_site; s++) {
        const flt_site *p = &b->site[s];
        double unit = (double)v->unit * v->rate[s];
        if (flt_board_cell(b, w, s)->chips < v->unit || p->state == FLT_POOL_SILENT || unit > spare)
            continue;
        double cost = b->used[s] > p->paid ? p->price / fmax(v->rate[s], 1e-300) : 0;
        if (cost <= most) continue;
        best = s;
        most = cost;
    }
    return best;
}

/* Step 2, a service: unit by unit at the margin of what is paid, all of it beyond. */
static void give_back(flt_board *b, size_t w)
{
    const flt_want *v = &b->want[w];
    double keep = fmax(v->keep, v->demand);
    for (;;) {
        int64_t have = flt_chips_of(b, w), over = have - v->min_chips;
        double spare = flt_supply(b, w) - keep;
        if (have > v->max_chips) spare = INFINITY; /* it may not have so many */
        if (over < v->unit) return;
        size_t s = dearest(b, w, spare);
        if (s == FLT_NONE) return;
        double unit = (double)v->unit * v->rate[s];
        int64_t n = over / v->unit, here = flt_board_cell(b, w, s)->chips / v->unit;
        if (isinf(spare)) n = (have - v->max_chips + v->unit - 1) / v->unit;
        if (here < n) n = here;
        if (unit > 0 && !isinf(spare) && spare / unit < (double)n) n = (int64_t)(spare / unit);
        int64_t unpaid = (b->used[s] - b->site[s].paid + v->unit - 1) / v->unit;
        if (unpaid > 0 && unpaid < n) n = unpaid;
        drop(b, w, s, n * v->unit, FLT_CAUSE_GAVE_BACK);
    }
}

/* Step 2, the others: those that ended, or may not have so many any more. */
static void cut_back(flt_board *b, size_t w)
{
    size_t s = flt_runs_at(b, w);
    if (s == FLT_NONE || b->site[s].state == FLT_POOL_SILENT) return;
    int64_t over = flt_board_cell(b, w, s)->chips - b->want[w].max_chips;
    if (over > 0) drop(b, w, s, over, FLT_CAUSE_GAVE_BACK);
}

/* Step 4: a run grows.  What it costs is its own restart and the victims' work; both must be less
 * than the chips will do while they are its. */
static void grow(flt_board *b, size_t w)
{
    const flt_want *v = &b->want[w];
    size_t s = flt_runs_at(b, w);
    if (v->kind == FLT_SERVE || s == FLT_NONE || flt_fits(b, w, s) != FLT_FITS) return;
    flt_cell *c = flt_board_cell(b, w, s);
    int64_t room = (v->max_chips - c->chips) / v->unit * v->unit;
    int64_t free = flt_free_chips(b, s) / v->unit * v->unit, got;
    double own = c->before ? (double)c->chips * v->restart_s : 0, lost = 0;
    if (room <= 0 || (c->before && b->t - c->since < v->min_run_s)) return;
    if (isinf(b->site[s].price) && room > b->site[s].paid - b->used[s])
        room = (b->site[s].paid - b->used[s]) / v->unit * v->unit;
    if (free > room) free = room;
    got = free;
    if (room > free) {
        int64_t unfree = flt_free_chips(b, s) - free;
        got += flt_reclaim_find(b, w, s, room - free - unfree, FLT_TAKE_EXTRAS, &lost) + unfree;
        got = (got < room ? got : room) / v->unit * v->unit;
    }
    if (got > free && (double)got * b->settle_s > own + lost &&
        (double)(got - free) * b->settle_s > lost) {
        flt_reclaim_take(b, w, s);
    } else {
        got = free;
        if (got <= 0 || (double)got * b->settle_s <= own) return;
    }
    c->chips += got;
    b->used[s] += got;
}

/* Score of a run's chips in a site, its own chips there out of the way. */
static flt_candidate as_if(flt_board *b, size_t w, size_t s, size_t from, int64_t chips)
{
    flt_candidate c = {.want = w, .site = s, .chips = chips, .free_chips = chips};
    flt_cell *own = flt_board_cell(b, w, from);
    own->chips = 0;
    b->used[from] -= chips;
    c.refusal = s == from ? FLT_FITS : flt_fits(b, w, s);
    if (!c.refusal && s != from && flt_least_chips(b, w, s) > chips) c.refusal = FLT_NO_MEMORY;
    if (!c.refusal && s != from && flt_free_chips(b, s) < chips) c.refusal = FLT_NO_ROOM;
    if (!c.refusal) flt_score(b, &c, s == from ? 0 : (double)chips * b->want[w].restart_s);
    own->chips = chips;
    b->used[from] += chips;
    return c;
}

/* Step 5: a run that was left alone so far may be so much cheaper elsewhere.  (It is asked for a
 * checkpoint first, so it loses its restart only.) */
static bool move(flt_board *b, size_t w, const flt_place_ear *ear)
{
    size_t from = flt_runs_at(b, w);
    if (b->want[w].kind == FLT_SERVE || from == FLT_NONE || !(b->move_gain > 0)) return false;
    flt_cell *c = flt_board_cell(b, w, from), *to;
    if (c->chips != c->before || b->site[from].state == FLT_POOL_SILENT ||
        b->t - c->since < b->want[w].min_run_s)
        return false;
    flt_candidate here = as_if(b, w, from, from, c->chips), best = here;
    for (size_t s = 0; s < b->n_site; s++) {
        flt_candidate x = s == from ? here : as_if(b, w, s, from, c->chips);
        if (!x.refusal && s != from && x.score < best.score &&
            x.score < here.score * (1 - b->move_gain))
            best = x;
    }
    for (size_t s = 0; ear && s < b->n_site; s++) {
        flt_candidate x = as_if(b, w, s, from, c->chips);
        x.chosen = s == best.site;
        ear->hear(ear->arg, &x);
    }
    if (best.site == from) return false;
    to = flt_board_cell(b, w, best.site);
    to->chips = c->chips;
    b->used[best.site] += c->chips;
    to->cause = FLT_CAUSE_MOVED;
    drop(b, w, from, c->chips, FLT_CAUSE_MOVED);
    return true;
}

/* What became of each cell, where nothing said so yet. */
static void end(flt_board *b)
{
    for (size_t i = 0; i < b->n_want * b->n_site; i++) {
        flt_cell *c = &b->cell[i];
        if (c->chips < c->before || c->cause == FLT_CAUSE_MOVED) continue;
        c->by = FLT_NONE;
        c->lost_chip_s = 0;
        c->early = false;
        c->cause = c->chips == c->before ? FLT_CAUSE_KEPT
                   : c->before           ? FLT_CAUSE_GREW
                                         : FLT_CAUSE_STARTED;
    }
}

/* Step 3, again while minimum run times are broken: each time fewer are left. */
static void meet_needs(flt_board *b, const flt_place_ear *ear)
{
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; i < b->n_want; i++)
            again |= flt_meet_need(b, b->order[i], ear);
    }
}

void flt_place_round(flt_board *b, const flt_place_ear *ear)
{
    bool moved = false;
    begin(b);
    lose(b);
    for (size_t w = 0; w < b->n_want; w++) {
        if (b->want[w].kind == FLT_SERVE)
            give_back(b, w);
        else
            cut_back(b, w);
    }
    meet_needs(b, ear);
    for (size_t i = 0; i < b->n_want; i++)
        grow(b, b->order[i]);
    for (size_t i = 0; i < b->n_want; i++)
        moved |= move(b, b->order[i], ear);
    if (moved) meet_needs(b, ear); /* what they left may be what somebody lacks */
    end(b);
}
