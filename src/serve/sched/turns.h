/* turns.h - long work beside answers, in turns so short that answers hardly notice.
 *
 * Opening a model takes a second or more of all cores.  A thread that does it at any priority gets
 * in the way of every step: the workers of a step wait for each other, so one that is pushed off
 * its core holds up all.  So the work is cut into pieces of about a millisecond that take the baton
 * between two steps, as another model would (baton.h), as long together as a small part of what it
 * waited for them.  Where nobody else computes it hardly waits and goes on at full speed.
 *
 * The same questions are where it can be ended.
 */
#ifndef SRV_SCHED_TURNS_H
#define SRV_SCHED_TURNS_H

#include "engine/engine.h"
#include "serve/sched/baton.h"

#include <stdatomic.h>

/* Set baton, stop and stop_fd; the rest begins with zeros. */
typedef struct srv_turns {
    srv_baton *baton;        /* NULL: nobody waits */
    const atomic_bool *stop; /* NULL: never */
    int stop_fd;             /* readable once it is to end; -1: never */
    bool has;                /* the baton, ... */
    uint64_t until_us;       /* ... for so long */
} srv_turns;

/* Fits eng_between_fn, with arg an srv_turns; for one thread at a time.  A turn is under way after
 * it was asked for computing and said true. */
bool srv_turns_between(void *arg, eng_work next);

/* Ends the turn under way, if there is one: when the work is done. */
void srv_turns_end(srv_turns *t);

#endif
