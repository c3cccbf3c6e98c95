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
 *   SHORT_STEPS(code)               how many steps of codes may be summed in 16 bits; without it:
 *                                   none; with it
 *   short_dot(w, a), short_add(a, b), short_widen(acc, s)    sums of 2 products of codes in 16
 *                                   bits; of such sums; acc += sums of 2 of those
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

/* Codes of one block less the offset, which stays where they are summed in 16 bits. */
INLINE void unpack_codes(const eng_wcode code, const eng_wform *f, vi table, const uint8_t *p,
                         int8_t (*q)[ENG_WSTEP])
{
    const bool as_it_is = code == ENG_WC_8 || code == ENG_WC_LOOKUP || SHORT_STEPS(code);
    const vi offset = vi_set(0x01010101 * f->offset);
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++)
#pragma GCC unroll 8
        for (int i = 0; i < 8; i++) {
            vi w = step_codes(code, p + v * VL * 4, i, table);
            vi_store(q[i] + v * VL * 4, as_it_is ? w : wb_sub(w, offset));
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

/* What kind of chunk tile() has before it, constants where a kernel is made of it: subs and mins of
 * the form; how many steps are summed in 16 bits. */
typedef struct chunk_kind {
    int subs;
    bool mins;
    int most;
} chunk_kind;

/* The integer dots of sub-block g of block b; start: what those of a row begin with. */
INLINE void tile_dots(const int rows, const int vt, const chunk_kind k, const int v0,
                      const eng_wchunk *w, size_t b, const int g, const uint8_t *q,
                      const int32_t *start, vi (*dot)[TILE_V])
{
    const int steps = 8 / k.subs;
    vi part[TILE_ROWS][TILE_V];
#pragma GCC unroll 2
    for (int t = 0; t < vt; t++) {
        vi bias =
            BIAS ? vi_load(w->bias[b * (size_t)k.subs + (size_t)g] + (v0 + t) * VL) : vi_set(0);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
            dot[r][t] = k.most && !k.mins ? vi_set(start[k.subs * r + g]) : bias;
    }
#pragma GCC unroll 8
    for (int n = 0; n < steps; n++) {
        const int i = g * steps + n;
        vi x[TILE_V], abs_x[TILE_V];
#pragma GCC unroll 2
        for (int t = 0; t < vt; t++) {
            x[t] = vi_load(w->q[b][i] + (v0 + t) * VL * 4);
            abs_x[t] = k.most ? x[t] : wb_abs(x[t]);
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            vi y = quad(q + r * ENG_QB + 4 * i);
#pragma GCC unroll 2
            for (int t = 0; t < vt; t++) {
                if (!k.most) {
                    dot[r][t] = dot_tile(dot[r][t], y, x[t], abs_x[t]);
                    continue;
                }
                vi z = short_dot(x[t], y);
                part[r][t] = n % k.most ? short_add(part[r][t], z) : z;
                if (n % k.most == k.most - 1 || n == steps - 1)
                    dot[r][t] = short_widen(dot[r][t], part[r][t]);
            }
        }
    }
}

/* Adds one block to `rows` rows by vt vectors of columns from vector v0 on. */
INLINE void tile_block(const int rows, const int vt, const chunk_kind k, const int v0,
                       const eng_wchunk *w, size_t b, eng_wacts a, const int32_t *start,
                       vf (*acc)[TILE_V])
{
    const int n_min = k.mins ? k.subs : 0;
    vf inner[TILE_ROWS][TILE_V];
#pragma GCC unroll 2
    for (int g = 0; g < k.subs; g++) {
        vi dot[TILE_ROWS][TILE_V];
        tile_dots(rows, vt, k, v0, w, b, g, a.q, start, dot);
#pragma GCC unroll 2
        for (int t = 0; t < vt; t++) {
            vf y = vf_load(w->scale[b * (size_t)k.subs + (size_t)g] + (v0 + t) * VL);
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
            vf y = vf_load(w->min[b * (size_t)k.subs + (size_t)g] + (v0 + t) * VL);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                vf sum = vf_set(k.subs == 2 ? a.half[2 * r + g] : a.sum[r]);
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

/* `rows` rows, of which the first m are stored; offset: of the codes that have one still. */
INLINE void tile_rows(const int rows, const chunk_kind k, int offset, int m, size_t n,
                      size_t n_blocks, eng_wacts a, const eng_wchunk *w, float *c, size_t ldc,
                      bool add)
{
    const int vt = k.subs == 1 ? TILE_V : 1, n_start = rows * k.subs;
    int32_t start[ENG_WCHUNK * TILE_ROWS * 2];
    const float *sum = k.subs == 2 ? a.half : a.sum;
    if (k.most && !k.mins)
        for (size_t i = 0; i < n_blocks * (size_t)n_start; i++)
            start[i] = -offset * (int32_t)sum[i];
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
            tile_block(rows, vt, k, v, w, b, at, start + b * (size_t)n_start, acc);
            if (v == 0) tile_ahead((size_t)rows, b, c, ldc);
        }
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
#pragma GCC unroll 2
            for (int t = 0; t < vt; t++)
                if (r < m) c_store(c + (size_t)r * ldc, n, v + t, acc[r][t]);
    }
}

/* The heights of one kind of chunk. */
#define TILE_CASE(rows)                                                                            \
    case rows:                                                                                     \
        tile_rows(rows, k, f->offset, (int)m, n, n_blocks, a, w, c, ldc, add);                     \
        return;
#define TILE_KIND(name, ...)                                                                       \
    static void tile_##name(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,  \
                            const eng_wchunk *w, float *c, size_t ldc, bool add)                   \
    {                                                                                              \
        const chunk_kind k = {__VA_ARGS__};                                                        \
        switch (a.rows) {                                                                          \
            ROWS(TILE_CASE)                                                                        \
        }                                                                                          \
    }

/* 1 and 2: so many sub-blocks, each product widened at once.  3 to 6: codes of so many bits, summed
 * in 16 bits for as many steps as SHORT_STEPS allows (3 stands for 2 bits, too). */
TILE_KIND(1, 1, false, 0)
TILE_KIND(1_min, 1, true, 0)
TILE_KIND(2, 2, false, 0)
TILE_KIND(2_min, 2, true, 0)
TILE_KIND(4, 1, false, 8)
TILE_KIND(4_min, 1, true, 8)
TILE_KIND(5, 1, false, 4)
TILE_KIND(5_min, 1, true, 4)
TILE_KIND(6, 2, false, 2)
TILE_KIND(3, 2, false, 4)
TILE_KIND(3_min, 2, true, 4)

static void tile(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                 const eng_wchunk *w, float *c, size_t ldc, bool add)
{
    const int most = SHORT_STEPS(f->code);
    assert(m && m <= a.rows && a.rows <= TILE_ROWS && n && n <= ENG_WCOLS);
    if (!most && f->subs == 1)
        (f->mins ? tile_1_min : tile_1)(f, m, n, n_blocks, a, w, c, ldc, add);
    else if (!most)
        (f->mins ? tile_2_min : tile_2)(f, m, n, n_blocks, a, w, c, ldc, add);
    else if (f->subs == 1 && most == 8)
        (f->mins ? tile_4_min : tile_4)(f, m, n, n_blocks, a, w, c, ldc, add);
    else if (f->subs == 1)
        (f->mins ? tile_5_min : tile_5)(f, m, n, n_blocks, a, w, c, ldc, add);
    else if (most == 2)
        tile_6(f, m, n, n_blocks, a, w, c, ldc, add);
    else
        (f->mins ? tile_3_min : tile_3)(f, m, n, n_blocks, a, w, c, ldc, add);
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

/* The slots of a kernel that takes all of this as it stands; dot_rows, dot_most and row_step of it.
 */
#define WMAT_SLOTS_STEP(rows, most, step)                                                          \
    {                                                                                              \
        .bias = BIAS, .dot_rows = (rows), .dot_most = (most), .tile_rows = TILE_ROWS,              \
        .row_step = (step), .quant = quant, .unpack = unpack, .tile = tile, .dot = dot,            \
        .spin = spin,                                                                              \
    }
#define WMAT_SLOTS(rows, most) WMAT_SLOTS_STEP(rows, most, 1)

#endif /* OWN_TILE */

#endif
