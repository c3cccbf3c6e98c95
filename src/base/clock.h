/* clock.h - time, real or virtual. */
#ifndef SK_BASE_CLOCK_H
#define SK_BASE_CLOCK_H

#include <stdint.h>

/* Microseconds of a monotonic clock; only differences mean anything. */
uint64_t sk_now_us(void);

/* Seconds since 1970, UTC. */
int64_t sk_unix_s(void);

/* The same in milliseconds. */
int64_t sk_unix_ms(void);

/* Replaces both clocks by a virtual one that stands at `us` until the next call (tests): what waits
 * for time then waits for the test. */
void sk_clock_virtual(uint64_t us);

/* Ends the virtual time. */
void sk_clock_real(void);

#endif
