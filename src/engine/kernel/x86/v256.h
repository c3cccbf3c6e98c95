/* v256.h - the vector vocabulary of the kernel templates, for AVX2 + FMA + F16C: VL floats a
 * vector. v512.h has the same words for AVX-512. */
#ifndef ENG_KERNEL_X86_V256_H
#define ENG_KERNEL_X86_V256_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

/* Names of the functions that a template defines. */
#define ENG_ISA(name) name##_avx2

enum { VL = 8 };
typedef __m256 vf;  /* floats */
typedef __m256i vi; /* 32-bit integers */
typedef __m256i vm; /* lanes: all bits or none */

static inline vf vf_load(const float *p)
{
    return _mm256_loadu_ps(p);
}

static inline void vf_store(float *p, vf x)
{
    _mm256_storeu_ps(p, x);
}

/* 0, 1, 2, .. */
static inline vi vi_lanes(void)
{
    return _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
}

static inline vi vi_set(int32_t x)
{
    return _mm256_set1_epi32(x);
}

/* Lanes where a < b. */
static inline vm vm_less(vi a, vi b)
{
    return _mm256_cmpgt_epi32(b, a);
}

/* Lanes where a < b, floats. */
static inline vm vm_below(vf a, vf b)
{
    return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ));
}

static inline vm vm_and(vm a, vm b)
{
    return _mm256_and_si256(a, b);
}

/* The first n lanes, n <= VL. */
static inline vm vm_first(size_t n)
{
    return vm_less(vi_lanes(), vi_set((int32_t)n));
}

/* Lanes outside m are 0 and their memory is not touched. */
static inline vf vf_load_some(const float *p, vm m)
{
    return _mm256_maskload_ps(p, m);
}

static inline void vf_store_some(float *p, vm m, vf x)
{
    _mm256_maskstore_ps(p, m, x);
}

/* Lane of a where m, else of b. */
static inline vf vf_pick(vm m, vf a, vf b)
{
    return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(m));
}

static inline vf vf_set(float x)
{
    return _mm256_set1_ps(x);
}

static inline vf vf_zero(void)
{
    return _mm256_setzero_ps();
}

static inline vf vf_add(vf a, vf b)
{
    return _mm256_add_ps(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return _mm256_sub_ps(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return _mm256_mul_ps(a, b);
}

static inline vf vf_div(vf a, vf b)
{
    return _mm256_div_ps(a, b);
}

static inline vf vf_sqrt(vf a)
{
    return _mm256_sqrt_ps(a);
}

/* a b + c, rounded once. */
static inline vf vf_fma(vf a, vf b, vf c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* The larger, or b where either is NaN. */
static inline vf vf_max(vf a, vf b)
{
    return _mm256_max_ps(a, b);
}

/* The smaller, or b where either is NaN. */
static inline vf vf_min(vf a, vf b)
{
    return _mm256_min_ps(a, b);
}

static inline vf vf_round(vf a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* x 2^n for integral n in [-150, 128], rounded once: 2^n alone may not be a float, its two halves
 * are. */
static inline vf vf_scale2(vf x, vf n)
{
    vi all = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(all, 1);
    vi rest = _mm256_sub_epi32(all, half), bias = _mm256_set1_epi32(127);
    vi a = _mm256_slli_epi32(_mm256_add_epi32(half, bias), 23);
    vi b = _mm256_slli_epi32(_mm256_add_epi32(rest, bias), 23);
    return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_castsi256_ps(a)), _mm256_castsi256_ps(b));
}

static inline vi vi_load(const void *p)
{
    return _mm256_loadu_si256(p);
}

static inline void vi_store(void *p, vi x)
{
    _mm256_storeu_si256(p, x);
}

static inline vi vi_add(vi a, vi b)
{
    return _mm256_add_epi32(a, b);
}

static inline vi vi_and(vi a, vi b)
{
    return _mm256_and_si256(a, b);
}

static inline vi vi_or(vi a, vi b)
{
    return _mm256_or_si256(a, b);
}

static inline vi vi_shl16(vi a)
{
    return _mm256_slli_epi32(a, 16);
}

static inline vi vi_shr16(vi a)
{
    return _mm256_srli_epi32(a, 16);
}

static inline vf vf_of_bits(vi a)
{
    return _mm256_castsi256_ps(a);
}

static inline vi vi_of_float(vf a)
{
    return _mm256_castps_si256(a);
}

/* The lanes as floats. */
static inline vf vf_of_int(vi a)
{
    return _mm256_cvtepi32_ps(a);
}

/* The first lane. */
static inline float vf_first(vf a)
{
    return _mm256_cvtss_f32(a);
}

/* Lane of a where x is a number, else of b. */
static inline vi vi_pick_number(vf x, vi a, vi b)
{
    vi m = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_ORD_Q));
    return _mm256_blendv_epi8(b, a, m);
}

