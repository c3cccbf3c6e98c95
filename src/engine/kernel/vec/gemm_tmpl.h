/* gemm_tmpl.h - the inner matrix kernels over a vector vocabulary: tiles of MR rows by two vectors.
 *
 * Included after a vector vocabulary, vmath.h and a definition of MR.  Layouts: gemm_slots.h.
 */
#ifndef ENG_KERNEL_VEC_GEMM_TMPL_H
#define ENG_KERNEL_VEC_GEMM_TMPL_H

#include "engine/kernel/slots.h"
#include "engine/kernel/vec/vmath.h"

#include <assert.h>
#include <string.h>

#define NR (2 * VL)
#define LDA (ENG_GEMM_ROW_BYTES / 4)
#define INLINE static inline __attribute__((always_inline))

_Static_assert(ENG_GEMM_MC % VL == 0, "whole transposed blocks of rows fit into a packed block");
_Static_assert(ENG_GEMM_KC % VL == 0 && LDA >= ENG_GEMM_KC + VL, "so do whole blocks of k");

/* Asks for the cache line at p; never faults, so p may lie past the end. */
INLINE void prefetch(const void *p)
{
    __builtin_prefetch(p, 0, 3);
}

/* Asks for the lines that a tile of C will be written to: its sums take long enough for them to
 * arrive. */
INLINE void prefetch_tile(const size_t mr, float *c, size_t ldc)
{
#pragma GCC unroll 16
    for (size_t r = 0; r < mr; r++, c += ldc) {
        __builtin_prefetch(c, 1, 3);
        __builtin_prefetch(c + NR - 1, 1, 3);
    }
}

/* ---- packing A ---- */

/* Rows are contiguous in memory. */
INLINE void pack_a_rows(float *dst, eng_mat a, size_t m, size_t kc, bool to_bf16)
{
    for (size_t i = 0; i < m; i++, dst += LDA) {
        const float *src = a.p + i * a.rs;
        size_t ahead = i + 2 < m ? 2 * a.rs : 0;
        for (size_t k = 0; k < kc; k += VL) {
            prefetch(src + ahead + k);
            vf x = kc - k >= VL ? vf_load(src + k) : vf_load_some(src + k, vm_first(kc - k));
            vf_store(dst + k, to_bf16 ? vf_bf16_round(x) : x);
        }
    }
}

/* Columns are contiguous in memory: transposed block by block. */
INLINE void pack_a_cols(float *dst, eng_mat a, size_t m, size_t kc, bool to_bf16)
{
    for (size_t k = 0; k < kc; k += VL) {
        for (size_t i = 0; i < m; i += VL) {
            vf t[VL];
            vm some = vm_first(m - i < VL ? m - i : VL);
#pragma GCC unroll 16
            for (size_t c = 0; c < VL; c++)
                t[c] = k + c < kc ? vf_load_some(a.p + (k + c) * a.cs + i, some) : vf_zero();
            vf_transpose(t);
#pragma GCC unroll 16
            for (size_t r = 0; r < VL; r++)
                vf_store(dst + (i + r) * LDA + k, to_bf16 ? vf_bf16_round(t[r]) : t[r]);
        }
    }
}

/* Any strides. */
INLINE void pack_a_any(float *dst, eng_mat a, size_t m, size_t kc, bool to_bf16)
{
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < kc; k += VL) {
            float x[VL] = {0};
            for (size_t c = 0; c < VL && k + c < kc; c++)
                x[c] = a.p[i * a.rs + (k + c) * a.cs];
            vf_store(dst + i * LDA + k, to_bf16 ? vf_bf16_round(vf_load(x)) : vf_load(x));
        }
}

INLINE void pack_a(float *dst, eng_mat a, size_t m, size_t kc, bool to_bf16)
{
    assert(m <= ENG_GEMM_MC && kc <= ENG_GEMM_KC);
    if (a.cs == 1)
        pack_a_rows(dst, a, m, kc, to_bf16);
    else if (a.rs == 1)
        pack_a_cols(dst, a, m, kc, to_bf16);
    else
        pack_a_any(dst, a, m, kc, to_bf16);
}

static void pack_a_f32(void *dst, eng_mat a, size_t m, size_t kc)
{
    pack_a(dst, a, m, kc, false);
}

/* Floats rounded to bf16: for tiles that multiply in float. */
static inline void pack_a_bf16(void *dst, eng_mat a, size_t m, size_t kc)
{
    pack_a(dst, a, m, kc, true);
}

/* ---- packing B ---- */

#ifndef NATIVE_BF16
#define pair_bf16 vi_bf16_pair
#endif

