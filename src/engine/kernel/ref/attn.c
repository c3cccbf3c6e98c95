/* attn.c - causal attention and its gradient, the definition.
 *
 * Forward: Milakov, Gimelshein 2018 (online softmax) in blocks of ENG_ATTN_BLOCK keys, as Dao et
 * al. 2022 arrange it.  A query's result depends on its own row and the keys it sees only: keys it
 * does not see are never multiplied, not even by zero.
 */
#include "engine/kernel/slots.h"

#include <assert.h>
#include <math.h>

enum { BLOCK = ENG_ATTN_BLOCK };

/* Dot product, one chain in ascending order. */
static float dot(const float *a, const float *b, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum = fmaf(a[i], b[i], sum);
    return sum;
}

/* First key that query i sees. */
static size_t first_key(const int32_t *first, size_t i)
{
    return first && first[i] > 0 ? (size_t)first[i] : 0;
}

/* Scores of keys [lo, hi) for a query; scale goes onto the query's elements first.  Returns the
 * largest. */
static float scores(float *s, const float *q, float scale, const float *k, size_t ldk, size_t lo,
                    size_t hi, size_t head_dim)
{
    float max = -INFINITY;
    for (size_t j = lo; j < hi; j++) {
        float sum = 0;
        for (size_t d = 0; d < head_dim; d++)
            sum = fmaf(q[d] * scale, k[j * ldk + d], sum);
        s[j - lo] = sum;
        max = sum > max ? sum : max;
    }
    return max;
}

/* Folds keys [lo, hi) of one block into the running (max, denominator, out). */
static void fold_block(const eng_attn_fwd *a, const float *q, size_t lo, size_t hi, float *max,
                       float *den, float *out)
{
    float p[BLOCK] = {0};
    assert(lo < hi && hi - lo <= BLOCK);
    float top = scores(p, q, a->scale, a->k, a->ldkv, lo, hi, a->head_dim);
    float new_max = top > *max ? top : *max, shrink = expf(*max - new_max), sum = 0;
    for (size_t j = 0; j < hi - lo; j++) {
        p[j] = expf(p[j] - new_max);
        sum += p[j];
    }
    for (size_t d = 0; d < a->head_dim; d++) {
        float x = out[d] * shrink;
        for (size_t j = lo; j < hi; j++)
            x = fmaf(p[j - lo], a->v[j * a->ldkv + d], x);
        out[d] = x;
    }
    *max = new_max;
    *den = *den * shrink + sum;
}

/* One query after the other. */
void eng_attn_fwd_f32_c(const eng_attn_fwd *a, void *scratch)
{
    (void)scratch;
    for (size_t i = 0; i < a->n_q; i++) {
        const float *q = a->q + i * a->ldq;
        float *out = a->out + i * a->ldo, max = -INFINITY, den = 0;
        size_t lo = first_key(a->first, i), end = a->pos0 + i + 1;
        assert(lo < end);
        for (size_t d = 0; d < a->head_dim; d++)
            out[d] = 0;
        while (lo < end) {
            size_t hi = (lo / BLOCK + 1) * BLOCK;
            if (hi > end) hi = end;
            fold_block(a, q, lo, hi, &max, &den, out);
            lo = hi;
        }
        for (size_t d = 0; d < a->head_dim; d++)
            out[d] = out[d] / den;
        if (a->lse) a->lse[i] = max + logf(den);
    }
}

/* With p = softmax: dp = dout v, ds = p (dp - dout out) scale; dq += ds k, dk += ds q, dv += p
 * dout. */
void eng_attn_bwd_f32_c(const eng_attn_bwd *a, void *scratch)
{
    (void)scratch;
    size_t n = a->head_dim;
    for (size_t i = 0; i < a->n_q; i++) {
        const float *q = a->q + i * a->ldq, *dout = a->dout + i * a->ldo;
        float *dq = a->dq + i * a->ldq;
        float mean = dot(dout, a->out + i * a->ldo, n);
        for (size_t j = first_key(a->first, i); j <= i; j++) {
            const float *k = a->k + j * a->ldkv, *v = a->v + j * a->ldkv;
            float *dk = a->dk + j * a->ldkv, *dv = a->dv + j * a->ldkv;
            float p = expf(dot(q, k, n) * a->scale - a->lse[i]);
            float ds = p * (dot(dout, v, n) - mean) * a->scale;
            for (size_t d = 0; d < n; d++) {
                dq[d] = fmaf(ds, k[d], dq[d]);
                dk[d] = fmaf(ds, q[d], dk[d]);
                dv[d] = fmaf(p, dout[d], dv[d]);
            }
        }
    }
}
