/* clock.c - the real clocks, and a virtual one that stands still until a test moves it. */
#include "base/clock.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

static atomic_bool is_virtual;
static _Atomic uint64_t virtual_us;

/* Microseconds of a monotonic clock. */
uint64_t sk_now_us(void)
{
    if (atomic_load_explicit(&is_virtual, memory_order_acquire)) return atomic_load(&virtual_us);
    struct timespec t;
    int rc = clock_gettime(CLOCK_MONOTONIC, &t);
    assert(rc == 0);
    (void)rc;
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

/* Seconds since 1970, UTC. */
int64_t sk_unix_s(void)
{
    if (atomic_load_explicit(&is_virtual, memory_order_acquire))
        return (int64_t)(atomic_load(&virtual_us) / 1000000u);
    return (int64_t)time(NULL);
}

int64_t sk_unix_ms(void)
{
    struct timespec t;
    if (atomic_load_explicit(&is_virtual, memory_order_acquire))
        return (int64_t)(atomic_load(&virtual_us) / 1000u);
    int rc = clock_gettime(CLOCK_REALTIME, &t);
    assert(rc == 0);
    (void)rc;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Sets the virtual clock and makes it the clock. */
void sk_clock_virtual(uint64_t us)
{
    atomic_store(&virtual_us, us);
    atomic_store_explicit(&is_virtual, true, memory_order_release);
}

/* Back to real time. */
void sk_clock_real(void)
{
    atomic_store_explicit(&is_virtual, false, memory_order_release);
}
