/* train.c - what a training run takes. */
#include "fleet/plan/train.h"

#include "fleet/money/money.h"

#include <math.h>

#define DAY 86400.0
#define HOUR 3600.0

/* Nodes that a search for their number looks at: beyond that no fleet is planned. */
#define MOST_NODES 4e6

double flt_train_flops(double params, double tokens)
{
    return 6 * params * tokens;
}

double flt_hourly_pace(int64_t amount_micros, int64_t seconds)
{
    return (double)amount_micros / ((double)seconds / HOUR);
}

/* v is a number more than 0, or at least 0 where that may be. */
static sk_status need(double v, bool zero, const char *what, sk_err *e)
{
    if (isfinite(v) && (v > 0 || (zero && v == 0))) return SK_OK;
    return sk_fail(e, SK_E_INVALID, "%s must be %s, it is %.15g", what,
                   zero ? "0 or more" : "more than 0", v);
}

/* The work is given in FLOPs or as parameters and tokens, the speed as what a chip achieves or as a
 * share of its peak: of each pair only what is used is asked for. */
static sk_status check(const flt_train_plan_in *in, sk_err *e)
{
    sk_status st = SK_OK;
    if (in->flops > 0) {
        st = need(in->flops, false, "the number of FLOPs", e);
    } else {
        st = need(in->params, false, "the number of parameters", e);
        if (!st) st = need(in->tokens, false, "the number of tokens", e);
    }
    if (!st && in->achieved_flops > 0)
        st = need(in->achieved_flops, false, "what a chip achieves", e);
    if (!st && !(in->achieved_flops > 0)) {
        st = need(in->peak_flops, false, "the peak of a chip", e);
        if (!st) st = need(in->mfu, false, "the share of the peak that is reached (MFU)", e);
        if (!st && in->mfu > 1)
            st = sk_fail(e, SK_E_INVALID, "an MFU is a share of the peak, at most 1: %.15g",
                         in->mfu);
    }
    if (!st) st = need(in->upkeep.failures_per_node_day, true, "the failure rate", e);
    if (!st) st = need(in->upkeep.restart_s, true, "the time to restart", e);
    if (!st) st = need(in->upkeep.checkpoint_every_s, true, "the time between checkpoints", e);
    if (!st) st = need(in->upkeep.checkpoint_write_s, true, "the time to write a checkpoint", e);
    if (!st && in->chips_per_node < 1) st = sk_fail(e, SK_E_INVALID, "a node has at least 1 chip");
    return st;
}

/* The plan for a number of chips; ettr may come out as 0 or less, days are then not to be used. */
static flt_train_plan work_out(const flt_train_plan_in *in, double chips)
{
    flt_train_plan p = {.chips = chips};
    flt_upkeep best = in->upkeep;
    p.flops = in->flops > 0 ? in->flops : flt_train_flops(in->params, in->tokens);
    p.achieved_flops = in->achieved_flops > 0 ? in->achieved_flops : in->peak_flops * in->mfu;
    p.nodes = ceil(chips / (double)in->chips_per_node);
    p.best_checkpoint_s = best.checkpoint_every_s = flt_best_checkpoint_s(p.nodes, &in->upkeep);
    p.best_ettr = flt_ettr(p.nodes, &best);
    p.ettr = flt_ettr(p.nodes, &in->upkeep);
    p.checkpoint_every_s =
        in->upkeep.checkpoint_every_s > 0 ? in->upkeep.checkpoint_every_s : p.best_checkpoint_s;
    p.productive_days = p.flops / (chips * p.achieved_flops) / DAY;
    p.days = p.productive_days / p.ettr;
    p.chip_hours = p.days * 24 * chips;
    p.mtti_hours = flt_mtti_s(p.nodes, in->upkeep.failures_per_node_day) / HOUR;
    p.interruptions = p.days * p.nodes * in->upkeep.failures_per_node_day;
    p.cost_micros =
        in->price_micros < 0 ? -1 : flt_micros_of(p.chip_hours * (double)in->price_micros / 1e6);
    return p;
}

static sk_status no_progress(const flt_train_plan *p, sk_err *e)
{
    return sk_fail(e, SK_E_INVALID,
                   "%.0f nodes are interrupted every %.3g h, which leaves no time for progress: "
                   "fewer chips, faster restarts or more frequent checkpoints",
                   p->nodes, p->mtti_hours);
}

sk_status flt_train_plan_make(const flt_train_plan_in *in, flt_train_plan *out, sk_err *e)
{
    sk_status st = check(in, e);
    if (!st) st = need(in->chips, false, "the number of chips", e);
    if (st) return st;
    flt_train_plan p = work_out(in, in->chips);
    if (!(p.ettr > 0)) return no_progress(&p, e);
    *out = p;
    return SK_OK;
}

