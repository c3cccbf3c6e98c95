/* v512.h - the vector vocabulary of the kernel templates, for AVX-512 (F, BW, DQ, VL): VL floats a
 * vector. v256.h has the same words for AVX2. */
#ifndef ENG_KERNEL_X86_V512_H
#define ENG_KERNEL_X86_V512_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

/* Names of the functions that a template defines. */
#define ENG_ISA(name) name##_avx512

enum { VL = 16 };
typedef __m512 vf;    /* floats */
typedef __m512i vi;   /* 32-bit integers */
typedef __mmask16 vm; /* lanes */

static inline vf vf_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

static inline void vf_store(float *p, vf x)
{
    _mm512_storeu_ps(p, x);
}

/* The first n lanes, n <= VL. */
static inline vm vm_first(size_t n)
{
    return (vm)((1u << n) - 1u);
}

/* Lanes where a < b. */
static inline vm vm_less(vi a, vi b)
{
    return _mm512_cmplt_epi32_mask(a, b);
}

/* Lanes where a < b, floats. */
static inline vm vm_below(vf a, vf b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

static inline vm vm_and(vm a, vm b)
{
    return a & b;
}

/* Lanes outside m are 0 and their memory is not touched. */
static inline vf vf_load_some(const float *p, vm m)
{
    return _mm512_maskz_loadu_ps(m, p);
}

static inline void vf_store_some(float *p, vm m, vf x)
{
    _mm512_mask_storeu_ps(p, m, x);
}

/* Lane of a where m, else of b. */
static inline vf vf_pick(vm m, vf a, vf b)
{
    return _mm512_mask_blend_ps(m, b, a);
}

static inline vf vf_set(float x)
{
    return _mm512_set1_ps(x);
}

static inline vf vf_zero(void)
{
    return _mm512_setzero_ps();
}

static inline vf vf_add(vf a, vf b)
{
    return _mm512_add_ps(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return _mm512_sub_ps(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return _mm512_mul_ps(a, b);
}

static inline vf vf_div(vf a, vf b)
{
    return _mm512_div_ps(a, b);
}

static inline vf vf_sqrt(vf a)
{
    return _mm512_sqrt_ps(a);
}

/* a b + c, rounded once. */
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* The larger, or b where either is NaN. */
static inline vf vf_max(vf a, vf b)
{
    return _mm512_max_ps(a, b);
}

/* The smaller, or b where either is NaN. */
static inline vf vf_min(vf a, vf b)
{
    return _mm512_min_ps(a, b);
}

static inline vf vf_round(vf a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* x 2^n for integral n in [-150, 128], rounded once. */
static inline vf vf_scale2(vf x, vf n)
{
    return _mm512_scalef_ps(x, n);
}

static inline vi vi_set(int32_t x)
{
    return _mm512_set1_epi32(x);
}

static inline vi vi_load(const void *p)
{
    return _mm512_loadu_si512(p);
}

static inline void vi_store(void *p, vi x)
{
    _mm512_storeu_si512(p, x);
}

static inline vi vi_add(vi a, vi b)
{
    return _mm512_add_epi32(a, b);
}

static inline vi vi_and(vi a, vi b)
{
    return _mm512_and_si512(a, b);
}

static inline vi vi_or(vi a, vi b)
{
    return _mm512_or_si512(a, b);
}

static inline vi vi_shl16(vi a)
{
    return _mm512_slli_epi32(a, 16);
}

static inline vi vi_shr16(vi a)
{
    return _mm512_srli_epi32(a, 16);
}

/* 0, 1, 2, .. */
static inline vi vi_lanes(void)
{
    return _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

static inline vf vf_of_bits(vi a)
{
    return _mm512_castsi512_ps(a);
}

static inline vi vi_of_float(vf a)
{
    return _mm512_castps_si512(a);
}

/* The lanes as floats. */
static inline vf vf_of_int(vi a)
{
    return _mm512_cvtepi32_ps(a);
}

/* The first lane. */
static inline float vf_first(vf a)
{
    return _mm512_cvtss_f32(a);
}

/* Lane of a where x is a number, else of b. */
static inline vi vi_pick_number(vf x, vi a, vi b)
{
    return _mm512_mask_blend_epi32(_mm512_cmp_ps_mask(x, x, _CMP_ORD_Q), b, a);
}

/* VL 16-bit numbers, widened. */
static inline vi vi_load_u16(const uint16_t *p)
{
    return _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
}

/* VL signed bytes, widened. */
static inline vi vi_load_i8(const int8_t *p)
{
    return _mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)p));
}

/* The low halves of the lanes, which are below 65536. */
static inline void vi_store_u16(uint16_t *p, vi x)
{
    _mm256_storeu_si256((void *)p, _mm512_cvtepi32_epi16(x));
}

/* VL IEEE half floats. */
static inline vf vf_load_f16(const uint16_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)p));
}