/* VL 16-bit numbers, widened. */
static inline vi vi_load_u16(const uint16_t *p)
{
    return _mm256_cvtepu16_epi32(_mm_loadu_si128((const void *)p));
}

/* VL signed bytes, widened. */
static inline vi vi_load_i8(const int8_t *p)
{
    return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)p));
}

/* The low halves of the lanes, which are below 65536. */
static inline void vi_store_u16(uint16_t *p, vi x)
{
    vi y = _mm256_permute4x64_epi64(_mm256_packus_epi32(x, x), 0x08);
    _mm_storeu_si128((void *)p, _mm256_castsi256_si128(y));
}

/* VL IEEE half floats. */
static inline vf vf_load_f16(const uint16_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const void *)p));
}

/* One IEEE half float in all lanes. */
static inline vf vf_set_f16(uint16_t h)
{
    return _mm256_cvtph_ps(_mm_set1_epi16((int16_t)h));
}

/* VL floats to IEEE half, nearest even. */
static inline void vf_store_f16(uint16_t *p, vf x)
{
    _mm_storeu_si128((void *)p, _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT));
}

/* Sum of the lanes, by halving. */
static inline float vf_sum(vf y)
{
    __m128 z = _mm_add_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    z = _mm_add_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_add_ss(z, _mm_movehdup_ps(z)));
}

/* Largest lane (none is NaN). */
static inline float vf_largest(vf y)
{
    __m128 z = _mm_max_ps(_mm256_castps256_ps128(y), _mm256_extractf128_ps(y, 1));
    z = _mm_max_ps(z, _mm_movehl_ps(z, z));
    return _mm_cvtss_f32(_mm_max_ss(z, _mm_movehdup_ps(z)));
}

typedef __m256d vd;

static inline vd vd_zero(void)
{
    return _mm256_setzero_pd();
}

static inline vd vd_add(vd a, vd b)
{
    return _mm256_add_pd(a, b);
}

/* acc[0..VL) as doubles += x squared. */
static inline void vf_add_squares(vd acc[2], vf x)
{
    vd lo = _mm256_cvtps_pd(_mm256_castps256_ps128(x));
    vd hi = _mm256_cvtps_pd(_mm256_extractf128_ps(x, 1));
    acc[0] = _mm256_fmadd_pd(lo, lo, acc[0]);
    acc[1] = _mm256_fmadd_pd(hi, hi, acc[1]);
}

/* Sum of the lanes, by halving. */
static inline double vd_sum(vd y)
{
    __m128d z = _mm_add_pd(_mm256_castpd256_pd128(y), _mm256_extractf128_pd(y, 1));
    return _mm_cvtsd_f64(_mm_add_sd(z, _mm_unpackhi_pd(z, z)));
}

/* Even lanes of (a, b), then odd ones: pairs to columns. */
static inline void vf_unzip(vf a, vf b, vf *even, vf *odd)
{
    vf e = _mm256_shuffle_ps(a, b, 0x88), o = _mm256_shuffle_ps(a, b, 0xdd);
    *even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(e), 0xd8));
    *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(o), 0xd8));
}

/* The inverse of vf_unzip. */
static inline void vf_zip(vf even, vf odd, vf *a, vf *b)
{
    vf lo = _mm256_unpacklo_ps(even, odd), hi = _mm256_unpackhi_ps(even, odd);
    *a = _mm256_permute2f128_ps(lo, hi, 0x20);
    *b = _mm256_permute2f128_ps(lo, hi, 0x31);
}

/* Transposes 4x4 blocks inside the 128-bit lanes of four vectors. */
static inline void vf_transpose4(vf *r0, vf *r1, vf *r2, vf *r3)
{
    vf a = _mm256_unpacklo_ps(*r0, *r1), b = _mm256_unpackhi_ps(*r0, *r1);
    vf c = _mm256_unpacklo_ps(*r2, *r3), d = _mm256_unpackhi_ps(*r2, *r3);
    *r0 = _mm256_shuffle_ps(a, c, 0x44);
    *r1 = _mm256_shuffle_ps(a, c, 0xee);
    *r2 = _mm256_shuffle_ps(b, d, 0x44);
    *r3 = _mm256_shuffle_ps(b, d, 0xee);
}

/* Transposes a VL by VL matrix of rows. */
static inline void vf_transpose(vf r[VL])
{
    for (int i = 0; i < VL; i += 4)
        vf_transpose4(&r[i], &r[i + 1], &r[i + 2], &r[i + 3]);
    for (int i = 0; i < 4; i++) {
        vf a = r[i], b = r[4 + i];
        r[i] = _mm256_permute2f128_ps(a, b, 0x20);
        r[4 + i] = _mm256_permute2f128_ps(a, b, 0x31);
    }
}

#endif
