/* serving.c - the requests of a bucket: served, waiting, refused, and how many in time. */
#include "fleet/sim/fluid_state.h"

#include <math.h>

double flt_sim_capacity(const flt_fluid *f)
{
    double sum = 0;
    for (size_t i = 0; i < f->n_pool; i++) {
        const flt_sim_pool *p = &f->pool[i];
        if (flt_sim_reached(p)) sum += p->rate * (double)(p->serving - p->starting);
    }
    return sum;
}

/* Requests that arrive in the bucket. */
static int64_t arrivals(const flt_fluid *f)
{
    int64_t t = f->s->start + (int64_t)flt_sim_now(f);
    double mean = flt_demand_rate(&f->curve, t) * f->dt;
    flt_draw d = flt_draw_at((uint64_t)f->s->seed, FLT_DRAW_DEMAND, 0, (uint64_t)f->bucket);
    if (f->curve.d.noise >= 0.5) return flt_draw_poisson(&d, mean);
    /* The part behind the point becomes one request as often as it should. */
    return (int64_t)floor(mean + flt_draw_uniform(&d));
}

/* Share of those served in a bucket that waited no longer than `goal`, where the wait goes from w0
 * to w1 in a straight line. */
static double share_within(double w0, double w1, double goal)
{
    double low = fmin(w0, w1), high = fmax(w0, w1);
    if (high <= goal) return 1;
    return low >= goal ? 0 : (goal - low) / (high - low);
}

/* Part of the bucket's requests that were sent to a pool that nobody knew was gone. */
static double blind_part(flt_fluid *f)
{
    double s = fmin(f->blind_s, f->dt);
    f->blind_s -= s;
    return f->blind_share * s / f->dt;
}

/* One step of a fluid queue: what waited is served first.  Those served within slo_s are counted as
 * if arrivals and service were even within the step, from the wait at its beginning to that at its
 * end. */
void flt_sim_serve_bucket(flt_fluid *f)
{
    double rate = flt_sim_capacity(f), before = (double)f->waiting;
    int64_t asked = arrivals(f), there = f->waiting + asked;
    int64_t can = (int64_t)floor(fmin(rate * f->dt, 9e15)), served = there < can ? there : can;
    /* Who would wait longer than they have patience for is told so at once. */
    int64_t room = (int64_t)floor(fmin(rate * f->s->serve.patience_s, 9e15));
    int64_t waiting = there - served, refused = waiting > room ? waiting - room : 0;
    waiting -= refused;
    double goal = f->s->serve.slo_s;
    double in_time =
        served && rate > 0 ? share_within(before / rate, (double)waiting / rate, goal) : 0;
    in_time *= 1 - blind_part(f);
    f->waiting = waiting;
    f->sum.asked += asked;
    f->sum.served += served;
    f->sum.refused += refused;
    f->sum.in_time += (int64_t)floor((double)served * in_time);
    f->now.asked += (double)asked;
    f->now.served += (double)served;
}
