/* reclaim.c - whose chips are taken when too few are free. */
#include "fleet/place/reclaim.h"

#include "fleet/place/score.h"

#include <string.h>

/* A service has nothing to do again: another replica answers. */
double flt_lost_work(const flt_board *b, size_t w, size_t s)
{
    const flt_cell *c = flt_board_cell(b, w, s);
    if (b->want[w].kind == FLT_SERVE || c->before == 0) return 0;
    return (double)c->chips * ((double)(b->t - c->saved) + b->want[w].restart_s);
}

/* Chips of victim v that level `level` leaves to be taken, those marked already not counted. */
static int64_t takeable(const flt_board *b, size_t w, size_t v, size_t s, flt_reclaim_level level)
{
    const flt_cell *c = flt_board_cell(b, v, s);
    const flt_want *x = &b->want[v];
    int64_t left = c->chips - (int64_t)b->mark[v];
    if (left <= 0 || v == w) return 0;
    if (w != FLT_NONE && (x->priority >= b->want[w].priority || b->t - c->since < x->min_run_s))
        return 0;
    if (level == FLT_TAKE_RUNS) return left;
    if (x->kind == FLT_SERVE) return 0; /* all of it answers somebody */
    int64_t extra = left - flt_least_chips(b, v, s);
    return extra > 0 ? extra / x->unit * x->unit : 0;
}

/* The next victim at that level, FLT_NONE if there is none. */
static size_t next(const flt_board *b, size_t w, size_t s, flt_reclaim_level level)
{
    size_t best = FLT_NONE;
    for (size_t v = 0; v < b->n_want; v++) {
        if (!takeable(b, w, v, s, level)) continue;
        if (best != FLT_NONE) {
            int64_t p = b->want[v].priority, q = b->want[best].priority;
            if (p > q || (p == q && flt_lost_work(b, v, s) >= flt_lost_work(b, best, s))) continue;
        }
        best = v;
    }
    return best;
}

/* Of what can be taken from v, as much as is needed: whole runs of what works in step, else whole
 * units. */
static int64_t portion(const flt_board *b, size_t v, int64_t can, int64_t need,
                       flt_reclaim_level level)
{
    int64_t unit = b->want[v].unit;
    if (level == FLT_TAKE_RUNS && b->want[v].kind != FLT_SERVE) return can;
    int64_t want = (need + unit - 1) / unit * unit;
    return want < can ? want : can;
}

/* Marks victims of one level until there are enough; returns the new sum. */
static int64_t gather(const flt_board *b, size_t w, size_t s, int64_t need, int64_t got,
                      flt_reclaim_level level)
{
    while (got < need) {
        size_t v = next(b, w, s, level);
        if (v == FLT_NONE) break;
        int64_t n = portion(b, v, takeable(b, w, v, s, level), need - got, level);
        b->mark[v] += (size_t)n;
        got += n;
    }
    return got;
}

/* Lets off those without whom there is enough, the dearest priority first. */
static int64_t let_off(const flt_board *b, int64_t need, int64_t got)
{
    for (;;) {
        size_t best = FLT_NONE;
        for (size_t v = 0; v < b->n_want; v++)
            if (b->mark[v] && got - (int64_t)b->mark[v] >= need &&
                (best == FLT_NONE || b->want[v].priority > b->want[best].priority))
                best = v;
        if (best == FLT_NONE) return got;
        got -= (int64_t)b->mark[best];
        b->mark[best] = 0;
    }
}

int64_t flt_reclaim_find(const flt_board *b, size_t w, size_t s, int64_t need,
                         flt_reclaim_level level, double *lost_chip_s)
{
    memset(b->mark, 0, b->n_want * sizeof *b->mark);
    int64_t got = gather(b, w, s, need, 0, FLT_TAKE_EXTRAS);
    if (level == FLT_TAKE_RUNS) got = gather(b, w, s, need, got, FLT_TAKE_RUNS);
    got = let_off(b, need, got);
    *lost_chip_s = 0;
    for (size_t v = 0; v < b->n_want; v++)
        if (b->mark[v]) *lost_chip_s += flt_lost_work(b, v, s);
    return got;
}

void flt_reclaim_take(flt_board *b, size_t w, size_t s)
{
    for (size_t v = 0; v < b->n_want; v++) {
        if (!b->mark[v]) continue;
        flt_cell *c = flt_board_cell(b, v, s);
        c->lost_chip_s = flt_lost_work(b, v, s);
        c->chips -= (int64_t)b->mark[v];
        b->used[s] -= (int64_t)b->mark[v];
        c->by = w;
        c->cause = w == FLT_NONE ? FLT_CAUSE_LOST : c->chips ? FLT_CAUSE_SHRUNK : FLT_CAUSE_STOPPED;
    }
}
