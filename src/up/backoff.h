/* backoff.h - how long to wait before something that failed is tried again.
 *
 * The first wait may be none; then they double up to a most, each shortened by up to a quarter at
 * random (from a seed, so that a test can foresee it) lest many that failed together come back
 * together.
 */
#ifndef UP_BACKOFF_H
#define UP_BACKOFF_H

#include <stdint.h>

typedef struct up_backoff {
    uint64_t first_us, most_us; /* the first wait that is one, and the longest */
    uint32_t patience;          /* failures before it that have no wait */
    uint32_t fails;             /* in a row */
    uint64_t seed, draws;
} up_backoff;

/* One more failure: the wait after it, in microseconds. */
uint64_t up_backoff_next(up_backoff *b);

/* It went well for long enough. */
void up_backoff_reset(up_backoff *b);

#endif
