/* score.c - whether a want can be in a site, and what a useful unit costs there. */
#include "fleet/place/score.h"

#include "fleet/place/ettr.h"

#include <inttypes.h>
#include <math.h>

static int64_t round_up(int64_t v, int64_t unit)
{
    return (v + unit - 1) / unit * unit;
}

int64_t flt_least_chips(const flt_board *b, size_t w, size_t s)
{
    const flt_want *v = &b->want[w];
    double each = b->site[s].chip_bytes;
    if (v->kind == FLT_SERVE) return v->unit;
    int64_t least = v->min_chips > 0 ? v->min_chips : 1;
    if (each > 0 && v->memory_bytes > each * (double)least)
        least =
            v->memory_bytes / each < 1e15 ? (int64_t)ceil(v->memory_bytes / each) : INT64_MAX / 4;
    return round_up(least, v->unit);
}

/* Whether the least number of chips holds the workload. */
static bool memory_fits(const flt_board *b, size_t w, size_t s)
{
    const flt_want *v = &b->want[w];
    double each = b->site[s].chip_bytes;
    if (v->kind != FLT_SERVE) return flt_least_chips(b, w, s) <= v->max_chips;
    return !(each > 0) || v->memory_bytes <= each * (double)v->unit;
}

flt_refusal flt_fits(const flt_board *b, size_t w, size_t s)
{
    const flt_want *v = &b->want[w];
    const flt_site *p = &b->site[s];
    if (!(v->rate[s] > 0)) return FLT_NO_CHIP;
    if (v->categories && !(v->categories & (1u << p->category))) return FLT_NO_CATEGORY;
    if (v->island && v->island != p->pool) return FLT_NO_ISLAND;
    if (p->state != FLT_POOL_UP) return FLT_NO_STATE;
    if (b->t < p->cool_until) return FLT_NO_COOL;
    if (v->lease != FLT_NONE && v->lease != s && b->t < v->lease_until) return FLT_NO_LEASE;
    if (!memory_fits(b, w, s)) return FLT_NO_MEMORY;
    if (p->net_gbps < v->min_net_gbps && flt_least_chips(b, w, s) > p->chips_per_node)
        return FLT_NO_NETWORK;
    if (isinf(p->price) && p->paid <= b->used[s]) return FLT_NO_PRICE;
    return FLT_FITS;
}

/* ETTR of a run on that many chips, or what a service attains there. */
static double share_of(const flt_board *b, size_t w, size_t s, int64_t chips)
{
    const flt_want *v = &b->want[w];
    if (v->kind == FLT_SERVE) return v->attain ? v->attain[s] : 1;
    const flt_upkeep u = {b->site[s].failures_per_node_day, v->restart_s, v->checkpoint_every_s,
                          v->checkpoint_write_s};
    double r = flt_ettr(ceil((double)chips / (double)b->site[s].chips_per_node), &u);
    return r > 0 ? r : 0;
}

double flt_useful_rate(const flt_board *b, size_t w, size_t s, int64_t chips)
{
    return (double)chips * b->want[w].rate[s] * share_of(b, w, s, chips);
}

/* Site where the checkpoint is. */
static size_t data_of(const flt_board *b, size_t w)
{
    const flt_want *v = &b->want[w];
    if (v->data != FLT_NONE || v->kind == FLT_SERVE) return v->data;
    for (size_t s = 0; s < b->n_site; s++)
        if (flt_board_cell(b, w, s)->before > 0) return s;
    return FLT_NONE;
}

flt_move flt_move_of(const flt_board *b, size_t w, size_t s)
{
    size_t data = data_of(b, w);
    flt_move m = {0, 0};
    if (data == FLT_NONE || b->site[data].pool == b->site[s].pool) return m;
    const flt_site *from = &b->site[data], *to = &b->site[s];
    double bytes = b->want[w].checkpoint_bytes, gbps = fmin(from->wan_gbps, to->wan_gbps);
    m.egress = bytes / 1e9 * from->egress_micros_per_gb;
    if (gbps > 0) m.copy_s = bytes * 8 / 1e9 / gbps;
    return m;
}

/* Chips that victims leave go on using what is paid for, so only their net counts. */
void flt_score(const flt_board *b, flt_candidate *c, double lost_chip_s)
{
    const flt_site *p = &b->site[c->site];
    int64_t have = flt_board_cell(b, c->want, c->site)->chips;
    int64_t paid = p->paid - (b->used[c->site] - (c->chips - c->free_chips));
    int64_t beyond = paid <= 0 ? c->chips : paid >= c->chips ? 0 : c->chips - paid;
    c->price = beyond ? p->price * (double)beyond / (double)c->chips : 0;
    c->rate = b->want[c->want].rate[c->site];
    c->share = share_of(b, c->want, c->site, have + c->chips);
    c->unit_cost = c->share > 0 ? c->price / 3600 / (c->rate * c->share) : INFINITY;
    c->move_cost = 0;
    if (!have) {
        flt_move m = flt_move_of(b, c->want, c->site);
        c->move_cost = m.egress + m.copy_s / 3600 * (double)c->chips * c->price;
    }
    c->lost_cost = isinf(p->price) ? 0 : lost_chip_s / 3600 * p->price;
    double units = (double)c->chips * c->rate * c->share * b->horizon_s;
    double once = c->move_cost + c->lost_cost;
    c->score = c->unit_cost + (once > 0 ? once / units : 0);
    if (isinf(c->score)) c->refusal = c->share > 0 ? FLT_NO_PRICE : FLT_NO_PROGRESS;
}

const char *flt_refusal_text(flt_refusal r)
{
    static const char *const text[FLT_REFUSAL_N] = {
        [FLT_FITS] = "fits",
        [FLT_NO_CHIP] = "not its kind of chip, or no rate is known",
        [FLT_NO_CATEGORY] = "may not run on this category",
        [FLT_NO_ISLAND] = "must be in another pool",
        [FLT_NO_STATE] = "the pool takes nothing new",
        [FLT_NO_COOL] = "a launch failed a short while ago",
        [FLT_NO_LEASE] = "may still run elsewhere",
        [FLT_NO_MEMORY] = "too little memory",
        [FLT_NO_NETWORK] = "the network is too slow",
        [FLT_NO_PRICE] = "no price is known",
        [FLT_NO_PROGRESS] = "fails too often for any progress",
        [FLT_NO_ROOM] = "too few chips to be had",
    };
    return (unsigned)r < FLT_REFUSAL_N ? text[r] : "?";
}

void flt_candidate_print(const flt_candidate *c, const char *workload, const char *pool,
                         flt_category category, sk_buf *out)
{
    sk_buf_addf(out, "%-16s %-16s %-10s ", workload, pool, flt_word_category(category));
    if (c->refusal) {
        sk_buf_addf(out, "no: %s\n", flt_refusal_text(c->refusal));
        return;
    }
    sk_buf_addf(out,
                "%s%" PRId64 " chips (%" PRId64 " free)  %.4f/h each, %.4g units/s x %.4f = "
                "%.4g a million",
                c->chosen ? "* " : "  ", c->chips, c->free_chips, c->price / 1e6, c->rate, c->share,
                c->unit_cost);
    if (c->move_cost > 0) sk_buf_addf(out, "  + move %.2f", c->move_cost / 1e6);
    if (c->lost_cost > 0) sk_buf_addf(out, "  + lost work %.2f", c->lost_cost / 1e6);
    if (c->early_chips)
        sk_buf_addf(out, "  last resort: %" PRId64 " chips within their minimum run time",
                    c->early_chips);
    sk_buf_addf(out, "  score %.4g\n", c->score);
}
