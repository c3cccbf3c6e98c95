/* attn_bwd_tmpl.h - the gradient of causal attention over a vector vocabulary, in tiles of BLOCK
 * queries by BLOCK keys (Dao et al. 2022): the weights are computed again from the log-sum-exp.
 *
 * Included after attn_fwd_tmpl.h.
 */
#ifndef ENG_KERNEL_VEC_ATTN_BWD_TMPL_H
#define ENG_KERNEL_VEC_ATTN_BWD_TMPL_H

#include "engine/kernel/vec/attn_fwd_tmpl.h"

/* The scratch of one tile; [BLOCK, wide] unless said. */
typedef struct bwd_tile {
    float *kt, *vt;      /* [head_dim, BLOCK] keys and values transposed */
    float *k, *q, *dout; /* room for padded operands */
    float *dk, *dv, *dq; /* sums */
    float *p, *ds;       /* [BLOCK, BLOCK] weights, gradients of scores */
    size_t wide, key0, n_k, q0, n_q;
} bwd_tile;

/* Weights and gradients of the scores of row i of the tile, from scores in p and dout v in ds, for
 * the first n keys (whole vectors). */
static void grad_row(const bwd_tile *t, const eng_attn_bwd *a, size_t i, size_t n)
{
    size_t query = t->q0 + i, from = first_key(a->first, query);
    size_t lo = from > t->key0 ? from - t->key0 : 0, hi = query + 1 - t->key0;
    const float *dout = a->dout + query * a->ldo, *out = a->out + query * a->ldo;
    vf sum = vf_zero();
    for (size_t d = 0; d < a->head_dim; d += VL) {
        vm some = vm_first(a->head_dim - d < VL ? a->head_dim - d : VL);
        sum = vf_fma(vf_load_some(dout + d, some), vf_load_some(out + d, some), sum);
    }
    vf mean = vf_set(vf_sum(sum)), scale = vf_set(a->scale), lse = vf_set(a->lse[query]);
    vi before = vi_set((int32_t)(lo < BLOCK ? lo : BLOCK) - 1);
    vi to = vi_set((int32_t)(hi < t->n_k ? hi : t->n_k));
    float *p = t->p + i * BLOCK, *ds = t->ds + i * BLOCK;
    for (size_t j = 0; j < n; j += VL) {
        vi at = vi_add(vi_lanes(), vi_set((int32_t)j));
        vm seen = vm_and(vm_less(before, at), vm_less(at, to));
        vf w = vf_exp(vf_sub(vf_mul(vf_load(p + j), scale), lse));
        vf g = vf_mul(vf_mul(w, vf_sub(vf_load(ds + j), mean)), scale);
        vf_store(p + j, vf_pick(seen, w, vf_zero()));
        vf_store(ds + j, vf_pick(seen, g, vf_zero()));
    }
}

/* One tile of queries against the keys of t: adds to t->dk and t->dv, and to a->dq.  On the
 * diagonal, groups of rows stop at (or start from) the last (first) key they share. */
