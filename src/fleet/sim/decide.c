/* decide.c - which chips serve and which train: one round of fleet/place a bucket.
 *
 * The pools are its sites, at the marginal prices of the hour.  Serving wants what the forecast
 * needs by the time that a replica asked for now will answer, with headroom; it keeps the most that
 * it needed in the last while.  Where no provider may have more than its share, each provider's
 * part is a want of its own.  Each run is a want, a batch workload one in every pool.  Chips then
 * go where the round says.
 */
#include "fleet/sim/decide.h"

#include "fleet/place/place.h"
#include "fleet/sim/cost.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Serving goes before every run. */
#define FIRST (INT64_MAX / 2)

struct flt_decide {
    flt_board board;
    flt_want *want; /* the services, then f's jobs in their order */
    flt_site site[FLT_SIM_POOLS];
    const char *provider[FLT_SIM_POOLS]; /* of the service's parts; NULL: any */
    size_t n_serve;
    double now[FLT_SIM_POOLS], before[FLT_SIM_POOLS]; /* the most that was needed, in this window of
                                                         hold_s and in the last */
    int64_t window;
};

/* Useful units a second of one chip of pool p for a run; 0 where it can't run. */
static double run_rate(const flt_sim_job *j, const flt_sim_pool *p)
{
    if (*j->t.chip && strcmp(j->t.chip, p->chip->name) != 0) return 0;
    double rate = p->chip->peak_bf16_flops * j->t.mfu;
    return rate > 0 ? rate * 1e-12 : 1;
}

/* Chips of all pools that a run fits into come in multiples of this. */
static int64_t run_unit(const flt_fluid *f, const flt_sim_job *j)
{
    int64_t unit = 1;
    for (size_t i = 0; i < f->n_pool; i++) {
        int64_t node = f->pool[i].row->chips_per_node, a = unit, b = node;
        if (!(run_rate(j, &f->pool[i]) > 0) || (j->home >= 0 && j->home != (int)i)) continue;
        while (b) { /* greatest common divisor */
            int64_t rest = a % b;
            a = b;
            b = rest;
        }
        unit = unit / a * node;
        if (unit > 1000000) return node;
    }
    return unit;
}

/* What of a want never changes.  Units of a batch workload stand alone: a change costs those alone,
 * which the job counts. */
static void make_run(const flt_fluid *f, size_t i, flt_want *w, double *rate)
{
    const flt_sim_job *j = &f->job[i];
    bool gang = j->rule.gang;
    for (size_t s = 0; s < f->n_pool; s++)
        rate[s] = run_rate(j, &f->pool[s]);
    *w = (flt_want){.workload = (int64_t)i + 1, /* ties go in the scenario's order */
                    .kind = gang ? FLT_TRAIN : FLT_BATCH,
                    .priority = j->t.priority,
                    .unit = run_unit(f, j),
                    .rate = rate,
                    .island = j->home >= 0 ? f->pool[j->home].row->id : 0,
                    .data = FLT_NONE,
                    .lease = FLT_NONE,
                    .checkpoint_every_s = gang ? j->rule.checkpoint_s : 1,
                    .checkpoint_write_s = gang ? j->rule.write_s : 0,
                    .checkpoint_bytes = gang ? j->t.checkpoint_bytes : 0,
                    .min_run_s = (int64_t)j->t.min_run_s};
    w->min_chips = j->t.min_chips;
}

static void make_service(const flt_fluid *f, const char *provider, flt_want *w, double *rate)
{
    for (size_t s = 0; s < f->n_pool; s++) {
        const flt_sim_pool *p = &f->pool[s];
        rate[s] = !provider || strcmp(provider, p->provider) == 0 ? p->rate : 0;
    }
    *w = (flt_want){.workload = INT64_MAX / 2,
                    .kind = FLT_SERVE,
                    .priority = FIRST,
                    .max_chips = INT64_MAX / 4,
                    .unit = f->s->serve.replica_chips,
                    .rate = rate,
                    .data = FLT_NONE,
                    .lease = FLT_NONE,
                    .checkpoint_every_s = 1};
}

