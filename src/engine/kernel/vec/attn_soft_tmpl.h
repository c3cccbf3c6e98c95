/* attn_soft_tmpl.h - scores of a block to weights of an online softmax, for attn_tile_tmpl.h, which
 * declares the tile.
 *
 * In rows a vector holds the scores of VL keys, in columns those of VL rows.  What is added: a
 * row's weights at distance VL one after the other, then the VL sums by halving.
 */
#ifndef ENG_KERNEL_VEC_ATTN_SOFT_TMPL_H
#define ENG_KERNEL_VEC_ATTN_SOFT_TMPL_H

/* Soft cap and ALiBi; far: key position - query position. */
static inline vf bend(const eng_attn *a, vf x, vf slope, vf far)
{
    vf cap = vf_set(a->softcap);
    if (a->softcap > 0) x = vf_mul(cap, vf_tanh(vf_div(x, cap)));
    return a->slope ? vf_sub(x, vf_mul(slope, vf_abs(far))) : x;
}

/* Row i, scores in rows: masks, weighs by the new maximum, rescales the row's sums. */
static void soften_row(tile *t, size_t i, size_t key0)
{
    float *s = t->s + i * BLOCK, *acc = t->now.acc + i * t->wide;
    bool bent = t->a->softcap > 0 || t->a->slope;
    vi from = vi_set(t->lo[i] - 1), to = vi_set(t->hi[i]);
    vf x[BLOCK / VL], low = vf_set(-INFINITY), top = low, sum = vf_zero();
#pragma GCC unroll 16
    for (size_t j = 0; j < BLOCK / VL; j++) {
        vi at = vi_add(vi_lanes(), vi_set((int32_t)(j * VL)));
        x[j] = vf_load(s + j * VL);
        if (bent) {
            vf key = vf_add(vf_of_int(at), vf_set((float)key0));
            x[j] = bend(t->a, x[j], vf_set(t->slope[i]), vf_sub(key, vf_set(t->at[i])));
        }
        x[j] = vf_pick(vm_and(vm_less(from, at), vm_less(at, to)), x[j], low);
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

/* Scores in columns of rows [i, i + VL): masks and bends; returns the maxima. */
static vf mask_columns(tile *t, size_t i, size_t key0, size_t n_k)
{
    bool bent = t->a->softcap > 0 || t->a->slope, all = true;
    vf low = vf_set(-INFINITY), top = low;
    vi from = vi_add(vi_load(t->lo + i), vi_set(-1)), to = vi_load(t->hi + i);
    for (size_t r = i; r < i + VL; r++)
        all = all && t->lo[r] == 0 && t->hi[r] == BLOCK;
    if (all && !bent) {
        vf top2 = low;
        for (size_t j = 0; j < BLOCK; j += 2) {
            top = vf_max(vf_load(t->s + j * ROWS + i), top);
            top2 = vf_max(vf_load(t->s + (j + 1) * ROWS + i), top2);
        }
        return vf_max(top, top2);
    }
    for (size_t j = 0; j < BLOCK; j++) {
        float *s = t->s + j * ROWS + i;
        vf x = low;
        if (j < n_k) {
            vi key = vi_set((int32_t)j);
            vf far = vf_sub(vf_set((float)(key0 + j)), vf_load(t->at + i));
            x = bent ? bend(t->a, vf_load(s), vf_load(t->slope + i), far) : vf_load(s);
            x = vf_pick(vm_and(vm_less(from, key), vm_less(key, to)), x, low);
        }
        top = vf_max(x, top);
        vf_store(s, x);
    }
    return top;
}

/* Scores in columns of rows [i, i + VL), masked, to weights below top; returns their sums. */
static vf weights_of_columns(tile *t, size_t i, vf top)
{
    vf sum[VL];
    for (size_t l = 0; l < VL; l++) {
        sum[l] = vf_zero();
#pragma GCC unroll 16
        for (size_t j = l; j < BLOCK; j += VL) {
            vf x = vf_exp(vf_sub(vf_load(t->s + j * ROWS + i), top));
            vf_store(t->s + j * ROWS + i, x);
            sum[l] = vf_add(sum[l], x);
        }
    }
    for (size_t half = VL / 2; half; half /= 2)
        for (size_t l = 0; l < half; l++)
            sum[l] = vf_add(sum[l], sum[l + half]);
    return sum[0];
}

/* The same as soften_row for rows [i, i + VL) with their scores in columns.  A row that sees no key
 * of the block has the maximum -infinity: it is weighed against 0 and keeps what it has. */
static void soften_columns(tile *t, size_t i, size_t key0, size_t n_k)
{
    vf was = vf_load(t->now.max + i), top = vf_max(mask_columns(t, i, key0, n_k), was);
    vf safe = vf_pick(vm_below(vf_set(-INFINITY), top), top, vf_zero());
    float by[VL];
    vf sum = weights_of_columns(t, i, safe);
    vf shrink = vf_pick(vm_below(was, top), vf_exp(vf_sub(was, safe)), vf_set(1.0f));
    vf_store(t->now.den + i, vf_add(vf_mul(vf_load(t->now.den + i), shrink), sum));
    vf_store(t->now.max + i, top);
    vf_store(by, shrink);
    for (size_t r = 0; r < VL; r++) {
        float *acc = t->now.acc + (i + r) * t->wide;
        if (by[r] == 1.0f) continue;
        for (size_t d = 0; d < t->wide; d += VL)
            vf_store(acc + d, vf_mul(vf_load(acc + d), vf_set(by[r])));
    }
}

#endif
