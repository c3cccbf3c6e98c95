/* stops.h - stop sequences and UTF-8 in a stream of bytes: what may be sent, what must wait.
 *
 * Bytes go in as tokens give them; bytes come out once no stop sequence can begin in them and no
 * character is cut.  The outcome depends on the bytes alone, not on how they were cut into tokens:
 * the sequence that ends first stops the stream, of several that end there the longest.
 */
#ifndef SK_BASE_STOPS_H
#define SK_BASE_STOPS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define SK_MAX_STOPS 4u
#define SK_MAX_STOP_BYTES 256u

typedef struct sk_stops {
    size_t n;
    unsigned char len[SK_MAX_STOPS]; /* len - 1, so that 256 fits */
    char text[SK_MAX_STOPS][SK_MAX_STOP_BYTES];
} sk_stops;

/* Adds a sequence of 1..SK_MAX_STOP_BYTES bytes; false if it does not fit. */
bool sk_stops_add(sk_stops *s, const char *text, size_t n);

/* A stream under way.  Start as {0}; free with sk_tail_fini. */
typedef struct sk_tail {
    sk_buf held; /* bytes that wait */
    bool stopped;
} sk_tail;

/* Frees what is held. */
void sk_tail_fini(sk_tail *t);

/* Takes n bytes, appends to out what may be sent now.  True when a stop sequence is complete: the
 * stream ends before it, and what is held is dropped. */
bool sk_tail_feed(sk_tail *t, const sk_stops *s, const char *p, size_t n, sk_buf *out);

/* The stream ended by itself: appends what was held. */
void sk_tail_flush(sk_tail *t, sk_buf *out);

#endif
