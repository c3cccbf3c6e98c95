/* gemm_avx512bf16.c - matrix kernels with vdpbf16ps: two products a lane and step.  float is as in
 * AVX-512. */
#include "engine/kernel/x86/v512.h"

#define MR 14
#define ROWS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14)

#include "engine/kernel/x86/gemm_pairs.h"

#include <string.h>

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
        ask_b(mr, b);
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
    .nr = NR,
    .op = {[ENG_PREC_F32] = {MR, LDA * 4, pack_a_f32, pack_b_f32, NULL, tile_f32, NULL, NULL},
           [ENG_PREC_BF16] = {MR, LDH * 2, pack_a_pairs, pack_b_bf16, pack_w_bf16, tile_pairs, NULL,
                              NULL}},
    .spin = {spin_f32, spin_pairs},
    .read = read_all,
};
