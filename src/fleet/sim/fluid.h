/* fluid.h - a fleet over months and years, in buckets of a minute.
 *
 * Requests and chips are amounts here, not things: what one bucket asks is served by what stands,
 * waits, or is refused.  Each bucket: what the outages, zones and spot markets leave; repairs; the
 * decision, which moves chips between serving and training (decide.h); failures, at their own
 * times within the bucket; serving.  All of it follows from the scenario, its seed and the book:
 * memory does not grow with time, and nothing depends on the order in which pools are looked at.
 *
 * Kept throughout: capacity = serving + training + idle + down, in whole chip-seconds; requests =
 * served + refused + those that still wait.
 */
#ifndef FLT_FLEET_SIM_FLUID_H
#define FLT_FLEET_SIM_FLUID_H

#include "base/status.h"
#include "fleet/book/book.h"
#include "fleet/book/usage.h"
#include "fleet/sim/scenario.h"

#include <stddef.h>
#include <stdint.h>

enum {
    FLT_SIM_POINTS = 720,     /* of a series for a plot */
    FLT_SIM_COMMITMENTS = 64, /* that are reported */
    FLT_SIM_CURRENCIES = 8,
    FLT_SIM_CURVES = 4
};

/* What interrupts training, beside the scenario's causes. */
typedef enum flt_stop {
    FLT_STOP_OUTAGE,  /* its pool was gone by script */
    FLT_STOP_ZONE,    /* its zone was lost */
    FLT_STOP_SPOT,    /* its nodes were taken back */
    FLT_STOP_SERVING, /* serving needed its chips */
    FLT_STOP_EARLY,   /* likewise, within its min_run_s: nothing else was left */
    FLT_STOP_RANK,    /* a run of higher priority did */
    FLT_STOP_N
} flt_stop;

/* A word for it, static storage. */
const char *flt_stop_word(flt_stop s);

/* Chip-seconds of a pool. */
typedef struct flt_sim_pool_sum {
    const char *name, *provider, *chip;
    int64_t chips;
    int64_t capacity, serving, training, idle, down;
} flt_sim_pool_sum;

typedef struct flt_sim_job_sum {
    const char *name;
    double held, useful, lost, writing, restarting; /* chip-seconds */
    double waiting_s;                               /* without chips */
    double ettr;                                    /* useful / held */
    double mfu_days; /* days of one chip at its peak that its arithmetic was worth */
    double tokens;
    int64_t interruptions, resizes, moves;
    double copying_s; /* that moves waited for their checkpoint; restarting has them */
    int64_t egress;   /* that it cost, micro-units of the currencies of the pools it left */
    double done_s;    /* when it had its tokens; 0: never */
} flt_sim_job_sum;

/* Sums of charges, micro-units of a currency. */
typedef struct flt_sim_money {
    const char *currency;
    int64_t list, contracted, billed, effective;
} flt_sim_money;

/* What the use of a pool came to; by_paid: effective cost by flt_paid. */
typedef struct flt_sim_pool_cost {
    flt_sim_money money;
    int64_t by_paid[FLT_PAID_NONE + 1];
} flt_sim_pool_cost;

/* A commitment over the simulated time.  Money but for those that say "its unit": micro-units of
 * money or chip-hours. */
typedef struct flt_sim_commitment {
    int64_t id;
    const char *contract, *name, *currency;
    flt_kind kind;
    flt_model model;
    int64_t used,
        unused;         /* of what it pays for: effective cost of usage, and of what nobody used */
    int64_t bought;     /* billed for it */
    int64_t shortfall;  /* billed for what was not met */
    int64_t drawn, due; /* its unit: drawn down, and promised for the same time */
    double pace;        /* of the interval that is open at the end */
    int64_t remaining;  /* its unit: of that interval */
    int64_t expected_shortfall, overage; /* its unit: at that interval's end; so far */
} flt_sim_commitment;

/* Drawdown of a discontinuous commitment over time: units of money or chip-hours, a point each. */
typedef struct flt_sim_curve {
    size_t commitment; /* of flt_sim_sum.commitment */
    double drawn[FLT_SIM_POINTS], due[FLT_SIM_POINTS];
} flt_sim_curve;

/* One point of the plots: means over a stretch of time. */
typedef struct flt_sim_point {
    double day;    /* its end, from the beginning */
    double needed; /* chips that the requests of the stretch keep busy */
    double serving, training, idle, down;
    double asked, served; /* requests a second */
} flt_sim_point;

typedef struct flt_sim_sum {
    int64_t start, seconds;
    int64_t asked, served, refused, waiting; /* requests; asked = the three others */
    int64_t in_time;                         /* served within the goal */
    double input_tokens, output_tokens;      /* of a request */
    flt_sim_pool_sum pool[FLT_SIM_POOLS];
    flt_sim_job_sum job[FLT_SIM_JOBS];
    size_t n_pool, n_job;
    const char *cause[FLT_SIM_CAUSES];
    int64_t failed_nodes[FLT_SIM_CAUSES], by_cause[FLT_SIM_CAUSES]; /* nodes; interruptions */
    size_t n_cause;
    int64_t by_stop[FLT_STOP_N]; /* interruptions */
    flt_sim_pool_cost pool_cost[FLT_SIM_POOLS];
    flt_sim_commitment commitment[FLT_SIM_COMMITMENTS];
    flt_sim_money total[FLT_SIM_CURRENCIES]; /* all charges and egress, by currency */
    size_t n_commitment, n_total;
    flt_sim_curve curve[FLT_SIM_CURVES];
    size_t n_curve;
    flt_sim_point point[FLT_SIM_POINTS];
    size_t n_point;
} flt_sim_sum;

typedef struct flt_fluid flt_fluid;

/* Makes one, at the scenario's beginning.  s and book are borrowed and must outlive it.  Errors:
 * SK_E_INVALID for what does not go together (more pools than FLT_SIM_POOLS, sites or outages of
 * pools that are not there, a start longer than a bucket's ring), SK_E_NOMEM. */
sk_status flt_fluid_new(const flt_scenario *s, const flt_book *book, flt_fluid **out, sk_err *e);

void flt_fluid_free(flt_fluid *f);

/* Buckets of the whole, and how many are done. */
int64_t flt_fluid_buckets(const flt_fluid *f);
int64_t flt_fluid_done(const flt_fluid *f);

/* Runs up to n more.  Errors are those of rating: a price that ends in the middle, sums that don't
 * fit. */
sk_status flt_fluid_run(flt_fluid *f, int64_t n, sk_err *e);

/* What came out so far; borrowed, filled anew by each call. */
const flt_sim_sum *flt_fluid_sum(flt_fluid *f);

#endif
