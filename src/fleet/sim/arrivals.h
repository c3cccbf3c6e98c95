/* arrivals.h - the requests of a slice, one after the other. */
#ifndef FLT_FLEET_SIM_ARRIVALS_H
#define FLT_FLEET_SIM_ARRIVALS_H

#include "fleet/sim/fluid_state.h"

#include <stdint.h>

/* A request: when it comes (nanoseconds from the slice's beginning), what it asks, and 64 bits for
 * those who route it. */
typedef struct flt_arrival {
    int64_t t;
    uint32_t input, output;
    uint64_t random;
} flt_arrival;

/* Where they come from: a Poisson process that follows the demand's curve, or the rows of a trace,
 * each `scale` times in the time up to the next. */
typedef struct flt_arrivals {
    const flt_fluid *f;
    int64_t bucket; /* the slice's first */
    uint64_t count;
    double now, rate, until;    /* seconds; the rate holds until then */
    size_t row;                 /* of the trace */
    int64_t base, copy, copies; /* ns of the trace's beginning; of the row */
} flt_arrivals;

/* At the slice's beginning, bucket `first` of f, which it borrows. */
void flt_arrivals_make(flt_arrivals *a, const flt_fluid *f, int64_t first);

/* The next one; t is INT64_MAX where no more come. */
void flt_arrivals_next(flt_arrivals *a, flt_arrival *out);

#endif
