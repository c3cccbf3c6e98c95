/* hist.h - how long things took: counts in steps of 1.6 %, whatever how many there were. */
#ifndef FLT_FLEET_SIM_HIST_H
#define FLT_FLEET_SIM_HIST_H

#include <stdint.h>

enum { FLT_HIST_BITS = 6, FLT_HIST_CELLS = 58 << FLT_HIST_BITS };

/* Times in nanoseconds; cleared, it is empty. */
typedef struct flt_hist {
    uint64_t cell[FLT_HIST_CELLS], n;
    double sum;
} flt_hist;

/* Adds one; less than 0 counts as 0. */
void flt_hist_add(flt_hist *h, int64_t ns);

/* The time, in seconds, that the share q of them does not exceed, within 1.6 %; 0 if empty. */
double flt_hist_at(const flt_hist *h, double q);

/* Mean in seconds, exact; 0 if empty. */
double flt_hist_mean(const flt_hist *h);

#endif
