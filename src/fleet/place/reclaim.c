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

/* Which victims a pass looks at. */
typedef struct pass {
    size_t w, s; /* for whom, where */
    bool runs;   /* whole runs, not only what they have above their least */
    bool young;  /* within their min_run_s, too */
} pass;

static bool is_young(const flt_board *b, size_t v, size_t s)
{
    return b->t - flt_board_cell(b, v, s)->since < b->want[v].min_run_s;
}

/* Chips of victim v that a pass leaves to be taken, those marked already not counted. */
static int64_t takeable(const flt_board *b, const pass *p, size_t v)
{
    size_t w = p->w, s = p->s;
    const flt_cell *c = flt_board_cell(b, v, s);
    const flt_want *x = &b->want[v];
    int64_t left = c->chips - (int64_t)b->mark[v];
    if (left <= 0 || v == w) return 0;
    if (w != FLT_NONE && (x->priority >= b->want[w].priority || (!p->young && is_young(b, v, s))))
        return 0;
    if (p->runs) return left;
    if (x->kind == FLT_SERVE) return 0; /* all of it answers somebody */
    int64_t extra = left - flt_least_chips(b, v, s);
    return extra > 0 ? extra / x->unit * x->unit : 0;
}

/* The next victim of a pass, FLT_NONE if there is none. */
static size_t next(const flt_board *b, const pass *p)
{
    size_t best = FLT_NONE;
    for (size_t v = 0; v < b->n_want; v++) {
        if (!takeable(b, p, v)) continue;
        if (best != FLT_NONE) {
            int64_t x = b->want[v].priority, y = b->want[best].priority;
            if (x > y || (x == y && flt_lost_work(b, v, p->s) >= flt_lost_work(b, best, p->s)))
                continue;
        }
        best = v;
    }
    return best;
}

/* Of what can be taken from v, as much as is needed: whole runs of what works in step, else whole
 * units. */
static int64_t portion(const flt_board *b, size_t v, int64_t can, int64_t need, bool runs)
{
    int64_t unit = b->want[v].unit;
    if (runs && b->want[v].kind != FLT_SERVE) return can;
    int64_t want = (need + unit - 1) / unit * unit;
    return want < can ? want : can;
}

/* Marks victims of one pass until there are enough; returns the new sum. */
static int64_t gather(const flt_board *b, const pass *p, int64_t need, int64_t got)
{
    while (got < need) {
        size_t v = next(b, p);
        if (v == FLT_NONE) break;
        int64_t n = portion(b, v, takeable(b, p, v), need - got, p->runs);
        b->mark[v] += (size_t)n;
        got += n;
    }
    return got;
}

/* Whether v is let off before x: the young, then the dearer priority. */
static bool off_before(const flt_board *b, size_t s, size_t v, size_t x)
{
    bool young = is_young(b, v, s);
    if (young != is_young(b, x, s)) return young;
    return b->want[v].priority > b->want[x].priority;
}

/* Lets off those without whom there is enough. */
static int64_t let_off(const flt_board *b, size_t s, int64_t need, int64_t got)
{
    for (;;) {
        size_t best = FLT_NONE;
        for (size_t v = 0; v < b->n_want; v++)
            if (b->mark[v] && got - (int64_t)b->mark[v] >= need &&
                (best == FLT_NONE || off_before(b, s, v, best)))
                best = v;
        if (best == FLT_NONE) return got;
        got -= (int64_t)b->mark[best];
        b->mark[best] = 0;
    }
}

int64_t flt_reclaim_find(const flt_board *b, size_t w, size_t s, int64_t need,
                         flt_reclaim_level level, double *lost_chip_s)
{
    static const bool runs[] = {false, true, false, true};
    static const int passes[] = {[FLT_TAKE_EXTRAS] = 1, [FLT_TAKE_RUNS] = 2, [FLT_TAKE_YOUNG] = 4};
    int64_t got = 0;
    memset(b->mark, 0, b->n_want * sizeof *b->mark);
    for (int i = 0; i < passes[level]; i++) {
        const pass p = {w, s, runs[i], i > 1};
        got = gather(b, &p, need, got);
    }
    got = let_off(b, s, need, got);
    *lost_chip_s = 0;
    for (size_t v = 0; v < b->n_want; v++)
        if (b->mark[v]) *lost_chip_s += flt_lost_work(b, v, s);
    return got;
}

int64_t flt_reclaim_young(const flt_board *b, size_t s)
{
    int64_t n = 0;
    for (size_t v = 0; v < b->n_want; v++)
        if (b->mark[v] && is_young(b, v, s)) n += (int64_t)b->mark[v];
    return n;
}

void flt_reclaim_take(flt_board *b, size_t w, size_t s)
{
    for (size_t v = 0; v < b->n_want; v++) {
        if (!b->mark[v]) continue;
        flt_cell *c = flt_board_cell(b, v, s);
        c->lost_chip_s = flt_lost_work(b, v, s);
        c->early = w != FLT_NONE && is_young(b, v, s);
        c->chips -= (int64_t)b->mark[v];
        b->used[s] -= (int64_t)b->mark[v];
        c->by = w;
        c->cause = w == FLT_NONE ? FLT_CAUSE_LOST : c->chips ? FLT_CAUSE_SHRUNK : FLT_CAUSE_STOPPED;
    }
}
