/* bytes.h - sets of bytes, and arrays that grow: the small change of this room. */
#ifndef ENG_GRAMMAR_BYTES_H
#define ENG_GRAMMAR_BYTES_H

#include "base/mem.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* A set of bytes: bit b % 64 of w[b / 64]. */
typedef struct eng_bytes {
    uint64_t w[4];
} eng_bytes;

/* True if byte b is in s. */
static inline bool eng_bytes_has(const eng_bytes *s, unsigned b)
{
    return s->w[b >> 6] >> (b & 63) & 1;
}

/* Puts the bytes lo..hi into s. */
static inline void eng_bytes_add(eng_bytes *s, unsigned lo, unsigned hi)
{
    for (unsigned b = lo; b <= hi; b++)
        s->w[b >> 6] |= (uint64_t)1 << (b & 63);
}

/* True if s has nothing. */
static inline bool eng_bytes_none(const eng_bytes *s)
{
    return !(s->w[0] | s->w[1] | s->w[2] | s->w[3]);
}

/* Those in both. */
static inline eng_bytes eng_bytes_and(const eng_bytes *a, const eng_bytes *b)
{
    return (eng_bytes){
        {a->w[0] & b->w[0], a->w[1] & b->w[1], a->w[2] & b->w[2], a->w[3] & b->w[3]}};
}

/* Those in either. */
static inline eng_bytes eng_bytes_or(const eng_bytes *a, const eng_bytes *b)
{
    return (eng_bytes){
        {a->w[0] | b->w[0], a->w[1] | b->w[1], a->w[2] | b->w[2], a->w[3] | b->w[3]}};
}

/* Those not in a. */
static inline eng_bytes eng_bytes_not(const eng_bytes *a)
{
    return (eng_bytes){{~a->w[0], ~a->w[1], ~a->w[2], ~a->w[3]}};
}

/* The first byte of s at or behind b, 256 if there is none: for (b = next(s, 0); b < 256; ...). */
static inline unsigned eng_bytes_next(const eng_bytes *s, unsigned b)
{
    for (; b < 256; b = (b | 63) + 1) {
        uint64_t w = s->w[b >> 6] >> (b & 63);
        if (w) return b + (unsigned)__builtin_ctzll(w);
    }
    return 256;
}

/* Room for `need` elements of `size` bytes in the array at *p, which has *cap; at least doubles.
 * False without memory: the array is as before. */
static inline bool eng_grow(void *p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap) return true;
    size_t n = need < 16 ? 16 : need + need / 2, bytes;
    void *old, *q;
    memcpy(&old, p, sizeof old);
    if (!sk_mul_size(n, size, &bytes)) return false;
    q = sk_realloc(SK_MEM_REQUEST, old, bytes);
    if (!q) return false;
    memcpy(p, &q, sizeof q);
    *cap = n;
    return true;
}

/* Mixes v into h: a step of a hash of words (the finaliser of SplitMix64). */
static inline uint64_t eng_mix(uint64_t h, uint64_t v)
{
    h = (h ^ v) * 0x9e3779b97f4a7c15u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

#endif
