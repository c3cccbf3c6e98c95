/* wheel.c - slots, the heap of the slot that is open, and the heap of what is far. */
#include "fleet/sim/wheel.h"

#include "base/mem.h"

#include <assert.h>

enum { WIDTH_BITS = 20, SLOT_BITS = 14, SLOTS = 1 << SLOT_BITS };

/* A growing list of events, or a heap of them (smallest first). */
typedef struct list {
    flt_event *e;
    uint32_t n, room;
} list;

struct flt_wheel {
    list slot[SLOTS], near, far;
    int64_t at; /* number of the slot that is open; slots at+1 .. at+SLOTS-1 are on the wheel */
    size_t count;
    bool lost;
};

flt_wheel *flt_wheel_new(void)
{
    return sk_calloc(SK_MEM_MISC, 1, sizeof(flt_wheel));
}

void flt_wheel_free(flt_wheel *w)
{
    if (!w) return;
    for (int i = 0; i < SLOTS; i++)
        sk_free(w->slot[i].e);
    sk_free(w->near.e);
    sk_free(w->far.e);
    sk_free(w);
}

/* Room for one more. */
static bool grow(list *l)
{
    uint32_t room = l->room ? 2 * l->room : 16;
    flt_event *e = sk_realloc(SK_MEM_MISC, l->e, room * sizeof *e);
    if (!e) return false;
    l->e = e;
    l->room = room;
    return true;
}

static inline bool append(list *l, flt_event e)
{
    if (l->n == l->room && !grow(l)) return false;
    l->e[l->n++] = e;
    return true;
}

static inline bool before(const flt_event *a, const flt_event *b)
{
    return a->t < b->t || (a->t == b->t && a->id < b->id);
}

/* Adds to a heap whose nodes have four children. */
static bool push(list *h, flt_event e)
{
    if (!append(h, e)) return false;
    uint32_t i = h->n - 1;
    while (i > 0 && before(&e, &h->e[(i - 1) / 4])) {
        h->e[i] = h->e[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    h->e[i] = e;
    return true;
}

/* The smallest of the children of i; n if it has none. */
static uint32_t least_child(const list *h, uint32_t i)
{
    uint32_t first = 4 * i + 1, end = first + 4 < h->n ? first + 4 : h->n, best = first;
    if (first >= h->n) return h->n;
    for (uint32_t c = first + 1; c < end; c++)
        if (before(&h->e[c], &h->e[best])) best = c;
    return best;
}

static flt_event pop(list *h)
{
    flt_event top = h->e[0], last = h->e[--h->n];
    uint32_t i = 0;
    for (uint32_t c = least_child(h, 0); c < h->n && before(&h->e[c], &last);
         c = least_child(h, i)) {
        h->e[i] = h->e[c];
        i = c;
    }
    if (h->n) h->e[i] = last;
    return top;
}

bool flt_wheel_add(flt_wheel *w, flt_event e)
{
    int64_t slot = e.t >> WIDTH_BITS;
    bool ok;
    if (slot <= w->at)
        ok = push(&w->near, e);
    else if (slot < w->at + SLOTS)
        ok = append(&w->slot[slot & (SLOTS - 1)], e);
    else
        ok = push(&w->far, e);
    w->lost |= !ok;
    w->count += ok;
    return ok;
}

/* Opens the next slot: its events become the near heap, and the far ones that fit now go onto the
 * wheel. */
static void turn(flt_wheel *w)
{
    w->at++;
    list *s = &w->slot[w->at & (SLOTS - 1)];
    for (uint32_t i = 0; i < s->n; i++)
        w->lost |= !push(&w->near, s->e[i]);
    s->n = 0;
    while (w->far.n && w->far.e[0].t >> WIDTH_BITS < w->at + SLOTS) {
        flt_event e = pop(&w->far);
        w->lost |= !append(&w->slot[(e.t >> WIDTH_BITS) & (SLOTS - 1)], e);
    }
}

bool flt_wheel_next(flt_wheel *w, int64_t until, flt_event *out)
{
    assert(until >= 0);
    while (!w->near.n && w->at < (until - 1) >> WIDTH_BITS && !w->lost)
        turn(w);
    if (w->lost || !w->near.n || w->near.e[0].t >= until) return false;
    *out = pop(&w->near);
    w->count--;
    return true;
}

bool flt_wheel_lost(const flt_wheel *w)
{
    return w->lost;
}

size_t flt_wheel_count(const flt_wheel *w)
{
    return w->count;
}