/* The providers, or one for all where shares don't matter. */
static void list_services(const flt_fluid *f, flt_decide *d)
{
    d->n_serve = 0;
    for (size_t i = 0; i < f->n_pool && f->s->serve.max_share < 1; i++) {
        bool seen = false;
        for (size_t k = 0; k < d->n_serve; k++)
            seen = seen || strcmp(d->provider[k], f->pool[i].provider) == 0;
        if (!seen) d->provider[d->n_serve++] = f->pool[i].provider;
    }
    if (!d->n_serve) d->provider[d->n_serve++] = NULL;
}

sk_status flt_decide_new(flt_fluid *f, sk_err *e)
{
    flt_decide *d = sk_new(f->mem, flt_decide);
    if (!d) return sk_fail(e, SK_E_NOMEM, "no memory for a simulation");
    list_services(f, d);
    size_t n = d->n_serve + f->n_job;
    double *rate = sk_new_n(f->mem, double, n * f->n_pool);
    d->want = sk_new_n(f->mem, flt_want, n);
    if (!rate || !d->want) return sk_fail(e, SK_E_NOMEM, "no memory for a simulation");
    sk_status st = flt_board_init(&d->board, n, f->n_pool, e);
    if (st) return st;
    f->decide = d;
    d->board.want = d->want;
    d->board.site = d->site;
    d->board.settle_s = f->s->resize_s;
    for (size_t i = 0; i < d->n_serve; i++)
        make_service(f, d->provider[i], &d->want[i], rate + i * f->n_pool);
    for (size_t i = 0; i < f->n_job; i++)
        make_run(f, i, &d->want[d->n_serve + i], rate + (d->n_serve + i) * f->n_pool);
    return SK_OK;
}

void flt_decide_free(flt_decide *d)
{
    if (d) flt_board_fini(&d->board);
}

/* Requests a second that a service's pools can serve at most: what they have, or, where nothing can
 * be started, what runs there. */
static double most_of(const flt_fluid *f, const flt_want *w)
{
    double sum = 0;
    for (size_t s = 0; s < f->n_pool; s++) {
        const flt_sim_pool *p = &f->pool[s];
        if (flt_sim_reached(p) && !isinf(p->price))
            sum += w->rate[s] * (double)(flt_sim_open(p) ? p->live : p->serving);
    }
    return sum;
}

/* Price of a request of a service where it is cheapest now. */
static double price_of(const flt_fluid *f, const flt_want *w)
{
    double least = INFINITY;
    for (size_t s = 0; s < f->n_pool; s++)
        if (flt_sim_open(&f->pool[s]) && w->rate[s] > 0)
            least = fmin(least, f->pool[s].price / w->rate[s]);
    return least;
}

/* Shares `need` out among the services, the cheapest first: up to max_share of it each, then what
 * that leaves to those with room. */
static void share_out(const flt_fluid *f, double need, double out[FLT_SIM_POOLS])
{
    const flt_decide *d = f->decide;
    double left = need;
    memset(out, 0, FLT_SIM_POOLS * sizeof *out);
    for (int pass = 0; pass < 2; pass++) {
        bool done[FLT_SIM_POOLS] = {false};
        for (size_t n = 0; n < d->n_serve; n++) {
            size_t best = d->n_serve;
            for (size_t k = 0; k < d->n_serve; k++)
                if (!done[k] &&
                    (best == d->n_serve || price_of(f, &d->want[k]) < price_of(f, &d->want[best])))
                    best = k;
            double most = most_of(f, &d->want[best]);
            if (!pass) most = fmin(most, f->s->serve.max_share * need);
            double more = fmin(left, fmax(most - out[best], 0));
            done[best] = true;
            out[best] += more;
            left -= more;
        }
    }
    out[0] += left; /* nobody has it; it is wanted all the same */
}

