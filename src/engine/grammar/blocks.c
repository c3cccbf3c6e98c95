/* blocks.c - lists of numbers in blocks. */
#include "engine/grammar/blocks.h"

#include "engine/grammar/bytes.h"

#include <string.h>

/* Appends places for n numbers in one piece of memory, in whole blocks. */
static bool add_blocks(eng_blocks *b, size_t n)
{
    size_t k = (n + ENG_BLOCK - 1) >> ENG_BLOCK_SHIFT;
    if (!eng_grow(&b->block, &b->cap, b->n + k, sizeof *b->block)) return false;
    uint32_t *p = sk_alloc(SK_MEM_REQUEST, k * ENG_BLOCK * sizeof *p);
    if (!p) return false;
    for (size_t i = 0; i < k; i++)
        b->block[b->n++] = (eng_block){p + i * ENG_BLOCK, i == 0};
    return true;
}

/* Makes the first block one that has room for n numbers, which are no more than ENG_BLOCK. */
static bool grow_first(eng_blocks *b, size_t n)
{
    if (!b->n) {
        if (!eng_grow(&b->block, &b->cap, 1, sizeof *b->block)) return false;
        b->block[b->n++] = (eng_block){NULL, true};
        b->first = 0;
    }
    return eng_grow(&b->block[0].p, &b->first, n, sizeof *b->block[0].p);
}

/* A list goes behind the last one if that one's block has room for it, else into blocks of its own.
 */
bool eng_blocks_add(eng_blocks *b, const uint32_t *v, size_t n, uint32_t *at)
{
    if (!b->n && !grow_first(b, 1)) return false;
    size_t end = b->n << ENG_BLOCK_SHIFT, to = n <= end - b->len ? b->len : end;
    if (to + n > UINT32_MAX) return false;
    bool ok = to == end ? add_blocks(b, n) : b->n > 1 || grow_first(b, to + n);
    if (!ok) return false;
    *at = (uint32_t)to;
    b->len = to + n;
    memcpy(b->block[to >> ENG_BLOCK_SHIFT].p + (to & (ENG_BLOCK - 1)), v, n * sizeof *v);
    return true;
}

/* A stretch whose beginning is kept stays whole. */
void eng_blocks_cut(eng_blocks *b, size_t len)
{
    size_t keep = len ? (len + ENG_BLOCK - 1) >> ENG_BLOCK_SHIFT : 1;
    while (keep < b->n && !b->block[keep].own)
        keep++;
    while (b->n > keep)
        if (b->block[--b->n].own) sk_free(b->block[b->n].p);
    b->len = len;
}

size_t eng_blocks_bytes(const eng_blocks *b)
{
    size_t more = b->n > 1 ? (b->n - 1) * (size_t)ENG_BLOCK : 0;
    return (b->first + more) * sizeof(uint32_t) + b->cap * sizeof *b->block;
}

void eng_blocks_fini(eng_blocks *b)
{
    eng_blocks_cut(b, 0);
    if (b->n) sk_free(b->block[0].p);
    sk_free(b->block);
    *b = (eng_blocks){0};
}
