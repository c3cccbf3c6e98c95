/* bpe.h - merging: a piece's symbols are joined pair by pair, lowest rank first, leftmost first
 * among equals, until no pair is left that has a rank. */
#ifndef ENG_TOKEN_BPE_H
#define ENG_TOKEN_BPE_H

#include "base/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Tokens a and b become c; the rank is the place in the list. */
typedef struct eng_bpe_merge {
    uint32_t a, b, c;
} eng_bpe_merge;

/* The merges by pair: open addressing, at most half full, read-only once built. */
typedef struct eng_bpe {
    struct eng_bpe_slot *slot;
    size_t mask; /* slots - 1, a power of two less one */
} eng_bpe;

/* Scratch of one caller; start with all zeros. */
typedef struct eng_bpe_work {
    void *p; /* bytes, kept from call to call */
    size_t cap;
} eng_bpe_work;

/* Builds the table in mem from n merges (n < 2^31; of equal pairs the first counts); false without
 * memory. */
bool eng_bpe_init(eng_bpe *t, sk_arena *mem, const eng_bpe_merge *merge, size_t n);

/* Merges sym[0..*n) in place and sets *n to what is left.  Time grows with n log n, so that a text
 * of one endless word costs no more than prose.  False without memory (sym is then undefined);
 * *n < 2^31. */
bool eng_bpe_run(const eng_bpe *t, eng_bpe_work *w, uint32_t *sym, size_t *n);

/* Frees the scratch; it may be used again. */
void eng_bpe_work_fini(eng_bpe_work *w);

#endif
