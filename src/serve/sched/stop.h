/* stop.h - stop sequences and UTF-8 in a stream of bytes: what may be sent, what must wait.
 *
 * Bytes go in as tokens give them; bytes come out once no stop sequence can begin in them and no
 * character is cut.  The outcome depends on the bytes alone, not on how they were cut into tokens:
 * the sequence that ends first stops the stream, of several that end there the longest.
 */
#ifndef SRV_SCHED_STOP_H
#define SRV_SCHED_STOP_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define SRV_MAX_STOPS 4u
#define SRV_MAX_STOP_BYTES 256u

typedef struct srv_stops {
    size_t n;
    unsigned char len[SRV_MAX_STOPS]; /* len - 1, so that 256 fits */
    char text[SRV_MAX_STOPS][SRV_MAX_STOP_BYTES];
} srv_stops;

/* Adds a sequence of 1..SRV_MAX_STOP_BYTES bytes; false if it does not fit. */
bool srv_stops_add(srv_stops *s, const char *text, size_t n);

/* A stream under way.  Start as {0}; free with srv_tail_fini. */
typedef struct srv_tail {
    sk_buf held; /* bytes that wait */
    bool stopped;
} srv_tail;

/* Frees what is held. */
void srv_tail_fini(srv_tail *t);

/* Takes n bytes, appends to out what may be sent now.  True when a stop sequence is complete: the
 * stream ends before it, and what is held is dropped. */
bool srv_tail_feed(srv_tail *t, const srv_stops *s, const char *p, size_t n, sk_buf *out);

/* The stream ended by itself: appends what was held. */
void srv_tail_flush(srv_tail *t, sk_buf *out);

#endif
