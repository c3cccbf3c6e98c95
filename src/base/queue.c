/* queue.c - a ring of pointers under a mutex, with a condition and an eventfd to wait on. */
#include "base/queue.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { FIRST_CAP = 16 };

struct sk_queue {
    pthread_mutex_t lock;
    pthread_cond_t more;
    void **ring; /* [cap], items at head, head + 1, ... modulo cap */
    size_t cap, head, len, max;
    int fd;
    bool
        rung; /* the descriptor is readable, or the push that makes it so has yet to come to that */
    bool shut;
};

/* An empty queue. */
sk_status sk_queue_open(size_t max_items, sk_queue **out, sk_err *e)
{
    sk_queue *q = sk_calloc(SK_MEM_MISC, 1, sizeof *q);
    if (!q) return sk_fail(e, SK_E_NOMEM, "no memory for a queue");
    q->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->fd < 0) {
        sk_status st = sk_fail_errno(e, errno, "cannot make an event descriptor for a queue");
        sk_free(q);
        return st;
    }
    (void)pthread_mutex_init(&q->lock, NULL);
    (void)pthread_cond_init(&q->more, NULL);
    q->max = max_items;
    *out = q;
    return SK_OK;
}

/* Frees the queue. */
void sk_queue_close(sk_queue *q)
{
    if (!q) return;
    (void)close(q->fd);
    (void)pthread_cond_destroy(&q->more);
    (void)pthread_mutex_destroy(&q->lock);
    sk_free(q->ring);
    sk_free(q);
}

/* Doubles the ring, laying the items out from 0; false without memory. */
static bool grow(sk_queue *q)
{
    size_t cap = q->cap ? 2 * q->cap : FIRST_CAP;
    void **ring = sk_calloc(SK_MEM_MISC, cap, sizeof *ring);
    if (!ring) return false;
    assert(q->len <= q->cap);
    for (size_t i = 0; i < q->len; i++)
        ring[i] = q->ring[(q->head + i) % q->cap];
    sk_free(q->ring);
    q->ring = ring;
    q->cap = cap;
    q->head = 0;
    assert(q->len < q->cap);
    return true;
}

/* Appends item; the descriptor turns readable with the first one.  The reader is woken without the
 * lock: it runs at once where a core is free, and would go to sleep again on the lock. */
bool sk_queue_push(sk_queue *q, void *item)
{
    assert(item && "NULL means empty to the reader");
    (void)pthread_mutex_lock(&q->lock);
    bool ok = !q->shut && (!q->max || q->len < q->max) && (q->len < q->cap || grow(q));
    bool first = ok && q->len == 0, ring = first && !q->rung;
    if (ok) {
        assert(q->cap > q->len);
        q->ring[(q->head + q->len++) % q->cap] = item;
        if (ring) q->rung = true;
    }
    (void)pthread_mutex_unlock(&q->lock);
    if (first) (void)pthread_cond_signal(&q->more);
    if (ring) (void)eventfd_write(q->fd, 1);
    return ok;
}

/* The queue is empty: so is the descriptor, if the push that rang it has come to that. */
static void clear(sk_queue *q)
{
    eventfd_t n;
    if (q->rung && eventfd_read(q->fd, &n) == 0) q->rung = false;
}

/* Takes the oldest item. */
void *sk_queue_pop(sk_queue *q, bool wait)
{
    void *item = NULL;
    (void)pthread_mutex_lock(&q->lock);
    while (wait && !q->len && !q->shut)
        (void)pthread_cond_wait(&q->more, &q->lock);
    if (q->len) {
        assert(q->head < q->cap && q->len <= q->cap);
        item = q->ring[q->head];
        q->head = (q->head + 1) % q->cap;
        q->len--;
    }
    if (!q->len) clear(q);
    (void)pthread_mutex_unlock(&q->lock);
    return item;
}

/* No more pushes. */
void sk_queue_shut(sk_queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    q->shut = true;
    (void)pthread_cond_broadcast(&q->more);
    (void)pthread_mutex_unlock(&q->lock);
}

/* Items in the queue now. */
size_t sk_queue_len(sk_queue *q)
{
    (void)pthread_mutex_lock(&q->lock);
    size_t n = q->len;
    (void)pthread_mutex_unlock(&q->lock);
    return n;
}

/* The descriptor to watch. */
int sk_queue_fd(sk_queue *q)
{
    return q->fd;
}
