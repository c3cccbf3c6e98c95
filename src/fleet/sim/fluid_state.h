/* fluid_state.h - what the parts of the fluid simulation share. */
#ifndef FLT_FLEET_SIM_FLUID_STATE_H
#define FLT_FLEET_SIM_FLUID_STATE_H

#include "base/mem.h"
#include "fleet/sim/fluid.h"
#include "fleet/sim/job.h"
#include "fleet/sim/spell.h"
#include "fleet/sim/trace.h"

#include <stdbool.h>

enum { FLT_SIM_PARTS = 256 }; /* jobs, where each part of a batch workload is one */

/* A pool as it is.  serving + training + idle = live; the rest of its chips is down. */
typedef struct flt_sim_pool {
    const flt_pool *row;
    const flt_chip *chip;
    const char *provider;
    flt_sim_site site;
    flt_category category;
    size_t zone; /* of flt_fluid.zone */
    double rate; /* requests a second that one chip serves; 0: it can't serve */
    const char *currency;
    double price; /* a chip-hour, units of money */
    flt_spell spot;
    flt_availability trace; /* n 0: none */
    int64_t down[FLT_SIM_CAUSES], down_nodes;
    flt_pool_state state; /* as it is now */
    flt_stop why;         /* it is gone */
    int64_t live, serving, training, starting;
    int64_t *ring; /* chips whose replicas begin to answer, by bucket */
    flt_sim_pool_sum sum;
} flt_sim_pool;

/* A run, or the part of a batch workload that is in one pool. */
typedef struct flt_sim_job {
    flt_sim_train t;
    size_t number; /* of its workload: parts of one have the same */
    int home;      /* the only pool it may be in; -1: any */
    int64_t id;    /* of the workload, 0 none */
    flt_job_rule rule;
    flt_job j;
    int pool, last_pool; /* -1: none */
    double changed, waiting_s, done_s;
    double useful_flops, counted; /* useful chip-seconds that they are of */
    int64_t moves;
    double copying_s, egress;
} flt_sim_job;

typedef struct flt_cost flt_cost;
typedef struct flt_decide flt_decide;

struct flt_fluid {
    flt_cost *cost;
    flt_decide *decide;
    const flt_scenario *s;
    const flt_book *book;
    sk_arena *mem;
    flt_trace trace; /* n 0: none */
    flt_demand_curve curve;
    flt_sim_pool pool[FLT_SIM_POOLS];
    size_t n_pool;
    flt_sim_job job[FLT_SIM_PARTS];
    size_t n_job, n_work;
    flt_spell zone[FLT_SIM_POOLS];
    const char *zone_name[FLT_SIM_POOLS], *zone_provider[FLT_SIM_POOLS];
    size_t n_zone;
    int64_t bucket, n_bucket, ring_n;
    double dt;
    /* serving */
    double blind_s,
        blind_share; /* a part of the capacity is asked for that is not there any more */
    int64_t waiting;
    flt_sim_sum sum;
    double point_s;    /* seconds of a point */
    flt_sim_point now; /* sums of the point in the making */
    double now_s;
};

/* Chips of a pool that nothing has. */
static inline int64_t flt_sim_idle(const flt_sim_pool *p)
{
    return p->live - p->serving - p->training;
}

/* Whether requests reach what runs there; whether something can be started there. */
static inline bool flt_sim_reached(const flt_sim_pool *p)
{
    return p->state != FLT_POOL_GONE && p->state != FLT_POOL_SILENT;
}

static inline bool flt_sim_open(const flt_sim_pool *p)
{
    return p->state == FLT_POOL_UP;
}

/* Seconds from the beginning to that of the bucket that is being run. */
static inline double flt_sim_now(const flt_fluid *f)
{
    return (double)f->bucket * f->dt;
}

/* supply.c: what is there.  Brings the pools' states, repairs and what came back up to the bucket's
 * beginning; then, after the decision, the failures of the bucket, with the jobs run through it. */
void flt_sim_supply(flt_fluid *f);
void flt_sim_fail(flt_fluid *f);

/* Takes chips from a pool's replicas: those that still start go first. */
void flt_sim_drop_serving(flt_fluid *f, flt_sim_pool *p, int64_t chips);

/* Gives job another number of chips of its pool (0: it waits from now on). */
void flt_sim_job_set(flt_fluid *f, flt_sim_job *j, int64_t chips, bool asked);

/* serving.c: the requests of the bucket. */
void flt_sim_serve_bucket(flt_fluid *f);

/* Requests a second that the replicas that answer can serve. */
double flt_sim_capacity(const flt_fluid *f);

#endif
