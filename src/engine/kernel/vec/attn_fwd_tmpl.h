/* attn_fwd_tmpl.h - causal attention over a vector vocabulary, in tiles of BLOCK queries by BLOCK
 * keys.
 *
 * Scores come from a transposed block of keys, so that a score is one chain over head_dim, as in
 * the definition, however many queries there are.  A product with the values walks the keys a query
 * sees and no others.
 */
#ifndef ENG_KERNEL_VEC_ATTN_FWD_TMPL_H
#define ENG_KERNEL_VEC_ATTN_FWD_TMPL_H

#include "engine/kernel/slots.h"
#include "engine/kernel/vec/mm_tmpl.h"

#include <math.h>

enum { BLOCK = ENG_ATTN_BLOCK };

/* The scratch of one tile. */
typedef struct fwd_tile {
    float *q;             /* [BLOCK, head_dim] scaled queries */
    float *kt;            /* [head_dim, BLOCK] keys transposed */
    float *v;             /* [BLOCK, wide] room for padded values */
    float *s;             /* [BLOCK, BLOCK] scores, then weights */
    float *acc;           /* [BLOCK, wide] sums of weighted values */
    float *max, *den;     /* [BLOCK] running maximum and denominator */
    size_t wide;          /* head_dim in whole vectors */
    size_t n_q;           /* queries in the tile */
    size_t pos0;          /* position of the first */
    const int32_t *first; /* of its first query, or NULL */
    size_t lo[BLOCK];     /* keys of this block that a query sees: [lo, hi) from the block's */
    size_t hi[BLOCK];     /* start; none if equal */
} fwd_tile;

/* First key that query i sees. */
static inline size_t first_key(const int32_t *first, size_t i)
{
    return first && first[i] > 0 ? (size_t)first[i] : 0;
}

/* Fills lo and hi for the block of keys at key0; false if no query sees any. */
static bool visible(fwd_tile *t, size_t key0)
{
    bool any = false;
    for (size_t i = 0; i < t->n_q; i++) {
        size_t from = first_key(t->first, i), end = t->pos0 + i + 1;
        t->lo[i] = from > key0 ? from - key0 : 0;
        t->hi[i] = end > key0 ? (end - key0 < BLOCK ? end - key0 : BLOCK) : 0;
        if (t->lo[i] >= t->hi[i])
            t->lo[i] = t->hi[i] = 0;
        else
            any = true;
    }
    return any;
}

/* Turns a row of scores into weights of the new maximum, and rescales the row's sums. */
static void soften(fwd_tile *t, size_t i)
{
    float *s = t->s + i * BLOCK, *acc = t->acc + i * t->wide;
    vi from = vi_set((int32_t)t->lo[i] - 1), to = vi_set((int32_t)t->hi[i]);
    vf x[BLOCK / VL], low = vf_set(-INFINITY), top = low, sum = vf_zero();
#pragma GCC unroll 16
    for (size_t j = 0; j < BLOCK / VL; j++) {
        vi at = vi_add(vi_lanes(), vi_set((int32_t)(j * VL)));
        x[j] = vf_pick(vm_and(vm_less(from, at), vm_less(at, to)), vf_load(s + j * VL), low);
        top = vf_max(x[j], top);
    }
    float new_max = vf_largest(top);
    new_max = new_max > t->max[i] ? new_max : t->max[i];
    top = vf_set(new_max);
#pragma GCC unroll 16
    for (size_t j = 0; j < BLOCK / VL; j++) {
        x[j] = vf_exp(vf_sub(x[j], top));
        vf_store(s + j * VL, x[j]);
        sum = vf_add(sum, x[j]);
    }
    if (new_max == t->max[i]) { /* what follows, with a factor of 1 */
        t->den[i] = t->den[i] + vf_sum(sum);
        return;
    }
    vf shrink = vf_exp(vf_sub(vf_set(t->max[i]), top));
    float shrink1[VL];
    vf_store(shrink1, shrink);
    t->den[i] = t->den[i] * shrink1[0] + vf_sum(sum);
    t->max[i] = new_max;
    for (size_t d = 0; d < t->wide; d += VL)
        vf_store(acc + d, vf_mul(vf_load(acc + d), shrink));
}

/* acc of rows [i, i + m) += weights of keys [lo, hi) times values. */
static void weigh(fwd_tile *t, size_t i, size_t m, size_t lo, size_t hi, const float *v, size_t ldv)
{
    if (lo >= hi) return;
    mm_args g = {.a = t->s + i * BLOCK + lo,
                 .ars = BLOCK,
                 .acs = 1,
                 .b = v + lo * ldv,
                 .ldb = ldv,
                 .c = t->acc + i * t->wide,
                 .ldc = t->wide,
                 .from_c = true};
    mm(m, t->wide, hi - lo, &g);
}

