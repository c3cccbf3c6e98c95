/* wmat_tmpl.h - the kernels of quantised weight matrices over a vector vocabulary (wmat_slots.h
 * says what they compute, wform.h how weights lie).
 *
 * Defines quant(), unpack(), dot() and, without OWN_TILE, tile().  Included after a vector
 * vocabulary and these words over vectors of bytes:
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

#include "engine/kernel/wmat_slots.h"

#include <math.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

/* Vectors of the columns of a panel. */
enum { NV = ENG_WCOLS / VL, DOT_ROWS = 4 };

/* How far before its use a packed weight is asked for, in bytes. */
#define AHEAD 2048

/* ---- activations ---- */

/* Moves to the next block. */
INLINE void acts_next(eng_wacts *a)
{
    a->q += a->rows * ENG_QB;
    a->d += a->rows;
    a->sum += a->rows;
    a->half += 2 * a->rows;
}

static void quant(const float *a, size_t n_blocks, uint8_t bias, eng_wacts to)
{
    for (size_t b = 0; b < n_blocks; b++, acts_next(&to)) {
        uint32_t top = a ? top_bits(a + b * ENG_QB) : 0;
        float x;
        memcpy(&x, &top, sizeof x);
        if (top >= 0x7f800000 || x < 0x1p-100f) {
            *to.d = top >= 0x7f800000 ? NAN : 0;
            to.sum[0] = to.half[0] = to.half[1] = 0;
            memset(to.q, bias, ENG_QB);
            continue;
        }
        *to.d = x / 127;
        put_codes(a + b * ENG_QB, 127 / x, bias, to);
    }
}

/* The four bytes at p in every lane. */
INLINE vi quad(const uint8_t *p)
{
    int32_t x;
    memcpy(&x, p, sizeof x);
    return vi_set(x);
}

/* ---- codes ---- */

/* Step i of a block of codes; p: the block's first plane, moved by the columns' bytes. */
INLINE vi step_codes(const eng_wcode code, const uint8_t *p, const int i, vi table)
{
    if (code == ENG_WC_8) return vi_load(p + i * ENG_WSTEP);
    const bool two = code == ENG_WC_2 || code == ENG_WC_2_1;
    vi x;
    if (two) {
        x = vi_load(p + i / 4 * ENG_WSTEP);
        x = vi_and(i % 4 ? wb_shr(x, 2 * (i % 4)) : x, vi_set(0x03030303));
    } else {
        x = vi_load(p + i / 2 * ENG_WSTEP);
        x = vi_and(i % 2 ? wb_shr(x, 4) : x, vi_set(0x0f0f0f0f));
    }
    if (code == ENG_WC_LOOKUP) return wb_lookup(table, x);
    if (code == ENG_WC_4_1 || code == ENG_WC_2_1) {
        const int to = two ? 2 : 4;
        vi h = vi_load(p + (two ? 2 : 4) * ENG_WSTEP);
        h = i < to ? wb_shl(h, to - i) : i > to ? wb_shr(h, i - to) : h;
        return wb_pick(h, vi_set(0x01010101 << to), x);
    }
    if (code == ENG_WC_4_2) {
        const int from = i % 4 * 2;
        vi h = vi_load(p + (4 + i / 4) * ENG_WSTEP);
        h = from < 4 ? wb_shl(h, 4 - from) : from > 4 ? wb_shr(h, from - 4) : h;
        return wb_pick(h, vi_set(0x30303030), x);
    }
    return x;
}

/* The table of a lookup in every 128 bits. */
INLINE vi table_of(const eng_wform *f)
{
    if (!f->values) return vi_set(0);
    return wb_table(f->values);
}

/* ---- scales ---- */

/* A value of the packed lists of K45 (wform.h) for VL columns, as floats. */
INLINE vf k45_value(const uint8_t *words, const int i)
{
    vi six = vi_set(63);
    if (i < 15) return vf_of_int(vi_and(vi_shr(vi_load(words + i / 5 * 128), 6 * (i % 5)), six));
    vi x = vi_shr(vi_load(words), 30);
    x = vi_or(x, vi_and(vi_shr(vi_load(words + 128), 28), vi_set(12)));
    return vf_of_int(vi_or(x, vi_and(vi_shr(vi_load(words + 256), 26), vi_set(48))));
}

