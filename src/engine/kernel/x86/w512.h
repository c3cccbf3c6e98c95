/* w512.h - the words over vectors of bytes that wmat_tmpl.h wants, for AVX-512 with VNNI; BIAS,
 * what tile() wants added to codes of activations, is defined before. */
#ifndef ENG_KERNEL_X86_W512_H
#define ENG_KERNEL_X86_W512_H

#include "engine/kernel/wmat_slots.h"
#include "engine/kernel/x86/v512.h"

/* Signed bytes are made unsigned by adding so much. */
enum { SIGNED_OFFSET = 128 };

/* Rows and vectors of dot(): 16 dots at a time, half of the registers. */
enum { DOT_V = 2, DOT_ROWS = 8, DOT_KEPT = 4 };
#define DOT_HEIGHTS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8)

#define wb_shl(x, n) _mm512_slli_epi16(x, n)
#define wb_shr(x, n) _mm512_srli_epi16(x, n)
#define vi_shl(x, n) _mm512_slli_epi32(x, n)
#define vi_shr(x, n) _mm512_srli_epi32(x, n)

static inline vi wb_sub(vi a, vi b)
{
    return _mm512_sub_epi8(a, b);
}

/* (a & mask) | b */
static inline vi wb_pick(vi a, vi mask, vi b)
{
    return _mm512_ternarylogic_epi32(a, mask, b, 0xea);
}

static inline vi wb_table(const int8_t *values)
{
    return _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)values));
}

static inline vi wb_lookup(vi table, vi i)
{
    return _mm512_shuffle_epi8(table, i);
}

static inline vi wb_abs(vi w)
{
    return w;
}

static inline vi vi_sub(vi a, vi b)
{
    return _mm512_sub_epi32(a, b);
}

/* Times BIAS. */
static inline vi vi_mul_bias(vi x)
{
    return _mm512_slli_epi32(x, 7);
}

static inline vi vi_load_bytes(const uint8_t *p)
{
    return _mm512_cvtepu8_epi32(_mm_loadu_si128((const void *)p));
}

static inline vf vf_load_i8(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p)));
}

static inline vi dot_codes(vi acc, vi w, vi a)
{
    return _mm512_dpbusd_epi32(acc, w, a);
}

static inline vi dot_bytes(vi acc, vi w, vi a)
{
    return _mm512_dpbusd_epi32(acc, _mm512_xor_si512(w, _mm512_set1_epi8((char)0x80)), a);
}

static inline vi dot_tile(vi acc, vi a, vi w, vi abs_w)
{
    (void)abs_w;
    return _mm512_dpbusd_epi32(acc, a, w);
}

static inline vi int_sums(vi acc, vi w)
{
    return _mm512_dpbusd_epi32(acc, _mm512_set1_epi8(1), w);
}

/* The largest magnitude of 32 floats, in its bits: as integers these are in order, NaN above
 * infinity. */
static inline uint32_t top_bits(const float *a)
{
    vi sign = vi_set(0x7fffffff);
    vi x = vi_and(vi_load(a), sign), y = vi_and(vi_load(a + VL), sign);
    return (uint32_t)_mm512_reduce_max_epi32(_mm512_max_epi32(x, y));
}

/* Sum of 16 signed bytes. */
static inline float byte_sum(__m128i x)
{
    __m128i u = _mm_xor_si128(x, _mm_set1_epi8((char)0x80));
    __m128i s = _mm_sad_epu8(u, _mm_setzero_si128());
    return (float)(_mm_cvtsi128_si32(s) + _mm_extract_epi16(s, 4) - 16 * 128);
}

/* Codes of 32 floats, and their sums. */
static inline void put_codes(const float *a, float inverse, uint8_t bias, eng_wacts to)
{
    vf inv = vf_set(inverse);
    __m128i x = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(vf_mul(vf_load(a), inv)));
    __m128i y = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(vf_mul(vf_load(a + VL), inv)));
    __m128i b = _mm_set1_epi8((char)bias);
    to.half[0] = byte_sum(x);
    to.half[1] = byte_sum(y);
    to.sum[0] = to.half[0] + to.half[1];
    _mm_storeu_si128((void *)to.q, _mm_add_epi8(x, b));
    _mm_storeu_si128((void *)(to.q + VL), _mm_add_epi8(y, b));
}

/* dot() of the VNNI level, which the AMX level takes as well: few rows leave tiles empty. */
void eng_wmat_dot_avx512vnni(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                             const void *groups, float *c, size_t ldc, bool add);

#endif
