/* attn_tile.c - attention for inference, the definition: one row after the other, keys in splits
 * and blocks, every variant (kernel/attn.h).
 */
#include "engine/kernel/attn.h"
#include "engine/kernel/slots.h"
#include "engine/quant/blocks.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { BLOCK = ENG_ATTN_BLOCK, SPLIT = ENG_ATTN_SPLIT };

/* A row's running maximum and denominator, and its weighted sum of values. */
typedef struct state {
    float max, den, *sum;
} state;

/* Starts a state over n values. */
static state state_new(float *sum, size_t n)
{
    for (size_t d = 0; d < n; d++)
        sum[d] = 0;
    return (state){-INFINITY, 0, sum};
}

/* n elements of a row as floats. */
static void row_of(eng_dtype type, const char *src, float *row, size_t n)
{
    if (type != ENG_Q8_0) {
        eng_dtype_to_f32(type, src, row, n);
        return;
    }
    for (size_t d = 0; d < n; d++) {
        const eng_q8_0 *b = (const eng_q8_0 *)(const void *)src + d / ENG_QB;
        row[d] = eng_f16_to(b->d) * (float)b->qs[d % ENG_QB];
    }
}

/* The key at pos as floats. */
static void key_of(const eng_attn *a, size_t pos, float *row)
{
    if (!a->k_blocks) {
        row_of(a->k_type, eng_attn_key(a, pos), row, a->head_dim_k);
        return;
    }
    size_t lane = pos % BLOCK;
    const char *k = eng_attn_key(a, pos - lane);
    for (size_t d = 0; d < a->head_dim_k; d++) {
        const char *x = k + eng_attn_key_at(a->k_type, a->k_row_bytes, lane, d);
        if (a->k_type != ENG_Q8_0) {
            eng_dtype_to_f32(a->k_type, x, &row[d], 1);
            continue;
        }
        uint16_t scale;
        memcpy(&scale, k + eng_attn_scale_at(a->k_row_bytes, lane, d), sizeof scale);
        row[d] = eng_f16_to(scale) * (float)*(const int8_t *)x;
    }
}

/* Score of the key at pos for a query of head h at position at; row is room for a key. */
static float score(const eng_attn *a, const float *q, size_t h, size_t at, size_t pos, float *row)
{
    float sum = 0, far = pos < at ? (float)(at - pos) : (float)(pos - at);
    key_of(a, pos, row);
    for (size_t d = 0; d < a->head_dim_k; d++)
        sum = fmaf(q[d] * a->scale, row[d], sum);
    if (a->softcap > 0) sum = a->softcap * tanhf(sum / a->softcap);
    return a->slope ? sum - a->slope[h] * far : sum;
}

/* Folds keys [lo, hi) of one block, whose scores are p, into s. */
static void fold(const eng_attn *a, state *s, float *p, size_t lo, size_t hi, float *row)
{
    float max = s->max, sum = 0;
    assert(lo < hi && hi - lo <= BLOCK);
    for (size_t j = 0; j < hi - lo; j++)
        max = p[j] > max ? p[j] : max;
    float shrink = expf(s->max - max);
    for (size_t j = 0; j < hi - lo; j++) {
        p[j] = expf(p[j] - max);
        sum += p[j];
    }
    for (size_t d = 0; d < a->head_dim_v; d++)
        s->sum[d] *= shrink;
    for (size_t j = lo; j < hi; j++) {
        row_of(a->v_type, eng_attn_value(a, j), row, a->head_dim_v);
        for (size_t d = 0; d < a->head_dim_v; d++)
            s->sum[d] = fmaf(p[j - lo], row[d], s->sum[d]);
    }
    s->max = max;
    s->den = s->den * shrink + sum;
}

/* s = keys [lo, hi), which are of one split, for row r. */
static void walk(const eng_attn *a, size_t r, size_t lo, size_t hi, state *s, float *row)
{
    size_t i = r / a->n_group, h = r % a->n_group;
    const float *q = a->q + i * a->ldq + h * a->head_dim_k;
    while (lo < hi) {
        float p[BLOCK];
        size_t end = (lo / BLOCK + 1) * BLOCK < hi ? (lo / BLOCK + 1) * BLOCK : hi;
        for (size_t j = lo; j < end; j++)
            p[j - lo] = score(a, q, h, a->pos0 + i, j, row);
        fold(a, s, p, lo, end, row);
        lo = end;
    }
}

/* to += the state (max, den, sum).  One without keys changes nothing; the first is copied. */
static void merge(state *to, float max, float den, const float *sum, size_t n)
{
    if (den == 0) return;
    float top = to->den == 0 || max > to->max ? max : to->max;
    float was = to->den == 0 ? 0 : expf(to->max - top), is = expf(max - top);
    for (size_t d = 0; d < n; d++)
        to->sum[d] = to->sum[d] * was + sum[d] * is;
    to->den = to->den * was + den * is;
    to->max = top;
}

/* Writes row r: the sink joins the denominator, which divides the sum. */
static void finish(const eng_attn *a, size_t r, state *s)
{
    size_t i = r / a->n_group, h = r % a->n_group;
    float *out = a->out + i * a->ldo + h * a->head_dim_v, shrink = 1;
    if (a->sink) {
        float max = a->sink[h] > s->max ? a->sink[h] : s->max;
        shrink = expf(s->max - max);
        s->den = s->den * shrink + expf(a->sink[h] - max);
    }
    for (size_t d = 0; d < a->head_dim_v; d++)
        out[d] = s->sum[d] * shrink / s->den;
}

/* Row by row; scratch holds a key or value and two sums. */
void eng_attn_tile_c(const eng_attn_tile *t, void *scratch)
{
    const eng_attn *a = t->a;
    size_t n = a->head_dim_v, wide = a->head_dim_k > n ? a->head_dim_k : n, lo, hi;
    float *row = scratch, *sum = row + wide, *total = sum + n;
    for (size_t r = 0; r < t->n_rows; r++) {
        eng_attn_visible(a, (t->row0 + r) / a->n_group, &lo, &hi);
        state all = state_new(total, n);
        assert(lo < hi);
        for (size_t s = t->part ? t->split : lo / SPLIT; s * SPLIT < hi; s++) {
            size_t from = s * SPLIT > lo ? s * SPLIT : lo;
            size_t to = (s + 1) * SPLIT < hi ? (s + 1) * SPLIT : hi;
            state one = state_new(sum, n);
            walk(a, t->row0 + r, from, to, &one, row);
            merge(&all, one.max, one.den, one.sum, n);
            if (t->part) break;
        }
        if (!t->part) {
            finish(a, t->row0 + r, &all);
            continue;
        }
        float *part = t->part + r * (n + 2);
        part[0] = all.max;
        part[1] = all.den;
        for (size_t d = 0; d < n; d++)
            part[2 + d] = all.sum[d];
    }
}

void eng_attn_join_c(const eng_attn_tile *t, const float *part, size_t n_parts, void *scratch)
{
    size_t n = t->a->head_dim_v, floats = eng_attn_part_floats(t);
    for (size_t r = 0; r < t->n_rows; r++) {
        state all = state_new(scratch, n);
        for (size_t p = 0; p < n_parts; p++) {
            const float *s = part + p * floats + r * (n + 2);
            merge(&all, s[0], s[1], s + 2, n);
        }
        finish(t->a, t->row0 + r, &all);
    }
}
