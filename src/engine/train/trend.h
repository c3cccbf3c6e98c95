/* trend.h - a loss that rises slowly: no step stands out, but the run gets worse.
 *
 * The mean of the last ENG_TREND_WINDOW losses is held against the lowest such mean so far.  It has
 * risen when it stands above it by more than a part of it (and ENG_TREND_LEAST nats: what is known
 * by heart has losses near 0, which move by factors) and by more than ENG_TREND_ERRORS standard
 * errors (the deviation within the window by the root of its length).  Steps that were skipped, or
 * whose rate was 0, are none.  Rows are read in random order, so there is no other cause for a rise
 * than the training itself.
 *
 * Nothing of it is in a checkpoint: it is worked out from the curve, to the same bits.
 */
#ifndef ENG_TRAIN_TREND_H
#define ENG_TRAIN_TREND_H

#include "engine/train/curve.h"

#include <stdbool.h>
#include <stdint.h>

enum { ENG_TREND_WINDOW = 128, ENG_TREND_ERRORS = 6 };

#define ENG_TREND_LEAST 0.02

typedef struct eng_trend {
    bool begun;
    uint64_t since; /* only steps behind this many are looked at */
    double loss[ENG_TREND_WINDOW];
    uint64_t n;         /* losses added; number i at i % WINDOW */
    double mean, error; /* of the window, once it is full: mean, its standard error */
    double low;         /* the lowest mean */
    uint64_t low_step;  /* and the step it was of */
} eng_trend;

/* Begins anew with the points of the curve behind `since` steps. */
void eng_trend_begin(eng_trend *t, const eng_curve *c, uint64_t since);

/* Step number p->step is done, if it is one that counts. */
void eng_trend_add(eng_trend *t, const eng_point *p);

/* True when the mean stands above the lowest by more than `part` of it, and by more than `errors`
 * standard errors. */
bool eng_trend_rises(const eng_trend *t, double part, double errors);

#endif