/* Requests a second to be ready for. */
static double forecast(const flt_fluid *f)
{
    double ahead = strcmp(f->s->serve.forecast, "now") == 0 ? 0 : f->s->serve.start_s;
    int64_t t = f->s->start + (int64_t)(flt_sim_now(f) + ahead);
    return flt_serve_demand(flt_demand_rate(&f->curve, t), f->s->serve.headroom);
}

/* What the services want now, and what they keep: the most of this window of hold_s and the one
 * before. */
static void want_services(flt_fluid *f)
{
    flt_decide *d = f->decide;
    double part[FLT_SIM_POOLS], hold = f->s->serve.hold_s;
    int64_t window = hold > 0 ? (int64_t)(flt_sim_now(f) / hold) : f->bucket;
    bool next = hold > 0 && window == d->window + 1;
    share_out(f, forecast(f), part);
    for (size_t k = 0; k < d->n_serve; k++) {
        if (window != d->window) {
            d->before[k] = next ? d->now[k] : 0;
            d->now[k] = 0;
        }
        d->now[k] = fmax(d->now[k], part[k]);
        d->want[k].demand = part[k];
        d->want[k].floor = part[k] / (1 + f->s->serve.headroom);
        d->want[k].keep = fmax(d->now[k], d->before[k]);
    }
    d->window = window;
}

/* Time of the bucket's beginning less s seconds, held within a year. */
static int64_t ago(const flt_fluid *f, double s)
{
    return f->s->start + (int64_t)(flt_sim_now(f) - fmin(fmax(s, 0), 365 * 86400.0));
}

/* What changes of a run: parts of a batch workload share its most; one that restarts anyway may
 * change for nothing. */
static void want_run(flt_fluid *f, size_t i)
{
    const flt_sim_job *j = &f->job[i];
    flt_want *w = &f->decide->want[f->decide->n_serve + i];
    int64_t most = j->t.max_chips;
    for (size_t k = 0; k < f->n_job; k++)
        if (k != i && f->job[k].number == j->number) most -= f->job[k].j.chips;
    if (most < 0 || j->done_s > 0) most = 0;
    int at = j->pool >= 0 ? j->pool : j->last_pool;
    w->data = at >= 0 && j->j.useful > 0 ? (size_t)at : FLT_NONE; /* there is a checkpoint */
    w->max_chips = most;
    w->min_chips = j->t.min_chips < most ? j->t.min_chips : most;
    w->restart_s = j->rule.gang && j->j.ready <= j->j.at ? j->rule.restart_s : 0;
}

/* The snapshot: sites, wants, and who has what. */
static void look(flt_fluid *f)
{
    flt_decide *d = f->decide;
    flt_board *b = &d->board;
    b->t = f->s->start + (int64_t)flt_sim_now(f);
    memset(b->cell, 0, b->n_want * b->n_site * sizeof *b->cell);
    double failures = 0;
    for (size_t c = 0; c < f->s->n_cause; c++)
        failures += f->s->cause[c].rate / 1000;
    for (size_t s = 0; s < f->n_pool; s++) {
        const flt_sim_pool *p = &f->pool[s];
        d->site[s] = (flt_site){.pool = p->row->id,
                                .category = p->category,
                                .state = p->state,
                                .chips = p->live,
                                .price = p->price * (double)FLT_MICRO,
                                .chips_per_node = p->row->chips_per_node,
                                .chip_bytes = p->chip->memory_bytes,
                                .net_gbps = p->row->net_gbps,
                                .failures_per_node_day = failures * p->site.failures,
                                .egress_micros_per_gb = (double)p->row->egress_micros_per_gb,
                                .wan_gbps = p->site.wan_gbps};
        for (size_t k = 0; k < d->n_serve; k++)
            if (!d->provider[k] || strcmp(d->provider[k], p->provider) == 0)
                flt_board_cell(b, k, s)->before = p->serving;
    }
    want_services(f);
    for (size_t i = 0; i < f->n_job; i++) {
        const flt_sim_job *j = &f->job[i];
        want_run(f, i);
        if (j->pool < 0) continue;
        flt_cell *c = flt_board_cell(b, d->n_serve + i, (size_t)j->pool);
        c->before = j->j.chips;
        c->since = ago(f, j->j.at - j->changed);
        c->saved = j->rule.gang ? ago(f, fmin(j->j.phase, j->rule.checkpoint_s)) : b->t;
    }
}

