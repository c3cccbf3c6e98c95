/* gemm_avx512bf16.c - matrix kernels with vdpbf16ps: two products a lane and step.  float is as in
 * AVX-512. */
#include "engine/kernel/x86/v512.h"

#define MR 14
#define ROWS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14)
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

#include <string.h>

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
static void pack_a_pairs(void *dst, eng_mat a, size_t m, size_t kc)
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

/* One pair of A in every lane. */
static inline __m512bh pair(const uint16_t *a)
{
    int32_t x;
    memcpy(&x, a, sizeof x);
    return (__m512bh)vi_set(x);
}

/* mr rows; mr is a constant where this is inlined. */
INLINE void rows_pairs(const size_t mr, size_t n, size_t kc, const uint16_t *a, const uint16_t *b,
                       float *c, size_t ldc, bool add)
{
    vf acc[MR][2];
    prefetch_tile(mr, c, ldc);
#pragma GCC unroll 16
    for (size_t r = 0; r < mr; r++)
        acc[r][0] = acc[r][1] = vf_zero();
    for (size_t k = 0; k < kc; k += 2, a += 2, b += 2 * NR) {
        __m512bh b0 = (__m512bh)vi_load(b), b1 = (__m512bh)vi_load(b + 2 * VL);
#pragma GCC unroll 16
        for (size_t r = 0; r < mr; r++) {
            __m512bh x = pair(a + r * LDH);
            acc[r][0] = _mm512_dpbf16_ps(acc[r][0], x, b0);
            acc[r][1] = _mm512_dpbf16_ps(acc[r][1], x, b1);
        }
    }
    put_tile(mr, n, acc, c, ldc, add);
}

#define CASE_PAIRS(r)                                                                              \
    case r:                                                                                        \
        rows_pairs(r, n, kc, a, b, c, ldc, add);                                                   \
        return;

static void tile_pairs(size_t m, size_t n, size_t kc, const void *a, const void *b, float *c,
                       size_t ldc, bool add)
{
    assert(m && m <= MR && n && n <= NR && kc <= ENG_GEMM_KC);
    switch (m) {
        ROWS(CASE_PAIRS)
    }
}

/* Sixteen chains: vdpbf16ps takes longer than a float multiply-add. */
static float spin_pairs(size_t n, double *ops)
{
    vf s[16], sum = vf_zero();
    __m512bh half = (__m512bh)vi_set(0x3f003f00), zero = (__m512bh)vi_set(0);
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; j++)
        s[j] = vf_set((float)j);
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 16; j++)
            s[j] = _mm512_dpbf16_ps(s[j], half, zero);
    }
#pragma GCC unroll 16
    for (size_t j = 0; j < 16; j++)
        sum = vf_add(sum, s[j]);
    *ops += 16.0 * VL * 4 * (double)n;
    return vf_sum(sum);
}

const eng_gemm_slots eng_gemm_slots_avx512bf16 = {
    .mr = MR,
    .nr = NR,
    .op = {[ENG_PREC_F32] = {LDA * 4, pack_a_f32, pack_b_f32, tile_f32},
           [ENG_PREC_BF16] = {LDH * 2, pack_a_pairs, pack_b_bf16, tile_pairs}},
    .spin = {spin_f32, spin_pairs},
    .read = read_all,
};
