/* demand.h - how many requests people make, by time of day, week and year.
 *
 * The day's course is exp(k cos(angle from the peak hour)) over its mean I0(k) (a von Mises curve):
 * one number, peak over mean, says how steep it is, and the mean of a day is 1 whatever it is.
 * DeepSeek's serving day had 278 nodes at peak over 226.75 in the mean (deepseek-ai
 * open-infra-index, day 6).
 */
#ifndef FLT_FLEET_SIM_DEMAND_H
#define FLT_FLEET_SIM_DEMAND_H

#include "base/utc.h"

#include <stddef.h>
#include <stdint.h>

typedef struct flt_demand {
    double users, prompts;              /* prompts a user and weekday */
    double input_tokens, output_tokens; /* of a prompt, in the mean */
    double cached;                      /* share of input that needs no prefill */
    double peak_to_mean, peak_hour;     /* of a day, UTC */
    double weekend;                     /* Saturday's and Sunday's over a weekday's */
    double growth;                      /* a year: 0.5 is half as much again */
    double turns, pause_s;              /* prompts of a conversation, in the mean (1: each prompt
                                           finds its `cached` anywhere), and the time between two */
    const char *lengths;                /* "exponential" around the means, "constant" */
    double noise;                       /* 1: counts are Poisson; 0: their means */
} flt_demand;

enum { FLT_DEMAND_STEPS = 1440 }; /* minutes of a day */

/* Its curve, ready for use. */
typedef struct flt_demand_curve {
    flt_demand d;
    int64_t start;        /* where growth counts from */
    const double *minute; /* requests a second in each minute from start on; NULL: none of this */
    size_t n_minute;
    double by_minute[FLT_DEMAND_STEPS]; /* requests a second of a weekday, without growth */
} flt_demand_curve;

/* Makes it. */
void flt_demand_make(flt_demand_curve *c, const flt_demand *d, int64_t start);

/* Requests a second at t, in the mean. */
double flt_demand_rate(const flt_demand_curve *c, int64_t t);

#endif