/* Replicas of a pool as the round says: new ones answer when they have started. */
static void set_serving(flt_fluid *f, flt_sim_pool *p, int64_t chips)
{
    if (chips < p->serving) flt_sim_drop_serving(f, p, p->serving - chips);
    int64_t more = chips - p->serving;
    p->serving += more;
    /* A simulation begins with a fleet that runs. */
    if (more <= 0 || f->ring_n == 1 || !f->bucket) return;
    p->ring[(f->bucket + f->ring_n - 1) % f->ring_n] += more;
    p->starting += more;
}

/* A run begins in another pool than it was in: its checkpoint is brought there, which the score of
 * the round has counted (flt_move_of). */
static void bring_checkpoint(flt_fluid *f, flt_sim_job *j, size_t w, size_t to)
{
    const flt_decide *d = f->decide;
    flt_move m = flt_move_of(&d->board, w, to);
    j->moves++;
    j->egress += m.egress;
    j->copying_s += m.copy_s;
    flt_job_delay(&j->j, m.copy_s);
    if (d->want[w].data != FLT_NONE)
        flt_cost_egress(f, &f->pool[d->want[w].data], (int64_t)fmin(m.egress, 9e18));
}

/* A run as the round says: where it is, with how many chips; who took them is counted. */
static void set_run(flt_fluid *f, size_t i)
{
    flt_sim_job *j = &f->job[i];
    flt_decide *d = f->decide;
    size_t w = d->n_serve + i, to = FLT_NONE;
    for (size_t s = 0; s < f->n_pool; s++) {
        const flt_cell *c = flt_board_cell(&d->board, w, s);
        if (c->chips > 0) to = s;
        if (c->cause == FLT_CAUSE_SHRUNK || c->cause == FLT_CAUSE_STOPPED)
            f->sum.by_stop[c->by >= d->n_serve ? FLT_STOP_RANK
                           : c->early          ? FLT_STOP_EARLY
                                               : FLT_STOP_SERVING]++;
    }
    int64_t chips = to == FLT_NONE ? 0 : flt_board_cell(&d->board, w, to)->chips;
    if (j->rule.gang && chips < j->t.min_chips) chips = 0; /* no spare came: it waits */
    if (j->pool >= 0 && (j->pool != (int)to || !chips)) flt_sim_job_set(f, j, 0, true);
    if (!chips) return;
    bool moved = j->pool < 0 && j->last_pool >= 0 && j->last_pool != (int)to;
    if (j->pool < 0) j->pool = (int)to;
    flt_sim_job_set(f, j, chips, true);
    if (moved) bring_checkpoint(f, j, w, to);
}

void flt_sim_decide(flt_fluid *f)
{
    flt_decide *d = f->decide;
    look(f);
    flt_place_round(&d->board, NULL);
    for (size_t s = 0; s < f->n_pool; s++) {
        int64_t chips = 0;
        for (size_t k = 0; k < d->n_serve; k++)
            chips += flt_board_cell(&d->board, k, s)->chips;
        set_serving(f, &f->pool[s], chips);
    }
    for (size_t i = 0; i < f->n_job; i++)
        set_run(f, i);
    for (size_t s = 0; s < f->n_pool; s++)
        assert(flt_sim_idle(&f->pool[s]) >= 0);
}