/* Adds the weighted values of a block: a group of rows together as far as all of them see, the
 * rest row by row. */
static void weigh_block(fwd_tile *t, const float *v, size_t ldv)
{
    for (size_t i = 0; i < t->n_q; i += MM_ROWS) {
        size_t end = i + MM_ROWS < t->n_q ? i + MM_ROWS : t->n_q, hi = BLOCK;
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

/* Folds the block of keys at key0 into the tile. */
static void fold_block(fwd_tile *t, const eng_attn_fwd *a, size_t key0)
{
    size_t end = t->pos0 + t->n_q, n_k = end - key0 < BLOCK ? end - key0 : BLOCK, ldv;
    const float *k = a->k + key0 * a->ldkv, *v = a->v + key0 * a->ldkv;
    if (!visible(t, key0)) return;
    transpose(t->kt, BLOCK, k, a->ldkv, n_k, a->head_dim);
    v = padded(t->v, v, a->ldkv, n_k, a->head_dim, &ldv);
    for (size_t i = 0; i < t->n_q; i += MM_ROWS) {
        size_t m = t->n_q - i < MM_ROWS ? t->n_q - i : MM_ROWS, last = t->pos0 + i + m - 1;
        if (last < key0) continue;
        size_t n = last + 1 - key0 < n_k ? last + 1 - key0 : n_k;
        mm_args g = {t->q + i * a->head_dim, a->head_dim, 1,    t->kt, BLOCK,
                     t->s + i * BLOCK,       BLOCK,       false};
        mm(m, (n + VL - 1) / VL * VL, a->head_dim, &g);
    }
    for (size_t i = 0; i < t->n_q; i++)
        if (t->lo[i] < t->hi[i]) soften(t, i);
    weigh_block(t, v, ldv);
}

/* Writes the tile's rows of the result. */
static void finish_rows(const fwd_tile *t, const eng_attn_fwd *a, size_t q0)
{
    for (size_t i = 0; i < t->n_q; i++) {
        float *out = a->out + (q0 + i) * a->ldo;
        vf den = vf_set(t->den[i]);
        for (size_t d = 0; d < a->head_dim; d += VL) {
            vf x = vf_div(vf_load(t->acc + i * t->wide + d), den);
            if (a->head_dim - d >= VL)
                vf_store(out + d, x);
            else
                vf_store_some(out + d, vm_first(a->head_dim - d), x);
        }
        if (a->lse) a->lse[q0 + i] = t->max[i] + logf(t->den[i]);
    }
}

/* Queries [q0, q0 + t->n_q) over all the keys they see. */
static void attend(fwd_tile *t, const eng_attn_fwd *a, size_t q0)
{
    size_t from = SIZE_MAX;
    t->pos0 = a->pos0 + q0;
    t->first = a->first ? a->first + q0 : NULL;
    for (size_t i = 0; i < t->n_q; i++) {
        const float *q = a->q + (q0 + i) * a->ldq;
        for (size_t d = 0; d < a->head_dim; d++)
            t->q[i * a->head_dim + d] = q[d] * a->scale;
        for (size_t d = 0; d < t->wide; d += VL)
            vf_store(t->acc + i * t->wide + d, vf_zero());
        t->max[i] = -INFINITY;
        t->den[i] = 0;
        size_t lo = first_key(t->first, i);
        assert(lo <= t->pos0 + i);
        from = lo < from ? lo : from;
    }
    for (size_t key0 = from / BLOCK * BLOCK; key0 < t->pos0 + t->n_q; key0 += BLOCK)
        fold_block(t, a, key0);
    finish_rows(t, a, q0);
}

void ENG_ISA(eng_attn_fwd_f32)(const eng_attn_fwd *a, void *scratch)
{
    fwd_tile t = {.wide = (a->head_dim + VL - 1) / VL * VL};
    t.s = scratch;
    t.max = t.s + BLOCK * BLOCK;
    t.den = t.max + BLOCK;
    t.kt = t.den + BLOCK;
    t.q = t.kt + BLOCK * t.wide;
    t.v = t.q + BLOCK * t.wide;
    t.acc = t.v + BLOCK * t.wide;
    for (size_t q0 = 0; q0 < a->n_q; q0 += BLOCK) {
        t.n_q = a->n_q - q0 < BLOCK ? a->n_q - q0 : BLOCK;
        attend(&t, a, q0);
    }
}

#endif
