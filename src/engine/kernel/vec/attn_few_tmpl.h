/* attn_few_tmpl.h - products of a few rows with a block of keys or values as they lie in the cache,
 * for attn_tile_tmpl.h: what decoding spends its time on.
 *
 * The block is read from memory once and becomes floats in registers, so no room for floats is
 * filled and read again.  Sums run as in mm_tmpl.h.
 */
#ifndef ENG_KERNEL_VEC_ATTN_FEW_TMPL_H
#define ENG_KERNEL_VEC_ATTN_FEW_TMPL_H

#include "engine/kernel/vec/attn_load_tmpl.h"

/* How the right operand B[k, column] lies: rows of plain elements; rows of Q8_0 blocks; a block of
 * Q8_0 keys (rows of 64 columns, scales before every 32 rows). */
typedef enum few_kind { FEW_F32, FEW_F16, FEW_BF16, FEW_Q8_ROWS, FEW_Q8_KEYS } few_kind;

/* C[m, n] = A B, or C + A B: A(i, k) = a[i * ars + k], m at most MM_ROWS, n whole vectors. */
typedef struct few_args {
    const float *a;
    size_t ars;
    const char *b;
    size_t b_row; /* bytes from row to row of B (no meaning for FEW_Q8_KEYS) */
    float *c;
    size_t ldc;
    bool from_c;
} few_args;

/* The VL elements of B from (k, col) on. */
INLINE vf few_get(const few_kind kind, const few_args *g, size_t k, size_t col)
{
    const char *row = g->b + k * g->b_row;
    if (kind == FEW_F32) return vf_load((const float *)(const void *)row + col);
    if (kind == FEW_Q8_ROWS) return row_get_q8(row, col);
    if (kind == FEW_Q8_KEYS) {
        const char *group = g->b + k / ENG_QB * (ENG_ATTN_BLOCK * sizeof(eng_q8_0));
        const int8_t *q = (const int8_t *)group + ENG_ATTN_BLOCK * sizeof(uint16_t);
        vf d = vf_load_f16((const uint16_t *)(const void *)group + col);
        return vf_mul(d, vf_of_int(vi_load_i8(q + k % ENG_QB * ENG_ATTN_BLOCK + col)));
    }
    const uint16_t *h = (const uint16_t *)(const void *)row + col;
    return kind == FEW_F16 ? vf_load_f16(h) : vf_of_bits(vi_shl16(vi_load_u16(h)));
}

/* mr rows by nv vectors from column col on, kc products an element. */
INLINE void few_tile(const few_kind kind, const size_t mr, const size_t nv, size_t kc, size_t col,
                     const few_args *g)
{
    vf acc[MM_ROWS * 2], y[MM_ROWS];
    float *c = g->c + col;
#pragma GCC unroll 16
    for (size_t i = 0; i < mr * nv; i++)
        acc[i] = g->from_c ? vf_load(c + i / nv * g->ldc + i % nv * VL) : vf_zero();
    for (size_t k = 0; k < kc; k++) {
#pragma GCC unroll 16
        for (size_t r = 0; r < mr; r++)
            y[r] = vf_set(g->a[r * g->ars + k]);
#pragma GCC unroll 16
        for (size_t v = 0; v < nv; v++) {
            vf x = few_get(kind, g, k, col + v * VL);
#pragma GCC unroll 16
            for (size_t r = 0; r < mr; r++)
                acc[r * nv + v] = vf_fma(y[r], x, acc[r * nv + v]);
        }
    }
#pragma GCC unroll 16
    for (size_t i = 0; i < mr * nv; i++)
        vf_store(c + i / nv * g->ldc + i % nv * VL, acc[i]);
}

/* All columns: four vectors at a time of up to half MM_ROWS rows, else two. */
INLINE void few_columns(const few_kind kind, const size_t mr, size_t n, size_t kc,
                        const few_args *g)
{
    const size_t nv = mr <= MM_ROWS / 2 ? 4 : 2;
    size_t col = 0;
    for (; col + nv * VL <= n; col += nv * VL)
        few_tile(kind, mr, nv, kc, col, g);
    for (; col < n; col += VL)
        few_tile(kind, mr, 1, kc, col, g);
}

#define FEW_CASE(r)                                                                                \
    case r:                                                                                        \
        few_columns(kind, r, n, kc, g);                                                            \
        return;

INLINE void few_rows(const few_kind kind, size_t m, size_t n, size_t kc, const few_args *g)
{
    switch (m) {
        MM_CASES(FEW_CASE)
    }
    assert(!"more rows than a tile has");
}

/* One loop a kind and number of rows. */
static void few_product(few_kind kind, size_t m, size_t n, size_t kc, const few_args *g)
{
    switch (kind) {
    case FEW_F32:
        few_rows(FEW_F32, m, n, kc, g);
        return;
    case FEW_F16:
        few_rows(FEW_F16, m, n, kc, g);
        return;
    case FEW_BF16:
        few_rows(FEW_BF16, m, n, kc, g);
        return;
    case FEW_Q8_ROWS:
        few_rows(FEW_Q8_ROWS, m, n, kc, g);
        return;
    case FEW_Q8_KEYS:
        few_rows(FEW_Q8_KEYS, m, n, kc, g);
        return;
    }
}

/* Kind of a cache's type. */
static inline few_kind few_kind_of(eng_dtype type, few_kind q8)
{
    return type == ENG_F32 ? FEW_F32 : type == ENG_F16 ? FEW_F16 : type == ENG_BF16 ? FEW_BF16 : q8;
}

#endif
