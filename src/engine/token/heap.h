/* heap.h - the smallest of a set of numbers first: the queue of merges.  Private to the room.
 *
 * A merge in the queue is one number: its rank in the upper half, its place in the lower, so that
 * the smallest is the lowest rank and among equals the leftmost.
 */
#ifndef ENG_TOKEN_HEAP_H
#define ENG_TOKEN_HEAP_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eng_heap {
    uint64_t *at; /* the caller's, with room for all that is ever in it at once */
    size_t n;
} eng_heap;

static inline void eng_heap_push(eng_heap *h, uint64_t v)
{
    size_t i = h->n++;
    for (; i && h->at[(i - 1) / 2] > v; i = (i - 1) / 2)
        h->at[i] = h->at[(i - 1) / 2];
    h->at[i] = v;
}

/* Takes the smallest out; the heap is not empty. */
static inline uint64_t eng_heap_pop(eng_heap *h)
{
    assert(h->n > 0);
    uint64_t top = h->at[0], v = h->at[--h->n];
    size_t i = 0;
    for (size_t k; (k = 2 * i + 1) < h->n; i = k) {
        if (k + 1 < h->n && h->at[k + 1] < h->at[k]) k++;
        if (h->at[k] >= v) break;
        h->at[i] = h->at[k];
    }
    h->at[i] = v;
    return top;
}

#endif