/* VL rows of B from row k, columns [j0, j0 + VL) of n; zero outside kc and n. */
INLINE void load_b(vf t[VL], eng_mat b, size_t k, size_t kc, size_t j0, size_t n)
{
    size_t cols = j0 >= n ? 0 : n - j0 < VL ? n - j0 : VL, rows = kc - k < VL ? kc - k : VL;
    if (b.cs == 1) {
        vm some = vm_first(cols);
        const float *row = b.p + k * b.rs + j0;
#pragma GCC unroll 16
        for (size_t r = 0; r < VL; r++) {
            prefetch(row + (r + VL) * b.rs);
            t[r] = r < rows ? vf_load_some(row + r * b.rs, some) : vf_zero();
        }
    } else if (b.rs == 1) {
        vm some = vm_first(rows);
#pragma GCC unroll 16
        for (size_t c = 0; c < VL; c++)
            t[c] = c < cols ? vf_load_some(b.p + (j0 + c) * b.cs + k, some) : vf_zero();
        vf_transpose(t);
    } else {
        for (size_t r = 0; r < VL; r++) {
            float x[VL] = {0};
            for (size_t c = 0; c < cols && r < rows; c++)
                x[c] = b.p[(k + r) * b.rs + (j0 + c) * b.cs];
            t[r] = vf_load(x);
        }
    }
}

/* Where the packed panel will be written soon, in elements: 4 blocks of VL rows further. */
#define AHEAD (4 * VL * NR)

static void pack_b_f32(void *dst, eng_mat b, size_t kc, size_t n)
{
    float *d = dst;
    vf t[VL];
    assert(n <= NR);
    for (size_t k = 0; k < kc; k += VL)
        for (size_t j = 0; j < NR; j += VL) {
            load_b(t, b, k, kc, j, n);
            for (size_t r = 0; r < VL && k + r < kc; r++) {
                float *to = d + (k + r) * NR + j;
                __builtin_prefetch(to + AHEAD, 1, 3);
                vf_store(to, t[r]);
            }
        }
}

static void pack_b_bf16(void *dst, eng_mat b, size_t kc, size_t n)
{
    uint16_t *d = dst;
    vf t[VL];
    assert(n <= NR);
    for (size_t k = 0; k < kc; k += VL)
        for (size_t j = 0; j < NR; j += VL) {
            load_b(t, b, k, kc, j, n);
            for (size_t r = 0; r < VL && k + r < kc; r += 2) {
                uint16_t *to = d + ((k + r) / 2 * NR + j) * 2;
                __builtin_prefetch(to + AHEAD, 1, 3);
                vi_store(to, pair_bf16(t[r], t[r + 1]));
            }
        }
}

/* VL pairs of bf16 from p, of which n_left elements are there. */
INLINE vi load_pairs(const uint16_t *p, size_t n_left)
{
    if (n_left >= 2 * VL) return vi_load(p);
    uint16_t some[2 * VL] = {0};
    memcpy(some, p, n_left * sizeof *p);
    return vi_load(some);
}

/* Pairs are moved as they are. */
static void pack_w_bf16(void *dst, const uint16_t *w, size_t ldw, size_t kc, size_t n)
{
    uint16_t *d = dst;
    vf t[VL];
    assert(n <= NR);
    for (size_t k = 0; k < kc; k += 2 * VL)
        for (size_t j = 0; j < NR; j += VL) {
#pragma GCC unroll 16
            for (size_t c = 0; c < VL; c++) {
                const uint16_t *row = w + (j + c) * ldw + k;
                t[c] = j + c < n ? vf_of_bits(load_pairs(row, kc - k)) : vf_zero();
            }
            vf_transpose(t);
            for (size_t r = 0; r < VL && k + 2 * r < kc; r++)
                vi_store(d + ((k / 2 + r) * NR + j) * 2, vi_of_float(t[r]));
        }
}

/* ---- tiles ---- */

/* Stores or adds mr rows of sums to the first n columns of c. */
INLINE void put_tile(const size_t mr, size_t n, vf (*acc)[2], float *c, size_t ldc, bool add)
{
    if (n == NR) {
#pragma GCC unroll 16
        for (size_t r = 0; r < mr; r++, c += ldc) {
            vf_store(c, add ? vf_add(vf_load(c), acc[r][0]) : acc[r][0]);
            vf_store(c + VL, add ? vf_add(vf_load(c + VL), acc[r][1]) : acc[r][1]);
        }
        return;
    }
    vm lo = vm_first(n < VL ? n : VL), hi = vm_first(n > VL ? n - VL : 0);
#pragma GCC unroll 16
    for (size_t r = 0; r < mr; r++, c += ldc) {
        float *c1 = n > VL ? c + VL : c;
        vf x = vf_load_some(c, lo), y = vf_load_some(c1, hi);
        vf_store_some(c, lo, add ? vf_add(x, acc[r][0]) : acc[r][0]);
        vf_store_some(c1, hi, add ? vf_add(y, acc[r][1]) : acc[r][1]);
    }
}

/* Asks for B far ahead where so few rows use it that memory is what counts (wmat_dot_tmpl.h). */
INLINE void ask_b(const size_t mr, const void *b)
{
    if (mr > 4) return;
    for (size_t i = 0; i < NR * 4; i += 64) {
        __builtin_prefetch((const char *)b + 4096 + i, 0, 2);
        __builtin_prefetch((const char *)b + 1024 + i, 0, 3);
    }
}

