/* mm_tmpl.h - small matrix products for attention, over a vector vocabulary.
 *
 * Included after a vector vocabulary, vmath.h and a definition of MM_ROWS (rows of C in registers)
 * and MM_CASES(F), which lists 1 .. MM_ROWS.
 */
#ifndef ENG_KERNEL_VEC_MM_TMPL_H
#define ENG_KERNEL_VEC_MM_TMPL_H

#include "engine/kernel/vec/vmath.h"

#include <assert.h>
#include <stdbool.h>

#define INLINE static inline __attribute__((always_inline))

/* The operands of C[m, n] = A B or C + A B: A(i, k) = a[i * ars + k * acs], B and C in rows. */
typedef struct mm_args {
    const float *a;
    size_t ars, acs;
    const float *b;
    size_t ldb;
    float *c;
    size_t ldc;
    bool from_c; /* each sum starts with what C holds, else with zero */
} mm_args;

/* mr rows by nv vectors; both are constants where this is inlined. */
INLINE void mm_tile(const size_t mr, const size_t nv, size_t kc, const mm_args *g, const float *a,
                    const float *b, float *c)
{
    vf acc[MM_ROWS * 2];
    size_t ars = g->ars, acs = g->acs, ldb = g->ldb, ldc = g->ldc;
#pragma GCC unroll 16
    for (size_t i = 0; i < mr * nv; i++)
        acc[i] = g->from_c ? vf_load(c + i / nv * ldc + i % nv * VL) : vf_zero();
    for (size_t k = 0; k < kc; k++, a += acs, b += ldb) {
        vf x0 = vf_load(b), x1 = nv > 1 ? vf_load(b + VL) : x0;
#pragma GCC unroll 16
        for (size_t r = 0; r < mr; r++) {
            vf y = vf_set(a[r * ars]);
            acc[r * nv] = vf_fma(y, x0, acc[r * nv]);
            if (nv > 1) acc[r * nv + 1] = vf_fma(y, x1, acc[r * nv + 1]);
        }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < mr * nv; i++)
        vf_store(c + i / nv * ldc + i % nv * VL, acc[i]);
}

/* mr rows by four vectors, for few rows: enough sums under way to hide the time that one takes. */
INLINE void mm_wide(const size_t mr, size_t kc, const mm_args *g, const float *a, const float *b,
                    float *c)
{
    vf acc[MM_ROWS / 2 * 4], y[MM_ROWS / 2];
    size_t ars = g->ars, acs = g->acs, ldb = g->ldb, ldc = g->ldc;
#pragma GCC unroll 16
    for (size_t i = 0; i < mr * 4; i++)
        acc[i] = g->from_c ? vf_load(c + i / 4 * ldc + i % 4 * VL) : vf_zero();
    for (size_t k = 0; k < kc; k++, a += acs, b += ldb) {
#pragma GCC unroll 16
        for (size_t r = 0; r < mr; r++)
            y[r] = vf_set(a[r * ars]);
#pragma GCC unroll 16
        for (size_t v = 0; v < 4; v++) {
            vf x = vf_load(b + v * VL);
#pragma GCC unroll 16
            for (size_t r = 0; r < mr; r++)
                acc[r * 4 + v] = vf_fma(y[r], x, acc[r * 4 + v]);
        }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < mr * 4; i++)
        vf_store(c + i / 4 * ldc + i % 4 * VL, acc[i]);
}

/* Columns [0, n) of mr rows, n whole groups of four vectors. */
static void mm_few(size_t mr, size_t n, size_t kc, const mm_args *g)
{
    for (size_t j = 0; j < n; j += 4 * VL) {
        const float *b = g->b + j;
        float *c = g->c + j;
        switch (mr) {
        case 1:
            mm_wide(1, kc, g, g->a, b, c);
            break;
        case 2:
            mm_wide(2, kc, g, g->a, b, c);
            break;
        case 3:
            mm_wide(3, kc, g, g->a, b, c);
            break;
        default:
            mm_wide(MM_ROWS / 2, kc, g, g->a, b, c);
        }
    }
}

#define MM_CASE(r)                                                                                 \
    case r:                                                                                        \
        if (two)                                                                                   \
            mm_tile(r, 2, kc, g, a, b, c);                                                         \
        else                                                                                       \
            mm_tile(r, 1, kc, g, a, b, c);                                                         \
        break;

/* m rows, n columns (a multiple of VL), kc products an element, in ascending order and one chain.
 */
static void mm(size_t m, size_t n, size_t kc, const mm_args *g)
{
    assert(n % VL == 0);
    if ((m <= 3 || m == MM_ROWS / 2) && n % (4 * VL) == 0) {
        mm_few(m, n, kc, g);
        return;
    }
    for (size_t i = 0; i < m; i += MM_ROWS) {
        size_t mr = m - i < MM_ROWS ? m - i : MM_ROWS;
        for (size_t j = 0; j < n; j += 2 * VL) {
            const float *a = g->a + i * g->ars, *b = g->b + j;
            float *c = g->c + i * g->ldc + j;
            bool two = n - j >= 2 * VL;
            switch (mr) {
                MM_CASES(MM_CASE)
            }
        }
    }
}

/* dst[n][ld] = the transpose of rows [0, m) of src, n elements each; columns m .. of dst up to a
 * multiple of VL become zero. */
static inline void transpose(float *dst, size_t ld, const float *src, size_t lds, size_t m,
                             size_t n)
{
    for (size_t i = 0; i < m; i += VL) {
        size_t rows = m - i < VL ? m - i : VL;
        for (size_t j = 0; j < n; j += VL) {
            vf t[VL];
            size_t cols = n - j < VL ? n - j : VL;
            vm some = vm_first(cols);
#pragma GCC unroll 16
            for (size_t r = 0; r < VL; r++)
                t[r] = r < rows ? vf_load_some(src + (i + r) * lds + j, some) : vf_zero();
            vf_transpose(t);
#pragma GCC unroll 16
            for (size_t c = 0; c < VL; c++)
                if (c < cols) vf_store(dst + (j + c) * ld + i, t[c]);
        }
    }
}

/* n elements of m rows of src, padded with zeros to whole vectors: src itself if there is nothing
 * to pad, else a copy at room.  *ld is its row stride. */
static inline const float *padded(float *room, const float *src, size_t lds, size_t m, size_t n,
                                  size_t *ld)
{
    *ld = lds;
    if (n % VL == 0) return src;
    *ld = (n + VL - 1) / VL * VL;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j += VL) {
            vf x = n - j >= VL ? vf_load(src + i * lds + j)
                               : vf_load_some(src + i * lds + j, vm_first(n - j));
            vf_store(room + i * *ld + j, x);
        }
    return room;
}

#endif
