/* attn_tile_tmpl.h - attention for inference (kernel/attn.h) over a vector vocabulary, in tiles of
 * up to ROWS rows (query, head) by BLOCK keys.
 *
 * Scores come from a transposed block of keys, so that a score is one chain over head_dim, as in
 * the definition, however many rows there are.  A product with the values walks the keys a row sees
 * and no others.  Keys and values of other types become floats block by block.
 *
 * Included after a vocabulary and the MM_ macros of mm_tmpl.h.
 */
#ifndef ENG_KERNEL_VEC_ATTN_TILE_TMPL_H
#define ENG_KERNEL_VEC_ATTN_TILE_TMPL_H

#include "engine/kernel/attn.h"
#include "engine/kernel/slots.h"
#include "engine/kernel/vec/rows.h"
#include "engine/kernel/x86/mm_tmpl.h"

#include <math.h>
#include <string.h>

enum { BLOCK = ENG_ATTN_BLOCK, SPLIT = ENG_ATTN_SPLIT, ROWS = ENG_ATTN_ROWS };

/* Maximum, denominator [ROWS] and weighted sums of values [ROWS, wide] of a tile's rows; a
 * denominator of 0 stands for "no keys yet". */
typedef struct sums {
    float *max, *den, *acc;
} sums;

/* The scratch of one tile. */
typedef struct tile {
    const eng_attn *a;
    size_t n_rows, wide;           /* wide: head_dim_v in whole vectors */
    float *q;                      /* [ROWS, head_dim_k] scaled queries */
    float *kt;                     /* [head_dim_k, BLOCK] keys transposed */
    float *v;                      /* [BLOCK, wide] room for values as floats */
    float *s;                      /* [ROWS, BLOCK] scores, then weights */
    sums now, all;                 /* of the split under way; of those before it */
    bool begun;                    /* `all` holds something */
    size_t first[ROWS], end[ROWS]; /* keys that a row sees */
    size_t lo[ROWS], hi[ROWS];     /* of these in the block, from its start; none if equal */
    size_t at[ROWS], head[ROWS];   /* position of the row's query, number of its head */
} tile;

/* ---- keys and values as floats ---- */

/* Elements j .. j + VL of a row of n elements; beyond n they are 0. */
INLINE vf row_get(const eng_dtype type, const void *row, size_t j, size_t n)
{
    if (type == ENG_F32) return get(row, j, n);
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
INLINE void keys_of(const eng_dtype type, float *kt, const char *src, size_t row_bytes, size_t m,
                    size_t n)
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
                if (c < cols) vf_store(kt + (j + c) * BLOCK + i, t[c]);
        }
    }
}

/* v [m, wide] = m rows of n elements, padded with zeros. */
INLINE void values_of(const eng_dtype type, float *v, size_t wide, const char *src,
                      size_t row_bytes, size_t m, size_t n)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j += VL)
            vf_store(v + i * wide + j, row_get(type, src + i * row_bytes, j, n));
}

/* The n_k keys from key0 on into t->kt. */
static void load_keys(tile *t, size_t key0, size_t n_k)
{
    const eng_attn *a = t->a;
    const char *src = (const char *)a->k + key0 * a->k_row_bytes;
    if (a->k_type == ENG_F32)
        keys_of(ENG_F32, t->kt, src, a->k_row_bytes, n_k, a->head_dim_k);
    else if (a->k_type == ENG_F16)
        keys_of(ENG_F16, t->kt, src, a->k_row_bytes, n_k, a->head_dim_k);
    else
        keys_of(ENG_BF16, t->kt, src, a->k_row_bytes, n_k, a->head_dim_k);
}

/* The n_k values from key0 on as rows of floats *ld apart: in place if they are that already. */
static const float *load_values(tile *t, size_t key0, size_t n_k, size_t *ld)
{
    const eng_attn *a = t->a;
    const char *src = (const char *)a->v + key0 * a->v_row_bytes;
    *ld = t->wide;
    if (a->v_type == ENG_F32 && t->wide == a->head_dim_v) {
        *ld = a->v_row_bytes / sizeof(float);
        return (const float *)(const void *)src;
    }
    if (a->v_type == ENG_F32)
        values_of(ENG_F32, t->v, t->wide, src, a->v_row_bytes, n_k, a->head_dim_v);
    else if (a->v_type == ENG_F16)
        values_of(ENG_F16, t->v, t->wide, src, a->v_row_bytes, n_k, a->head_dim_v);
    else
        values_of(ENG_BF16, t->v, t->wide, src, a->v_row_bytes, n_k, a->head_dim_v);
    return t->v;
}

