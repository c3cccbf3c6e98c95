/* vmath.h - functions over the words of v256.h / v512.h: exp, bf16 rounding. */
#ifndef ENG_KERNEL_X86_VMATH_H
#define ENG_KERNEL_X86_VMATH_H

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
