/* prefix.h - which strings of a set begin at a place of a text: a sorted list, narrowed byte by
 * byte.
 *
 * The strings that share a prefix stand together in the sorted list; a walk holds their range.  A
 * step is a binary search, so a walk over a text of n bytes costs n log(strings); the list takes 4
 * bytes a string, where a trie would take many times the strings' bytes.
 */
#ifndef ENG_TOKEN_PREFIX_H
#define ENG_TOKEN_PREFIX_H

#include "base/mem.h"
#include "engine/format/gguf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENG_PREFIX_NONE UINT32_MAX

/* Strings that are longer (in bytes) are left out of a set: no text has such tokens but one that
 * was made to take quadratic time. */
enum { ENG_PREFIX_LONGEST = 512 };

/* The set; read-only once built. */
typedef struct eng_prefix {
    const eng_str *str;  /* the strings by number, borrowed */
    uint32_t *order;     /* numbers sorted by string; of equal ones the highest */
    uint32_t first[257]; /* strings whose first byte is b: order[first[b]..first[b + 1]) */
} eng_prefix;

/* The strings that begin with what was walked; start with eng_prefix_start. */
typedef struct eng_prefix_walk {
    uint32_t lo, hi; /* range of order */
    size_t depth;    /* bytes walked */
} eng_prefix_walk;

/* Builds the set of str[id[0..n)] in mem; empty strings are left out, too.  False without memory.
 */
bool eng_prefix_init(eng_prefix *s, sk_arena *mem, const eng_str *str, const uint32_t *id,
                     size_t n);

/* Walks the first byte / one more byte: false when no string begins so (the walk is then over). */
bool eng_prefix_start(const eng_prefix *s, eng_prefix_walk *w, char c);

/* Narrows the range to the strings that go on with c. */
bool eng_prefix_step(const eng_prefix *s, eng_prefix_walk *w, char c);

/* The number of the string that is what was walked, ENG_PREFIX_NONE if none is. */
static inline uint32_t eng_prefix_here(const eng_prefix *s, const eng_prefix_walk *w)
{
    uint32_t id = s->order[w->lo];
    return s->str[id].n == w->depth ? id : ENG_PREFIX_NONE;
}

/* The longest string of the set that p[0..n) begins with, ENG_PREFIX_NONE if none does. */
uint32_t eng_prefix_longest(const eng_prefix *s, const char *p, size_t n);

#endif