/* ---- one block of keys ---- */

/* Fills lo and hi for the block of keys at key0; returns the number of keys up to the last that a
 * row sees, 0 if none sees any. */
static size_t see(tile *t, size_t key0)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        t->lo[i] = t->first[i] > key0 ? t->first[i] - key0 : 0;
        t->hi[i] = t->end[i] > key0 ? t->end[i] - key0 : 0;
        if (t->hi[i] > BLOCK) t->hi[i] = BLOCK;
        if (t->lo[i] >= t->hi[i]) t->lo[i] = t->hi[i] = 0;
        n = t->hi[i] > n ? t->hi[i] : n;
    }
    return n;
}

/* Soft cap and ALiBi on the scores of row i. */
static void bend(tile *t, size_t i, size_t key0)
{
    const eng_attn *a = t->a;
    float *s = t->s + i * BLOCK;
    vf cap = vf_set(a->softcap), slope = vf_set(a->slope ? a->slope[t->head[i]] : 0);
    for (size_t j = 0; j < BLOCK; j += VL) {
        vf x = vf_load(s + j);
        if (a->softcap > 0) x = vf_mul(cap, vf_tanh(vf_div(x, cap)));
        if (a->slope) {
            int32_t from = (int32_t)((ptrdiff_t)(key0 + j) - (ptrdiff_t)t->at[i]);
            vf far = vf_abs(vf_of_int(vi_add(vi_lanes(), vi_set(from))));
            x = vf_sub(x, vf_mul(slope, far));
        }
        vf_store(s + j, x);
    }
}

/* Turns a row of scores into weights of the new maximum, and rescales the row's sums. */
static void soften(tile *t, size_t i)
{
    float *s = t->s + i * BLOCK, *acc = t->now.acc + i * t->wide;
    vi from = vi_set((int32_t)t->lo[i] - 1), to = vi_set((int32_t)t->hi[i]);
    vf x[BLOCK / VL], low = vf_set(-INFINITY), top = low, sum = vf_zero();
#pragma GCC unroll 16
    for (size_t j = 0; j < BLOCK / VL; j++) {
        vi at = vi_add(vi_lanes(), vi_set((int32_t)(j * VL)));
        x[j] = vf_pick(vm_and(vm_less(from, at), vm_less(at, to)), vf_load(s + j * VL), low);
        top = vf_max(x[j], top);
    }
    float was = t->now.max[i], new_max = vf_largest(top);
    new_max = new_max > was ? new_max : was;
    top = vf_set(new_max);
#pragma GCC unroll 16
    for (size_t j = 0; j < BLOCK / VL; j++) {
        x[j] = vf_exp(vf_sub(x[j], top));
        vf_store(s + j * VL, x[j]);
        sum = vf_add(sum, x[j]);
    }
    if (new_max == was) { /* what follows, with a factor of 1 */
        t->now.den[i] = t->now.den[i] + vf_sum(sum);
        return;
    }
    vf shrink = vf_exp(vf_sub(vf_set(was), top));
    t->now.den[i] = t->now.den[i] * vf_first(shrink) + vf_sum(sum);
    t->now.max[i] = new_max;
    for (size_t d = 0; d < t->wide; d += VL)
        vf_store(acc + d, vf_mul(vf_load(acc + d), shrink));
}

/* Sums of rows [i, i + m) += weights of keys [lo, hi) times values. */
static void weigh(tile *t, size_t i, size_t m, size_t lo, size_t hi, const float *v, size_t ldv)
{
    if (lo >= hi) return;
    mm_args g = {.a = t->s + i * BLOCK + lo,
                 .ars = BLOCK,
                 .acs = 1,
                 .b = v + lo * ldv,
                 .ldb = ldv,
                 .c = t->now.acc + i * t->wide,
                 .ldc = t->wide,
                 .from_c = true};
    mm(m, t->wide, hi - lo, &g);
}

/* Adds the weighted values of a block: a group of rows together as far as all of them see, the
 * rest row by row. */
