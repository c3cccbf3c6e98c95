/* train_variants.c - operations of training that only some models have. */
#include "engine/model/train_variants.h"

#include "engine/kernel/par.h"
#include "engine/model/train_ops.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define COLS 64 /* columns one task owns where the sum is over tokens */

/* What the row-wise functions below work on. */
typedef struct rows_job {
    const eng_kernels *k;
    size_t n, d, ld, col;
    const float *in, *w, *b, *dy;
    float *out, *dx, *partial;
    float a, eps, cap;
    const int32_t *ids;
    bool gated;
    eng_act act;
} rows_job;

/* ---- LayerNorm ---- */

/* One piece of rows. */
static void lnorm_fwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    size_t at = first * j->d;
    j->k->layernorm_f32(j->out + at, j->d, j->in + at, j->d, j->w, j->b, n, j->d, j->eps);
}

void eng_lnorm_fwd(eng_exec *x, size_t n, size_t d, const float *in, const float *w, const float *b,
                   float eps, float *y)
{
    rows_job j = {.k = eng_exec_kernels(x), .d = d, .in = in, .w = w, .b = b, .eps = eps, .out = y};
    eng_par_rows(x, n, 0, lnorm_fwd_rows, &j);
}

/* One piece of rows; its parts of the gradients of weights and bias go to a line of `partial`. */
static void lnorm_bwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    size_t at = first * j->d;
    float *dw = j->partial + first / ENG_PAR_ROWS * 2 * j->d;
    memset(dw, 0, 2 * j->d * sizeof(*dw));
    j->k->layernorm_bwd_f32(j->dx + at, j->d, dw, dw + j->d, j->dy + at, j->d, j->in + at, j->d,
                            j->w, n, j->d, j->eps);
}

/* dx by rows, dw and db by pieces and then over the pieces. */
void eng_lnorm_bwd(eng_exec *x, size_t n, size_t d, const float *dy, const float *in,
                   const float *w, float eps, float *dx, float *dw, float *db, float *partial)
{
    rows_job j = {.k = eng_exec_kernels(x), .d = d, .in = in, .w = w, .dy = dy, .eps = eps};
    j.dx = dx;
    j.partial = partial;
    eng_par_rows(x, n, ENG_PAR_ROWS, lnorm_bwd_rows, &j);
    for (size_t i = 0; i < eng_norm_partials(n); i++) {
        j.k->add_f32(dw, partial + i * 2 * d, d);
        if (db) j.k->add_f32(db, partial + i * 2 * d + d, d);
    }
}

/* ---- activations ---- */

/* One piece of rows. */
static void act_fwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    for (size_t i = first; i < first + n; i++) {
        const float *gate = j->in + i * j->ld;
        if (j->gated)
            j->k->glu_f32(j->out + i * j->d, gate, gate + j->d, j->d, j->act);
        else
            j->k->act_f32(j->out + i * j->d, gate, j->d, j->act);
    }
}

void eng_act_fwd(eng_exec *x, size_t n, size_t ff, bool gated, eng_act act, const float *gu,
                 float *out)
{
    rows_job j = {.k = eng_exec_kernels(x), .d = ff, .in = gu, .out = out, .gated = gated};
    j.act = act;
    j.ld = gated ? 2 * ff : ff;
    eng_par_rows(x, n, 0, act_fwd_rows, &j);
}

/* One piece of rows, in place. */
static void act_bwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    for (size_t i = first; i < first + n; i++) {
        float *gate = j->out + i * j->ld, *up = j->gated ? gate + j->d : NULL;
        j->k->glu_bwd_f32(gate, up, j->dy + i * j->d, gate, up, j->d, j->act);
    }
}

void eng_act_bwd(eng_exec *x, size_t n, size_t ff, bool gated, eng_act act, const float *dout,
                 float *gu)
{
    rows_job j = {.k = eng_exec_kernels(x), .d = ff, .dy = dout, .out = gu, .gated = gated};
    j.act = act;
    j.ld = gated ? 2 * ff : ff;
    eng_par_rows(x, n, 0, act_bwd_rows, &j);
}

/* ---- biases ---- */

/* One piece of rows. */
static void bias_fwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    j->k->add_rows_f32(j->out + first * j->ld + j->col, j->ld, j->b, n, j->d);
}

void eng_bias_fwd(eng_exec *x, size_t n, size_t ld, size_t col, size_t width, const float *b,
                  float *y)
{
    assert(col + width <= ld);
    rows_job j = {.k = eng_exec_kernels(x), .d = width, .ld = ld, .col = col, .b = b, .out = y};
    eng_par_rows(x, n, 0, bias_fwd_rows, &j);
}

