/* pace.h - how long a run still takes, by its last steps: evaluations, checkpoints and steps that
 * were gone back on count as they come.
 */
#ifndef ENG_TRAIN_PACE_H
#define ENG_TRAIN_PACE_H

#include <stddef.h>
#include <stdint.h>

enum { ENG_PACE_STEPS = 16 }; /* looked back on */

/* All zeros before the first step of a session. */
typedef struct eng_pace {
    uint64_t step[ENG_PACE_STEPS + 1], us[ENG_PACE_STEPS + 1]; /* number i at i % (STEPS + 1) */
    size_t n;
} eng_pace;

/* `step` steps are done at time `us` (sk_now_us), the last of them begun at `began`.  Steps that
 * fall, after a run has gone back, begin the count anew. */
void eng_pace_step(eng_pace *p, uint64_t step, uint64_t began, uint64_t us);

/* Seconds until `total` steps are done; NaN before the first. */
double eng_pace_left(const eng_pace *p, uint64_t total);

#endif
