/* gemm_pairs.h - packing for instructions that multiply pairs of bf16: gemm_tmpl.h with the
 * processor's own conversion, and rows of A in bf16.  Included after v512.h and a definition of MR.
 */
#ifndef ENG_KERNEL_X86_GEMM_PAIRS_H
#define ENG_KERNEL_X86_GEMM_PAIRS_H

#define NATIVE_BF16

/* 32 floats as bf16. */
static inline vi narrow(vf lo, vf hi)
{
    return (vi)_mm512_cvtne2ps_pbh(hi, lo);
}

/* Two rows of bf16 side by side: `lo` in the lower halves of the lanes, `hi` in the upper ones.
 * vcvtne2ps2bf16 makes denormals zero, as vdpbf16ps would. */
static inline vi pair_bf16(vf lo, vf hi)
{
    const vi odd_even = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    return _mm512_permutexvar_epi16(odd_even, narrow(lo, hi));
}

#include "engine/kernel/vec/gemm_tmpl.h"

/* Elements between two packed rows of A. */
#define LDH (ENG_GEMM_KC + 32)

/* Rows are contiguous in memory. */
static void pack_rows(uint16_t *dst, eng_mat a, size_t m, size_t kc)
{
    for (size_t i = 0; i < m; i++, dst += LDH) {
        const float *src = a.p + i * a.rs;
        size_t ahead = i + 2 < m ? 2 * a.rs : 0;
        for (size_t k = 0; k < kc; k += 32) {
            prefetch(src + ahead + k);
            prefetch(src + ahead + k + 16);
            size_t left = kc - k;
            vm lo = vm_first(left < 16 ? left : 16);
            vm hi = vm_first(left < 16 ? 0 : left < 32 ? left - 16 : 16);
            vi_store(dst + k, narrow(vf_load_some(src + k, lo),
                                     vf_load_some(src + (left < 16 ? k : k + 16), hi)));
        }
    }
}

/* Columns are contiguous in memory: words of two k are transposed, 32 k at a time. */
static void pack_cols(uint16_t *dst, eng_mat a, size_t m, size_t kc)
{
    for (size_t k = 0; k < kc; k += 2 * VL) {
        for (size_t i = 0; i < m; i += VL) {
            vf t[VL];
            vm some = vm_first(m - i < VL ? m - i : VL);
#pragma GCC unroll 16
            for (size_t c = 0; c < VL; c++) {
                const float *p = a.p + (k + 2 * c) * a.cs + i;
                prefetch(p + 2 * VL * a.cs);
                prefetch(p + (2 * VL + 1) * a.cs);
                vf lo = k + 2 * c < kc ? vf_load_some(p, some) : vf_zero();
                vf hi = k + 2 * c + 1 < kc ? vf_load_some(p + a.cs, some) : vf_zero();
                t[c] = vf_of_bits(pair_bf16(lo, hi));
            }
            vf_transpose(t);
#pragma GCC unroll 16
            for (size_t r = 0; r < VL; r++)
                vi_store(dst + (i + r) * LDH + k, vi_of_float(t[r]));
        }
    }
}

/* Rows of bf16; an odd kc is padded with a zero. */
static inline void pack_a_pairs(void *dst, eng_mat a, size_t m, size_t kc)
{
    uint16_t *d = dst;
    assert(m <= ENG_GEMM_MC && kc <= ENG_GEMM_KC);
    if (a.cs == 1) {
        pack_rows(d, a, m, kc);
        return;
    }
    if (a.rs == 1) {
        pack_cols(d, a, m, kc);
        return;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < kc; k += VL) {
            float x[VL] = {0};
            for (size_t c = 0; c < VL && k + c < kc; c++)
                x[c] = a.p[i * a.rs + (k + c) * a.cs];
            _mm256_storeu_si256((void *)(d + i * LDH + k), (__m256i)_mm512_cvtneps_pbh(vf_load(x)));
        }
}

#endif
