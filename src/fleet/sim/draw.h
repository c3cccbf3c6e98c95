/* draw.h - random numbers of a simulation: how many, how long, which.
 *
 * Every draw is a pure function of (seed, stream, index) over the generator of base/rng.h: a pool's
 * failures of one minute are the same whatever is computed before them, so results don't depend on
 * order.  Counts are exact draws, not rounded normals: inversion for small means, transformed
 * rejection for large ones (W. Hoermann, "The transformed rejection method for generating Poisson
 * random variables", 1993, and "The generation of binomial random variates", 1993).
 */
#ifndef FLT_FLEET_SIM_DRAW_H
#define FLT_FLEET_SIM_DRAW_H

#include <stdint.h>

/* What a simulation draws, kept apart: bits 24 and up of a stream; below them a pool or zone. */
typedef enum flt_draw_use {
    FLT_DRAW_FAIL = 0x41,
    FLT_DRAW_REPAIR,
    FLT_DRAW_ZONE,
    FLT_DRAW_SPOT,
    FLT_DRAW_DEMAND,
    FLT_DRAW_LENGTH,
    FLT_DRAW_ROUTE,
    FLT_DRAW_ARRIVAL
} flt_draw_use;

/* A place in a stream; each number drawn moves `index` by one. */
typedef struct flt_draw {
    uint64_t seed, index;
    uint32_t stream;
} flt_draw;

/* The numbers of step `step` of use `use` by object `object` (below 2^24): 65,536 of them before
 * those of the next step. */
flt_draw flt_draw_at(uint64_t seed, flt_draw_use use, uint32_t object, uint64_t step);

/* 64 bits; uniform in [0, 1). */
uint64_t flt_draw_u64(flt_draw *d);
double flt_draw_uniform(flt_draw *d);

/* Exponential with that mean; 0 for a mean that is not positive. */
double flt_draw_exponential(flt_draw *d, double mean);

/* Poisson with that mean (held in [0, 1e15]); 0 for NaN. */
int64_t flt_draw_poisson(flt_draw *d, double mean);

/* How many of n succeed, each with probability p (held in [0, 1]); n < 0 is 0. */
int64_t flt_draw_binomial(flt_draw *d, int64_t n, double p);

#endif
