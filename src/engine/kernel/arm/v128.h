/* v128.h - the vector vocabulary of the kernel templates, for NEON (AArch64, any): VL floats a
 * vector.  x86/v256.h and v512.h have the same words for AVX2 and AVX-512.
 */
#ifndef ENG_KERNEL_ARM_V128_H
#define ENG_KERNEL_ARM_V128_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Names of the functions that a template defines. */
#define ENG_ISA(name) name##_neon

enum { VL = 4 };
typedef float32x4_t vf; /* floats */
typedef int32x4_t vi;   /* 32-bit integers */
typedef uint32x4_t vm;  /* lanes: all bits or none */

static inline vf vf_load(const float *p)
{
    return vld1q_f32(p);
}

static inline void vf_store(float *p, vf x)
{
    vst1q_f32(p, x);
}

/* 0, 1, 2, .. */
static inline vi vi_lanes(void)
{
    static const int32_t lane[VL] = {0, 1, 2, 3};
    return vld1q_s32(lane);
}

static inline vi vi_set(int32_t x)
{
    return vdupq_n_s32(x);
}

/* Lanes where a < b. */
static inline vm vm_less(vi a, vi b)
{
    return vcltq_s32(a, b);
}

/* Lanes where a < b, floats. */
static inline vm vm_below(vf a, vf b)
{
    return vcltq_f32(a, b);
}

static inline vm vm_and(vm a, vm b)
{
    return vandq_u32(a, b);
}

/* The first n lanes, n <= VL. */
static inline vm vm_first(size_t n)
{
    return vm_less(vi_lanes(), vi_set((int32_t)n));
}

/* True if all lanes are in m: most are, so that the others may be slow. */
static inline bool vm_all(vm m)
{
    return vminvq_u32(m) != 0;
}

/* Lanes outside m are 0 and their memory is not touched. */
static inline vf vf_load_some(const float *p, vm m)
{
    if (vm_all(m)) return vld1q_f32(p);
    vf x = vdupq_n_f32(0);
    if (vgetq_lane_u32(m, 0)) x = vld1q_lane_f32(p, x, 0);
    if (vgetq_lane_u32(m, 1)) x = vld1q_lane_f32(p + 1, x, 1);
    if (vgetq_lane_u32(m, 2)) x = vld1q_lane_f32(p + 2, x, 2);
    if (vgetq_lane_u32(m, 3)) x = vld1q_lane_f32(p + 3, x, 3);
    return x;
}

static inline void vf_store_some(float *p, vm m, vf x)
{
    if (vgetq_lane_u32(m, 0)) vst1q_lane_f32(p, x, 0);
    if (vgetq_lane_u32(m, 1)) vst1q_lane_f32(p + 1, x, 1);
    if (vgetq_lane_u32(m, 2)) vst1q_lane_f32(p + 2, x, 2);
    if (vgetq_lane_u32(m, 3)) vst1q_lane_f32(p + 3, x, 3);
}

/* Lane of a where m, else of b. */
static inline vf vf_pick(vm m, vf a, vf b)
{
    return vbslq_f32(m, a, b);
}

static inline vf vf_set(float x)
{
    return vdupq_n_f32(x);
}

static inline vf vf_zero(void)
{
    return vdupq_n_f32(0);
}

static inline vf vf_add(vf a, vf b)
{
    return vaddq_f32(a, b);
}

static inline vf vf_sub(vf a, vf b)
{
    return vsubq_f32(a, b);
}

static inline vf vf_mul(vf a, vf b)
{
    return vmulq_f32(a, b);
}

static inline vf vf_div(vf a, vf b)
{
    return vdivq_f32(a, b);
}

static inline vf vf_sqrt(vf a)
{
    return vsqrtq_f32(a);
}

/* a b + c, rounded once. */
static inline vf vf_fma(vf a, vf b, vf c)
{
    return vfmaq_f32(c, a, b);
}

/* The larger, or b where either is NaN. */
static inline vf vf_max(vf a, vf b)
{
    return vbslq_f32(vcgtq_f32(a, b), a, b);
}

/* The smaller, or b where either is NaN. */
static inline vf vf_min(vf a, vf b)
{
    return vbslq_f32(vcltq_f32(a, b), a, b);
}

static inline vf vf_round(vf a)
{
    return vrndnq_f32(a);
}

static inline vi vi_add(vi a, vi b)
{
    return vaddq_s32(a, b);
}

/* x 2^n for integral n in [-150, 128], rounded once: 2^n alone may not be a float, its two halves
 * are. */
static inline vf vf_scale2(vf x, vf n)
{
    vi all = vcvtnq_s32_f32(n), half = vshrq_n_s32(all, 1), bias = vi_set(127);
    vi a = vshlq_n_s32(vi_add(half, bias), 23);
    vi b = vshlq_n_s32(vi_add(vsubq_s32(all, half), bias), 23);
    return vf_mul(vf_mul(x, vreinterpretq_f32_s32(a)), vreinterpretq_f32_s32(b));
}

