/* mem.h - the engine's memory: a bump allocator over an arena, with a ceiling.
 *
 * Values are small and die together at the end of a rendering; the arena's own alignment of 64
 * would waste most of it, so blocks are carved from pieces of it here.
 */
#ifndef ENG_JINJA_MEM_H
#define ENG_JINJA_MEM_H

#include "base/mem.h"

#include <stdbool.h>

typedef struct jn_mem {
    sk_arena *arena;    /* where pieces come from */
    char *at;           /* the next free byte of the current piece */
    size_t left;        /* bytes behind it */
    uint64_t used, max; /* bytes handed out, and how many may be */
    bool over;          /* the ceiling was hit (and not the machine's memory) */
} jn_mem;

/* An empty pool that may hand out `max` bytes; false without memory.  The ceiling counts what is
 * handed out, rounded up to 16 bytes; what the arena takes from the system is a little more. */
bool eng_jn_mem_init(jn_mem *m, uint64_t max);
/* Frees all that was handed out; every value, string and node of the run is gone with it. */
void eng_jn_mem_fini(jn_mem *m);

/* n cleared bytes aligned to 16; NULL when there is no memory or the ceiling is hit. */
void *eng_jn_alloc(jn_mem *m, size_t n);

/* Counts n bytes that the caller takes from elsewhere; false over the ceiling. */
bool eng_jn_mem_charge(jn_mem *m, size_t n);

/* The same for count * size bytes. */
void *eng_jn_alloc_n(jn_mem *m, size_t count, size_t size);

/* Typed shorthands, cleared memory; NULL as eng_jn_alloc. */
#define jn_new(m, T) ((T *)eng_jn_alloc((m), sizeof(T)))
#define jn_new_n(m, T, n) ((T *)eng_jn_alloc_n((m), (n), sizeof(T)))

#endif
