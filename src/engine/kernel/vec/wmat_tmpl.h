/* wmat_tmpl.h - the kernels of quantised weight matrices over a vector vocabulary (wmat_slots.h
 * says what they compute, wform.h how weights lie).
 *
 * Defines quant() and unpack(), dot() without OWN_DOT (wmat_dot_tmpl.h has its constants) and
 * tile() without OWN_TILE.  Included after a vector vocabulary and these words over vectors of
 * bytes:
 *
 *   wb_shl(x, n), wb_shr(x, n)      16-bit lanes moved by a constant
 *   wb_sub(a, b), wb_xor(a, b)      bytes; bits
 *   wb_pick(a, mask, b)             (a & mask) | b
 *   wb_lookup(table, i)             bytes of a table of 16 (in every 128 bits) by bytes 0..15
 *   vf_load_i8(p), vf_load_u8(p)    VL bytes to floats
 *   dot_codes(acc, w, a)            acc += sums of 4 products, unsigned codes w < 64, signed a
 *   dot_bytes(acc, w, a)            the same, w signed; adds SIGNED_OFFSET * (sum of a) more
 *   dot_tile(acc, a, w, abs_w)      the same for tile(): a with BIAS added, w signed; adds
 *                                   BIAS * (sum of w) more
 *   wb_abs(w)                       abs_w of that
 *   int_sums(acc, w)                acc += sums of 4 signed bytes
 *   top_bits(a), put_codes(a, inverse, bias, to)   of quant(), for a block
 *
 * and constants: TILE_ROWS, the most rows of tile(), with ROWS(F) their list; TILE_V, how many
 * vectors of columns it takes at a time where a block has one scale (else one).
 */
#ifndef ENG_KERNEL_VEC_WMAT_TMPL_H
#define ENG_KERNEL_VEC_WMAT_TMPL_H

#include "engine/kernel/vec/wmat_code_tmpl.h"

#ifndef OWN_DOT
#include "engine/kernel/vec/wmat_dot_tmpl.h"
#endif

/* Codes of one block less the offset. */
INLINE void unpack_codes(const eng_wcode code, const eng_wform *f, vi table, const uint8_t *p,
                         int8_t (*q)[ENG_WSTEP])
{
    const bool is_signed = code == ENG_WC_8 || code == ENG_WC_LOOKUP;
    const vi offset = vi_set(0x01010101 * f->offset);
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++)
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            vi w = step_codes(code, p + v * VL * 4, i, table);
            vi_store(q[i] + v * VL * 4, is_signed ? w : wb_sub(w, offset));
        }
}

/* What the bias adds to the dots of a block, negated. */
INLINE void unpack_bias(int subs, int8_t (*q)[ENG_WSTEP], int32_t (*bias)[ENG_WCOLS])
{
    for (int v = 0; v < NV; v++) {
        vi sum[2] = {vi_set(0), vi_set(0)};
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++)
            sum[i / 4] = int_sums(sum[i / 4], vi_load(q[i] + v * VL * 4));
        if (subs == 1)
            sum[0] = vi_add(sum[0], sum[1]);
        else
            vi_store(bias[1] + v * VL, vi_sub(vi_set(0), vi_mul_bias(sum[1])));
        vi_store(bias[0] + v * VL, vi_sub(vi_set(0), vi_mul_bias(sum[0])));
    }
}

INLINE void unpack_family(const eng_wcode code, const eng_wform *f, const uint8_t *group,
                          size_t n_blocks, eng_wchunk *w)
{
    vi table = table_of(f);
    for (size_t b = 0; b < n_blocks; group += f->group_bytes) {
        expand(f, group + f->blocks * f->block_bytes, w->scale + b * f->subs, w->min + b * f->subs);
        for (size_t j = 0; j < f->blocks; j++, b++) {
            const uint8_t *p = group + j * f->block_bytes;
            for (size_t i = 0; i < f->block_bytes; i += 64) /* the next chunk */
                __builtin_prefetch(p + n_blocks / f->blocks * f->group_bytes + i, 0, 3);
            unpack_codes(code, f, table, p, w->q[b]);
            if (BIAS) unpack_bias(f->subs, w->q[b], w->bias + b * f->subs);
        }
    }
}