static void weigh_block(tile *t, const float *v, size_t ldv)
{
    for (size_t i = 0; i < t->n_rows; i += MM_ROWS) {
        size_t end = i + MM_ROWS < t->n_rows ? i + MM_ROWS : t->n_rows, hi = BLOCK;
        bool same = true;
        for (size_t r = i; r < end; r++) {
            same = same && t->lo[r] == t->lo[i];
            hi = t->hi[r] < hi ? t->hi[r] : hi;
        }
        size_t common = same && hi > t->lo[i] ? hi : 0;
        if (common) weigh(t, i, end - i, t->lo[i], common, v, ldv);
        for (size_t r = i; r < end; r++)
            weigh(t, r, 1, common ? common : t->lo[r], t->hi[r], v, ldv);
    }
}

/* Scores of the block for every group of rows, as far as the group sees. */
static void score_block(tile *t)
{
    size_t n = t->a->head_dim_k;
    for (size_t i = 0; i < t->n_rows; i += MM_ROWS) {
        size_t m = t->n_rows - i < MM_ROWS ? t->n_rows - i : MM_ROWS, hi = 0;
        for (size_t r = i; r < i + m; r++)
            hi = t->hi[r] > hi ? t->hi[r] : hi;
        mm_args g = {t->q + i * n, n, 1, t->kt, BLOCK, t->s + i * BLOCK, BLOCK, false};
        if (hi) mm(m, (hi + VL - 1) / VL * VL, n, &g);
    }
}

/* Folds the block of keys at key0 into the tile. */
static void fold_block(tile *t, size_t key0)
{
    size_t n_k = see(t, key0), ldv;
    if (!n_k) return;
    load_keys(t, key0, n_k);
    score_block(t);
    for (size_t i = 0; i < t->n_rows; i++) {
        if (t->lo[i] >= t->hi[i]) continue;
        if (t->a->softcap > 0 || t->a->slope) bend(t, i, key0);
        soften(t, i);
    }
    const float *v = load_values(t, key0, n_k, &ldv);
    weigh_block(t, v, ldv);
}

/* ---- splits ---- */

/* Empties the sums. */
static void clear(const tile *t, sums *s)
{
    for (size_t i = 0; i < t->n_rows; i++) {
        s->max[i] = -INFINITY;
        s->den[i] = 0;
        for (size_t d = 0; d < t->wide; d += VL)
            vf_store(s->acc + i * t->wide + d, vf_zero());
    }
}

/* Row i of `all` += a state of n values; one without keys changes nothing, the first is copied. */
static void merge_row(tile *t, size_t i, float max, float den, const float *sum, size_t n)
{
    float *to = t->all.acc + i * t->wide, old = t->all.max[i], old_den = t->all.den[i];
    if (den == 0) return;
    if (old_den == 0) {
        for (size_t d = 0; d < n; d += VL)
            vf_store(to + d, get(sum, d, n));
        t->all.den[i] = den;
        t->all.max[i] = max;
        return;
    }
    float top = max > old ? max : old;
    vf was = vf_exp(vf_set(old - top)), is = vf_exp(vf_set(max - top));
    for (size_t d = 0; d < n; d += VL) {
        vf part = vf_mul(get(sum, d, n), is);
        vf_store(to + d, vf_add(vf_mul(vf_load(to + d), was), part));
    }
    t->all.den[i] = old_den * vf_first(was) + den * vf_first(is);
    t->all.max[i] = top;
}

/* Ends a split: what it gave joins what was before. */
static void merge(tile *t)
{
    if (!t->begun) {
        sums first = t->now;
        t->now = t->all;
        t->all = first;
        t->begun = true;
    } else {
        for (size_t i = 0; i < t->n_rows; i++)
            merge_row(t, i, t->now.max[i], t->now.den[i], t->now.acc + i * t->wide, t->wide);
    }
    clear(t, &t->now);
}

