/* wmat_words.h - the words over vectors of bytes that vec/wmat_tmpl.h wants, in NEON: all but the
 * dot products, which are the instruction set's.
 *
 * Signed bytes are multiplied by signed ones, so activations need no bias.
 */
#ifndef ENG_KERNEL_ARM_WMAT_WORDS_H
#define ENG_KERNEL_ARM_WMAT_WORDS_H

#include "engine/kernel/arm/v128.h"
#include "engine/kernel/wmat_slots.h"

#define wb_shl(x, n) ((vi)((uint16x8_t)(x) << (n)))
#define wb_shr(x, n) ((vi)((uint16x8_t)(x) >> (n)))
#define vi_shl(x, n) ((vi)((uint32x4_t)(x) << (n)))
#define vi_shr(x, n) ((vi)((uint32x4_t)(x) >> (n)))

enum { SIGNED_OFFSET = 0, BIAS = 0, TILE_V = 2, TILE_ROWS = 4 };
enum { DOT_V = 1, DOT_ROWS = 4, DOT_KEPT = 4 };
#define ROWS(F) F(1) F(2) F(3) F(4)
#define DOT_HEIGHTS(F) F(1) F(2) F(3) F(4)

static inline vi wb_sub(vi a, vi b)
{
    return vreinterpretq_s32_s8(vsubq_s8(vreinterpretq_s8_s32(a), vreinterpretq_s8_s32(b)));
}

/* (a & mask) | b */
static inline vi wb_pick(vi a, vi mask, vi b)
{
    return vi_or(vi_and(a, mask), b);
}

static inline vi wb_table(const int8_t *values)
{
    return vi_load(values);
}

static inline vi wb_lookup(vi table, vi i)
{
    return vreinterpretq_s32_s8(vqtbl1q_s8(vreinterpretq_s8_s32(table), vreinterpretq_u8_s32(i)));
}

static inline vi wb_abs(vi w)
{
    return w;
}

static inline vi vi_sub(vi a, vi b)
{
    return vsubq_s32(a, b);
}

/* Times BIAS. */
static inline vi vi_mul_bias(vi x)
{
    return x;
}

static inline vi vi_load_bytes(const uint8_t *p)
{
    return vi_and(vi_load_i8((const int8_t *)p), vi_set(255));
}

static inline vf vf_load_i8(const uint8_t *p)
{
    return vf_of_int(vi_load_i8((const int8_t *)p));
}

/* There is no bias to make up for. */
static inline vi int_sums(vi acc, vi w)
{
    (void)w;
    return acc;
}

/* The largest magnitude of 32 floats, in its bits: as integers these are in order, NaN above
 * infinity. */
static inline uint32_t top_bits(const float *a)
{
    vi sign = vi_set(0x7fffffff), top = vi_set(0);
    for (size_t i = 0; i < 32; i += VL)
        top = vmaxq_s32(top, vi_and(vi_load(a + i), sign));
    return (uint32_t)vmaxvq_s32(top);
}

/* Sixteen codes. */
static inline int8x16_t codes(const float *a, vf inverse)
{
    int16x4_t x[4];
    for (size_t i = 0; i < 4; i++)
        x[i] = vqmovn_s32(vcvtnq_s32_f32(vf_mul(vf_load(a + i * VL), inverse)));
    return vcombine_s8(vqmovn_s16(vcombine_s16(x[0], x[1])), vqmovn_s16(vcombine_s16(x[2], x[3])));
}

/* Codes of 32 floats, and their sums. */
static inline void put_codes(const float *a, float inverse, uint8_t bias, eng_wacts to)
{
    int8x16_t x = codes(a, vf_set(inverse)), y = codes(a + 16, vf_set(inverse));
    int8x16_t b = vdupq_n_s8((int8_t)bias);
    to.half[0] = (float)vaddlvq_s8(x);
    to.half[1] = (float)vaddlvq_s8(y);
    to.sum[0] = to.half[0] + to.half[1];
    vst1q_s8((int8_t *)to.q, vaddq_s8(x, b));
    vst1q_s8((int8_t *)to.q + 16, vaddq_s8(y, b));
}

#endif