/* Tasks own columns and walk the tokens in order. */
static void bias_bwd_cols(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    for (size_t i = 0; i < j->n; i++)
        j->k->add_f32(j->out + first, j->dy + i * j->ld + j->col + first, n);
}

void eng_bias_bwd(eng_exec *x, size_t n, size_t ld, size_t col, size_t width, const float *dy,
                  float *db)
{
    assert(col + width <= ld);
    rows_job j = {.k = eng_exec_kernels(x), .n = n, .ld = ld, .col = col, .dy = dy, .out = db};
    eng_par_rows(x, width, COLS, bias_bwd_cols, &j);
}

/* ---- rows ---- */

/* One piece of rows. */
static void scale_add_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    if (j->a != 1.0f) j->k->scale_f32(j->out + first * j->d, j->a, n * j->d);
    for (size_t i = first; j->in && i < first + n; i++)
        j->k->add_f32(j->out + i * j->d, j->in + (size_t)j->ids[i] * j->d, j->d);
}

void eng_rows_scale_add(eng_exec *x, size_t n, size_t d, float a, const int32_t *ids,
                        const float *table, float *y)
{
    assert(ids || !table);
    rows_job j = {.k = eng_exec_kernels(x), .d = d, .a = a, .ids = ids, .in = table, .out = y};
    eng_par_rows(x, n, 0, scale_add_rows, &j);
}

/* One piece of rows. */
static void axpy_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    size_t at = first * j->d, len = n * j->d;
    if (j->out != j->in) memcpy(j->out + at, j->in + at, len * sizeof(*j->out));
    j->k->axpy_f32(j->out + at, j->a, j->b + at, len);
}

void eng_rows_axpy(eng_exec *x, size_t n, size_t d, const float *from, float a, const float *y,
                   float *to)
{
    rows_job j = {.k = eng_exec_kernels(x), .d = d, .a = a, .in = from, .b = y, .out = to};
    eng_par_rows(x, n, 0, axpy_rows, &j);
}

/* ---- logits ---- */

/* One piece of rows. */
static void shape_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    size_t at = first * j->d, len = n * j->d;
    if (j->a != 0.0f) j->k->scale_f32(j->out + at, j->a, len);
    if (j->cap != 0.0f) j->k->softcap_f32(j->out + at, j->cap, len);
    if (j->dx) memcpy(j->dx + at, j->out + at, len * sizeof(*j->dx));
}

void eng_logits_shape(eng_exec *x, size_t n, size_t width, float scale, float cap, float *z,
                      float *keep)
{
    rows_job j = {.k = eng_exec_kernels(x), .d = width, .a = scale, .cap = cap, .out = z};
    j.dx = keep;
    if (scale != 0.0f || cap != 0.0f) eng_par_rows(x, n, 1, shape_rows, &j);
}

/* d tanh(u) = (1 - tanh(u)^2) du, and the cap goes into and out of it. */
static void shape_bwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    float inv = j->cap != 0.0f ? 1.0f / j->cap : 0.0f, a = j->a != 0.0f ? j->a : 1.0f;
    for (size_t i = first * j->d; i < (first + n) * j->d; i++) {
        float t = j->in ? j->in[i] * inv : 0.0f;
        j->out[i] *= a * (1.0f - t * t);
    }
}

void eng_logits_shape_bwd(eng_exec *x, size_t n, size_t width, float scale, float cap,
                          const float *keep, float *dz)
{
    assert(keep || !(cap > 0));
    rows_job j = {.d = width, .a = scale, .cap = cap, .out = dz};
    j.in = cap != 0.0f ? keep : NULL;
    if (scale != 0.0f || cap != 0.0f) eng_par_rows(x, n, 1, shape_bwd_rows, &j);
}

/* ---- attention with soft-capped scores ---- */

typedef struct soft_job {
    eng_exec *x;
    const eng_attn_fwd *fwd;
    const eng_attn_bwd *bwd;
    size_t group;
    float cap;
} soft_job;

/* Two rows of n_ctx floats, and what eng_attn_scratch_bytes does not count on. */
size_t eng_soft_attn_bytes(size_t n_ctx)
{
    return (2 * n_ctx + 32) * sizeof(float);
}

