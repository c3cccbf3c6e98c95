/* vmath.h - functions over the words of v256.h / v512.h: exp and its kin, bf16 rounding. */
#ifndef ENG_KERNEL_VEC_VMATH_H
#define ENG_KERNEL_VEC_VMATH_H

/* e^x within 2 units in the last place, denormal results included; 0 below -104, infinity above
 * 88.73, NaN for NaN.  x = n ln 2 + r with |r| <= ln 2 / 2 (ln 2 in two parts), and e^r by the
 * polynomial of Cephes' expf (Moshier). */
static inline vf vf_exp(vf x)
{
    x = vf_max(vf_set(-104.0f), vf_min(vf_set(89.0f), x));
    vf n = vf_round(vf_mul(x, vf_set(0x1.715476p+0f)));
    vf r = vf_fma(n, vf_set(-0x1.62e4p-1f), x);
    r = vf_fma(n, vf_set(-0x1.7f7d1cp-20f), r);
    vf p = vf_set(1.9875691500e-4f);
    p = vf_fma(p, r, vf_set(1.3981999507e-3f));
    p = vf_fma(p, r, vf_set(8.3334519073e-3f));
    p = vf_fma(p, r, vf_set(4.1665795894e-2f));
    p = vf_fma(p, r, vf_set(1.6666665459e-1f));
    p = vf_fma(p, r, vf_set(5.0000001201e-1f));
    p = vf_fma(vf_mul(p, r), r, r);
    return vf_scale2(vf_add(p, vf_set(1.0f)), n);
}

/* 1 / (1 + e^-x). */
static inline vf vf_sigmoid(vf x)
{
    vf one = vf_set(1.0f);
    return vf_div(one, vf_add(one, vf_exp(vf_sub(vf_zero(), x))));
}

/* |x|, and |x| with the sign of y. */
static inline vf vf_abs(vf x)
{
    return vf_of_bits(vi_and(vi_of_float(x), vi_set(0x7fffffff)));
}

static inline vf vf_with_sign(vf x, vf y)
{
    vi sign = vi_and(vi_of_float(y), vi_set((int32_t)0x80000000));
    return vf_of_bits(vi_or(vi_of_float(vf_abs(x)), sign));
}

/* tanh x within 3 units in the last place.  Below 0.625 an odd polynomial through Chebyshev nodes
 * (error 2e-8), else 1 - 2 / (e^2|x| + 1). */
static inline vf vf_tanh(vf x)
{
    vf u = vf_mul(x, x), one = vf_set(1.0f), far = vf_abs(x);
    vf p = vf_set(-6.10017017e-3f);
    p = vf_fma(p, u, vf_set(2.09995527e-2f));
    p = vf_fma(p, u, vf_set(-5.38514107e-2f));
    p = vf_fma(p, u, vf_set(1.33327737e-1f));
    p = vf_fma(p, u, vf_set(-3.33333284e-1f));
    vf near = vf_fma(vf_mul(p, u), x, x);
    vf e = vf_add(vf_exp(vf_add(far, far)), one);
    vf tail = vf_with_sign(vf_sub(one, vf_div(vf_set(2.0f), e)), x);
    return vf_pick(vm_below(far, vf_set(0.625f)), near, tail);
}

/* erfc z of 0 <= z <= 10 within 4e-7 + 6e-8 z^2 of itself: t e^(P(t) - z^2) with t = 1/(1 + z/2),
 * P through Chebyshev nodes of t in [1/6, 1] (error 9e-8). */
static inline vf vf_erfc(vf z)
{
    vf one = vf_set(1.0f), t = vf_div(one, vf_fma(z, vf_set(0.5f), one));
    vf p = vf_set(0.14804605f);
    p = vf_fma(p, t, vf_set(-0.69753659f));
    p = vf_fma(p, t, vf_set(1.19532764f));
    p = vf_fma(p, t, vf_set(-0.74646986f));
    p = vf_fma(p, t, vf_set(-0.03986632f));
    p = vf_fma(p, t, vf_set(-0.019507999f));
    p = vf_fma(p, t, vf_set(0.041395962f));
    p = vf_fma(p, t, vf_set(0.38528362f));
    p = vf_fma(p, t, vf_set(0.99878246f));
    p = vf_fma(p, t, vf_set(-1.26545489f));
    return vf_mul(t, vf_exp(vf_sub(p, vf_mul(z, z))));
}

/* The bits of x rounded to bf16, in the upper half of each lane; the lower half is garbage.  As
 * eng_bf16_of. */
static inline vi vi_bf16_bits(vf x)
{
    vi u = vi_of_float(x);
    vi odd = vi_and(vi_shr16(u), vi_set(1));
    vi rounded = vi_add(u, vi_add(odd, vi_set(0x7fff)));
    return vi_pick_number(x, rounded, vi_or(u, vi_set(0x400000)));
}

/* x rounded to bf16, as a float. */
static inline vf vf_bf16_round(vf x)
{
    return vf_of_bits(vi_and(vi_bf16_bits(x), vi_set((int32_t)0xffff0000)));
}

/* Two rows of bf16 side by side: `lo` in the lower halves of the lanes, `hi` in the upper ones. */
static inline vi vi_bf16_pair(vf lo, vf hi)
{
    vi upper = vi_and(vi_bf16_bits(hi), vi_set((int32_t)0xffff0000));
    return vi_or(vi_shr16(vi_bf16_bits(lo)), upper);
}

#endif