/* One body for each family of codes, so that the family is a constant within the loops. */
static void unpack(const eng_wform *f, const void *groups, size_t n_blocks, eng_wchunk *w)
{
    assert(n_blocks <= ENG_WCHUNK && n_blocks % f->blocks == 0);
    switch (f->code) {
    case ENG_WC_8:
        unpack_family(ENG_WC_8, f, groups, n_blocks, w);
        return;
    case ENG_WC_4:
        unpack_family(ENG_WC_4, f, groups, n_blocks, w);
        return;
    case ENG_WC_4_1:
        unpack_family(ENG_WC_4_1, f, groups, n_blocks, w);
        return;
    case ENG_WC_4_2:
        unpack_family(ENG_WC_4_2, f, groups, n_blocks, w);
        return;
    case ENG_WC_2:
        unpack_family(ENG_WC_2, f, groups, n_blocks, w);
        return;
    case ENG_WC_2_1:
        unpack_family(ENG_WC_2_1, f, groups, n_blocks, w);
        return;
    case ENG_WC_LOOKUP:
        unpack_family(ENG_WC_LOOKUP, f, groups, n_blocks, w);
        return;
    case ENG_WC_N:
        break;
    }
    assert(!"no such family of codes");
}

#ifndef OWN_TILE

/* Adds one block to `rows` rows by vt vectors of columns from vector v0 on. */
INLINE void tile_block(const int rows, const int vt, const int subs, const bool mins, int v0,
                       const eng_wchunk *w, size_t b, eng_wacts a, vf (*acc)[TILE_V])
{
    const int steps = 8 / subs, n_min = mins ? subs : 0;
    vf inner[TILE_ROWS][TILE_V];
#pragma GCC unroll 2
    for (int g = 0; g < subs; g++) {
        const size_t at = b * (size_t)subs + (size_t)g;
        vi dot[TILE_ROWS][TILE_V];
#pragma GCC unroll 2
        for (int t = 0; t < vt; t++) {
            vi start = BIAS ? vi_load(w->bias[at] + (v0 + t) * VL) : vi_set(0);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++)
                dot[r][t] = start;
        }
#pragma GCC unroll 8
        for (int i = g * steps; i < (g + 1) * steps; i++) {
            vi x[TILE_V], abs_x[TILE_V];
#pragma GCC unroll 2
            for (int t = 0; t < vt; t++) {
                x[t] = vi_load(w->q[b][i] + (v0 + t) * VL * 4);
                abs_x[t] = wb_abs(x[t]);
            }
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                vi y = quad(a.q + r * ENG_QB + 4 * i);
#pragma GCC unroll 2
                for (int t = 0; t < vt; t++)
                    dot[r][t] = dot_tile(dot[r][t], y, x[t], abs_x[t]);
            }
        }
#pragma GCC unroll 2
        for (int t = 0; t < vt; t++) {
            vf y = vf_load(w->scale[at] + (v0 + t) * VL);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++)
                inner[r][t] = g ? vf_fma(y, vf_of_int(dot[r][t]), inner[r][t])
                                : vf_mul(y, vf_of_int(dot[r][t]));
        }
    }
#pragma GCC unroll 2
    for (int g = 0; g < n_min; g++)
#pragma GCC unroll 2
        for (int t = 0; t < vt; t++) {
            vf y = vf_load(w->min[b * (size_t)subs + (size_t)g] + (v0 + t) * VL);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                vf sum = vf_set(subs == 2 ? a.half[2 * r + g] : a.sum[r]);
                inner[r][t] = vf_fma(y, sum, inner[r][t]);
            }
        }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
        for (int t = 0; t < vt; t++)
            acc[r][t] = vf_fma(vf_set(a.d[r]), inner[r][t], acc[r][t]);
}

