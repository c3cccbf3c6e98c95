/* train.h - what a training run takes: FLOPs, days, failures, dollars; and back, how many chips.
 *
 * FLOPs are 6 N D (N parameters that a token passes, D tokens; Kaplan et al. 2020, arXiv
 * 2001.08361): forward and backward of the matrices.  Attention over the context and recomputation
 * are not counted, so an MFU is model FLOPs over what the chips could have done.  Of a mixture of
 * experts N is the active part.
 *
 * What failures take of a run's time: fleet/place/ettr.h.
 */
#ifndef FLT_FLEET_PLAN_TRAIN_H
#define FLT_FLEET_PLAN_TRAIN_H

#include "base/status.h"
#include "fleet/place/ettr.h"

#include <stdint.h>

/* 6 N D. */
double flt_train_flops(double params, double tokens);

typedef struct flt_train_plan_in {
    double params, tokens;  /* N and D; or */
    double flops;           /* more than 0: these instead of 6 N D */
    double peak_flops;      /* of a chip, a second */
    double mfu;             /* share of it that is reached, up to 1; or */
    double achieved_flops;  /* more than 0: this a chip and second instead of peak * mfu */
    double chips;           /* 0: to be found (flt_train_plan_chips) */
    int64_t chips_per_node; /* a run's nodes are chips / this, rounded up */
    flt_upkeep upkeep;
    int64_t price_micros; /* a chip-hour; -1: not known */
} flt_train_plan_in;

typedef struct flt_train_plan {
    double flops, achieved_flops; /* in all; a chip and second */
    double chips, nodes;
    double productive_days; /* if nothing ever failed */
    double days;            /* on the wall: productive days / ettr */
    double chip_hours;      /* of those days */
    double interruptions;   /* expected in those days */
    double mtti_hours;      /* infinite without failures */
    double ettr;
    double checkpoint_every_s; /* as given or the best; 0: none */
    double best_checkpoint_s;  /* advice: 0 if there is none */
    double best_ettr;          /* with that interval */
    int64_t cost_micros;       /* -1: no price */
} flt_train_plan;

/* The plan for in->chips.  SK_E_INVALID for figures that make no plan (each must be a number more
 * than 0; mfu at most 1), and where failures are too many for any progress. */
sk_status flt_train_plan_make(const flt_train_plan_in *in, flt_train_plan *out, sk_err *e);

/* The fewest whole nodes that end within `days`, or the most that cost at most `budget_micros`
 * (0: no such bound; with both, the fewest for the days, which must then cost no more).  in->chips
 * is not read.  SK_E_INVALID with the nearest that can be had: more chips fail more often, so
 * beyond some number a run gets slower again. */
sk_status flt_train_plan_chips(const flt_train_plan_in *in, double days, int64_t budget_micros,
                               flt_train_plan *out, sk_err *e);

/* An amount that was promised for a span, by the hour, in micro-units: what has to be spent to keep
 * pace with it. */
double flt_hourly_pace(int64_t amount_micros, int64_t seconds);

#endif
