/* hands.h - a few threads beside the I/O thread that do what takes long of a request: reading a
 * large body, rendering a template, tokenizing, compiling a grammar, writing a large answer.
 *
 * What is to be done is a chore.  It is the I/O thread's until it is given, then a worker's, which
 * touches nothing but the chore and what never changes, and the I/O thread's again when it comes
 * back.  The keys take turns, so that many chores of one do not hold up the few of another; where
 * too many wait, the newest of the key that has most gives way.  Nothing here needs memory once it
 * is open.
 */
#ifndef SRV_SCHED_HANDS_H
#define SRV_SCHED_HANDS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct srv_hands srv_hands;
typedef struct srv_chore srv_chore;

/* What became of a chore. */
typedef enum srv_chore_end {
    SRV_CHORE_RAN,
    SRV_CHORE_DROPPED, /* it was not begun, and nobody wants it any more */
    SRV_CHORE_CROWDED  /* it was not begun, for another key's */
} srv_chore_end;

/* Set by the maker; it stands at the beginning of what the chore is about. */
struct srv_chore {
    void (*work)(srv_chore *c);                    /* on a worker */
    void (*done)(srv_chore *c, srv_chore_end how); /* I/O thread: c is the maker's again */
    uint32_t key;                                  /* whose it is, 0: nobody's */
    srv_chore *next;                               /* the hands' */
    uint64_t took_us;                              /* the hands' */
};

/* n_threads workers; of the chores given `most` may wait to be begun. */
sk_status srv_hands_open(size_t n_threads, size_t most, srv_hands **out, sk_err *e);

/* Waits for what is under way, drops what is not; each chore is told.  NULL is allowed. */
void srv_hands_close(srv_hands *h);

/* ---- I/O thread ---- */

/* Gives c to the workers; false where too many wait, and c is still the caller's.  Another chore
 * may be told here that it gives way. */
bool srv_hands_give(srv_hands *h, srv_chore *c);

/* Nobody wants c any more: told at once if it was not begun (true, and c may be gone), else it
 * comes back as it would. */
bool srv_hands_drop(srv_hands *h, srv_chore *c);

/* When to come back, from what waits and how long chores take. */
unsigned srv_hands_retry_s(const srv_hands *h);

/* Readable while chores are back. */
int srv_hands_fd(const srv_hands *h);

/* Tells those that are back. */
void srv_hands_collect(srv_hands *h);

/* Chores given that were not told yet. */
size_t srv_hands_alive(const srv_hands *h);

#endif
