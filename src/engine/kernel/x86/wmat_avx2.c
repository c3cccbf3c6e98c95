/* wmat_avx2.c - quantised weight matrices by vpmaddubsw, which multiplies unsigned bytes by signed
 * ones and adds pairs in 16 bits, saturating.
 *
 * Codes are below 64 and activations at most 127, so 2 * 63 * 127 fits.  Signed bytes are taken as
 * |w| times the activation with w's sign: 2 * 128 * 127 fits as well.
 */
#include "engine/kernel/wmat_slots.h"
#include "engine/kernel/x86/v256.h"

#define wb_shl(x, n) _mm256_slli_epi16(x, n)
#define wb_shr(x, n) _mm256_srli_epi16(x, n)
#define vi_shl(x, n) _mm256_slli_epi32(x, n)
#define vi_shr(x, n) _mm256_srli_epi32(x, n)

enum { SIGNED_OFFSET = 0, BIAS = 0, TILE_V = 1, TILE_ROWS = 8 };
enum { DOT_V = 4, DOT_ROWS = 4, DOT_KEPT = 1 };
#define ROWS(F) F(6) F(8)
#define DOT_HEIGHTS(F) F(1) F(2) F(3) F(4)

/* Four dots at a time. */
#define DOT_WIDTH(rows) ((rows) == 1 ? 4 : (rows) == 2 ? 2 : 1)

/* Sums of two products with a code of 4 bits stay below 2 * 15 * 127, so eight of them fit 16 bits;
 * four with 5 bits, two with 6.  The adds may wrap on the way: what they end in fits. */
#define SHORT_STEPS(code)                                                                          \
    ((code) == ENG_WC_8 || (code) == ENG_WC_LOOKUP ? 0                                             \
     : (code) == ENG_WC_4_1                        ? 4                                             \
     : (code) == ENG_WC_4_2                        ? 2                                             \
                                                   : 8)

static inline vi wb_sub(vi a, vi b)
{
    return _mm256_sub_epi8(a, b);
}

/* (a & mask) | b */
static inline vi wb_pick(vi a, vi mask, vi b)
{
    return _mm256_or_si256(_mm256_and_si256(a, mask), b);
}

static inline vi wb_table(const int8_t *values)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)values));
}

static inline vi wb_lookup(vi table, vi i)
{
    return _mm256_shuffle_epi8(table, i);
}

static inline vi wb_abs(vi w)
{
    return _mm256_abs_epi8(w);
}

static inline vi vi_sub(vi a, vi b)
{
    return _mm256_sub_epi32(a, b);
}

/* Times BIAS. */
static inline vi vi_mul_bias(vi x)
{
    return x;
}

static inline vi vi_load_bytes(const uint8_t *p)
{
    return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const void *)p));
}

static inline vf vf_load_i8(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p)));
}

/* x, as a value that the compiler may not put off: it would keep the terms of a sum, more than
 * there are registers, and add them all in the end. */
static inline vi now(vi x)
{
    __asm__("" : "+x"(x));
    return x;
}

static inline vi short_dot(vi w, vi a)
{
    return _mm256_maddubs_epi16(w, a);
}

static inline vi short_add(vi a, vi b)
{
    return now(_mm256_add_epi16(a, b));
}

static inline vi short_widen(vi acc, vi s)
{
    return _mm256_add_epi32(acc, _mm256_madd_epi16(s, _mm256_set1_epi16(1)));
}

static inline vi dot_codes(vi acc, vi w, vi a)
{
    return short_widen(acc, short_dot(w, a));
}

static inline vi dot_bytes(vi acc, vi w, vi a)
{
    return now(dot_codes(acc, _mm256_abs_epi8(w), _mm256_sign_epi8(a, w)));
}

static inline vi dot_tile(vi acc, vi a, vi w, vi abs_w)
{
    return dot_codes(acc, abs_w, _mm256_sign_epi8(a, w));
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
        top = _mm256_max_epi32(top, vi_and(vi_load(a + i), sign));
    __m128i x = _mm_max_epi32(_mm256_castsi256_si128(top), _mm256_extracti128_si256(top, 1));
    x = _mm_max_epi32(x, _mm_shuffle_epi32(x, 0x4e));
    return (uint32_t)_mm_cvtsi128_si32(_mm_max_epi32(x, _mm_shuffle_epi32(x, 0xb1)));
}

/* Sum of 16 signed bytes. */
static inline float byte_sum(__m128i x)
{
    __m128i u = _mm_xor_si128(x, _mm_set1_epi8((char)0x80));
    __m128i s = _mm_sad_epu8(u, _mm_setzero_si128());
    return (float)(_mm_cvtsi128_si32(s) + _mm_extract_epi16(s, 4) - 16 * 128);
}

/* Sixteen codes. */
static inline __m128i codes(const float *a, vf inverse)
{
    vi x = _mm256_cvtps_epi32(vf_mul(vf_load(a), inverse));
    vi y = _mm256_cvtps_epi32(vf_mul(vf_load(a + VL), inverse));
    vi words = _mm256_permute4x64_epi64(_mm256_packs_epi32(x, y), 0xd8);
    return _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
}

/* Codes of 32 floats, and their sums. */
static inline void put_codes(const float *a, float inverse, uint8_t bias, eng_wacts to)
{
    __m128i x = codes(a, vf_set(inverse)), y = codes(a + 16, vf_set(inverse));
    __m128i b = _mm_set1_epi8((char)bias);
    to.half[0] = byte_sum(x);
    to.half[1] = byte_sum(y);
    to.sum[0] = to.half[0] + to.half[1];
    _mm_storeu_si128((void *)to.q, _mm_add_epi8(x, b));
    _mm_storeu_si128((void *)(to.q + 16), _mm_add_epi8(y, b));
}

#include "engine/kernel/vec/wmat_tmpl.h"

const eng_wmat_slots eng_wmat_slots_avx2 = WMAT_SLOTS_STEP(DOT_ROWS, 2 * DOT_ROWS, 2);