/* Work done a second by that many nodes, up to a factor: it grows to a top and falls from there,
 * since n (1 - n r ...) does. */
static double speed(const flt_train_plan_in *in, double nodes)
{
    return nodes * flt_ettr(nodes, &in->upkeep);
}

/* The number of nodes at which a run is fastest. */
static double fastest(const flt_train_plan_in *in)
{
    double lo = 1, hi = MOST_NODES;
    while (hi - lo > 1) {
        double mid = floor((lo + hi) / 2);
        if (speed(in, mid + 1) > speed(in, mid))
            lo = mid;
        else
            hi = mid;
    }
    return speed(in, hi) > speed(in, lo) ? hi : lo;
}

/* What is asked of a number of nodes. */
typedef struct bounds {
    double days;
    int64_t budget_micros;
} bounds;

static flt_train_plan of_nodes(const flt_train_plan_in *in, double nodes)
{
    return work_out(in, nodes * (double)in->chips_per_node);
}

/* Fewest nodes of [1, top] that end in time: days fall up to the top. */
static sk_status fewest(const flt_train_plan_in *in, const bounds *b, double top,
                        flt_train_plan *out, sk_err *e)
{
    flt_train_plan p = of_nodes(in, top);
    if (!(p.ettr > 0)) return no_progress(&p, e);
    if (p.days > b->days)
        return sk_fail(e, SK_E_INVALID,
                       "%.6g days are too short: the fastest, on %.0f nodes, takes %.6g", b->days,
                       p.nodes, p.days);
    double lo = 0, hi = top; /* lo too few, hi enough */
    while (hi - lo > 1) {
        double mid = floor((lo + hi) / 2);
        flt_train_plan m = of_nodes(in, mid);
        if (m.ettr > 0 && m.days <= b->days)
            hi = mid;
        else
            lo = mid;
    }
    p = of_nodes(in, hi);
    char cost[FLT_MONEY_TEXT], most[FLT_MONEY_TEXT];
    flt_money_table(p.cost_micros, cost);
    flt_money_table(b->budget_micros, most);
    if (b->budget_micros && p.cost_micros > b->budget_micros)
        return sk_fail(e, SK_E_INVALID, "%.6g days need %.0f chips, which cost %s: more than %s",
                       b->days, p.chips, cost, most);
    *out = p;
    return SK_OK;
}

/* Most nodes of [1, top] that can be paid: the cost grows with them, as the ETTR falls. */
static sk_status most(const flt_train_plan_in *in, const bounds *b, double top, flt_train_plan *out,
                      sk_err *e)
{
    flt_train_plan p = of_nodes(in, 1);
    char cost[FLT_MONEY_TEXT], budget[FLT_MONEY_TEXT];
    flt_money_table(p.cost_micros, cost);
    flt_money_table(b->budget_micros, budget);
    if (!(p.ettr > 0)) return no_progress(&p, e);
    if (p.cost_micros > b->budget_micros)
        return sk_fail(e, SK_E_INVALID, "%s are too little: on one node it costs %s", budget, cost);
    if (!(in->upkeep.failures_per_node_day > 0))
        return sk_fail(e, SK_E_INVALID,
                       "without failures it costs the same on any number of chips (%s): a "
                       "deadline says how many",
                       cost);
    double lo = 1, hi = top + 1; /* lo can be paid, hi not */
    while (hi - lo > 1) {
        double mid = floor((lo + hi) / 2);
        flt_train_plan m = of_nodes(in, mid);
        if (m.ettr > 0 && m.cost_micros <= b->budget_micros)
            lo = mid;
        else
            hi = mid;
    }
    *out = of_nodes(in, lo);
    return SK_OK;
}

sk_status flt_train_plan_chips(const flt_train_plan_in *in, double days, int64_t budget_micros,
                               flt_train_plan *out, sk_err *e)
{
    bounds b = {days, budget_micros};
    sk_status st = check(in, e);
    if (!st) st = need(days, true, "the number of days", e);
    if (!st && budget_micros < 0) st = sk_fail(e, SK_E_INVALID, "a budget is more than 0");
    if (!st && budget_micros && in->price_micros < 0)
        st = sk_fail(e, SK_E_INVALID, "a budget needs a price of a chip-hour");
    if (!st && !(days > 0) && !budget_micros)
        st = sk_fail(e, SK_E_INVALID, "give a number of chips, a deadline or a budget");
    if (st) return st;
    double top = fastest(in);
    return days > 0 ? fewest(in, &b, top, out, e) : most(in, &b, top, out, e);
}
