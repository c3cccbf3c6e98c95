/* events.h - a slice of time, request by request.
 *
 * The fluid simulation runs beside it and says, bucket by bucket, how many replicas each pool has
 * and which pools are there; here each request arrives, is routed (fleet/place/route.h), waits for
 * its replica's prefill, gives its first token, waits for a slot, and decodes.  A replica's chips
 * are shared between prefill and decode in the proportion that the mean request needs, so that both
 * resolutions have the same capacity.
 *
 * Where the demand has conversations (sessions.h), the replica that read the last prompt of one has
 * its prefix, until it is given up or its pool goes away.  It is one more choice of the router,
 * with less to read; who is sent elsewhere reads all of the prompt.
 *
 * A pool that goes away takes its requests with it: after `timeout` each is tried elsewhere, with
 * what it had sent so far read again; the gateway learns of it from those.
 *
 * Times are nanoseconds and events of the same time have an order, so the same seed gives the same
 * bytes.  Memory follows the requests in flight, not the time that is simulated.
 */
#ifndef FLT_FLEET_SIM_EVENTS_H
#define FLT_FLEET_SIM_EVENTS_H

#include "base/status.h"
#include "fleet/sim/fluid.h"
#include "fleet/sim/hist.h"

#include <stdbool.h>
#include <stdint.h>

/* What is looked at. */
typedef struct flt_event_rule {
    double from_s, for_s; /* the slice: from the scenario's beginning, and its length */
} flt_event_rule;

typedef struct flt_event_sum {
    uint64_t events;
    uint64_t asked, answered, refused, failed, in_flight; /* asked = the four others */
    uint64_t in_time;                                     /* first token within the goal */
    uint64_t retried, resumed;                            /* before the first token, and after it */
    uint64_t by_pool[FLT_SIM_POOLS];
    /* Conversations: prompts that go on with one, those of them that came to the replica that has
     * it, and those whose replica is no longer there; tokens of prompts that were sent to be read,
     * and those of them that were cached. */
    uint64_t again, hits, stale, tokens, cached;
    double seconds; /* simulated */
    flt_hist ttft;  /* of each request, from its arrival to its first token */
    flt_hist tpot;  /* of each answer: its mean time between tokens */
    flt_hist slot;  /* waits for a slot */
    flt_hist gap;   /* silences of streams whose pool went away */
} flt_event_sum;

typedef struct flt_events flt_events;

/* Runs the fluid simulation up to the slice, at the scenario's beginning or wherever it is, and
 * begins the slice.  fluid is borrowed and must not be run by others meanwhile.  SK_E_INVALID: a
 * slice before where fluid is or beyond its end; a replica of no capacity. */
sk_status flt_events_new(flt_fluid *fluid, const flt_event_rule *rule, flt_events **out, sk_err *e);

void flt_events_free(flt_events *v);

/* Runs on by one bucket, or to the end of the slice. */
sk_status flt_events_run(flt_events *v, sk_err *e);

/* Whether the slice has ended. */
bool flt_events_ended(const flt_events *v);

/* What came out so far, borrowed. */
const flt_event_sum *flt_events_sum(flt_events *v);

#endif
