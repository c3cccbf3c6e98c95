/* wheel.h - what happens when: a queue of events by time.
 *
 * A wheel of slots of about a millisecond holds the next 17 seconds, unordered; only the slot that
 * is being gone through is a heap, small enough for the nearest cache.  What lies beyond the wheel
 * waits in a heap of its own.  So an event costs about the same however many wait (a calendar
 * queue: R. Brown, CACM 1988).  Events of the same time come in the order of their ids.
 */
#ifndef FLT_FLEET_SIM_WHEEL_H
#define FLT_FLEET_SIM_WHEEL_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* t: nanoseconds from 0; id and mark are the caller's. */
typedef struct flt_event {
    int64_t t;
    uint32_t id, mark;
} flt_event;

typedef struct flt_wheel flt_wheel;

/* A queue that begins at time 0; NULL without memory.  Free with flt_wheel_free. */
flt_wheel *flt_wheel_new(void);
void flt_wheel_free(flt_wheel *w);

/* Adds an event, which is not before the last one taken.  False without memory. */
bool flt_wheel_add(flt_wheel *w, flt_event e);

/* The next event before `until` into *out; false where there is none, or without memory
 * (flt_wheel_lost). */
bool flt_wheel_next(flt_wheel *w, int64_t until, flt_event *out);

/* Whether an event could not be kept: then nothing that came out since is to be trusted. */
bool flt_wheel_lost(const flt_wheel *w);

/* Events that wait. */
size_t flt_wheel_count(const flt_wheel *w);

#endif
