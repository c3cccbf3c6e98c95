/* wform_pack.c - from rows of blocks, as in the file, to panels (wform.h).
 *
 * A group at a time: the codes of 32 rows as bytes, then their steps side by side, then the bit
 * planes.  Plain C: loops over bytes that the compiler turns into vectors.
 */
#include "engine/kernel/wform.h"

#include <string.h>

/* Codes of a group as bytes, row by row. */
typedef struct codes {
    uint8_t c[ENG_WCOLS][ENG_QK];
} codes;

/* ---- codes of one block, k ascending ---- */

/* The low halves of 16 bytes, then the high ones. */
static void nibbles(const uint8_t qs[16], uint8_t *c)
{
    for (size_t i = 0; i < 16; i++) {
        c[i] = qs[i] & 15;
        c[16 + i] = qs[i] >> 4;
    }
}

/* Puts bit `at` on top of 32 codes from the bits of qh. */
static void fifth_bits(const uint8_t qh[4], uint8_t *c)
{
    for (size_t i = 0; i < 32; i++)
        c[i] |= (uint8_t)((qh[i / 8] >> (i % 8) & 1) << 4);
}

/* Low and high halves of 32 bytes of qs for each 64 elements. */
static void nibbles_k(const uint8_t *qs, uint8_t *c)
{
    for (size_t j = 0; j < 4; j++)
        for (size_t i = 0; i < 32; i++) {
            c[64 * j + i] = qs[32 * j + i] & 15;
            c[64 * j + 32 + i] = qs[32 * j + i] >> 4;
        }
}

/* Two bits each: bits 2j of the 32 bytes of half h are elements 128 h + 32 j. */
static void pairs_k(const uint8_t *qs, uint8_t *c)
{
    for (size_t h = 0; h < 2; h++)
        for (size_t j = 0; j < 4; j++)
            for (size_t i = 0; i < 32; i++)
                c[128 * h + 32 * j + i] = qs[32 * h + i] >> (2 * j) & 3;
}

static void codes_q5_k(const eng_q5_k *b, uint8_t *c)
{
    nibbles_k(b->qs, c);
    for (size_t j = 0; j < 8; j++)
        for (size_t i = 0; i < 32; i++)
            c[32 * j + i] |= (uint8_t)((b->qh[i] >> j & 1) << 4);
}

static void codes_q3_k(const eng_q3_k *b, uint8_t *c)
{
    pairs_k(b->qs, c);
    for (size_t j = 0; j < 8; j++)
        for (size_t i = 0; i < 32; i++)
            c[32 * j + i] |= (uint8_t)((b->hmask[i] >> j & 1) << 2);
}

static void codes_q6_k(const eng_q6_k *b, uint8_t *c)
{
    pairs_k(b->qh, c);
    for (size_t h = 0; h < 2; h++)
        for (size_t j = 0; j < 4; j++)
            for (size_t i = 0; i < 32; i++) {
                uint8_t *x = &c[128 * h + 32 * j + i];
                unsigned low = b->ql[64 * h + 32 * (j % 2) + i] >> (j / 2 * 4) & 15;
                *x = (uint8_t)(low | (unsigned)*x << 4);
            }
}

