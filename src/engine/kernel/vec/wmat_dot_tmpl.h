/* wmat_dot_tmpl.h - few rows times packed weights, as they come from memory (vec/wmat_tmpl.h has
 * the words this is over).
 *
 * One row is bound by memory: what counts is that the bytes are asked for in time.  From about
 * eight rows on the products count: a step of codes, once in a register, meets every row, and each
 * row's four activations meet DOT_V vectors of columns.
 *
 * Constants of the instruction set: DOT_ROWS, the most rows, with DOT_HEIGHTS(F) their list; DOT_V,
 * how many vectors of columns are taken at a time (fewer where DOT_WIDTH(rows) says so); DOT_KEPT,
 * the sums of so many rows stay in registers, those of more in the first-level cache, since the
 * dots of a block want the registers.
 */
#ifndef ENG_KERNEL_VEC_WMAT_DOT_TMPL_H
#define ENG_KERNEL_VEC_WMAT_DOT_TMPL_H

#include "engine/kernel/vec/wmat_code_tmpl.h"

/* How far before its use a packed weight is asked for, in bytes: into the second-level cache, then
 * into the first.  Without the far one, what a core can have on its way (its line fill buffers)
 * holds less than memory's latency times its bandwidth. */
enum { FAR = 4096, NEAR = 1024 };

/* A family of codes and scales, constants where a kernel is made of it.  `direct`: a group is one
 * block with f16 scales, which are used as they come. */
typedef struct family {
    eng_wcode code;
    int subs;
    bool mins, direct;
} family;

#ifndef DOT_WIDTH
#define DOT_WIDTH(rows) DOT_V
#endif

/* The sums of dot(): rows by columns, in one of the two. */
typedef struct dot_sums {
    vf kept[DOT_KEPT][NV];
    _Alignas(64) float cached[DOT_ROWS][ENG_WCOLS];
} dot_sums;

INLINE vf sum_get(const int rows, const dot_sums *s, const int r, const int v)
{
    return rows <= DOT_KEPT ? s->kept[r % DOT_KEPT][v] : vf_load(s->cached[r] + v * VL);
}

INLINE void sum_set(const int rows, dot_sums *s, const int r, const int v, vf x)
{
    if (rows <= DOT_KEPT)
        s->kept[r % DOT_KEPT][v] = x;
    else
        vf_store(s->cached[r] + v * VL, x);
}

/* The integer dots of sub-block g of a block with vt vectors of columns from vector v0 on; start:
 * what they begin with, row by row (nothing where there are minimums).  Codes are summed in 16 bits
 * as long as that holds them. */
INLINE void dot_codes_of(const int rows, const int vt, const family k, vi table, const uint8_t *p,
                         const int g, const int v0, const uint8_t *q, const int32_t *start,
                         vi (*dot)[DOT_V])
{
    const bool is_signed = k.code == ENG_WC_8 || k.code == ENG_WC_LOOKUP;
    const int steps = 8 / k.subs, most = SHORT_STEPS(k.code), run = most ? most : 1;
    vi part[DOT_ROWS][DOT_V];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 4
        for (int t = 0; t < vt; t++)
            dot[r][t] = k.mins ? vi_set(0) : vi_set(start[k.subs * r + g]);
#pragma GCC unroll 8
    for (int n = 0; n < steps; n++) {
        const int i = g * steps + n;
        vi w[DOT_V];
#pragma GCC unroll 4
        for (int t = 0; t < vt; t++)
            w[t] = step_codes(k.code, p + (v0 + t) * VL * 4, i, table);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            vi x = quad(q + r * ENG_QB + 4 * i);
#pragma GCC unroll 4
            for (int t = 0; t < vt; t++) {
                if (!most) {
                    dot[r][t] =
                        is_signed ? dot_bytes(dot[r][t], w[t], x) : dot_codes(dot[r][t], w[t], x);
                    continue;
                }
                vi y = short_dot(w[t], x);
                part[r][t] = n % run ? short_add(part[r][t], y) : y;
                if (n % run == run - 1 || n == steps - 1)
                    dot[r][t] = short_widen(dot[r][t], part[r][t]);
            }
        }
    }
}

/* Adds the minimums of a block, times the activations' sums, for vector v. */
INLINE void dot_mins(const int rows, const family k, float (*min)[ENG_WCOLS], const int v,
                     eng_wacts a, vf *inner, const int stride)
{
    const int n_min = k.mins ? k.subs : 0;
#pragma GCC unroll 2
    for (int g = 0; g < n_min; g++) {
        vf y = vf_load(min[g] + v * VL);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            vf sum = vf_set(k.subs == 2 ? a.half[2 * r + g] : a.sum[r]);
            inner[r * stride] = vf_fma(y, sum, inner[r * stride]);
        }
    }
}

