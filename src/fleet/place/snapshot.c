/* snapshot.c - a board out of a book and of what runs. */
#include "fleet/place/snapshot.h"

#include <math.h>
#include <string.h>

/* Chips that are used now, pool by pool, as rating takes them. */
typedef struct loads {
    flt_load *row; /* one a pool */
    size_t n;
} loads;

static size_t pool_at(const flt_book *b, int64_t id)
{
    for (size_t s = 0; s < b->n_pool; s++)
        if (b->pool[s].id == id) return s;
    return FLT_NONE;
}

static size_t workload_at(const flt_book *b, int64_t id)
{
    for (size_t w = 0; w < b->n_workload; w++)
        if (b->workload[w].id == id) return w;
    return FLT_NONE;
}

/* Spot only where nothing else has a price. */
static flt_category category_of(const flt_snap *in, const flt_pool *p)
{
    const flt_offer *od =
        flt_book_price(in->book, p->provider, p->chip, p->region, FLT_ON_DEMAND, in->t);
    const flt_offer *spot =
        flt_book_price(in->book, p->provider, p->chip, p->region, FLT_SPOT, in->t);
    return spot && spot->priced && !(od && od->priced) ? FLT_SPOT : FLT_ON_DEMAND;
}

/* ---- prices ---- */

/* The marginal price in pool s when `chips` are used there for the whole of this hour: what is left
 * of an hour's commitment is not to look larger towards its end. */
static sk_status price_at(const flt_snap *in, const loads *l, size_t s, int64_t chips,
                          flt_marginal *out, sk_err *e)
{
    int64_t now = l->row[s].chips;
    flt_hour *h;
    l->row[s].chips = chips;
    const flt_present present = {.t = sk_utc_hour(in->t),
                                 .load = l->row,
                                 .n_load = l->n,
                                 .balance = in->balance,
                                 .n_balance = in->n_balance,
                                 .expected = in->expected,
                                 .n_expected = in->n_expected};
    sk_status st = flt_hour_new(in->book, &present, &h, e);
    l->row[s].chips = now;
    if (st) return st;
    st = flt_marginal_price(h, l->row[s].pool, l->row[s].category, in->redo, out, e);
    flt_hour_free(h);
    return st;
}

/* Chips that are paid for: the most at which one more, the last of them, costs nothing.  (Others'
 * chips stay as they are, so what several pools share is seen as if each had what is left of it.)
 */
