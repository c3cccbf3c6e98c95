/* mem.c - a bump allocator over an arena. */
#include "engine/jinja/mem.h"

#include <assert.h>
#include <string.h>

/* Bytes of a piece, and what blocks are rounded up to: the alignment of jn_val and of pointers. */
enum { PIECE = 16 << 10, ROUND = 16 };

/* The first piece comes with the first block. */
bool eng_jn_mem_init(jn_mem *m, uint64_t max)
{
    *m = (jn_mem){.arena = sk_arena_new(SK_MEM_REQUEST), .max = max};
    return m->arena != NULL;
}

/* All blocks at once. */
void eng_jn_mem_fini(jn_mem *m)
{
    sk_arena_free(m->arena);
    *m = (jn_mem){NULL};
}

/* What lies elsewhere counts too. */
bool eng_jn_mem_charge(jn_mem *m, size_t n)
{
    if (n > m->max || m->used > m->max - n) {
        m->over = true;
        return false;
    }
    m->used += n;
    return true;
}

/* Large blocks go to the arena as they are, small ones are cut from a piece.  Larger than a
 * quarter of a piece is large: what a new piece wastes of the old one stays below that. */
void *eng_jn_alloc(jn_mem *m, size_t n)
{
    if (!eng_jn_mem_charge(m, n)) return NULL;
    size_t need = (n + ROUND - 1) & ~(size_t)(ROUND - 1);
    m->used += need - n;
    if (need > PIECE / 4) return sk_arena_calloc(m->arena, need, 1);
    if (need > m->left) {
        m->at = sk_arena_alloc(m->arena, PIECE);
        m->left = m->at ? PIECE : 0;
        if (!m->at) return NULL;
    }
    assert(need <= m->left);
    void *p = m->at;
    m->at += need;
    m->left -= need;
    memset(p, 0, need);
    return p;
}

/* A product that overflows counts as over the ceiling. */
void *eng_jn_alloc_n(jn_mem *m, size_t count, size_t size)
{
    size_t n;
    if (!sk_mul_size(count, size, &n)) {
        m->over = true;
        return NULL;
    }
    return eng_jn_alloc(m, n);
}