static inline vi vi_load(const void *p)
{
    return vreinterpretq_s32_u8(vld1q_u8(p));
}

static inline void vi_store(void *p, vi x)
{
    vst1q_u8(p, vreinterpretq_u8_s32(x));
}

static inline vi vi_and(vi a, vi b)
{
    return vandq_s32(a, b);
}

static inline vi vi_or(vi a, vi b)
{
    return vorrq_s32(a, b);
}

static inline vi vi_shl16(vi a)
{
    return vshlq_n_s32(a, 16);
}

static inline vi vi_shr16(vi a)
{
    return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(a), 16));
}

static inline vf vf_of_bits(vi a)
{
    return vreinterpretq_f32_s32(a);
}

static inline vi vi_of_float(vf a)
{
    return vreinterpretq_s32_f32(a);
}

/* The lanes as floats. */
static inline vf vf_of_int(vi a)
{
    return vcvtq_f32_s32(a);
}

/* The first lane. */
static inline float vf_first(vf a)
{
    return vgetq_lane_f32(a, 0);
}

/* Lane of a where x is a number, else of b. */
static inline vi vi_pick_number(vf x, vi a, vi b)
{
    return vbslq_s32(vceqq_f32(x, x), a, b);
}

/* VL 16-bit numbers, widened. */
static inline vi vi_load_u16(const uint16_t *p)
{
    return vreinterpretq_s32_u32(vmovl_u16(vld1_u16(p)));
}

/* VL signed bytes, widened. */
static inline vi vi_load_i8(const int8_t *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    int8x8_t x = vreinterpret_s8_s32(vdup_n_s32(four));
    return vmovl_s16(vget_low_s16(vmovl_s8(x)));
}

/* The low halves of the lanes, which are below 65536. */
static inline void vi_store_u16(uint16_t *p, vi x)
{
    vst1_u16(p, vmovn_u32(vreinterpretq_u32_s32(x)));
}

/* VL IEEE half floats. */
static inline vf vf_load_f16(const uint16_t *p)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
}

/* One IEEE half float in all lanes. */
static inline vf vf_set_f16(uint16_t h)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h)));
}

/* VL floats to IEEE half, nearest even. */
static inline void vf_store_f16(uint16_t *p, vf x)
{
    vst1_u16(p, vreinterpret_u16_f16(vcvt_f16_f32(x)));
}

/* Sum of the lanes, by halving. */
static inline float vf_sum(vf x)
{
    float32x2_t y = vadd_f32(vget_low_f32(x), vget_high_f32(x));
    return vget_lane_f32(y, 0) + vget_lane_f32(y, 1);
}

/* Largest lane (none is NaN). */
static inline float vf_largest(vf x)
{
    return vmaxvq_f32(x);
}

typedef float64x2_t vd; /* doubles */

static inline vd vd_zero(void)
{
    return vdupq_n_f64(0);
}

static inline vd vd_add(vd a, vd b)
{
    return vaddq_f64(a, b);
}

/* acc[0..VL) as doubles += x squared. */
static inline void vf_add_squares(vd acc[2], vf x)
{
    vd lo = vcvt_f64_f32(vget_low_f32(x)), hi = vcvt_high_f64_f32(x);
    acc[0] = vfmaq_f64(acc[0], lo, lo);
    acc[1] = vfmaq_f64(acc[1], hi, hi);
}

/* Sum of the lanes. */
static inline double vd_sum(vd x)
{
    return vgetq_lane_f64(x, 0) + vgetq_lane_f64(x, 1);
}

/* Even lanes of (a, b), then odd ones: pairs to columns. */
static inline void vf_unzip(vf a, vf b, vf *even, vf *odd)
{
    *even = vuzp1q_f32(a, b);
    *odd = vuzp2q_f32(a, b);
}

/* The inverse of vf_unzip. */
static inline void vf_zip(vf even, vf odd, vf *a, vf *b)
{
    *a = vzip1q_f32(even, odd);
    *b = vzip2q_f32(even, odd);
}

/* Transposes a VL by VL matrix of rows. */
static inline void vf_transpose(vf r[VL])
{
    vf a = vzip1q_f32(r[0], r[2]), b = vzip2q_f32(r[0], r[2]);
    vf c = vzip1q_f32(r[1], r[3]), d = vzip2q_f32(r[1], r[3]);
    r[0] = vzip1q_f32(a, c);
    r[1] = vzip2q_f32(a, c);
    r[2] = vzip1q_f32(b, d);
    r[3] = vzip2q_f32(b, d);
}

#endif