INLINE void expand_k45(const uint8_t *s, float (*scale)[ENG_WCOLS], float (*min)[ENG_WCOLS])
{
    for (size_t v = 0; v < ENG_WCOLS; v += VL) {
        vf d = vf_load_f16((const uint16_t *)(const void *)s + v);
        vf dmin = vf_load_f16((const uint16_t *)(const void *)s + ENG_WCOLS + v);
#pragma GCC unroll 8
        for (int g = 0; g < 8; g++) {
            vf m = vf_mul(dmin, k45_value(s + 128 + 4 * v, 8 + g));
            vf_store(scale[g] + v, vf_mul(d, k45_value(s + 128 + 4 * v, g)));
            vf_store(min[g] + v, vf_sub(vf_set(-0.0f), m));
        }
    }
}

INLINE void expand_k8(const uint8_t *s, size_t n, float (*scale)[ENG_WCOLS])
{
    for (size_t v = 0; v < ENG_WCOLS; v += VL) {
        vf d = vf_load_f16((const uint16_t *)(const void *)s + v);
        for (size_t g = 0; g < n; g++)
            vf_store(scale[g] + v, vf_mul(d, vf_load_i8(s + 64 + 32 * g + v)));
    }
}

INLINE void expand_k2(const uint8_t *s, float (*scale)[ENG_WCOLS], float (*min)[ENG_WCOLS])
{
    for (size_t v = 0; v < ENG_WCOLS; v += VL) {
        vf d = vf_load_f16((const uint16_t *)(const void *)s + v);
        vf dmin = vf_load_f16((const uint16_t *)(const void *)s + ENG_WCOLS + v);
        for (size_t g = 0; g < 16; g++) {
            vi x = vi_load_bytes(s + 128 + 32 * g + v);
            vf m = vf_mul(dmin, vf_of_int(vi_shr(x, 4)));
            vf_store(scale[g] + v, vf_mul(d, vf_of_int(vi_and(x, vi_set(15)))));
            vf_store(min[g] + v, vf_sub(vf_set(-0.0f), m));
        }
    }
}

/* 2^(e - 128) of VL bytes: e = 0 and 1 are denormal. */
INLINE vf powers(const uint8_t *e)
{
    vi x = vi_load_bytes(e);
    vi usual = vi_shl(vi_add(x, vi_set(-1)), 23);
    vi tiny = vi_add(vi_shl(vi_and(x, vi_set(1)), 21), vi_set(0x00200000));
    vm small = vm_less(x, vi_set(2));
    return vf_pick(small, vf_of_bits(tiny), vf_of_bits(usual));
}

/* Scales and minimums of a group as floats, from [0] on. */
INLINE void expand(const eng_wform *f, const uint8_t *s, float (*scale)[ENG_WCOLS],
                   float (*min)[ENG_WCOLS])
{
    const uint16_t *h = (const uint16_t *)(const void *)s;
    switch (f->scale) {
    case ENG_WS_F16_MIN:
        for (size_t v = 0; v < ENG_WCOLS; v += VL)
            vf_store(min[0] + v, vf_load_f16(h + ENG_WCOLS + v));
        /* fall through */
    case ENG_WS_F16:
        for (size_t v = 0; v < ENG_WCOLS; v += VL)
            vf_store(scale[0] + v, vf_load_f16(h + v));
        return;
    case ENG_WS_E8:
        for (size_t v = 0; v < ENG_WCOLS; v += VL)
            vf_store(scale[0] + v, powers(s + v));
        return;
    case ENG_WS_K45:
        expand_k45(s, scale, min);
        return;
    case ENG_WS_K8:
        expand_k8(s, (size_t)8 * f->subs, scale);
        return;
    case ENG_WS_K2:
        expand_k2(s, scale, min);
        return;
    }
}