static void codes_iq4_xs(const eng_iq4_xs *b, uint8_t *c)
{
    for (size_t g = 0; g < 8; g++)
        nibbles(b->qs + 16 * g, c + 32 * g);
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

/* One block of any type: its codes, and its scales into column col of s. */
static void take_block(eng_dtype t, const void *block, uint8_t *c, uint8_t *s, size_t col)
{
    switch (t) {
    case ENG_Q4_0:
    case ENG_IQ4_NL: {
        const eng_q4_0 *b = block;
        nibbles(b->qs, c);
        put16(s, col, b->d);
        return;
    }
    case ENG_Q4_1: {
        const eng_q4_1 *b = block;
        nibbles(b->qs, c);
        put16(s, col, b->d);
        put16(s + 64, col, b->m);
        return;
    }
    case ENG_Q5_0: {
        const eng_q5_0 *b = block;
        nibbles(b->qs, c);
        fifth_bits(b->qh, c);
        put16(s, col, b->d);
        return;
    }
    case ENG_Q5_1: {
        const eng_q5_1 *b = block;
        nibbles(b->qs, c);
        fifth_bits(b->qh, c);
        put16(s, col, b->d);
        put16(s + 64, col, b->m);
        return;
    }
    case ENG_Q8_0: {
        const eng_q8_0 *b = block;
        memcpy(c, b->qs, ENG_QB);
        put16(s, col, b->d);
        return;
    }
    case ENG_MXFP4: {
        const eng_mxfp4 *b = block;
        nibbles(b->qs, c);
        s[col] = b->e;
        return;
    }
    case ENG_Q2_K: {
        const eng_q2_k *b = block;
        pairs_k(b->qs, c);
        scales_q2_k(b, s, col);
        return;
    }
    case ENG_Q3_K:
        codes_q3_k(block, c);
        scales_q3_k(block, s, col);
        return;
    case ENG_Q4_K: {
        const eng_q4_k *b = block;
        nibbles_k(b->qs, c);
        scales_k45(b->scales, b->d, b->dmin, s, col);
        return;
    }
    case ENG_Q5_K: {
        const eng_q5_k *b = block;
        codes_q5_k(b, c);
        scales_k45(b->scales, b->d, b->dmin, s, col);
        return;
    }
    case ENG_Q6_K:
        codes_q6_k(block, c);
        scales_q6_k(block, s, col);
        return;
    case ENG_IQ4_XS:
        codes_iq4_xs(block, c);
        scales_iq4_xs(block, s, col);
        return;
    case ENG_F32:
    case ENG_F16:
    case ENG_BF16:
        break;
    }
    assert(!"a plain type has no blocks");
}

/* ---- bit planes ---- */

/* Steps of a block side by side: t[step][row][4]. */
static void to_steps(const codes *in, size_t k0, uint8_t t[8][ENG_WSTEP])
{
    for (size_t r = 0; r < ENG_WCOLS; r++)
        for (size_t i = 0; i < 8; i++)
            memcpy(t[i] + 4 * r, in->c[r] + k0 + 4 * i, 4);
}

/* 4 bits of each of two steps a byte. */
static void plane_4(uint8_t t[8][ENG_WSTEP], uint8_t *dst)
{
    for (size_t j = 0; j < 4; j++)
        for (size_t i = 0; i < ENG_WSTEP; i++)
            dst[j * ENG_WSTEP + i] = (uint8_t)((t[2 * j][i] & 15) | t[2 * j + 1][i] << 4);
}

/* Bits `at`, at + 1 of each of four steps a byte. */
static void plane_2(uint8_t t[8][ENG_WSTEP], unsigned at, uint8_t *dst)
{
    for (size_t j = 0; j < 2; j++)
        for (size_t i = 0; i < ENG_WSTEP; i++) {
            unsigned x = 0;
            for (size_t s = 0; s < 4; s++)
                x |= (t[4 * j + s][i] >> at & 3u) << (2 * s);
            dst[j * ENG_WSTEP + i] = (uint8_t)x;
        }
}

/* Bit `at` of eight steps a byte. */
static void plane_1(uint8_t t[8][ENG_WSTEP], unsigned at, uint8_t *dst)
{
    for (size_t i = 0; i < ENG_WSTEP; i++) {
        unsigned x = 0;
        for (size_t s = 0; s < 8; s++)
            x |= (t[s][i] >> at & 1u) << s;
        dst[i] = (uint8_t)x;
    }
}

/* All planes of a block. */
static void planes(eng_wcode code, uint8_t t[8][ENG_WSTEP], uint8_t *dst)
{
    switch (code) {
    case ENG_WC_8:
        memcpy(dst, t, 8 * ENG_WSTEP);
        return;
    case ENG_WC_4:
    case ENG_WC_LOOKUP:
        plane_4(t, dst);
        return;
    case ENG_WC_4_1:
        plane_4(t, dst);
        plane_1(t, 4, dst + 4 * ENG_WSTEP);
        return;
    case ENG_WC_4_2:
        plane_4(t, dst);
        plane_2(t, 4, dst + 4 * ENG_WSTEP);
        return;
    case ENG_WC_2:
        plane_2(t, 0, dst);
        return;
    case ENG_WC_2_1:
        plane_2(t, 0, dst);
        plane_1(t, 2, dst + 2 * ENG_WSTEP);
        return;
    case ENG_WC_N:
        break;
    }
    assert(!"no such family of codes");
}

void eng_wform_pack(const eng_wform *f, const void *rows, size_t row_bytes, size_t n_rows,
                    size_t g0, size_t n_groups, void *dst)
{
    codes in;
    uint8_t t[8][ENG_WSTEP], *to = dst;
    size_t bytes = eng_dtype_block_bytes(f->type), code_bytes = f->blocks * f->block_bytes;
    assert(n_rows && n_rows <= ENG_WCOLS);
    if (n_rows < ENG_WCOLS) memset(&in, 0, sizeof in);
    for (size_t g = 0; g < n_groups; g++, to += f->group_bytes) {
        const uint8_t *block = (const uint8_t *)rows + (g0 + g) * bytes;
        if (n_rows < ENG_WCOLS) memset(to + code_bytes, 0, f->group_bytes - code_bytes);
        for (size_t r = 0; r < n_rows; r++)
            take_block(f->type, block + r * row_bytes, in.c[r], to + code_bytes, r);
        for (size_t b = 0; b < f->blocks; b++) {
            to_steps(&in, b * ENG_QB, t);
            planes(f->code, t, to + b * f->block_bytes);
        }
    }
}
