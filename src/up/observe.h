/* observe.h - how far a trainer is, what a server has done: read from what they write anyway. */
#ifndef UP_OBSERVE_H
#define UP_OBSERVE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct up_training {
    uint64_t step, steps, tokens;                    /* tokens since step 0 */
    double loss, bits_per_byte, tokens_per_s, eta_s; /* NaN: not known */
} up_training;

/* Reads the end of FOLDER/metrics.jsonl (docs/format/metrics.md); false if there is nothing yet. */
bool up_training_read(const char *folder, up_training *out);

typedef struct up_serving {
    double generated, prompt, finished, failed; /* tokens, tokens, answers, answers */
} up_serving;

/* Reads what GET /metrics answered; what is not in it is 0. */
void up_serving_read(const char *text, up_serving *out);

/* What a counter has grown by since *last, which becomes `now`; one that began anew counts from 0.
 */
double up_grown(double *last, double now);

#endif
