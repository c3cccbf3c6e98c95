/* supply.c - what a fleet has from bucket to bucket: outages, zones, spot, failures, repairs. */
#include "fleet/sim/fluid_state.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Failures of one bucket that are put in order together. */
enum { EVENTS_MOST = 256 };

void flt_sim_drop_serving(flt_fluid *f, flt_sim_pool *p, int64_t chips)
{
    assert(chips <= p->serving);
    p->serving -= chips;
    for (int64_t back = f->ring_n - 1; back >= 0 && p->starting && chips; back--) {
        int64_t *slot = &p->ring[(f->bucket + back) % f->ring_n];
        int64_t take = *slot < chips ? *slot : chips;
        *slot -= take;
        p->starting -= take;
        chips -= take;
    }
}

void flt_sim_job_set(flt_fluid *f, flt_sim_job *j, int64_t chips, bool asked)
{
    assert(j->pool >= 0);
    f->pool[j->pool].training += chips - j->j.chips;
    flt_job_resize(&j->j, &j->rule, chips, asked);
    j->changed = j->j.at;
    if (chips) return;
    j->last_pool = j->pool;
    j->pool = -1;
}

/* A job loses `chips` at once; below its least it stops, and what is left of it is idle. */
static void job_loses(flt_fluid *f, flt_sim_job *j, int64_t chips)
{
    int64_t left = j->j.chips - chips;
    flt_job_fail(&j->j, &j->rule, chips);
    flt_sim_job_set(f, j, left < j->t.min_chips ? 0 : left, true); /* what is lost is counted */
}

/* Takes chips away from a pool that has fewer than it holds: idle ones are gone already, then jobs'
 * of low priority, then replicas'. */
static void evict(flt_fluid *f, flt_sim_pool *p, flt_stop why)
{
    int at = (int)(p - f->pool);
    while (flt_sim_idle(p) < 0) {
        flt_sim_job *victim = NULL;
        for (size_t i = 0; i < f->n_job; i++) {
            flt_sim_job *j = &f->job[i];
            if (j->pool == at && (!victim || j->t.priority < victim->t.priority)) victim = j;
        }
        if (!victim) break;
        int64_t over = -flt_sim_idle(p);
        f->sum.by_stop[why]++;
        job_loses(f, victim, over < victim->j.chips ? over : victim->j.chips);
    }
    int64_t over = -flt_sim_idle(p);
    if (over > 0) flt_sim_drop_serving(f, p, over);
}

/* The worst of what scripts say of a pool at the bucket's beginning. */
static flt_pool_state scripted(const flt_fluid *f, const flt_sim_pool *p)
{
    int64_t t = f->s->start + (int64_t)flt_sim_now(f);
    flt_pool_state state = p->row->state;
    for (size_t i = 0; i < f->s->n_outage; i++) {
        const flt_outage *o = &f->s->outage[i];
        if (t >= o->span.from && t < o->span.to && o->kind > state &&
            flt_outage_hits(o, p->row->name, p->provider))
            state = o->kind;
    }
    return state;
}

/* Nodes that broken ones and the spot market leave, and the pool's state. */
static int64_t nodes_left(flt_fluid *f, flt_sim_pool *p)
{
    double t = flt_sim_now(f);
    int64_t nodes = p->row->nodes - p->down_nodes;
    p->state = scripted(f, p);
    p->why = FLT_STOP_OUTAGE;
    if (p->trace.n) {
        int64_t had = flt_availability_at(&p->trace, t);
        if (had < nodes) {
            nodes = had;
            p->why = FLT_STOP_SPOT;
        }
    }
    if (flt_spell_down(&p->spot, t)) {
        nodes = 0;
        p->why = FLT_STOP_SPOT;
    }
    if (flt_spell_down(&f->zone[p->zone], t)) {
        p->state = FLT_POOL_GONE;
        p->why = FLT_STOP_ZONE;
    }
    return p->state == FLT_POOL_GONE ? 0 : nodes;
}

/* Broken nodes that come back in this bucket. */
static void repair(flt_fluid *f, flt_sim_pool *p)
{
    if (!p->down_nodes) return;
    for (size_t c = 0; c < f->s->n_cause; c++) {
        if (!p->down[c]) continue;
        uint32_t object = (uint32_t)(p - f->pool) * FLT_SIM_CAUSES + (uint32_t)c;
        flt_draw d =
            flt_draw_at((uint64_t)f->s->seed, FLT_DRAW_REPAIR, object, (uint64_t)f->bucket);
        int64_t n = flt_draw_binomial(&d, p->down[c], -expm1(-f->dt / f->s->cause[c].repair_s));
        p->down[c] -= n;
        p->down_nodes -= n;
    }
}

/* One step of the pools: repairs, losses, replicas that come up.  Requests still go to the capacity
 * that was lost in it until that is noticed, detect_s later. */
