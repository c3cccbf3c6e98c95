/* decide.c - which chips serve and which train.
 *
 * Serving comes first: what the forecast needs by the time that a replica asked for now will
 * answer, and headroom on it, from the pools whose requests cost least; no provider gets more than
 * its share while others have room.  What is too much goes back when it has been too much for a
 * while.  Training takes the rest: jobs of high priority first, each in the pool with the most room
 * for it, growing seldom (a gang restarts for it) and shrinking by a step at once.
 */
#include "fleet/sim/fluid_state.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* A gang that has to give chips gives at least this part of them, so that the next bucket's need
 * does not stop it again. */
#define GIVE_PART 16

/* Requests a second to be ready for. */
static double forecast(const flt_fluid *f)
{
    double ahead = strcmp(f->s->serve.forecast, "now") == 0 ? 0 : f->s->serve.start_s;
    int64_t t = f->s->start + (int64_t)(flt_sim_now(f) + ahead);
    return flt_demand_rate(&f->curve, t) * (1 + f->s->serve.headroom);
}

/* The most that was needed in this window of hold_s or the one before. */
static double held_need(flt_fluid *f, double need)
{
    int64_t window =
        f->s->serve.hold_s > 0 ? (int64_t)(flt_sim_now(f) / f->s->serve.hold_s) : f->bucket;
    if (window != f->window) {
        f->need_before = window == f->window + 1 && f->s->serve.hold_s > 0 ? f->need_now : 0;
        f->need_now = 0;
        f->window = window;
    }
    f->need_now = fmax(f->need_now, need);
    return fmax(f->need_now, f->need_before);
}

/* What replicas of pools that can be reached serve, with those that start: of one provider, or of
 * all (NULL). */
static double have(const flt_fluid *f, const char *provider)
{
    double sum = 0;
    for (size_t i = 0; i < f->n_pool; i++) {
        const flt_sim_pool *p = &f->pool[i];
        if (flt_sim_reached(p) && (!provider || strcmp(provider, p->provider) == 0))
            sum += p->rate * (double)p->serving;
    }
    return sum;
}

/* Whether j, of pool p, may be asked for chips by something of priority `rank`. */
static bool may_ask(const flt_fluid *f, const flt_sim_job *j, const flt_sim_pool *p, int64_t rank)
{
    bool young = j->j.at - j->changed < j->t.min_run_s;
    return j->pool == (int)(p - f->pool) && !young && j->t.priority < rank;
}

/* Chips of jobs in p that something of priority `rank` may have. */
static int64_t takeable(const flt_fluid *f, const flt_sim_pool *p, int64_t rank)
{
    int64_t sum = 0;
    for (size_t i = 0; i < f->n_job; i++)
        if (may_ask(f, &f->job[i], p, rank)) sum += f->job[i].j.chips;
    return sum;
}

/* The job in p that loses least by giving chips; NULL if none may be asked. */
static flt_sim_job *victim(flt_fluid *f, const flt_sim_pool *p, int64_t rank)
{
    flt_sim_job *best = NULL;
    double least = INFINITY;
    for (size_t i = 0; i < f->n_job; i++) {
        flt_sim_job *j = &f->job[i];
        if (!may_ask(f, j, p, rank)) continue;
        double cost = flt_job_at_stake(&j->j, &j->rule) + (double)j->j.chips * j->rule.restart_s;
        if (best && (j->t.priority > best->t.priority ||
                     (j->t.priority == best->t.priority && cost >= least)))
            continue;
        best = j;
        least = cost;
    }
    return best;
}

void flt_sim_make_room(flt_fluid *f, flt_sim_pool *p, int64_t chips, int64_t rank, flt_stop why)
{
    while (flt_sim_idle(p) < chips) {
        flt_sim_job *j = victim(f, p, rank);
        if (!j) return;
        int64_t node = p->row->chips_per_node, need = chips - flt_sim_idle(p);
        if (j->rule.gang && need < j->j.chips / GIVE_PART) need = j->j.chips / GIVE_PART;
        int64_t left = j->j.chips - (need + node - 1) / node * node;
        f->sum.by_stop[why]++;
        flt_sim_job_set(f, j, left < j->t.min_chips ? 0 : left, true);
    }
}

/* Adds replicas in p for `rate` requests a second, as far as there is room; returns what it got. */
static double add_replicas(flt_fluid *f, flt_sim_pool *p, double rate)
{
    int64_t unit = f->s->serve.replica_chips, free = flt_sim_idle(p) + takeable(f, p, INT64_MAX),
            most = free / unit;
    double want = ceil(rate / (p->rate * (double)unit) - 1e-9);
    int64_t n = want < (double)most ? (int64_t)want : most;
    if (n <= 0) return 0;
    flt_sim_make_room(f, p, n * unit, INT64_MAX, FLT_STOP_SERVING);
    if (n * unit > flt_sim_idle(p)) n = flt_sim_idle(p) / unit;
    p->serving += n * unit;
    /* A simulation begins with a fleet that runs. */
    if (f->ring_n > 1 && f->bucket) {
        p->ring[(f->bucket + f->ring_n - 1) % f->ring_n] += n * unit;
        p->starting += n * unit;
    }
    return p->rate * (double)(n * unit);
}

/* Price of a request in p: what pools are chosen by. */
static double request_price(const flt_sim_pool *p)
{
    return p->price / p->rate;
}

/* The open pool with the cheapest requests after `last` in the order (price, number); -1: none.
 * dir -1 turns the order round. */