/* Asks for the lines of C that the tile below this one will write: they lie too far apart for the
 * prefetchers of the processor. */
INLINE void tile_ahead(size_t rows, size_t b, float *c, size_t ldc)
{
    if (b >= rows) return;
    __builtin_prefetch(c + (rows + b) * ldc, 1, 3);
    __builtin_prefetch(c + (rows + b) * ldc + ENG_WCOLS - 1, 1, 3);
}

/* `rows` rows, of which the first m are stored. */
INLINE void tile_rows(const int rows, const int subs, const bool mins, int m, size_t n,
                      size_t n_blocks, eng_wacts a, const eng_wchunk *w, float *c, size_t ldc,
                      bool add)
{
    const int vt = subs == 1 ? TILE_V : 1;
    for (int v = 0; v < NV; v += vt) {
        vf acc[TILE_ROWS][TILE_V];
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int t = 0; t < vt; t++)
                acc[r][t] = c_load(c + (size_t)r * ldc, n, v + t, add && r < m);
        eng_wacts at = a;
        at.rows = (size_t)rows; /* a constant here */
        for (size_t b = 0; b < n_blocks; b++, acts_next(&at)) {
            tile_block(rows, vt, subs, mins, v, w, b, at, acc);
            if (v == 0) tile_ahead((size_t)rows, b, c, ldc);
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int t = 0; t < vt; t++)
                if (r < m) c_store(c + (size_t)r * ldc, n, v + t, acc[r][t]);
    }
}

#define TILE_CASE(subs, mins, r)                                                                   \
    case r:                                                                                        \
        tile_rows(r, subs, mins, (int)m, n, n_blocks, a, w, c, ldc, add);                          \
        return;
#define TILE_1(r) TILE_CASE(1, false, r)
#define TILE_1_MIN(r) TILE_CASE(1, true, r)
#define TILE_2(r) TILE_CASE(2, false, r)
#define TILE_2_MIN(r) TILE_CASE(2, true, r)

static void tile(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                 const eng_wchunk *w, float *c, size_t ldc, bool add)
{
    assert(m && m <= a.rows && a.rows <= TILE_ROWS && n && n <= ENG_WCOLS);
    if (f->subs == 1 && !f->mins) switch (a.rows) {
            ROWS(TILE_1)
        }
    else if (f->subs == 1)
        switch (a.rows) {
            ROWS(TILE_1_MIN)
        }
    else if (!f->mins)
        switch (a.rows) {
            ROWS(TILE_2)
        }
    else
        switch (a.rows) {
            ROWS(TILE_2_MIN)
        }
}

/* Twelve chains of dot products: enough to fill the pipeline. */
static float spin(size_t n, double *ops)
{
    vi s[12], w = vi_set(0x01010101), abs_w = wb_abs(w);
#pragma GCC unroll 16
    for (int j = 0; j < 12; j++)
        s[j] = vi_set(j);
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 16
        for (int j = 0; j < 12; j++)
            s[j] = dot_tile(s[j], w, w, abs_w);
    }
    vf sum = vf_zero();
#pragma GCC unroll 16
    for (int j = 0; j < 12; j++)
        sum = vf_add(sum, vf_of_int(s[j]));
    *ops += 12.0 * VL * 4 * 2 * (double)n;
    return vf_sum(sum);
}

/* The slots of a kernel that takes all of this as it stands; dot_rows and dot_most of it. */
#define WMAT_SLOTS(rows, most)                                                                     \
    {                                                                                              \
        .bias = BIAS, .dot_rows = (rows), .dot_most = (most), .tile_rows = TILE_ROWS,              \
        .row_step = 1, .quant = quant, .unpack = unpack, .tile = tile, .dot = dot, .spin = spin,   \
    }

#endif /* OWN_TILE */

#endif
