/* wform_pack.c - from rows of blocks, as in the file, to panels (wform.h).
 *
 * A block's codes are taken as eight words, one a step: the four bytes that lie together in the
 * packed form.  Masks and shifts of whole words put them into the bit planes, straight to their
 * place; so a row is read once, and nothing is written twice.
 */
#include "engine/kernel/wform.h"

#include <string.h>

/* Bytes ahead of a row's block that are asked for while it is packed. */
#define AHEAD 1024

/* ---- words: the steps of one block of 32 elements ---- */

/* Eight steps, four codes each, in some of the bits of every byte. */
typedef struct steps {
    uint32_t w[8];
} steps;

/* The 32 bytes at p. */
static inline steps steps_at(const uint8_t *p)
{
    steps s;
    memcpy(s.w, p, sizeof s.w);
    return s;
}

/* The low halves of 16 bytes, then the high ones. */
static inline steps steps_of_halves(const uint8_t qs[16])
{
    steps s;
    memcpy(s.w, qs, 16);
    for (size_t i = 0; i < 4; i++)
        s.w[4 + i] = s.w[i] >> 4;
    return s;
}

/* All bits n further down: what comes from the next byte is masked away later. */
static inline steps steps_down(steps s, unsigned n)
{
    for (size_t i = 0; i < 8; i++)
        s.w[i] >>= n;
    return s;
}

/* Bit i of the 32 at qh into the lowest bit of byte i. */
static inline steps steps_of_bits(const uint8_t qh[4])
{
    steps s;
    for (size_t i = 0; i < 8; i++) {
        uint32_t four = qh[i / 2] >> (i % 2 * 4) & 15u;
        s.w[i] = four * 0x00204081u & 0x01010101u;
    }
    return s;
}

/* ---- planes: c is the block's codes from the row's column on ---- */

static inline void put_word(uint8_t *c, size_t step, uint32_t w)
{
    memcpy(c + step * ENG_WSTEP, &w, sizeof w);
}

static inline void put_8(steps s, uint8_t *c)
{
    for (size_t i = 0; i < 8; i++)
        put_word(c, i, s.w[i]);
}

/* 4 bits of each of two steps a byte. */
static inline void put_4(steps s, uint8_t *c)
{
    for (size_t j = 0; j < 4; j++)
        put_word(c, j, (s.w[2 * j] & 0x0f0f0f0fu) | (s.w[2 * j + 1] & 0x0f0f0f0fu) << 4);
}

/* 2 bits of each of four steps a byte. */
static inline void put_2(steps s, uint8_t *c)
{
    for (size_t j = 0; j < 2; j++) {
        uint32_t x = 0;
        for (size_t i = 0; i < 4; i++)
            x |= (s.w[4 * j + i] & 0x03030303u) << (2 * i);
        put_word(c, j, x);
    }
}

/* 1 bit of eight steps a byte. */
static inline void put_1(steps s, uint8_t *c)
{
    uint32_t x = 0;
    for (size_t i = 0; i < 8; i++)
        x |= (s.w[i] & 0x01010101u) << i;
    put_word(c, 0, x);
}

/* ---- codes of a block of 256: n bytes of codes a block of 32 ---- */

/* Low and high halves of 32 bytes of qs for each 64 elements. */
static void put_nibbles_k(const uint8_t *qs, uint8_t *c, size_t n)
{
    for (size_t j = 0; j < 4; j++) {
        steps s = steps_at(qs + 32 * j);
        put_4(s, c + 2 * j * n);
        put_4(steps_down(s, 4), c + (2 * j + 1) * n);
    }
}

/* Two bits each: bits 2j of the 32 bytes of half h are elements 128 h + 32 j. */
static void put_pairs_k(const uint8_t *qs, uint8_t *c, size_t n)
{
    for (size_t h = 0; h < 2; h++) {
        steps s = steps_at(qs + 32 * h);
        for (size_t j = 0; j < 4; j++)
            put_2(steps_down(s, 2 * (unsigned)j), c + (4 * h + j) * n);
    }
}

/* Bit j of the 32 bytes of qh belongs to elements 32 j on. */
static void put_bits_k(const uint8_t *qh, uint8_t *c, size_t n)
{
    steps s = steps_at(qh);
    for (size_t j = 0; j < 8; j++)
        put_1(steps_down(s, (unsigned)j), c + j * n);
}

/* Q6_K's low halves: 32 bytes hold elements 32 j and, on top, 32 j + 64 of a half. */
static void put_low_q6_k(const uint8_t *ql, uint8_t *c, size_t n)
{
    for (size_t h = 0; h < 2; h++)
        for (size_t j = 0; j < 2; j++) {
            steps s = steps_at(ql + 64 * h + 32 * j);
            put_4(s, c + (4 * h + j) * n);
            put_4(steps_down(s, 4), c + (4 * h + j + 2) * n);
        }
}

/* ---- scales of one block into column `col` of the group's scales ---- */

static void put16(uint8_t *s, size_t col, uint16_t h)
{
    memcpy(s + 2 * col, &h, 2);
}

/* The K45 words of a column from the sixteen 6-bit values. */
static void scales_k45(const uint8_t scales[12], uint16_t d, uint16_t dmin, uint8_t *s, size_t col)
{
    uint8_t v[16];
    for (unsigned g = 0; g < 8; g++)
        eng_q45_scale(scales, g, &v[g], &v[8 + g]);
    put16(s, col, d);
    put16(s + 64, col, dmin);
    for (size_t j = 0; j < 3; j++) {
        uint32_t w = (uint32_t)(v[15] >> (2 * j) & 3) << 30;
        for (size_t i = 0; i < 5; i++)
            w |= (uint32_t)v[5 * j + i] << (6 * i);
        memcpy(s + 128 + 128 * j + 4 * col, &w, 4);
    }
}