/* a b over n elements: sixteen chains, then one sum, an order that only n decides. */
static float dot(const float *a, const float *b, size_t n)
{
    float s[16] = {0}, sum = 0;
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t j = 0; j < 16; j++)
            s[j] += a[i + j] * b[i + j];
    for (; i < n; i++)
        s[i % 16] += a[i] * b[i];
    for (size_t j = 0; j < 16; j++)
        sum += s[j];
    return sum;
}

/* s[j - lo] = the capped scores of keys lo .. i for a query. */
static void capped_scores(const eng_kernels *k, float cap, float scale, const float *q,
                          const float *key, size_t ld, size_t lo, size_t hi, size_t hd, float *s)
{
    for (size_t j = lo; j < hi; j++)
        s[j - lo] = scale * dot(q, key + j * ld, hd);
    k->softcap_f32(s, cap, hi - lo);
}

/* The first key query i sees. */
static size_t first_key(const int32_t *first, size_t i)
{
    assert(!first || first[i] <= (int32_t)i); /* each sees itself */
    return first && first[i] > 0 ? (size_t)first[i] : 0;
}

/* One head of one row. */
static void soft_fwd_task(void *arg, size_t task, size_t worker)
{
    const soft_job *j = arg;
    const eng_attn_fwd *a = &j->fwd[task];
    const eng_kernels *k = eng_exec_kernels(j->x);
    float *s = eng_exec_scratch(j->x, worker);
    for (size_t i = 0; i < a->n_q; i++) {
        size_t lo = first_key(a->first, i), n = i + 1 - lo;
        float *out = a->out + i * a->ldo;
        capped_scores(k, j->cap, a->scale, a->q + i * a->ldq, a->k, a->ldkv, lo, i + 1, a->head_dim,
                      s);
        (void)k->xent_f32(s, n, 0, &a->lse[i]);
        k->softmax_f32(s, n);
        memset(out, 0, a->head_dim * sizeof(*out));
        for (size_t t = 0; t < n; t++)
            k->axpy_f32(out, s[t], a->v + (lo + t) * a->ldkv, a->head_dim);
    }
}

void eng_soft_attn_fwd(eng_exec *x, float cap, const eng_attn_fwd *items, size_t n_items)
{
    assert(cap > 0);
    soft_job j = {.x = x, .fwd = items, .cap = cap};
    sk_pool_run(eng_exec_pool(x), n_items, soft_fwd_task, &j);
}

/* As eng_attn_bwd_f32_c, with the slope of the cap, 1 - (s / cap)^2, on the way to the scores. */
static void soft_bwd(const eng_kernels *k, float cap, const eng_attn_bwd *a, float *s, float *p)
{
    size_t hd = a->head_dim;
    for (size_t i = 0; i < a->n_q; i++) {
        size_t lo = first_key(a->first, i), n = i + 1 - lo;
        const float *q = a->q + i * a->ldq, *dout = a->dout + i * a->ldo;
        float mean = dot(dout, a->out + i * a->ldo, hd);
        capped_scores(k, cap, a->scale, q, a->k, a->ldkv, lo, i + 1, hd, s);
        memcpy(p, s, n * sizeof(*p));
        k->softmax_f32(p, n);
        for (size_t t = 0; t < n; t++) {
            size_t at = (lo + t) * a->ldkv;
            float slope = 1.0f - s[t] / cap * (s[t] / cap);
            float ds = p[t] * (dot(dout, a->v + at, hd) - mean) * slope * a->scale;
            k->axpy_f32(a->dq + i * a->ldq, ds, a->k + at, hd);
            k->axpy_f32(a->dk + at, ds, q, hd);
            k->axpy_f32(a->dv + at, p[t], dout, hd);
        }
    }
}

/* The heads of a group share dk and dv: one worker, in order. */
static void soft_bwd_task(void *arg, size_t task, size_t worker)
{
    const soft_job *j = arg;
    float *s = eng_exec_scratch(j->x, worker);
    for (size_t i = 0; i < j->group; i++) {
        const eng_attn_bwd *a = &j->bwd[task * j->group + i];
        soft_bwd(eng_exec_kernels(j->x), j->cap, a, s, s + (a->n_q + 15) / 16 * 16);
    }
}

void eng_soft_attn_bwd(eng_exec *x, float cap, const eng_attn_bwd *items, size_t n_groups,
                       size_t group)
{
    assert(cap > 0 && group);
    soft_job j = {.x = x, .bwd = items, .group = group, .cap = cap};
    sk_pool_run(eng_exec_pool(x), n_groups, soft_bwd_task, &j);
}
