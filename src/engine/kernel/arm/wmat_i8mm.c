/* wmat_i8mm.c - quantised weight matrices by smmla: the products of two rows with two columns,
 * eight elements of k each, an instruction.  Few rows go by sdot. */
#include "engine/kernel/arm/wmat_words.h"

static inline vi dot_codes(vi acc, vi w, vi a)
{
    return vdotq_s32(acc, vreinterpretq_s8_s32(w), vreinterpretq_s8_s32(a));
}

#undef ROWS
#define OWN_TILE
/* over the words of the above */
#include "engine/kernel/arm/wmat_signed.h"
#include "engine/kernel/vec/wmat_tmpl.h"

/* Most rows of a tile, and pairs of them. */
enum { PAIRS = 4, MOST = 2 * PAIRS };

/* Eight codes from k on of two rows. */
INLINE int8x16_t pair_at(const uint8_t *q, size_t k)
{
    const int8_t *p = (const int8_t *)q + k;
    return vcombine_s8(vld1_s8(p), vld1_s8(p + ENG_QB));
}

/* dot[r] = the exact sums of steps [i0, i1) of a block for VL columns: w is the first step's. */
INLINE void pair_dots(const int pairs, const int8_t (*w)[ENG_WSTEP], const int i0, const int i1,
                      const uint8_t *q, vi *dot)
{
    vi lo[PAIRS], hi[PAIRS]; /* two rows by the first two columns, by the last two */
#pragma GCC unroll 4
    for (int p = 0; p < pairs; p++)
        lo[p] = hi[p] = vi_set(0);
#pragma GCC unroll 4
    for (int i = i0; i < i1; i += 2) {
        vi a = vi_load(w[i]), b = vi_load(w[i + 1]);
        int8x16_t first = vreinterpretq_s8_s32(vzip1q_s32(a, b));
        int8x16_t last = vreinterpretq_s8_s32(vzip2q_s32(a, b));
#pragma GCC unroll 4
        for (int p = 0; p < pairs; p++) {
            int8x16_t x = pair_at(q + p * 2 * ENG_QB, (size_t)i * 4);
            lo[p] = vmmlaq_s32(lo[p], x, first);
            hi[p] = vmmlaq_s32(hi[p], x, last);
        }
    }
#pragma GCC unroll 4
    for (int p = 0; p < pairs; p++) {
        int64x2_t x = vreinterpretq_s64_s32(lo[p]), y = vreinterpretq_s64_s32(hi[p]);
        dot[2 * p] = vreinterpretq_s32_s64(vzip1q_s64(x, y));
        dot[2 * p + 1] = vreinterpretq_s32_s64(vzip2q_s64(x, y));
    }
}

/* Adds one block to `pairs` pairs of rows by the VL columns from col on. */
INLINE void pair_block(const int pairs, const int subs, const bool mins, size_t col,
                       const eng_wchunk *w, size_t b, eng_wacts a, vf *acc)
{
    const int rows = 2 * pairs, steps = 8 / subs, n_min = mins ? subs : 0;
    const int8_t(*q)[ENG_WSTEP] = (const int8_t(*)[ENG_WSTEP])(w->q[b][0] + 4 * col);
    vf inner[MOST];
#pragma GCC unroll 2
    for (int g = 0; g < subs; g++) {
        vi dot[MOST];
        vf y = vf_load(w->scale[b * (size_t)subs + (size_t)g] + col);
        pair_dots(pairs, q, g * steps, (g + 1) * steps, a.q, dot);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
            inner[r] = g ? vf_fma(y, vf_of_int(dot[r]), inner[r]) : vf_mul(y, vf_of_int(dot[r]));
    }
#pragma GCC unroll 2
    for (int g = 0; g < n_min; g++) {
        vf y = vf_load(w->min[b * (size_t)subs + (size_t)g] + col);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++)
            inner[r] = vf_fma(y, vf_set(subs == 2 ? a.half[2 * r + g] : a.sum[r]), inner[r]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++)
        acc[r] = vf_fma(vf_set(a.d[r]), inner[r], acc[r]);
}

/* `pairs` pairs of rows, of which the first m are stored. */
INLINE void tile_pairs(const int pairs, const int subs, const bool mins, int m, size_t n,
                       size_t n_blocks, eng_wacts a, const eng_wchunk *w, float *c, size_t ldc,
                       bool add)
{
    a.rows = (size_t)pairs * 2; /* a constant here */
    for (int v = 0; v < NV; v++) {
        vf acc[MOST];
        eng_wacts at = a;
#pragma GCC unroll 8
        for (int r = 0; r < 2 * pairs; r++)
            acc[r] = c_load(c + (size_t)r * ldc, n, v, add && r < m);
        for (size_t b = 0; b < n_blocks; b++, acts_next(&at))
            pair_block(pairs, subs, mins, (size_t)v * VL, w, b, at, acc);
#pragma GCC unroll 8
        for (int r = 0; r < 2 * pairs; r++)
            if (r < m) c_store(c + (size_t)r * ldc, n, v, acc[r]);
    }
}

#define TILE_CASE(pairs, subs, mins)                                                               \
    case 2 * (pairs):                                                                              \
        tile_pairs(pairs, subs, mins, (int)m, n, n_blocks, a, w, c, ldc, add);                     \
        return;
#define TILE_CASES(subs, mins)                                                                     \
    switch (a.rows) {                                                                              \
        TILE_CASE(1, subs, mins)                                                                   \
        TILE_CASE(2, subs, mins)                                                                   \
        TILE_CASE(3, subs, mins)                                                                   \
        TILE_CASE(4, subs, mins)                                                                   \
    }

static void tile(const eng_wform *f, size_t m, size_t n, size_t n_blocks, eng_wacts a,
                 const eng_wchunk *w, float *c, size_t ldc, bool add)
{
    assert(m && m <= a.rows && a.rows <= MOST && a.rows % 2 == 0 && n && n <= ENG_WCOLS);
    if (f->subs == 1 && !f->mins)
        TILE_CASES(1, false)
    else if (f->subs == 1)
        TILE_CASES(1, true)
    else if (!f->mins)
        TILE_CASES(2, false)
    else
        TILE_CASES(2, true)
}

/* Twelve chains of products. */
static float spin(size_t n, double *ops)
{
    int32x4_t s[12], sum = vdupq_n_s32(0);
    int8x16_t w = vdupq_n_s8(1);
#pragma GCC unroll 16
    for (int j = 0; j < 12; j++)
        s[j] = vdupq_n_s32(j);
    for (size_t i = 0; i < n; i++) {
#pragma GCC unroll 16
        for (int j = 0; j < 12; j++)
            s[j] = vmmlaq_s32(s[j], w, w);
    }
#pragma GCC unroll 16
    for (int j = 0; j < 12; j++)
        sum = vaddq_s32(sum, s[j]);
    *ops += 12.0 * 4 * 8 * 2 * (double)n;
    return (float)vaddvq_s32(sum);
}

const eng_wmat_slots eng_wmat_slots_i8mm = {
    .bias = BIAS,
    .dot_rows = DOT_ROWS,
    .dot_most = DOT_ROWS,
    .tile_rows = MOST,
    .row_step = 2,
    .quant = quant,
    .unpack = unpack,
    .tile = tile,
    .dot = dot,
    .spin = spin,
};