/* mr rows; mr is a constant where this is inlined. */
INLINE void rows_f32(const size_t mr, size_t n, size_t kc, const float *a, const float *b, float *c,
                     size_t ldc, bool add)
{
    vf acc[MR][2];
    prefetch_tile(mr, c, ldc);
#pragma GCC unroll 16
    for (size_t r = 0; r < mr; r++)
        acc[r][0] = acc[r][1] = vf_zero();
    for (size_t k = 0; k < kc; k++, a++, b += NR) {
        vf b0 = vf_load(b), b1 = vf_load(b + VL);
        ask_b(mr, b);
#pragma GCC unroll 16
        for (size_t r = 0; r < mr; r++) {
            vf x = vf_set(a[r * LDA]);
            acc[r][0] = vf_fma(x, b0, acc[r][0]);
            acc[r][1] = vf_fma(x, b1, acc[r][1]);
        }
    }
    put_tile(mr, n, acc, c, ldc, add);
}

/* One step of k for mr rows: acc += a[row] b. */
INLINE void step(const size_t mr, vf (*acc)[2], const float *a, vf b0, vf b1)
{
#pragma GCC unroll 16
    for (size_t r = 0; r < mr; r++) {
        vf x = vf_set(a[r * LDA]);
        acc[r][0] = vf_fma(x, b0, acc[r][0]);
        acc[r][1] = vf_fma(x, b1, acc[r][1]);
    }
}

/* The same over B in pairs of bf16, widened on the way. */
INLINE void rows_bf16(const size_t mr, size_t n, size_t kc, const float *a, const uint16_t *b,
                      float *c, size_t ldc, bool add)
{
    vf acc[MR][2];
    vi upper = vi_set((int32_t)0xffff0000);
    prefetch_tile(mr, c, ldc);
#pragma GCC unroll 16
    for (size_t r = 0; r < mr; r++)
        acc[r][0] = acc[r][1] = vf_zero();
    for (size_t k = 0; k < kc; k += 2, a += 2, b += 2 * NR) {
        vi w0 = vi_load(b), w1 = vi_load(b + 2 * VL);
        ask_b(mr, b);
        step(mr, acc, a, vf_of_bits(vi_shl16(w0)), vf_of_bits(vi_shl16(w1)));
        if (k + 1 == kc) break;
        step(mr, acc, a + 1, vf_of_bits(vi_and(w0, upper)), vf_of_bits(vi_and(w1, upper)));
    }
    put_tile(mr, n, acc, c, ldc, add);
}

/* Every height of tile up to MR (listed by ROWS(F)) for one of the two bodies above. */
#define CASE_F32(r)                                                                                \
    case r:                                                                                        \
        rows_f32(r, n, kc, a, b, c, ldc, add);                                                     \
        return;
#define CASE_BF16(r)                                                                               \
    case r:                                                                                        \
        rows_bf16(r, n, kc, a, b, c, ldc, add);                                                    \
        return;

static void tile_f32(size_t m, size_t n, size_t kc, const void *a, const void *b, float *c,
                     size_t ldc, bool add)
{
    assert(m && m <= MR && n && n <= NR && kc <= ENG_GEMM_KC);
    switch (m) {
        ROWS(CASE_F32)
    }
}

#ifndef NATIVE_BF16
static void tile_bf16(size_t m, size_t n, size_t kc, const void *a, const void *b, float *c,
                      size_t ldc, bool add)
{
    assert(m && m <= MR && n && n <= NR && kc <= ENG_GEMM_KC);
    switch (m) {
        ROWS(CASE_BF16)
    }
}
#endif

/* ---- the machine's limits ---- */

/* Twelve chains of fused multiply-adds: enough to fill the pipeline. */
static float spin_f32(size_t n, double *ops)
{
    vf s[12], half = vf_set(0.5f), one = vf_set(1.0f);
#pragma GCC unroll 16
    for (size_t j = 0; j < 12; j++)
        s[j] = vf_set((float)j);
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 12; j++)
            s[j] = vf_fma(s[j], half, one);
    }
    vf sum = vf_zero();
#pragma GCC unroll 16
    for (size_t j = 0; j < 12; j++)
        sum = vf_add(sum, s[j]);
    *ops += 12.0 * VL * 2 * (double)n;
    return vf_sum(sum);
}

/* Reads by four streams a quarter apart: the prefetchers of one stream stop at a page's end. */
static float read_all(const void *p, size_t n_bytes)
{
    const float *x = p;
    size_t quarter = n_bytes / 16;
    vf s[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
    for (size_t i = 0; i < quarter; i += VL) {
#pragma GCC unroll 16
        for (size_t j = 0; j < 4; j++)
            s[j] = vf_add(s[j], vf_load(x + j * quarter + i));
    }
    return vf_sum(vf_add(vf_add(s[0], s[1]), vf_add(s[2], s[3])));
}

#endif
