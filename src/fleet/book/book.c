/* book.c - looking things up in a book: rows by id (binary search) and by name, and prices. */
#include "fleet/book/book.h"

#include <string.h>

/* The row of that id in an array of rows that each begin with their id, ascending. */
static const void *by_id(const void *rows, size_t n, size_t size, int64_t id)
{
    const char *p = rows;
    size_t low = 0, high = n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int64_t v;
        memcpy(&v, p + mid * size, sizeof v);
        if (v == id) return p + mid * size;
        if (v < id)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

/* The first row whose text at `offset` is the name. */
static const void *by_name(const void *rows, size_t n, size_t size, size_t offset, const char *name)
{
    const char *p = rows;
    for (size_t i = 0; i < n; i++, p += size) {
        const char *v;
        memcpy(&v, p + offset, sizeof v);
        if (!strcmp(v, name)) return p;
    }
    return NULL;
}

/* Defines the look-up of a row kind by id, and by name. */
#define BY_ID(T)                                                                                   \
    const flt_##T *flt_book_##T(const flt_book *b, int64_t id)                                     \
    {                                                                                              \
        return by_id(b->T, b->n_##T, sizeof *b->T, id);                                            \
    }
#define BY_NAME(T)                                                                                 \
    const flt_##T *flt_book_##T##_named(const flt_book *b, const char *name)                       \
    {                                                                                              \
        return by_name(b->T, b->n_##T, sizeof *b->T, offsetof(flt_##T, name), name);               \
    }

BY_ID(provider)
BY_ID(chip)
BY_ID(pool)
BY_ID(offer)
BY_ID(contract)
BY_ID(commitment)
BY_ID(reservation)
BY_ID(workload)
BY_NAME(provider)
BY_NAME(chip)
BY_NAME(pool)
BY_NAME(contract)
BY_NAME(workload)

/* Whether offer a goes before b, where both hold at the time that is asked for. */
static bool goes_before(const flt_offer *a, const flt_offer *b)
{
    if (a->priced != b->priced) return a->priced;
    if (!*a->region != !*b->region) return *a->region;
    if (a->valid.from != b->valid.from) return a->valid.from > b->valid.from;
    return a->id > b->id;
}

const flt_offer *flt_book_price(const flt_book *b, int64_t provider, int64_t chip,
                                const char *region, flt_category category, int64_t t)
{
    const flt_offer *best = NULL;
    for (size_t i = 0; i < b->n_offer; i++) {
        const flt_offer *o = &b->offer[i];
        if (o->provider != provider || o->chip != chip || o->category != category) continue;
        if (t < o->valid.from || t >= o->valid.to) continue;
        if (*o->region && strcmp(o->region, region) != 0) continue;
        if (!best || goes_before(o, best)) best = o;
    }
    return best;
}