void flt_sim_supply(flt_fluid *f)
{
    double before = flt_sim_capacity(f), lost = 0;
    for (size_t i = 0; i < f->n_pool; i++) {
        flt_sim_pool *p = &f->pool[i];
        double had = flt_sim_reached(p) ? p->rate * (double)(p->serving - p->starting) : 0;
        repair(f, p);
        p->live = nodes_left(f, p) * p->row->chips_per_node;
        if (flt_sim_idle(p) < 0) evict(f, p, p->why);
        double has = flt_sim_reached(p) ? p->rate * (double)(p->serving - p->starting) : 0;
        lost += fmax(had - has, 0);
        /* Replicas that were starting are ready now. */
        int64_t *slot = &p->ring[f->bucket % f->ring_n];
        p->starting -= *slot;
        *slot = 0;
    }
    if (lost > 0 && before > 0) {
        f->blind_s = f->s->serve.detect_s;
        f->blind_share = lost / before;
    }
}

/* The job of p that has the chip of that number, NULL if none; jobs' chips come first. */
static flt_sim_job *owner(flt_fluid *f, const flt_sim_pool *p, int64_t chip)
{
    for (size_t i = 0; i < f->n_job; i++) {
        flt_sim_job *j = &f->job[i];
        if (j->pool < 0 || &f->pool[j->pool] != p) continue;
        if (chip < j->j.chips) return j;
        chip -= j->j.chips;
    }
    return NULL;
}

/* A job of p has lost a node.  A spare takes its place at once, where one is idle and can be
 * started; else it is smaller until the next round of placement, which gives it chips of lesser
 * jobs, or stops it where it has too few. */
static void job_hit(flt_fluid *f, flt_sim_pool *p, flt_sim_job *j, double t)
{
    int64_t node = p->row->chips_per_node, lost = node < j->j.chips ? node : j->j.chips;
    flt_job_run(&j->j, &j->rule, fmax(t, j->j.at));
    flt_job_fail(&j->j, &j->rule, lost);
    bool spare = p->state == FLT_POOL_UP || p->state == FLT_POOL_SILENT;
    if (spare && flt_sim_idle(p) >= 0) return;
    double changed = j->changed; /* what it gets again makes it no younger */
    flt_sim_job_set(f, j, j->j.chips - lost, true);
    j->changed = changed;
}

/* A node of p fails: whose it is, is drawn by the place `u` in [0, 1) of its first chip. */
static void node_fails(flt_fluid *f, flt_sim_pool *p, size_t cause, double t, double u)
{
    int64_t node = p->row->chips_per_node, chip = (int64_t)(u * (double)p->live);
    flt_sim_job *j = owner(f, p, chip);
    f->sum.failed_nodes[cause]++;
    p->down[cause]++;
    p->down_nodes++;
    p->live -= node;
    if (j) {
        f->sum.by_cause[cause]++;
        job_hit(f, p, j, t);
    } else if (chip - p->training < p->serving) {
        flt_sim_drop_serving(f, p, p->serving < node ? p->serving : node);
    }
    if (flt_sim_idle(p) < 0) evict(f, p, FLT_STOP_SERVING);
}

/* One failure of a bucket. */
typedef struct failure {
    double t;
    size_t cause;
} failure;

/* When and why n nodes fail, by time; `all` is the sum of the causes' rates. */
static void draw_failures(const flt_fluid *f, double all, flt_draw *d, failure *out, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double t = flt_sim_now(f) + f->dt * flt_draw_uniform(d), u = all * flt_draw_uniform(d);
        size_t c = 0, at = i;
        while (c + 1 < f->s->n_cause && u >= f->s->cause[c].rate)
            u -= f->s->cause[c++].rate;
        for (; at > 0 && out[at - 1].t > t; at--)
            out[at] = out[at - 1];
        out[at] = (failure){t, c};
    }
}

/* Failures of a pool in this bucket: how many of its nodes, then each of them. */
static void pool_fails(flt_fluid *f, flt_sim_pool *p, double all)
{
    failure list[EVENTS_MOST];
    uint32_t object = (uint32_t)(p - f->pool);
    flt_draw d = flt_draw_at((uint64_t)f->s->seed, FLT_DRAW_FAIL, object, (uint64_t)f->bucket);
    double p_fail = -expm1(-all * p->site.failures / 1000 * f->dt / 86400);
    int64_t left = flt_draw_binomial(&d, p->live / p->row->chips_per_node, p_fail);
    while (left > 0 && p->live) {
        size_t n = (size_t)(left < EVENTS_MOST ? left : EVENTS_MOST);
        draw_failures(f, all, &d, list, n);
        for (size_t k = 0; k < n && p->live; k++)
            node_fails(f, p, list[k].cause, list[k].t, flt_draw_uniform(&d));
        left -= (int64_t)n;
    }
}

void flt_sim_fail(flt_fluid *f)
{
    double all = 0, end = flt_sim_now(f) + f->dt;
    for (size_t c = 0; c < f->s->n_cause; c++)
        all += f->s->cause[c].rate;
    for (size_t i = 0; i < f->n_pool && all > 0; i++)
        pool_fails(f, &f->pool[i], all);
    for (size_t i = 0; i < f->n_job; i++) {
        flt_sim_job *j = &f->job[i];
        if (j->pool < 0 && !(j->done_s > 0)) j->waiting_s += end - j->j.at;
        flt_job_run(&j->j, &j->rule, end);
    }
}
