/* backoff.c - waits that double, with jitter. */
#include "up/backoff.h"

#include "base/rng.h"

uint64_t up_backoff_next(up_backoff *b)
{
    uint64_t wait = b->first_us;
    b->fails++;
    if (b->fails <= b->patience) return 0;
    for (uint32_t i = b->patience + 1; i < b->fails && wait < b->most_us; i++)
        wait *= 2;
    if (wait > b->most_us) wait = b->most_us;
    double u = sk_rng_uniform(b->seed, SK_RNG_WAIT, b->draws++);
    return wait - (uint64_t)(u * 0.25 * (double)wait);
}

void up_backoff_reset(up_backoff *b)
{
    b->fails = 0;
}