/* Writes row i of the result: the sink joins the denominator, which divides the sums. */
static void finish_row(const tile *t, size_t row0, size_t i)
{
    const eng_attn *a = t->a;
    size_t q = (row0 + i) / a->n_group, h = (row0 + i) % a->n_group;
    float *out = a->out + q * a->ldo + h * a->head_dim_v, den = t->all.den[i];
    vf shrink = vf_set(1.0f);
    if (a->sink) {
        float top = a->sink[h] > t->all.max[i] ? a->sink[h] : t->all.max[i];
        shrink = vf_exp(vf_set(t->all.max[i] - top));
        den = den * vf_first(shrink) + vf_first(vf_exp(vf_set(a->sink[h] - top)));
    }
    for (size_t d = 0; d < a->head_dim_v; d += VL) {
        vf x = vf_mul(vf_load(t->all.acc + i * t->wide + d), shrink);
        put(out, d, a->head_dim_v, vf_div(x, vf_set(den)));
    }
}

/* ---- the slots ---- */

/* Lays the tile out in scratch. */
static tile tile_of(const eng_attn_tile *job, float *scratch)
{
    const eng_attn *a = job->a;
    tile t = {.a = a, .n_rows = job->n_rows, .wide = (a->head_dim_v + VL - 1) / VL * VL};
    size_t acc = ROWS * t.wide;
    assert(job->n_rows <= ROWS);
    t.s = scratch;
    t.now = (sums){t.s + ROWS * BLOCK, t.s + ROWS * BLOCK + ROWS, t.s + ROWS * (BLOCK + 4)};
    t.all = (sums){t.now.den + ROWS, t.now.den + 2 * ROWS, t.now.acc + acc};
    t.v = t.all.acc + acc;
    t.kt = t.v + BLOCK * t.wide;
    t.q = t.kt + BLOCK * a->head_dim_k;
    return t;
}

/* Queries, scaled, and what they see. */
static void begin_rows(tile *t, size_t row0)
{
    const eng_attn *a = t->a;
    vf scale = vf_set(a->scale);
    for (size_t i = 0; i < t->n_rows; i++) {
        size_t query = (row0 + i) / a->n_group;
        t->head[i] = (row0 + i) % a->n_group;
        t->at[i] = a->pos0 + query;
        eng_attn_visible(a, query, &t->first[i], &t->end[i]);
        assert(t->first[i] < t->end[i]);
        const float *q = a->q + query * a->ldq + t->head[i] * a->head_dim_k;
        for (size_t d = 0; d < a->head_dim_k; d += VL)
            put(t->q + i * a->head_dim_k, d, a->head_dim_k,
                vf_mul(get(q, d, a->head_dim_k), scale));
    }
    clear(t, &t->now);
    clear(t, &t->all);
}

void ENG_ISA(eng_attn_tile)(const eng_attn_tile *job, void *scratch)
{
    tile t = tile_of(job, scratch);
    size_t from = SIZE_MAX, to = 0;
    begin_rows(&t, job->row0);
    for (size_t i = 0; i < t.n_rows; i++) {
        from = t.first[i] < from ? t.first[i] : from;
        to = t.end[i] > to ? t.end[i] : to;
    }
    if (job->part) {
        size_t lo = job->split * SPLIT, hi = lo + SPLIT;
        from = from > lo ? from : lo;
        to = to < hi ? to : hi;
    }
    for (size_t key0 = from / BLOCK * BLOCK; key0 < to; key0 += BLOCK) {
        fold_block(&t, key0);
        if ((key0 + BLOCK) % SPLIT == 0 || key0 + BLOCK >= to) merge(&t);
    }
    for (size_t i = 0; i < t.n_rows; i++) {
        if (!job->part) {
            finish_row(&t, job->row0, i);
            continue;
        }
        float *part = job->part + i * (t.a->head_dim_v + 2);
        part[0] = t.all.max[i];
        part[1] = t.all.den[i];
        memcpy(part + 2, t.all.acc + i * t.wide, t.a->head_dim_v * sizeof(float));
    }
}

void ENG_ISA(eng_attn_join)(const eng_attn_tile *job, const float *part, size_t n_parts,
                            void *scratch)
{
    tile t = tile_of(job, scratch);
    size_t n = t.a->head_dim_v, floats = eng_attn_part_floats(job);
    clear(&t, &t.all);
    for (size_t p = 0; p < n_parts; p++)
        for (size_t i = 0; i < t.n_rows; i++) {
            const float *s = part + p * floats + i * (n + 2);
            merge_row(&t, i, s[0], s[1], s + 2, n);
        }
    for (size_t i = 0; i < t.n_rows; i++)
        finish_row(&t, job->row0, i);
}

#endif
