/* special.h - finding special tokens in text: leftmost first, the longest of those that begin
 * there.
 */
#ifndef ENG_TOKEN_SPECIAL_H
#define ENG_TOKEN_SPECIAL_H

#include "engine/token/prefix.h"
#include "engine/token/strindex.h"

/* A set of texts to look for.  Read-only once built. */
typedef struct eng_special {
    eng_prefix set; /* the texts */
    bool any;       /* false: nothing is ever found */
} eng_special;

/* Builds the set of str[id[0..n)] in mem; empty texts are left out.  False without memory. */
bool eng_special_init(eng_special *s, sk_arena *mem, const eng_str *str, const uint32_t *id,
                      size_t n);

/* The first text of the set in p[0..n): its place in *at, its number returned; ENG_STRINDEX_NONE
 * (and *at = n) if there is none. */
uint32_t eng_special_next(const eng_special *s, const char *p, size_t n, size_t *at);

/* The number of the text p[0..n), ENG_STRINDEX_NONE if it is not in the set. */
uint32_t eng_special_find(const eng_special *s, const char *p, size_t n);

#endif