static void grad_tile(bwd_tile *t, const eng_attn_bwd *a)
{
    size_t ldq, lddo, ldk, hd = a->head_dim, wide = t->wide;
    bool diagonal = t->q0 == t->key0;
    const float *q = a->q + t->q0 * a->ldq, *dout = a->dout + t->q0 * a->ldo;
    const float *qp = padded(t->q, q, a->ldq, t->n_q, hd, &ldq);
    const float *dop = padded(t->dout, dout, a->ldo, t->n_q, hd, &lddo);
    const float *kp = padded(t->k, a->k + t->key0 * a->ldkv, a->ldkv, t->n_k, hd, &ldk);
    for (size_t i = 0; i < t->n_q; i += MM_ROWS) {
        size_t m = t->n_q - i < MM_ROWS ? t->n_q - i : MM_ROWS;
        size_t keys = diagonal && i + m < t->n_k ? i + m : t->n_k;
        size_t n = (keys + VL - 1) / VL * VL;
        mm_args s = {q + i * a->ldq, a->ldq, 1, t->kt, BLOCK, t->p + i * BLOCK, BLOCK, false};
        mm_args d = {dout + i * a->ldo, a->ldo, 1, t->vt, BLOCK, t->ds + i * BLOCK, BLOCK, false};
        mm(m, n, hd, &s);
        mm(m, n, hd, &d);
        for (size_t r = i; r < i + m; r++)
            grad_row(t, a, r, n);
        mm_args g = {t->ds + i * BLOCK, BLOCK, 1, kp, ldk, t->dq, wide, false};
        mm(m, wide, keys, &g);
        for (size_t r = 0; r < m; r++)
            for (size_t c = 0; c < hd; c++)
                a->dq[(t->q0 + i + r) * a->ldq + c] += t->dq[r * wide + c];
    }
    for (size_t j = 0; j < t->n_k; j += MM_ROWS) {
        size_t m = t->n_k - j < MM_ROWS ? t->n_k - j : MM_ROWS, i = diagonal ? j : 0;
        const float *ds = t->ds + i * BLOCK + j, *p = t->p + i * BLOCK + j;
        mm_args gk = {ds, 1, BLOCK, qp + i * ldq, ldq, t->dk + j * wide, wide, true};
        mm_args gv = {p, 1, BLOCK, dop + i * lddo, lddo, t->dv + j * wide, wide, true};
        mm(m, wide, t->n_q - i, &gk);
        mm(m, wide, t->n_q - i, &gv);
    }
}

/* True when some query of the tile sees some of its keys. */
static bool tile_seen(const bwd_tile *t, const eng_attn_bwd *a)
{
    if (!a->first) return true;
    for (size_t i = 0; i < t->n_q; i++)
        if (first_key(a->first, t->q0 + i) < t->key0 + t->n_k) return true;
    return false;
}

/* All queries that can see the block of keys at t->key0. */
static void grad_keys(bwd_tile *t, const eng_attn_bwd *a)
{
    const float *k = a->k + t->key0 * a->ldkv, *v = a->v + t->key0 * a->ldkv;
    float *dk = a->dk + t->key0 * a->ldkv, *dv = a->dv + t->key0 * a->ldkv;
    transpose(t->kt, BLOCK, k, a->ldkv, t->n_k, a->head_dim);
    transpose(t->vt, BLOCK, v, a->ldkv, t->n_k, a->head_dim);
    for (size_t i = 0; i < BLOCK * t->wide; i++)
        t->dk[i] = t->dv[i] = 0;
    for (t->q0 = t->key0; t->q0 < a->n_q; t->q0 += BLOCK) {
        t->n_q = a->n_q - t->q0 < BLOCK ? a->n_q - t->q0 : BLOCK;
        if (tile_seen(t, a)) grad_tile(t, a);
    }
    for (size_t j = 0; j < t->n_k; j++)
        for (size_t d = 0; d < a->head_dim; d++) {
            dk[j * a->ldkv + d] += t->dk[j * t->wide + d];
            dv[j * a->ldkv + d] += t->dv[j * t->wide + d];
        }
}

void ENG_ISA(eng_attn_bwd_f32)(const eng_attn_bwd *a, void *scratch)
{
    bwd_tile t = {.wide = (a->head_dim + VL - 1) / VL * VL};
    float **room[] = {&t.kt, &t.vt, &t.k, &t.q, &t.dout, &t.dk, &t.dv, &t.dq};
    t.p = scratch;
    t.ds = t.p + BLOCK * BLOCK;
    float *next = t.ds + BLOCK * BLOCK;
    for (size_t i = 0; i < sizeof room / sizeof room[0]; i++, next += BLOCK * t.wide)
        *room[i] = next;
    assert((size_t)(next - (float *)scratch) * 4 <= eng_attn_scratch_bytes(a->head_dim));
    for (; t.key0 < a->n_q; t.key0 += BLOCK) {
        t.n_k = a->n_q - t.key0 < BLOCK ? a->n_q - t.key0 : BLOCK;
        grad_keys(&t, a);
    }
}

#endif
