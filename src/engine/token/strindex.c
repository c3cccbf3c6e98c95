/* strindex.c - hashing strings eight bytes at a time, and probing. */
#include "engine/token/strindex.h"

#include <assert.h>
#include <string.h>

/* Multiply-and-fold over 8-byte words; the constants are odd numbers without structure. */
static uint64_t hash_of(const char *p, size_t n)
{
    const uint64_t k = 0x9e3779b97f4a7c15u;
    uint64_t h = n * k, w;
    for (; n >= 8; n -= 8, p += 8) {
        memcpy(&w, p, 8);
        h = (h ^ w) * k;
        h ^= h >> 29;
    }
    w = 0;
    for (size_t i = 0; i < n; i++)
        w |= (uint64_t)(unsigned char)p[i] << (8 * i);
    h = (h ^ w) * 0xbf58476d1ce4e5b9u;
    return h ^ h >> 32;
}

/* An empty index with room for n strings. */
bool eng_strindex_init(eng_strindex *ix, sk_arena *mem, const eng_str *str, size_t n)
{
    assert(n < (size_t)1 << 31);
    size_t slots = 16;
    while (slots < 2 * n)
        slots *= 2;
    ix->slot = sk_arena_alloc(mem, slots * sizeof *ix->slot);
    if (!ix->slot) return false;
    memset(ix->slot, 0xff, slots * sizeof *ix->slot);
    ix->str = str;
    ix->mask = slots - 1;
    return true;
}

/* The slot that holds the string, or the empty one where it would go. */
static size_t probe(const eng_strindex *ix, const char *p, size_t n)
{
    size_t i = hash_of(p, n) & ix->mask;
    for (; ix->slot[i] != ENG_STRINDEX_NONE; i = (i + 1) & ix->mask) {
        const eng_str *s = &ix->str[ix->slot[i]];
        if (s->n == n && memcmp(s->p, p, n) == 0) break;
    }
    return i;
}

/* Puts string number i in; an equal string's place is taken over. */
void eng_strindex_put(eng_strindex *ix, uint32_t i)
{
    assert(i != ENG_STRINDEX_NONE);
    ix->slot[probe(ix, ix->str[i].p, ix->str[i].n)] = i;
}

/* The number of the string p[0..n), ENG_STRINDEX_NONE if it is not there. */
uint32_t eng_strindex_find(const eng_strindex *ix, const char *p, size_t n)
{
    return ix->slot[probe(ix, p, n)];
}
