/* share.h - one machine, two lives: those who answer people go first, those who train give way.
 *
 * A small file, mapped by all, says who is at work.  A host (a server) marks the time in which it
 * has something to compute; a guest (a trainer) asks between two pieces of work whether any host
 * has, and if so waits without using the processor until none has.  A host that was killed while at
 * work is noticed within a second: each holds a lock that ends with its process.  Nothing computed
 * depends on it.
 */
#ifndef SK_BASE_SHARE_H
#define SK_BASE_SHARE_H

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sk_share sk_share;

/* Maps the file at path, which is made if there is none; best on a file system in memory.
 * SK_E_FORMAT: it is something else. */
sk_status sk_share_open(const char *path, sk_share **out, sk_err *e);

/* Ends the host's work, if it is one; NULL is allowed.  The file stays. */
void sk_share_close(sk_share *s);

/* ---- hosts ---- */

/* Makes this handle a host.  SK_E_BUSY: there are 16 already. */
sk_status sk_share_host(sk_share *s, sk_err *e);

/* One more engine of this host has work, or one less; any thread.  NULL: nothing. */
void sk_share_begin(sk_share *s);
void sk_share_end(sk_share *s);

/* Between two steps of the work of this host, on the thread that computes: while it is a guest's
 * turn by the floor, or one begins, returns only when that is over.  NULL: nothing. */
void sk_share_turn(sk_share *s);

/* ---- guests ---- */

/* Asked while a guest waits, about ten times a second: true makes it go on whatever the hosts do,
 * to its own end.  To be set before the first pass. */
void sk_share_until(sk_share *s, bool (*stop)(void *arg), void *arg);

/* Between two pieces of work, on any thread: returns at once while no host has work, else when
 * none has any more.  `share` is an sk_share. */
void sk_share_pass(void *share);

/* ---- rules and figures ---- */

/* The part of the time in which hosts are at work that is guests' all the same: 0 (the default) to
 * 1.  Guests have it in turns, alone: hosts stand still meanwhile.  A turn takes 10 to 50 ms, or
 * twice the step before it where that is longer, so beside steps of over 25 ms the floor is at most
 * two thirds; and 0.95 always. */
void sk_share_floor(sk_share *s, double part);

/* All guests wait, or not any more, whatever hosts do. */
void sk_share_hold(sk_share *s, bool on);

typedef struct sk_share_figures {
    bool busy, held;     /* a host has work now; guests are made to wait */
    uint64_t busy_us;    /* hosts had work, in all */
    uint64_t waits;      /* times that guests gave way */
    uint64_t waited_us;  /* time they did, summed over their threads */
    uint64_t slowest_us; /* the longest from the beginning of a host's work to a guest's waiting */
    uint64_t given_us;   /* turns of guests by the floor, in all */
    bool asked;          /* a guest has waited since the last of them began */
} sk_share_figures;

/* What came of it since the file was made. */
void sk_share_read(const sk_share *s, sk_share_figures *out);

#endif