/* One IEEE half float in all lanes. */
static inline vf vf_set_f16(uint16_t h)
{
    return _mm512_cvtph_ps(_mm256_set1_epi16((int16_t)h));
}

/* VL floats to IEEE half, nearest even. */
static inline void vf_store_f16(uint16_t *p, vf x)
{
    _mm256_storeu_si256((void *)p, _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

/* Sum of the lanes, by halving. */
static inline float vf_sum(vf x)
{
    __m256 y = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 z = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    z = _mm_add_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_add_ss(z, _mm_movehdup_ps(z)));
}

/* Largest lane (none is NaN). */
static inline float vf_largest(vf x)
{
    __m256 y = _mm256_max_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 z = _mm_max_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    z = _mm_max_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_max_ss(z, _mm_movehdup_ps(z)));
}

typedef __m512d vd; /* doubles */

/* acc[0..VL) as doubles += x squared. */
static inline void vf_add_squares(vd acc[2], vf x)
{
    __m512d lo = _mm512_cvtps_pd(_mm512_castps512_ps256(x));
    __m512d hi = _mm512_cvtps_pd(_mm512_extractf32x8_ps(x, 1));
    acc[0] = _mm512_fmadd_pd(lo, lo, acc[0]);
    acc[1] = _mm512_fmadd_pd(hi, hi, acc[1]);
}

static inline vd vd_zero(void)
{
    return _mm512_setzero_pd();
}

static inline vd vd_add(vd a, vd b)
{
    return _mm512_add_pd(a, b);
}

/* Sum of the lanes, by halving. */
static inline double vd_sum(vd x)
{
    __m256d y = _mm256_add_pd(_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd(x, 1));
    __m128d z = _mm_add_pd(_mm256_castpd256_pd128(y), _mm256_extractf128_pd(y, 1));
    return _mm_cvtsd_f64(_mm_add_sd(z, _mm_unpackhi_pd(z, z)));
}

/* Even lanes of (a, b), then odd ones: pairs to columns. */
static inline void vf_unzip(vf a, vf b, vf *even, vf *odd)
{
    vi e = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    *even = _mm512_permutex2var_ps(a, e, b);
    *odd = _mm512_permutex2var_ps(a, _mm512_add_epi32(e, _mm512_set1_epi32(1)), b);
}

/* The inverse of vf_unzip. */
static inline void vf_zip(vf even, vf odd, vf *a, vf *b)
{
    vi lo = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    *a = _mm512_permutex2var_ps(even, lo, odd);
    *b = _mm512_permutex2var_ps(even, _mm512_add_epi32(lo, _mm512_set1_epi32(8)), odd);
}

/* Transposes 4x4 blocks inside the 128-bit lanes of four vectors. */
static inline void vf_transpose4(vf *r0, vf *r1, vf *r2, vf *r3)
{
    vf a = _mm512_unpacklo_ps(*r0, *r1), b = _mm512_unpackhi_ps(*r0, *r1);
    vf c = _mm512_unpacklo_ps(*r2, *r3), d = _mm512_unpackhi_ps(*r2, *r3);
    *r0 = _mm512_shuffle_ps(a, c, 0x44);
    *r1 = _mm512_shuffle_ps(a, c, 0xee);
    *r2 = _mm512_shuffle_ps(b, d, 0x44);
    *r3 = _mm512_shuffle_ps(b, d, 0xee);
}

/* Transposes a VL by VL matrix of rows. */
static inline void vf_transpose(vf r[VL])
{
    vf t[VL];
    for (int i = 0; i < VL; i += 4)
        vf_transpose4(&r[i], &r[i + 1], &r[i + 2], &r[i + 3]);
    for (int i = 0; i < 4; i++) { /* 4x4 of 128-bit blocks */
        vf a = _mm512_shuffle_f32x4(r[i], r[4 + i], 0x88);
        vf b = _mm512_shuffle_f32x4(r[i], r[4 + i], 0xdd);
        vf c = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0x88);
        vf d = _mm512_shuffle_f32x4(r[8 + i], r[12 + i], 0xdd);
        t[i] = _mm512_shuffle_f32x4(a, c, 0x88);
        t[8 + i] = _mm512_shuffle_f32x4(a, c, 0xdd);
        t[4 + i] = _mm512_shuffle_f32x4(b, d, 0x88);
        t[12 + i] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
    for (int i = 0; i < VL; i++)
        r[i] = t[i];
}

#endif