static int next_pool(const flt_fluid *f, int last, int dir)
{
    int best = -1;
    for (int i = 0; i < (int)f->n_pool; i++) {
        const flt_sim_pool *p = &f->pool[i];
        if (!flt_sim_open(p) || !(p->rate > 0) || i == last) continue;
        double d = last < 0 ? 1 : dir * (request_price(p) - request_price(&f->pool[last]));
        if (d < 0 || (d == 0 && last >= 0 && dir * i < dir * last)) continue;
        double b = best < 0 ? -1 : dir * (request_price(p) - request_price(&f->pool[best]));
        if (b < 0 || (b == 0 && dir < 0)) best = i;
    }
    return best;
}

/* Replicas for `need` requests a second in all; a provider's share of them is `share` at most. */
static void grow(flt_fluid *f, double need, double share)
{
    double gap = need - have(f, NULL);
    for (int i = next_pool(f, -1, 1); i >= 0 && gap > need * 1e-9; i = next_pool(f, i, 1)) {
        flt_sim_pool *p = &f->pool[i];
        double room = share < 1 ? share * need - have(f, p->provider) : gap;
        if (room > 0) gap -= add_replicas(f, p, fmin(gap, room));
    }
}

/* Gives back what is beyond `need`, of the pools with the dearest requests first; of a provider no
 * more than what is beyond `share` of the need. */
static void shrink(flt_fluid *f, double need, double share)
{
    double over = have(f, NULL) - need;
    for (int i = next_pool(f, -1, -1); i >= 0 && over > 0; i = next_pool(f, i, -1)) {
        flt_sim_pool *p = &f->pool[i];
        double give = fmin(over, have(f, p->provider) - share * need);
        double unit = p->rate * (double)f->s->serve.replica_chips;
        int64_t n = (int64_t)floor(give / unit + 1e-9) * f->s->serve.replica_chips;
        if (n > p->serving) n = p->serving / f->s->serve.replica_chips * f->s->serve.replica_chips;
        if (n <= 0) continue;
        flt_sim_drop_serving(f, p, n);
        over -= p->rate * (double)n;
    }
}

/* Whether j may run on the chips of p. */
static bool fits(const flt_fluid *f, const flt_sim_job *j, const flt_sim_pool *p)
{
    return flt_sim_open(p) && (j->home < 0 || j->home == (int)(p - f->pool)) &&
           (!*j->t.chip || strcmp(j->t.chip, p->chip->name) == 0);
}

/* Chips of p in whole nodes that j may have, idle or of lesser jobs, as far as it may have more:
 * parts of one workload have its most together. */
static int64_t room_for(const flt_fluid *f, const flt_sim_job *j, const flt_sim_pool *p)
{
    int64_t node = p->row->chips_per_node, more = j->t.max_chips;
    for (size_t i = 0; i < f->n_job; i++)
        if (f->job[i].number == j->number) more -= f->job[i].j.chips;
    if (more <= 0) return 0;
    int64_t free = flt_sim_idle(p) + takeable(f, p, j->t.priority);
    int64_t nodes = free / node, most = (more + node - 1) / node;
    return (nodes < most ? nodes : most) * node;
}

/* A pool for a job that waits: most of its chips, then the cheaper, then the first. */
static int place(const flt_fluid *f, const flt_sim_job *j)
{
    int best = -1;
    int64_t most = j->t.min_chips > 0 ? j->t.min_chips - 1 : 0;
    for (int i = 0; i < (int)f->n_pool; i++) {
        const flt_sim_pool *p = &f->pool[i];
        int64_t room = room_for(f, j, p);
        if (!fits(f, j, p) || room < most || room == 0) continue;
        if (room == most && best >= 0 && p->price >= f->pool[best].price) continue;
        if (room == most && best < 0) continue;
        best = i;
        most = room;
    }
    return best;
}

/* Starts a job that waits, where there is room. */
static void start(flt_fluid *f, flt_sim_job *j)
{
    int i = place(f, j);
    if (i < 0) return;
    if (j->last_pool >= 0 && j->last_pool != i) j->moves++;
    int64_t room = room_for(f, j, &f->pool[i]);
    flt_sim_make_room(f, &f->pool[i], room, j->t.priority, FLT_STOP_RANK);
    j->pool = i;
    flt_sim_job_set(f, j, room, true);
}

/* Lets a job grow: a gang seldom, since it restarts for it, or while it restarts anyway. */
static void widen(flt_fluid *f, flt_sim_job *j)
{
    flt_sim_pool *p = &f->pool[j->pool];
    int64_t room = room_for(f, j, p);
    if (room <= 0 || !flt_sim_open(p)) return;
    bool still = j->j.ready > j->j.at || j->j.at - j->changed >= f->s->resize_s;
    if (j->rule.gang && !still) return;
    flt_sim_make_room(f, p, room, j->t.priority, FLT_STOP_RANK);
    flt_sim_job_set(f, j, j->j.chips + room, true);
}

/* Training takes what is left, by priority, then in the scenario's order. */
static void train(flt_fluid *f)
{
    bool seen[FLT_SIM_PARTS] = {false};
    for (size_t k = 0; k < f->n_job; k++) {
        size_t best = f->n_job;
        for (size_t i = 0; i < f->n_job; i++)
            if (!seen[i] && (best == f->n_job || f->job[i].t.priority > f->job[best].t.priority))
                best = i;
        flt_sim_job *j = &f->job[best];
        seen[best] = true;
        if (j->done_s > 0) continue;
        if (j->pool < 0)
            start(f, j);
        else
            widen(f, j);
    }
}

void flt_sim_decide(flt_fluid *f)
{
    double need = forecast(f), held = held_need(f, need);
    if (held < need) held = need;
    grow(f, need, f->s->serve.max_share);
    grow(f, need, 1);
    if (f->s->serve.max_share < 1) shrink(f, held, f->s->serve.max_share);
    shrink(f, held, 0);
    train(f);
}