/* Adds one block to the sums of `rows` rows. */
INLINE void dot_block(const int rows, const family k, vi table, const uint8_t *p, const uint8_t *s,
                      float (*scale)[ENG_WCOLS], float (*min)[ENG_WCOLS], eng_wacts a,
                      const int32_t *start, dot_sums *sums)
{
    const int vt = DOT_WIDTH(rows);
#pragma GCC unroll 8
    for (int v0 = 0; v0 < NV; v0 += vt) {
        vf inner[DOT_ROWS][DOT_V];
#pragma GCC unroll 2
        for (int g = 0; g < k.subs; g++) {
            vi dot[DOT_ROWS][DOT_V];
            dot_codes_of(rows, vt, k, table, p, g, v0, a.q, start, dot);
#pragma GCC unroll 4
            for (int t = 0; t < vt; t++) {
                vf y = k.direct ? vf_load_f16((const uint16_t *)(const void *)s + (v0 + t) * VL)
                                : vf_load(scale[g] + (v0 + t) * VL);
#pragma GCC unroll 8
                for (int r = 0; r < rows; r++)
                    inner[r][t] = g ? vf_fma(y, vf_of_int(dot[r][t]), inner[r][t])
                                    : vf_mul(y, vf_of_int(dot[r][t]));
            }
        }
#pragma GCC unroll 4
        for (int t = 0; t < vt; t++) {
            dot_mins(rows, k, min, v0 + t, a, &inner[0][t], DOT_V);
#pragma GCC unroll 8
            for (int r = 0; r < rows; r++) {
                vf c = sum_get(rows, sums, r, v0 + t);
                sum_set(rows, sums, r, v0 + t, vf_fma(vf_set(a.d[r]), inner[r][t], c));
            }
        }
    }
}

/* Blocks whose dots' beginnings are computed at once. */
enum { DOT_AHEAD = 8 };

/* What the dots of up to DOT_AHEAD blocks begin with: the codes' offset is taken off all at once,
 * by the sum of the activations. */
INLINE void dot_starts(const int rows, const family k, const eng_wform *f, size_t n_blocks,
                       eng_wacts a, int32_t *start)
{
    const bool is_signed = k.code == ENG_WC_8 || k.code == ENG_WC_LOOKUP;
    const int32_t offset = is_signed ? SIGNED_OFFSET : f->offset;
    const float *sum = k.subs == 2 ? a.half : a.sum;
    for (size_t i = 0; i < n_blocks * (size_t)rows * (size_t)k.subs; i++)
        start[i] = -offset * (int32_t)sum[i];
}

/* Asks for the bytes of a block, codes and its share of the scales, before it is its turn. */
INLINE void dot_ask(const uint8_t *p, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 64) {
        __builtin_prefetch(p + NEAR + i, 0, 3);
        __builtin_prefetch(p + FAR + i, 0, 2);
    }
}

/* `rows` rows over n_blocks blocks, of which the first m are stored. */
INLINE void dot_rows(const int rows, const family k, const eng_wform *f, int m, size_t n,
                     size_t n_blocks, eng_wacts a, const uint8_t *group, float *c, size_t ldc,
                     bool add)
{
    float scale[16][ENG_WCOLS], min[16][ENG_WCOLS];
    int32_t start[DOT_AHEAD * DOT_ROWS * 2] = {0};
    dot_sums sums;
    vi table = table_of(f);
    const size_t blocks = k.direct ? 1 : f->blocks, bytes = f->group_bytes / blocks;
    const size_t n_start = (size_t)rows * (size_t)k.subs;
    a.rows = (size_t)rows; /* a constant here */
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < NV; v++)
            sum_set(rows, &sums, r, v, c_load(c + (size_t)r * ldc, n, v, add && r < m));
    for (size_t b = 0; b < n_blocks; b++, acts_next(&a)) {
        const size_t j = b % blocks, left = n_blocks - b;
        if (b % DOT_AHEAD == 0)
            dot_starts(rows, k, f, left < DOT_AHEAD ? left : DOT_AHEAD, a, start);
        if (!k.direct && j == 0) expand(f, group + blocks * f->block_bytes, scale, min);
        dot_ask(group + j * bytes, bytes);
        const uint8_t *p = group + j * f->block_bytes;
        dot_block(rows, k, table, p, p + f->block_bytes, scale + j * (size_t)k.subs,
                  min + j * (size_t)k.subs, a, start + b % DOT_AHEAD * n_start, &sums);
        if (j + 1 == blocks) group += f->group_bytes;
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
#pragma GCC unroll 8
        for (int v = 0; v < NV; v++)
            if (r < m) c_store(c + (size_t)r * ldc, n, v, sum_get(rows, &sums, r, v));
}

/* The heights of one family. */
#define DOT_CASE(rows)                                                                             \
    case rows:                                                                                     \
        dot_rows(rows, k, f, (int)m, n, n_blocks, a, groups, c, ldc, add);                         \
        return;
#define DOT_FAMILY(name, ...)                                                                      \
    static void dot_##name(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,   \
                           const void *groups, float *c, size_t ldc, bool add)                     \
    {                                                                                              \
        const family k = {__VA_ARGS__};                                                            \
        switch (a.rows) {                                                                          \
            DOT_HEIGHTS(DOT_CASE)                                                                  \
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

/* One body for each family of codes and its minima, so that neither is asked for within the loops.
 */
static void dot(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                const void *groups, float *c, size_t ldc, bool add)
{
    assert(m && m <= a.rows && a.rows <= DOT_ROWS && n && n <= ENG_WCOLS);
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

#endif