static void scales_q2_k(const eng_q2_k *b, uint8_t *s, size_t col)
{
    put16(s, col, b->d);
    put16(s + 64, col, b->dmin);
    for (size_t g = 0; g < 16; g++)
        s[128 + 32 * g + col] = b->scales[g];
}

static void scales_q3_k(const eng_q3_k *b, uint8_t *s, size_t col)
{
    put16(s, col, b->d);
    for (unsigned g = 0; g < 16; g++)
        s[64 + 32 * g + col] = (uint8_t)(eng_q3_scale(b->scales, g) - 32);
}

static void scales_q6_k(const eng_q6_k *b, uint8_t *s, size_t col)
{
    put16(s, col, b->d);
    for (size_t g = 0; g < 16; g++)
        s[64 + 32 * g + col] = (uint8_t)b->scales[g];
}

static void scales_iq4_xs(const eng_iq4_xs *b, uint8_t *s, size_t col)
{
    put16(s, col, b->d);
    for (unsigned g = 0; g < 8; g++)
        s[64 + 32 * g + col] = (uint8_t)(eng_iq4_scale(b, g) - 32);
}

/* One block of any type: its codes from c on, c being its row's column in the group's first block,
 * `n` bytes a block; its scales into column col of s. */
static inline void take_block(eng_dtype t, const void *block, size_t n, uint8_t *c, uint8_t *s,
                              size_t col)
{
    switch (t) {
    case ENG_Q4_0:
    case ENG_IQ4_NL: {
        const eng_q4_0 *b = block;
        put_4(steps_of_halves(b->qs), c);
        put16(s, col, b->d);
        return;
    }
    case ENG_Q4_1: {
        const eng_q4_1 *b = block;
        put_4(steps_of_halves(b->qs), c);
        put16(s, col, b->d);
        put16(s + 64, col, b->m);
        return;
    }
    case ENG_Q5_0: {
        const eng_q5_0 *b = block;
        put_4(steps_of_halves(b->qs), c);
        put_1(steps_of_bits(b->qh), c + 4 * ENG_WSTEP);
        put16(s, col, b->d);
        return;
    }
    case ENG_Q5_1: {
        const eng_q5_1 *b = block;
        put_4(steps_of_halves(b->qs), c);
        put_1(steps_of_bits(b->qh), c + 4 * ENG_WSTEP);
        put16(s, col, b->d);
        put16(s + 64, col, b->m);
        return;
    }
    case ENG_Q8_0: {
        const eng_q8_0 *b = block;
        put_8(steps_at((const uint8_t *)b->qs), c);
        put16(s, col, b->d);
        return;
    }
    case ENG_MXFP4: {
        const eng_mxfp4 *b = block;
        put_4(steps_of_halves(b->qs), c);
        s[col] = b->e;
        return;
    }
    case ENG_Q2_K: {
        const eng_q2_k *b = block;
        put_pairs_k(b->qs, c, n);
        scales_q2_k(b, s, col);
        return;
    }
    case ENG_Q3_K: {
        const eng_q3_k *b = block;
        put_pairs_k(b->qs, c, n);
        put_bits_k(b->hmask, c + 2 * ENG_WSTEP, n);
        scales_q3_k(b, s, col);
        return;
    }
    case ENG_Q4_K: {
        const eng_q4_k *b = block;
        put_nibbles_k(b->qs, c, n);
        scales_k45(b->scales, b->d, b->dmin, s, col);
        return;
    }
    case ENG_Q5_K: {
        const eng_q5_k *b = block;
        put_nibbles_k(b->qs, c, n);
        put_bits_k(b->qh, c + 4 * ENG_WSTEP, n);
        scales_k45(b->scales, b->d, b->dmin, s, col);
        return;
    }
    case ENG_Q6_K: {
        const eng_q6_k *b = block;
        put_low_q6_k(b->ql, c, n);
        put_pairs_k(b->qh, c + 4 * ENG_WSTEP, n);
        scales_q6_k(b, s, col);
        return;
    }
    case ENG_IQ4_XS: {
        const eng_iq4_xs *b = block;
        for (size_t g = 0; g < 8; g++)
            put_4(steps_of_halves(b->qs + 16 * g), c + g * n);
        scales_iq4_xs(b, s, col);
        return;
    }
    case ENG_F32:
    case ENG_F16:
    case ENG_BF16:
        break;
    }
    assert(!"a plain type has no blocks");
}

/* Rows that are not there stay zero. */
void eng_wform_pack(const eng_wform *f, const void *rows, size_t row_bytes, size_t n_rows,
                    size_t g0, size_t n_groups, void *dst)
{
    uint8_t *to = dst;
    size_t bytes = eng_dtype_block_bytes(f->type), code_bytes = f->blocks * f->block_bytes;
    assert(n_rows && n_rows <= ENG_WCOLS);
    for (size_t g = 0; g < n_groups; g++, to += f->group_bytes) {
        const uint8_t *block = (const uint8_t *)rows + (g0 + g) * bytes;
        if (n_rows < ENG_WCOLS) memset(to, 0, f->group_bytes);
        for (size_t r = 0; r < n_rows; r++, block += row_bytes) {
            __builtin_prefetch(block + AHEAD);
            take_block(f->type, block, f->block_bytes, to + 4 * r, to + code_bytes, r);
        }
    }
}
