/* strindex.h - finding a string's number: a hash index over an array of strings.
 *
 * Open addressing, linear probes, at most half full.  Memory is the arena's; after building the
 * index is read-only and may be shared by threads.
 */
#ifndef ENG_TOKEN_STRINDEX_H
#define ENG_TOKEN_STRINDEX_H

#include "base/mem.h"
#include "engine/format/gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eng_strindex {
    const eng_str *str; /* the strings, borrowed */
    uint32_t *slot;     /* numbers, ENG_STRINDEX_NONE where empty */
    size_t mask;        /* slots - 1; a power of two less one */
} eng_strindex;

#define ENG_STRINDEX_NONE UINT32_MAX

/* An empty index with room for n of the strings at str (n < 2^31); false without memory. */
bool eng_strindex_init(eng_strindex *ix, sk_arena *mem, const eng_str *str, size_t n);

/* Puts string number i in; an equal string's place is taken over. */
void eng_strindex_put(eng_strindex *ix, uint32_t i);

/* The number of the string p[0..n), ENG_STRINDEX_NONE if it is not there. */
uint32_t eng_strindex_find(const eng_strindex *ix, const char *p, size_t n);

#endif