/* ---- columns of C ---- */

/* The lanes of vector v that are among the first n columns. */
INLINE vm lanes(size_t n, const int v)
{
    size_t first = (size_t)v * VL;
    return vm_first(n <= first ? 0 : n - first < VL ? n - first : VL);
}

INLINE vf c_load(const float *c, size_t n, const int v, bool add)
{
    if (!add) return vf_zero();
    if (n == ENG_WCOLS) return vf_load(c + v * VL);
    return vf_load_some((size_t)v * VL < n ? c + v * VL : c, lanes(n, v));
}

INLINE void c_store(float *c, size_t n, const int v, vf x)
{
    if (n == ENG_WCOLS)
        vf_store(c + v * VL, x);
    else if ((size_t)v * VL < n)
        vf_store_some(c + v * VL, lanes(n, v), x);
}

/* ---- few rows: from packed groups ---- */

/* A family of codes and scales, constants where a kernel is made of it.  `direct`: a group is one
 * block with f16 scales, which are used as they come. */
typedef struct family {
    eng_wcode code;
    int subs;
    bool mins, direct;
} family;

/* Adds one block to the sums of `rows` rows. */
INLINE void dot_block(const int rows, const family k, const eng_wform *f, vi table,
                      const uint8_t *p, const uint8_t *s, float (*scale)[ENG_WCOLS],
                      float (*min)[ENG_WCOLS], eng_wacts a, vf (*acc)[NV])
{
    const bool is_signed = k.code == ENG_WC_8 || k.code == ENG_WC_LOOKUP;
    const int steps = 8 / k.subs, offset = is_signed ? SIGNED_OFFSET : f->offset;
#pragma GCC unroll 4
    for (int v = 0; v < NV; v++) {
        vf inner[DOT_ROWS];
#pragma GCC unroll 2
        for (int g = 0; g < k.subs; g++) {
            vi dot[DOT_ROWS];
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                dot[r] = vi_set(-offset * (int)(k.subs == 2 ? a.half[2 * r + g] : a.sum[r]));
            }
#pragma GCC unroll 8
            for (int i = g * steps; i < (g + 1) * steps; i++) {
                vi w = step_codes(k.code, p + v * VL * 4, i, table);
#pragma GCC unroll 4
                for (int r = 0; r < rows; r++) {
                    vi x = quad(a.q + r * ENG_QB + 4 * i);
                    dot[r] = is_signed ? dot_bytes(dot[r], w, x) : dot_codes(dot[r], w, x);
                }
            }
            vf y = k.direct ? vf_load_f16((const uint16_t *)(const void *)s + v * VL)
                            : vf_load(scale[g] + v * VL);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++)
                inner[r] =
                    g ? vf_fma(y, vf_of_int(dot[r]), inner[r]) : vf_mul(y, vf_of_int(dot[r]));
        }
        const int n_min = k.mins ? k.subs : 0;
#pragma GCC unroll 2
        for (int g = 0; g < n_min; g++) {
            vf y = vf_load(min[g] + v * VL);
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                vf sum = vf_set(k.subs == 2 ? a.half[2 * r + g] : a.sum[r]);
                inner[r] = vf_fma(y, sum, inner[r]);
            }
        }
#pragma GCC unroll 4
        for (int r = 0; r < rows; r++)
            acc[r][v] = vf_fma(vf_set(a.d[r]), inner[r], acc[r][v]);
    }
}