static sk_status price_site(const flt_snap *in, const loads *l, size_t s, flt_site *site,
                            flt_snap_price *out, sk_err *e)
{
    int64_t lo = 0, hi = site->chips; /* paid lies in [lo, hi] */
    sk_status st = SK_OK;
    while (!st && lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        flt_marginal m;
        st = price_at(in, l, s, mid, &m, e);
        if (!st && m.why <= FLT_WHY_CONTINUOUS && m.free >= 1)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (st) return st;
    int64_t used = l->row[s].chips > lo ? l->row[s].chips : lo;
    st = price_at(in, l, s, used, &out->beyond, e);
    if (!st && out->beyond.free > 0 && used == lo) /* a part of that chip is paid */
        st = price_at(in, l, s, used + 1, &out->beyond, e);
    if (st) return st;
    site->paid = lo;
    site->price = out->beyond.why == FLT_WHY_UNPRICED ? INFINITY : out->beyond.price;
    return SK_OK;
}

/* ---- sites and wants ---- */

static void make_site(const flt_snap *in, size_t s, flt_site *site)
{
    const flt_pool *p = &in->book->pool[s];
    const flt_chip *c = flt_book_chip(in->book, p->chip);
    *site = (flt_site){.pool = p->id,
                       .category = category_of(in, p),
                       .state = p->state,
                       .chips = p->nodes * p->chips_per_node,
                       .chips_per_node = p->chips_per_node > 0 ? p->chips_per_node : 1,
                       .chip_bytes = c ? c->memory_bytes : 0,
                       .net_gbps = p->net_gbps,
                       .failures_per_node_day = in->failures_per_node_day,
                       .egress_micros_per_gb = (double)p->egress_micros_per_gb,
                       .wan_gbps = in->wan_gbps};
}

/* The largest of 8, 4, 2, 1 that both bounds are multiples of. */
static int64_t unit_of(const flt_workload *w)
{
    int64_t u = 8;
    while (u > 1 && (w->min_chips % u || w->max_chips % u))
        u /= 2;
    return u;
}

/* A replica has to hold the model: as many units as the pool with the most memory a chip needs. */
static int64_t replica_of(const flt_board *b, const flt_workload *w, int64_t unit)
{
    double most = 0;
    for (size_t s = 0; s < b->n_site; s++)
        most = fmax(most, b->site[s].chip_bytes);
    int64_t n = unit;
    while (most > 0 && (double)n * most < w->memory_bytes && n * 2 <= w->max_chips)
        n *= 2;
    return n;
}

/* Units a second of a chip of each pool. */
static void make_rates(const flt_snap *in, const flt_workload *w, double *rate)
{
    for (size_t s = 0; s < in->book->n_pool; s++) {
        const flt_pool *p = &in->book->pool[s];
        const flt_chip *c = flt_book_chip(in->book, p->chip);
        rate[s] = 0;
        if (!c || (w->chip && w->chip != p->chip)) continue;
        rate[s] = w->kind == FLT_SERVE ? c->decode_rate : c->peak_bf16_flops / 1e12;
    }
}

static void make_want(const flt_snap *in, const flt_board *b, const flt_workload *w,
                      const double *rate, flt_want *out)
{
    int64_t unit = unit_of(w);
    *out = (flt_want){.workload = w->id,
                      .kind = w->kind,
                      .priority = w->priority,
                      .min_chips = w->min_chips,
                      .max_chips = w->max_chips,
                      .unit = w->kind == FLT_SERVE ? replica_of(b, w, unit) : unit,
                      .rate = rate,
                      .memory_bytes = w->memory_bytes,
                      .checkpoint_bytes = w->checkpoint_bytes,
                      .checkpoint_every_s = (double)w->checkpoint_s,
                      .restart_s = (double)w->restart_s,
                      .min_run_s = w->min_run_s,
                      .data = FLT_NONE,
                      .lease = FLT_NONE};
    for (size_t i = 0; i < in->n_need; i++)
        if (in->need[i].workload == w->id) {
            out->demand = in->need[i].demand;
            out->keep = in->need[i].keep;
            out->floor = in->need[i].floor;
        }
    for (size_t i = 0; i < in->n_lease; i++)
        if (in->lease[i].workload == w->id) {
            out->data = out->lease = pool_at(in->book, in->lease[i].pool);
            out->lease_until = in->lease[i].until;
        }
}

/* Chips that run, in cells and loads; those of pools and workloads that are gone are left out. */
static void make_cells(const flt_snap *in, flt_board *b, const loads *l)
{
    for (size_t i = 0; i < in->n_run; i++) {
        const flt_snap_run *r = &in->run[i];
        size_t w = workload_at(in->book, r->workload), s = pool_at(in->book, r->pool);
        if (w == FLT_NONE || s == FLT_NONE) continue;
        flt_cell *c = flt_board_cell(b, w, s);
        int64_t saved = r->saved > r->since ? r->saved : r->since;
        c->since = c->before && c->since > r->since ? c->since : r->since;
        c->saved = c->before && c->saved < saved ? c->saved : saved;
        c->before += r->chips;
        l->row[s].chips += r->chips;
    }
}

/* All prices in one currency. */
static sk_status one_currency(const flt_snap_price *p, size_t n, sk_err *e)
{
    const char *first = "";
    for (size_t s = 0; s < n; s++) {
        const char *c = p[s].beyond.currency;
        if (!c || !*c) continue;
        if (*first && strcmp(first, c) != 0)
            return sk_fail(e, SK_E_INVALID, "prices in %s and in %s can't be compared", first, c);
        first = c;
    }
    return SK_OK;
}

/* The parts of the board that need no prices. */
static sk_status fill(const flt_snap *in, sk_arena *mem, flt_board *b, loads *l, sk_err *e)
{
    size_t n_site = in->book->n_pool, n_want = in->book->n_workload;
    flt_site *site = sk_new_n(mem, flt_site, n_site + 1);
    flt_want *want = sk_new_n(mem, flt_want, n_want + 1);
    double *rate = sk_new_n(mem, double, n_site *n_want + 1);
    l->row = sk_new_n(mem, flt_load, n_site + 1);
    l->n = n_site;
    if (!site || !want || !rate || !l->row)
        return sk_fail(e, SK_E_NOMEM, "no memory for a placement of %zu workloads", n_want);
    b->site = site;
    b->want = want;
    b->t = in->t;
    for (size_t s = 0; s < n_site; s++) {
        make_site(in, s, &site[s]);
        l->row[s] = (flt_load){.pool = site[s].pool, .category = site[s].category};
    }
    for (size_t w = 0; w < n_want; w++) {
        make_rates(in, &in->book->workload[w], rate + w * n_site);
        make_want(in, b, &in->book->workload[w], rate + w * n_site, &want[w]);
    }
    make_cells(in, b, l);
    return SK_OK;
}

sk_status flt_snap_board(const flt_snap *in, sk_arena *mem, flt_board *out, flt_snap_price **price,
                         sk_err *e)
{
    flt_board b;
    loads l;
    size_t n_site = in->book->n_pool;
    sk_status st = flt_board_init(&b, in->book->n_workload, n_site, e);
    if (st) return st;
    flt_snap_price *p = sk_new_n(mem, flt_snap_price, n_site + 1);
    if (!p) st = sk_fail(e, SK_E_NOMEM, "no memory for the prices of %zu pools", n_site);
    if (!st) st = fill(in, mem, &b, &l, e);
    for (size_t s = 0; !st && s < n_site; s++) {
        flt_site site = b.site[s];
        st = price_site(in, &l, s, &site, &p[s], e);
        if (!st) memcpy((flt_site *)(uintptr_t)&b.site[s], &site, sizeof site);
    }
    if (!st) st = one_currency(p, n_site, e);
    if (!st) st = flt_board_check(&b, e);
    if (st) {
        flt_board_fini(&b);
        return st;
    }
    *out = b;
    *price = p;
    return SK_OK;
}
