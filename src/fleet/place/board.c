/* board.c - room for a snapshot, its checks, and how one round leads to the next. */
#include "fleet/place/board.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

sk_status flt_board_init(flt_board *b, size_t n_want, size_t n_site, sk_err *e)
{
    size_t n = 0;
    flt_board v = {
        .n_want = n_want, .n_site = n_site, .horizon_s = 86400, .settle_s = 1800, .move_gain = 0.2};
    if (!sk_mul_size(n_want, n_site, &n))
        return sk_fail(e, SK_E_TOOBIG, "too many workloads and pools");
    v.cell = sk_calloc(SK_MEM_MISC, n, sizeof *v.cell);
    v.order = sk_calloc(SK_MEM_MISC, n_want, sizeof *v.order);
    v.mark = sk_calloc(SK_MEM_MISC, n_want, sizeof *v.mark);
    v.used = sk_calloc(SK_MEM_MISC, n_site, sizeof *v.used);
    if (!v.cell || !v.order || !v.mark || !v.used) {
        flt_board_fini(&v);
        return sk_fail(e, SK_E_NOMEM, "no memory for a placement of %zu workloads", n_want);
    }
    *b = v;
    return SK_OK;
}

void flt_board_fini(flt_board *b)
{
    sk_free(b->cell);
    sk_free(b->order);
    sk_free(b->mark);
    sk_free(b->used);
    b->cell = NULL;
    b->order = b->mark = NULL;
    b->used = NULL;
}

flt_cell *flt_board_cell(const flt_board *b, size_t w, size_t s)
{
    return &b->cell[w * b->n_site + s];
}

double flt_serve_demand(double forecast, double headroom)
{
    return forecast * (1 + headroom);
}

void flt_board_next(flt_board *b)
{
    for (size_t i = 0; i < b->n_want * b->n_site; i++) {
        flt_cell *c = &b->cell[i];
        if (c->chips != c->before) c->since = c->saved = b->t;
        c->before = c->chips;
    }
}

static bool share(double v)
{
    return v >= 0 && v <= 1;
}

static bool count(double v)
{
    return v >= 0 && isfinite(v);
}

static bool site_ok(const flt_site *s)
{
    return s->chips >= 0 && s->paid >= 0 && s->chips_per_node > 0 && s->price >= 0 &&
           count(s->chip_bytes) && count(s->net_gbps) && count(s->failures_per_node_day) &&
           count(s->egress_micros_per_gb) && count(s->wan_gbps) && s->state >= FLT_POOL_UP &&
           s->state <= FLT_POOL_GONE && s->category >= FLT_ON_DEMAND &&
           s->category < FLT_CATEGORY_N;
}

static bool want_ok(const flt_board *b, const flt_want *w)
{
    for (size_t s = 0; s < b->n_site; s++)
        if (!count(w->rate[s]) || (w->attain && !share(w->attain[s]))) return false;
    return w->unit > 0 && w->min_chips >= 0 && w->min_chips <= w->max_chips && count(w->demand) &&
           count(w->keep) && count(w->floor) && w->floor <= w->demand && count(w->memory_bytes) &&
           count(w->min_net_gbps) && count(w->checkpoint_bytes) && count(w->checkpoint_every_s) &&
           count(w->checkpoint_write_s) && count(w->restart_s) && w->min_run_s >= 0 &&
           (w->data == FLT_NONE || w->data < b->n_site) &&
           (w->lease == FLT_NONE || w->lease < b->n_site);
}

/* Where the want runs: counts make sense, and what works in step is in one site. */
static bool cells_ok(const flt_board *b, size_t w)
{
    size_t sites = 0;
    for (size_t s = 0; s < b->n_site; s++) {
        const flt_cell *c = flt_board_cell(b, w, s);
        if (c->before < 0 || c->since > b->t || c->saved > b->t) return false;
        sites += c->before > 0;
    }
    return b->want[w].kind == FLT_SERVE || sites <= 1;
}

sk_status flt_board_check(const flt_board *b, sk_err *e)
{
    if (!(b->horizon_s > 0) || !isfinite(b->horizon_s) || !count(b->settle_s) ||
        !share(b->move_gain))
        return sk_fail(e, SK_E_INVALID, "the horizon of a placement must be more than 0 s");
    for (size_t s = 0; s < b->n_site; s++)
        if (!site_ok(&b->site[s]))
            return sk_fail(e, SK_E_INVALID, "pool %lld makes no sense in a placement",
                           (long long)b->site[s].pool);
    for (size_t w = 0; w < b->n_want; w++) {
        if (!want_ok(b, &b->want[w]))
            return sk_fail(e, SK_E_INVALID, "workload %lld makes no sense in a placement",
                           (long long)b->want[w].workload);
        if (!cells_ok(b, w))
            return sk_fail(e, SK_E_INVALID,
                           "workload %lld runs where it can't: in several pools at once, or from "
                           "later than now",
                           (long long)b->want[w].workload);
    }
    return SK_OK;
}

const char *flt_cause_text(flt_cause c)
{
    static const char *const text[FLT_CAUSE_N] = {"kept",   "started", "grew", "gave back",
                                                  "shrunk", "stopped", "lost", "moved"};
    return (unsigned)c < FLT_CAUSE_N ? text[c] : "?";
}