/* `rows` rows over n_blocks blocks. */
INLINE void dot_rows(const int rows, const family k, const eng_wform *f, size_t n, size_t n_blocks,
                     eng_wacts a, const uint8_t *group, float *c, size_t ldc, bool add)
{
    float scale[16][ENG_WCOLS], min[16][ENG_WCOLS];
    vf acc[DOT_ROWS][NV];
    vi table = table_of(f);
    const size_t blocks = k.direct ? 1 : f->blocks;
    a.rows = (size_t)rows; /* a constant here */
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++)
            acc[r][v] = c_load(c + r * ldc, n, v, add);
    for (size_t b = 0; b < n_blocks; group += f->group_bytes) {
        const uint8_t *s = group + blocks * f->block_bytes;
        if (!k.direct) expand(f, s, scale, min);
        for (size_t j = 0; j < blocks; j++, b++, acts_next(&a)) {
            const uint8_t *p = group + j * f->block_bytes;
            for (size_t i = 0; i < f->block_bytes; i += 64)
                __builtin_prefetch(p + AHEAD + i, 0, 3);
            dot_block(rows, k, f, table, p, s, scale + j * (size_t)k.subs, min + j * (size_t)k.subs,
                      a, acc);
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int v = 0; v < NV; v++)
            c_store(c + r * ldc, n, v, acc[r][v]);
}

/* The heights of one family. */
#define DOT_FAMILY(name, ...)                                                                      \
    static void dot_##name(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,   \
                           const void *groups, float *c, size_t ldc, bool add)                     \
    {                                                                                              \
        const family k = {__VA_ARGS__};                                                            \
        switch (m) {                                                                               \
        case 1:                                                                                    \
            dot_rows(1, k, f, n, n_blocks, a, groups, c, ldc, add);                                \
            return;                                                                                \
        case 2:                                                                                    \
            dot_rows(2, k, f, n, n_blocks, a, groups, c, ldc, add);                                \
            return;                                                                                \
        case 3:                                                                                    \
            dot_rows(3, k, f, n, n_blocks, a, groups, c, ldc, add);                                \
            return;                                                                                \
        default:                                                                                   \
            dot_rows(4, k, f, n, n_blocks, a, groups, c, ldc, add);                                \
            return;                                                                                \
        }                                                                                          \
    }

DOT_FAMILY(8, ENG_WC_8, 1, false, true)
DOT_FAMILY(4, ENG_WC_4, 1, false, true)
DOT_FAMILY(4_min, ENG_WC_4, 1, true, false)
DOT_FAMILY(4_1, ENG_WC_4_1, 1, false, true)
DOT_FAMILY(4_1_min, ENG_WC_4_1, 1, true, false)
DOT_FAMILY(4_2, ENG_WC_4_2, 2, false, false)
DOT_FAMILY(2, ENG_WC_2, 2, true, false)
DOT_FAMILY(2_1, ENG_WC_2_1, 2, false, false)
DOT_FAMILY(lookup, ENG_WC_LOOKUP, 1, false, true)
DOT_FAMILY(lookup_k, ENG_WC_LOOKUP, 1, false, false)

static void dot(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                const void *groups, float *c, size_t ldc, bool add)
{
    assert(m && m <= DOT_ROWS && n && n <= ENG_WCOLS);
    switch (f->code) {
    case ENG_WC_8:
        dot_8(f, m, n, n_blocks, a, groups, c, ldc, add);
        return;
    case ENG_WC_4:
        (f->mins ? dot_4_min : dot_4)(f, m, n, n_blocks, a, groups, c, ldc, add);
        return;
    case ENG_WC_4_1:
        (f->mins ? dot_4_1_min : dot_4_1)(f, m, n, n_blocks, a, groups, c, ldc, add);
        return;
    case ENG_WC_4_2:
        dot_4_2(f, m, n, n_blocks, a, groups, c, ldc, add);
        return;
    case ENG_WC_2:
        dot_2(f, m, n, n_blocks, a, groups, c, ldc, add);
        return;
    case ENG_WC_2_1:
        dot_2_1(f, m, n, n_blocks, a, groups, c, ldc, add);
        return;
    case ENG_WC_LOOKUP:
        (f->scale == ENG_WS_F16 ? dot_lookup : dot_lookup_k)(f, m, n, n_blocks, a, groups, c, ldc,
                                                             add);
        return;
    case ENG_WC_N:
        break;
    }
    assert(!"no such family of codes");
}

/* ---- many rows: unpacked once ---- */

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

#endif /* OWN_TILE */

#endif
