/* blocks.h - lists of numbers that never move: what grows by a block at a time costs no more than
 * that block, where one array would be copied whole now and then (32 MB of it take 40 ms).
 */
#ifndef ENG_GRAMMAR_BLOCKS_H
#define ENG_GRAMMAR_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ENG_BLOCK_SHIFT = 16, ENG_BLOCK = 1 << ENG_BLOCK_SHIFT }; /* numbers in a block */

/* One block, or a part of a longer stretch that has several blocks' places. */
typedef struct eng_block {
    uint32_t *p;
    bool own; /* p is to be freed; else it is inside the stretch before */
} eng_block;

/* Start as {0}. */
typedef struct eng_blocks {
    eng_block *block; /* [n] */
    size_t n, cap;
    size_t first; /* numbers the first one has room for: it grows, few need more */
    size_t len;   /* numbers, those included that were skipped so that a list lies in one piece */
} eng_blocks;

/* Appends v[0..n), in one piece; *at is its place.  False without memory, or beyond 2^32 numbers:
 * b is as before. */
bool eng_blocks_add(eng_blocks *b, const uint32_t *v, size_t n, uint32_t *at);

/* The list at a place; valid until the next call. */
static inline const uint32_t *eng_blocks_at(const eng_blocks *b, uint32_t at)
{
    return b->block[at >> ENG_BLOCK_SHIFT].p + (at & (ENG_BLOCK - 1));
}

/* Forgets what was appended since b->len was `len`. */
void eng_blocks_cut(eng_blocks *b, size_t len);

/* Bytes of memory it holds. */
size_t eng_blocks_bytes(const eng_blocks *b);

/* Frees what it holds. */
void eng_blocks_fini(eng_blocks *b);

#endif
