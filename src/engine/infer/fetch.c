/* fetch.c - orders under one lock, and the thread that serves them. */
#include "engine/infer/fetch.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

/* Bytes that were read and are not taken yet, unless one page has more. */
#define MOST_HELD ((size_t)32 << 20)

/* What a slot wants. */
typedef struct order {
    eng_spill_name *name; /* [n]; NULL: nothing */
    void **page;          /* [n] those from `taken` to `read` are here */
    size_t n, read, taken;
    uint64_t number; /* of the order, so that one that was cancelled meanwhile is noticed */
} order;

struct eng_fetch {
    eng_spill *from;
    size_t page_bytes, n_slots;
    pthread_t reader;
    pthread_mutex_t lock; /* of all that follows */
    pthread_cond_t change;
    order *order; /* [n_slots] */
    size_t turn;  /* the slot that is looked at first */
    size_t held, most;
    uint64_t n_orders;
    void (*heard)(void *arg);
    void *arg;
    bool ending, started;
};

/* Frees what an order has. */
static void forget(eng_fetch *f, order *o)
{
    for (; o->taken < o->read; o->taken++) {
        sk_free(o->page[o->taken]);
        f->held--;
    }
    sk_free(o->name);
    *o = (order){0};
}

/* The slot whose order is next, n_slots if there is nothing to read or no room for it. */
static size_t next_slot(const eng_fetch *f)
{
    for (size_t i = 0; f->held < f->most && i < f->n_slots; i++) {
        size_t slot = (f->turn + i) % f->n_slots;
        if (f->order[slot].read < f->order[slot].n) return slot;
    }
    return f->n_slots;
}

/* Reads the next page of a slot's order; the lock is not held while the disk is waited for. */
static void serve(eng_fetch *f, size_t slot)
{
    order *o = &f->order[slot];
    const eng_spill_name name = o->name[o->read];
    uint64_t number = o->number;
    (void)pthread_mutex_unlock(&f->lock);
    void *page = sk_alloc(SK_MEM_KV, f->page_bytes);
    bool ok = page && eng_spill_get(f->from, &name, page);
    (void)pthread_mutex_lock(&f->lock);
    f->turn = slot + 1;
    if (!ok || o->number != number) sk_free(page);
    if (o->number != number) return;
    if (ok) {
        o->page[o->read++] = page;
        f->held++;
    } else {
        o->n = o->read;
    }
    if (f->heard) f->heard(f->arg);
}

static void *reader_main(void *arg)
{
    eng_fetch *f = arg;
    (void)pthread_mutex_lock(&f->lock);
    while (!f->ending) {
        size_t slot = next_slot(f);
        if (slot < f->n_slots)
            serve(f, slot);
        else
            (void)pthread_cond_wait(&f->change, &f->lock);
    }
    (void)pthread_mutex_unlock(&f->lock);
    return NULL;
}

sk_status eng_fetch_open(eng_spill *from, size_t page_bytes, size_t n_slots, eng_fetch **out,
                         sk_err *e)
{
    eng_fetch *f = sk_calloc(SK_MEM_SCRATCH, 1, sizeof *f);
    if (!f) return sk_fail(e, SK_E_NOMEM, "no memory to read pages with");
    f->from = from;
    f->page_bytes = page_bytes;
    f->n_slots = n_slots;
    f->most = page_bytes < MOST_HELD ? MOST_HELD / page_bytes : 1;
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->change, NULL);
    sk_status st = SK_OK;
    f->order = sk_calloc(SK_MEM_SCRATCH, n_slots, sizeof *f->order);
    if (!f->order) st = sk_fail(e, SK_E_NOMEM, "no memory to read pages with");
    int err = st ? 0 : pthread_create(&f->reader, NULL, reader_main, f);
    if (err) st = sk_fail_errno(e, err, "cannot start a thread that reads pages");
    f->started = !st;
    if (st)
        eng_fetch_close(f);
    else
        *out = f;
    return st;
}

void eng_fetch_close(eng_fetch *f)
{
    if (!f) return;
    (void)pthread_mutex_lock(&f->lock);
    f->ending = true;
    (void)pthread_cond_signal(&f->change);
    (void)pthread_mutex_unlock(&f->lock);
    if (f->started) (void)pthread_join(f->reader, NULL);
    for (size_t i = 0; f->order && i < f->n_slots; i++)
        forget(f, &f->order[i]);
    (void)pthread_cond_destroy(&f->change);
    (void)pthread_mutex_destroy(&f->lock);
    sk_free(f->order);
    sk_free(f);
}

void eng_fetch_listen(eng_fetch *f, void (*fn)(void *arg), void *arg)
{
    (void)pthread_mutex_lock(&f->lock);
    f->heard = fn;
    f->arg = arg;
    (void)pthread_mutex_unlock(&f->lock);
}

bool eng_fetch_order(eng_fetch *f, uint32_t slot, const eng_spill_name *name, size_t n)
{
    eng_spill_name *names = sk_alloc(SK_MEM_REQUEST, n * (sizeof *name + sizeof(void *)));
    eng_fetch_cancel(f, slot);
    if (!names) return false;
    memcpy(names, name, n * sizeof *name);
    (void)pthread_mutex_lock(&f->lock);
    f->order[slot] = (order){names, (void **)(void *)(names + n), n, 0, 0, ++f->n_orders};
    (void)pthread_cond_signal(&f->change);
    (void)pthread_mutex_unlock(&f->lock);
    return true;
}

void eng_fetch_cancel(eng_fetch *f, uint32_t slot)
{
    (void)pthread_mutex_lock(&f->lock);
    forget(f, &f->order[slot]);
    (void)pthread_cond_signal(&f->change);
    (void)pthread_mutex_unlock(&f->lock);
}

void *eng_fetch_take(eng_fetch *f, uint32_t slot, bool *more)
{
    void *page = NULL;
    (void)pthread_mutex_lock(&f->lock);
    order *o = &f->order[slot];
    if (o->taken < o->read) {
        page = o->page[o->taken++];
        f->held--;
        (void)pthread_cond_signal(&f->change);
    }
    *more = o->taken < o->n;
    if (!*more) forget(f, o);
    (void)pthread_mutex_unlock(&f->lock);
    return page;
}
