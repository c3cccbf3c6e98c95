/* queue.h - a queue of pointers between threads: many writers, one reader.
 *
 * The reader may sleep on it (sk_queue_pop) or watch sk_queue_fd in an event loop: readable while
 * not empty, and sometimes for a moment longer, until a pop finds nothing.
 */
#ifndef SK_BASE_QUEUE_H
#define SK_BASE_QUEUE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sk_queue sk_queue;

/* max_items 0 = unbounded. */
sk_status sk_queue_open(size_t max_items, sk_queue **out, sk_err *e);

/* Frees the queue (NULL is allowed); items still in it are the caller's to have drained, and no
 * push may be under way, not even one whose item was taken. */
void sk_queue_close(sk_queue *q);

/* False when the queue is full, shut, or without memory to grow: the item is still the caller's. */
bool sk_queue_push(sk_queue *q, void *item);

/* Next item; NULL when empty and (wait is false, or the queue was shut). */
void *sk_queue_pop(sk_queue *q, bool wait);

/* No more pushes; sleeping readers wake. */
void sk_queue_shut(sk_queue *q);

/* Items in the queue now. */
size_t sk_queue_len(sk_queue *q);

/* An eventfd that is readable while the queue holds items (see above); owned by the queue. */
int sk_queue_fd(sk_queue *q);

#endif
