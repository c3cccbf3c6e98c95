/* attn_load_tmpl.h - blocks of keys and values of any type and layout (kernel/attn.h) as floats,
 * for attn_tile_tmpl.h.
 */
#ifndef ENG_KERNEL_VEC_ATTN_LOAD_TMPL_H
#define ENG_KERNEL_VEC_ATTN_LOAD_TMPL_H

#include "engine/kernel/attn.h"
#include "engine/kernel/vec/mm_tmpl.h"
#include "engine/kernel/vec/rows.h"
#include "engine/quant/blocks.h"

#include <string.h>

/* Elements j .. j + VL of a row of Q8_0 blocks, whole beyond the row's end too. */
static inline vf row_get_q8(const void *row, size_t j)
{
    const eng_q8_0 *b = (const eng_q8_0 *)row + j / ENG_QB;
    return vf_mul(vf_set_f16(b->d), vf_of_int(vi_load_i8(b->qs + j % ENG_QB)));
}

/* Elements j .. j + VL of a row of n elements; beyond n they are 0. */
INLINE vf row_get(const eng_dtype type, const void *row, size_t j, size_t n)
{
    if (type == ENG_F32) return get(row, j, n);
    if (type == ENG_Q8_0) return row_get_q8(row, j);
    const uint16_t *h = (const uint16_t *)row + j;
    uint16_t tail[VL] = {0};
    if (n - j < VL) {
        memcpy(tail, h, (n - j) * sizeof *tail);
        h = tail;
    }
    return type == ENG_F16 ? vf_load_f16(h) : vf_of_bits(vi_shl16(vi_load_u16(h)));
}

/* kt [n, BLOCK] = the transpose of m rows of n elements; columns from m to a multiple of VL become
 * zero. */
INLINE void keys_of_rows(const eng_dtype type, float *kt, const char *src, size_t row_bytes,
                         size_t m, size_t n)
{
    for (size_t i = 0; i < m; i += VL) {
        size_t rows = m - i < VL ? m - i : VL;
        for (size_t j = 0; j < n; j += VL) {
            vf t[VL];
            size_t cols = n - j < VL ? n - j : VL;
#pragma GCC unroll 16
            for (size_t r = 0; r < VL; r++)
                t[r] = r < rows ? row_get(type, src + (i + r) * row_bytes, j, n) : vf_zero();
            vf_transpose(t);
#pragma GCC unroll 16
            for (size_t c = 0; c < VL; c++)
                if (c < cols) vf_store(kt + (j + c) * ENG_ATTN_BLOCK + i, t[c]);
        }
    }
}

/* kt [n, BLOCK] = a block of keys; columns from m to a multiple of VL are of no meaning. */
INLINE void keys_of_block(const eng_dtype type, float *kt, const void *src, size_t m, size_t n)
{
    const uint16_t *h = src;
    for (size_t d = 0; d < n; d++, h += ENG_ATTN_BLOCK, kt += ENG_ATTN_BLOCK)
        for (size_t i = 0; i < m; i += VL)
            vf_store(kt + i, type == ENG_F16 ? vf_load_f16(h + i)
                                             : vf_of_bits(vi_shl16(vi_load_u16(h + i))));
}

/* The same of Q8_0: scales of 64 keys, then 32 elements of each. */
static void keys_of_q8(float *kt, const char *src, size_t m, size_t n)
{
    for (size_t g = 0; g < n; g += ENG_QB, src += ENG_ATTN_BLOCK * sizeof(eng_q8_0)) {
        const uint16_t *scale = (const uint16_t *)(const void *)src;
        const int8_t *q = (const int8_t *)src + ENG_ATTN_BLOCK * sizeof *scale;
        size_t dims = n - g < ENG_QB ? n - g : ENG_QB;
        for (size_t i = 0; i < m; i += VL) {
            vf d = vf_load_f16(scale + i);
            for (size_t j = 0; j < dims; j++)
                vf_store(kt + (g + j) * ENG_ATTN_BLOCK + i,
                         vf_mul(d, vf_of_int(vi_load_i8(q + j * ENG_ATTN_BLOCK + i))));
        }
    }
}

/* v [m, wide] = m rows of n elements, padded with zeros. */
INLINE void values_of_rows(const eng_dtype type, float *v, size_t wide, const char *src,
                           size_t row_bytes, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j += VL)
            vf_store(v + i * wide + j, row_get(type, src + i * row_bytes, j, n));
}

/* The n_k keys from key0 on as [head_dim_k][BLOCK]: in place if they are that already, else at kt.
 */
static const float *load_keys(const eng_attn *a, float *kt, size_t key0, size_t n_k)
{
    const char *src = eng_attn_key(a, key0);
    size_t n = a->head_dim_k, row = a->k_row_bytes;
    if (a->k_blocks && a->k_type == ENG_F32) return (const float *)(const void *)src;
    if (a->k_blocks && a->k_type == ENG_F16)
        keys_of_block(ENG_F16, kt, src, n_k, n);
    else if (a->k_blocks && a->k_type == ENG_BF16)
        keys_of_block(ENG_BF16, kt, src, n_k, n);
    else if (a->k_blocks)
        keys_of_q8(kt, src, n_k, n);
    else if (a->k_type == ENG_F32)
        keys_of_rows(ENG_F32, kt, src, row, n_k, n);
    else if (a->k_type == ENG_F16)
        keys_of_rows(ENG_F16, kt, src, row, n_k, n);
    else if (a->k_type == ENG_BF16)
        keys_of_rows(ENG_BF16, kt, src, row, n_k, n);
    else
        keys_of_rows(ENG_Q8_0, kt, src, row, n_k, n);
    return kt;
}

/* The n_k values from key0 on as rows of floats *ld apart, padded to whole vectors (wide): in place
 * if they are that already, else at v. */
static const float *load_values(const eng_attn *a, float *v, size_t wide, size_t key0, size_t n_k,
                                size_t *ld)
{
    const char *src = eng_attn_value(a, key0);
    size_t n = a->head_dim_v, row = a->v_row_bytes;
    *ld = wide;
    if (a->v_type == ENG_F32 && wide == n) {
        *ld = row / sizeof(float);
        return (const float *)(const void *)src;
    }
    if (a->v_type == ENG_F32)
        values_of_rows(ENG_F32, v, wide, src, row, n_k, n);
    else if (a->v_type == ENG_F16)
        values_of_rows(ENG_F16, v, wide, src, row, n_k, n);
    else if (a->v_type == ENG_BF16)
        values_of_rows(ENG_BF16, v, wide, src, row, n_k, n);
    else
        values_of_rows(ENG_Q8_0, v, wide, src, row, n_k, n);
    return v;
}

#endif
