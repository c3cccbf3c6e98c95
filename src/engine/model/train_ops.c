/* train_ops.c - operations over all tokens of a micro-batch, forward and backward. */
#include "engine/model/train_ops.h"

#include "engine/kernel/par.h"

#include <assert.h>
#include <string.h>

/* ---- linear layers ---- */

/* Describes the parts; parameters that follow each other without a gap become one part, which is
 * one product instead of several. */
static void describe_parts(eng_lin *lin, const eng_layout *l, const size_t *idx, size_t n_idx)
{
    for (size_t i = 0; i < n_idx; i++) {
        const eng_param *p = &l->param[idx[i]];
        assert(p->cols == lin->n_in);
        eng_lin_part *last = lin->n_parts ? &lin->part[lin->n_parts - 1] : NULL;
        if (last && last->offset + last->n_out * lin->n_in == p->offset)
            last->n_out += p->rows;
        else
            lin->part[lin->n_parts++] =
                (eng_lin_part){.offset = p->offset, .col = lin->n_out, .n_out = p->rows};
        lin->n_out += p->rows;
    }
}

/* Both packs are made at once: memory is asked for before the first step. */
sk_status eng_lin_open(eng_lin *lin, eng_prec prec, const eng_layout *l, const size_t *idx,
                       size_t n_idx, sk_err *e)
{
    assert(n_idx >= 1 && n_idx <= 3);
    *lin = (eng_lin){.n_in = l->param[idx[0]].cols, .prec = prec};
    describe_parts(lin, l, idx, n_idx);
    for (size_t i = 0; i < lin->n_parts; i++) {
        eng_lin_part *p = &lin->part[i];
        sk_status st = eng_bpack_new(prec, lin->n_in, p->n_out, &p->fwd, e);
        if (!st) st = eng_bpack_new(prec, p->n_out, lin->n_in, &p->bwd, e);
        if (st) return st;
    }
    return SK_OK;
}

/* Also of a layer that was opened in part. */
void eng_lin_close(eng_lin *lin)
{
    for (size_t i = 0; i < lin->n_parts; i++) {
        if (lin->part[i].fwd) eng_bpack_free(lin->part[i].fwd);
        if (lin->part[i].bwd) eng_bpack_free(lin->part[i].bwd);
    }
    *lin = (eng_lin){0};
}

/* W^T as right operand of the forward product is W read by columns. */
void eng_lin_load(eng_exec *x, eng_lin *lin, const float *params)
{
    for (size_t i = 0; i < lin->n_parts; i++) {
        const eng_lin_part *p = &lin->part[i];
        const float *w = params + p->offset;
        eng_bpack_fill_both(x, p->fwd, p->bwd, w);
    }
}

/* Y[n, n_out] (+)= X[n, n_in] W^T, part by part into the columns of Y. */
void eng_lin_fwd(eng_exec *x, const eng_lin *lin, size_t n, const float *in, float *y, bool add)
{
    for (size_t i = 0; i < lin->n_parts; i++) {
        const eng_lin_part *p = &lin->part[i];
        eng_gemm(x, n, (eng_mat){in, lin->n_in, 1}, p->fwd, y + p->col, lin->n_out, add);
    }
}

/* dX[n, n_in] = dY[n, n_out] W: the parts of W are added up. */
void eng_lin_bwd_x(eng_exec *x, const eng_lin *lin, size_t n, const float *dy, float *dx)
{
    for (size_t i = 0; i < lin->n_parts; i++) {
        const eng_lin_part *p = &lin->part[i];
        eng_gemm(x, n, (eng_mat){dy + p->col, lin->n_out, 1}, p->bwd, dx, lin->n_in, i > 0);
    }
}

/* dW[n_out, n_in] (+)= dY^T X, a sum over the tokens; both operands are packed on the fly. */
void eng_lin_bwd_w(eng_exec *x, const eng_lin *lin, size_t n, const float *dy, const float *in,
                   float *grads, bool add)
{
    for (size_t i = 0; i < lin->n_parts; i++) {
        const eng_lin_part *p = &lin->part[i];
        eng_gemm_raw(x, lin->prec, p->n_out, lin->n_in, n, (eng_mat){dy + p->col, 1, lin->n_out},
                     (eng_mat){in, lin->n_in, 1}, grads + p->offset, lin->n_in, add);
    }
}

/* ---- norms ---- */

typedef struct norm_job {
    const eng_kernels *k;
    size_t d;
    const float *in, *w, *dy;
    float *y, *rstd, *dx, *partial;
    const float *rstd_in;
    float eps;
} norm_job;

/* One piece of rows. */
static void norm_fwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const norm_job *j = arg;
    size_t at = first * j->d;
    j->k->rmsnorm_f32(j->y + at, j->d, j->rstd + first, j->in + at, j->d, j->w, n, j->d, j->eps);
}

/* rstd is kept: the backward pass needs it more often than it is cheap to make again. */
void eng_norm_fwd(eng_exec *x, size_t n, size_t d, const float *in, const float *w, float eps,
                  float *y, float *rstd)
{
    norm_job j = {.k = eng_exec_kernels(x), .d = d, .in = in, .w = w, .y = y};
    j.rstd = rstd;
    j.eps = eps;
    eng_par_rows(x, n, 0, norm_fwd_rows, &j);
}

/* Pieces of ENG_PAR_ROWS rows in n tokens. */
size_t eng_norm_partials(size_t n)
{
    return (n + ENG_PAR_ROWS - 1) / ENG_PAR_ROWS;
}

/* Weight gradients are summed per piece of rows, then piece by piece: an order that does not know
 * of threads. */
static void add_partials(eng_exec *x, size_t n_rows, size_t ld, size_t d, const float *partial,
                         float *dw)
{
    const eng_kernels *k = eng_exec_kernels(x);
    for (size_t i = 0; i < eng_norm_partials(n_rows); i++)
        k->add_f32(dw, partial + i * ld, d);
}

/* One piece of rows; its part of the weight gradient goes to its own line of `partial`. */
static void norm_bwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const norm_job *j = arg;
    assert(first % ENG_PAR_ROWS == 0);
    size_t at = first * j->d;
    float *dw = j->partial + first / ENG_PAR_ROWS * j->d;
    memset(dw, 0, j->d * sizeof(*dw));
    j->k->rmsnorm_bwd_f32(j->dx + at, j->d, dw, j->dy + at, j->d, j->in + at, j->d, j->w,
                          j->rstd_in + first, n, j->d);
}

/* dx by rows, dw by pieces and then over the pieces. */
void eng_norm_bwd(eng_exec *x, size_t n, size_t d, const float *dy, const float *in, const float *w,
                  const float *rstd, float *dx, float *dw, float *partial)
{
    norm_job j = {.k = eng_exec_kernels(x), .d = d, .in = in, .w = w, .dy = dy};
    j.dx = dx;
    j.partial = partial;
    j.rstd_in = rstd;
    eng_par_rows(x, n, ENG_PAR_ROWS, norm_bwd_rows, &j);
    add_partials(x, n, d, d, partial, dw);
}

/* ---- q and k: norm over heads, RoPE ---- */

/* q heads, then k heads, then v heads. */
size_t eng_turn_width(const eng_config *cfg)
{
    return ((size_t)cfg->n_head + 2 * (size_t)cfg->n_kv_head) * cfg->head_dim;
}

typedef struct turn_job {
    const eng_turn *t;
    const eng_kernels *k;
    float *drot, *draw, *partial;
} turn_job;

/* One piece of tokens.  The rows of a token are its heads: n_head of q, then n_kv_head of k, and v,
 * which is not touched. */
static void turn_fwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const turn_job *j = arg;
    const eng_turn *t = j->t;
    const eng_config *c = t->cfg;
    size_t hd = c->head_dim, nq = c->n_head, nk = c->n_kv_head, w = eng_turn_width(c);
    size_t n_rot = eng_config_n_rot(c);
    for (size_t i = first; i < first + n; i++) {
        const float *raw = t->raw + i * w;
        float *rot = t->rot + i * w, *rstd = t->rstd + i * (nq + nk);
        size_t angle = i % t->n_ctx * (n_rot / 2);
        if (t->wq) {
            j->k->rmsnorm_f32(rot, hd, rstd, raw, hd, t->wq, nq, hd, c->rms_eps);
            j->k->rmsnorm_f32(rot + nq * hd, hd, rstd + nq, raw + nq * hd, hd, t->wk, nk, hd,
                              c->rms_eps);
        }
        if (t->cos)
            j->k->rope_part_f32(rot, hd, t->cos + angle, t->sin + angle, nq + nk, n_rot,
                                c->rope_form);
    }
}

/* Norm and RoPE in one visit, while the token's heads are in the cache. */
void eng_turn_fwd(eng_exec *x, const eng_turn *t, size_t n)
{
    assert((t->wq == NULL) == (t->raw == t->rot));
    if (!t->wq && !t->cos) return;
    turn_job j = {.t = t, .k = eng_exec_kernels(x)};
    eng_par_rows(x, n, 0, turn_fwd_rows, &j);
}

/* One piece of tokens: back through RoPE in place, then through the norm into draw.  The two norms'
 * weight gradients stand side by side in a line of `partial`. */
static void turn_bwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const turn_job *j = arg;
    const eng_turn *t = j->t;
    const eng_config *c = t->cfg;
    size_t hd = c->head_dim, nq = c->n_head, nk = c->n_kv_head, w = eng_turn_width(c);
    size_t n_rot = eng_config_n_rot(c);
    float *dwq = NULL, *dwk = NULL;
    if (t->wq) {
        dwq = j->partial + first / ENG_PAR_ROWS * 2 * hd;
        dwk = dwq + hd;
        memset(dwq, 0, 2 * hd * sizeof(*dwq));
    }
    for (size_t i = first; i < first + n; i++) {
        float *drot = j->drot + i * w, *draw = j->draw + i * w;
        size_t angle = i % t->n_ctx * (n_rot / 2);
        if (t->cos)
            j->k->rope_part_f32(drot, hd, t->cos + angle, t->neg_sin + angle, nq + nk, n_rot,
                                c->rope_form);
        if (!t->wq) continue;
        const float *raw = t->raw + i * w, *rstd = t->rstd + i * (nq + nk);
        j->k->rmsnorm_bwd_f32(draw, hd, dwq, drot, hd, raw, hd, t->wq, rstd, nq, hd);
        size_t at = nq * hd;
        j->k->rmsnorm_bwd_f32(draw + at, hd, dwk, drot + at, hd, raw + at, hd, t->wk, rstd + nq, nk,
                              hd);
    }
}

/* Turning back is turning by the negative angle: RoPE is a rotation. */
void eng_turn_bwd(eng_exec *x, const eng_turn *t, size_t n, float *drot, float *draw, float *dwq,
                  float *dwk, float *partial)
{
    assert((t->wq == NULL) == (drot == draw));
    if (!t->wq && !t->cos) return;
    turn_job j = {.t = t, .k = eng_exec_kernels(x), .drot = drot, .draw = draw, .partial = partial};
    eng_par_rows(x, n, ENG_PAR_ROWS, turn_bwd_rows, &j);
    if (!t->wq) return;
    size_t hd = t->cfg->head_dim;
    add_partials(x, n, 2 * hd, hd, partial, dwq);
    add_partials(x, n, 2 * hd, hd, partial + hd, dwk);
}

/* ---- the gate of the feed-forward layer ---- */

typedef struct glu_job {
    const eng_kernels *k;
    size_t ff;
    const float *gu_in, *dact;
    float *gu, *act;
} glu_job;

/* One piece of rows: gate and up of a token stand side by side, as one product made them. */
static void glu_fwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const glu_job *j = arg;
    for (size_t i = first; i < first + n; i++) {
        const float *gate = j->gu_in + i * 2 * j->ff;
        j->k->swiglu_f32(j->act + i * j->ff, gate, gate + j->ff, j->ff);
    }
}

/* act[n, ff] = silu(gate) * up. */
void eng_glu_fwd(eng_exec *x, size_t n, size_t ff, const float *gu, float *act)
{
    glu_job j = {.k = eng_exec_kernels(x), .ff = ff, .gu_in = gu, .act = act};
    eng_par_rows(x, n, 0, glu_fwd_rows, &j);
}

/* One piece of rows, in place: gate and up are not needed after this. */
static void glu_bwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const glu_job *j = arg;
    for (size_t i = first; i < first + n; i++) {
        float *gate = j->gu + i * 2 * j->ff, *up = gate + j->ff;
        j->k->swiglu_bwd_f32(gate, up, j->dact + i * j->ff, gate, up, j->ff);
    }
}

/* gu[n, 2 ff] becomes its own gradient, laid out as the product's backward pass wants it. */
void eng_glu_bwd(eng_exec *x, size_t n, size_t ff, const float *dact, float *gu)
{
    glu_job j = {.k = eng_exec_kernels(x), .ff = ff, .dact = dact, .gu = gu};
    eng_par_rows(x, n, 0, glu_bwd_rows, &j);
}

/* ---- embedding, copies ---- */

#define EMBED_COLS 64 /* columns of the table one task of the backward pass owns */

typedef struct rows_job {
    const eng_kernels *k;
    size_t n, width;
    const int32_t *ids;
    const float *from;
    float *to;
} rows_job;

/* One piece of tokens. */
static void embed_fwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    for (size_t i = first; i < first + n; i++)
        memcpy(j->to + i * j->width, j->from + (size_t)j->ids[i] * j->width,
               j->width * sizeof(*j->to));
}

/* out[n, d] = table[ids]. */
void eng_embed_fwd(eng_exec *x, size_t n, size_t d, const int32_t *ids, const float *table,
                   float *out)
{
    rows_job j = {.width = d, .ids = ids, .from = table, .to = out};
    eng_par_rows(x, n, 0, embed_fwd_rows, &j);
}

/* Tasks own columns, not tokens: a token that occurs twice is then added by one worker, in order.
 */
static void embed_bwd_cols(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    for (size_t i = 0; i < j->n; i++)
        j->k->add_f32(j->to + (size_t)j->ids[i] * j->width + first, j->from + i * j->width + first,
                      n);
}

/* grad[ids] += dout[n, d], in the order of the tokens. */
void eng_embed_bwd(eng_exec *x, size_t n, size_t d, const int32_t *ids, const float *dout,
                   float *grad)
{
    rows_job j = {.k = eng_exec_kernels(x), .n = n, .width = d, .ids = ids};
    j.from = dout;
    j.to = grad;
    eng_par_rows(x, d, EMBED_COLS, embed_bwd_cols, &j);
}

/* One piece of rows. */
static void copy_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    memcpy(j->to + first * j->width, j->from + first * j->width, n * j->width * sizeof(*j->to));
}

/* Spread over the workers: one core alone does not fill the memory bus. */
void eng_rows_copy(eng_exec *x, size_t n, size_t width, const float *from, float *to)
{
    rows_job j = {.width = width, .from = from, .to = to};
    eng_par_rows(x, n, 0, copy_rows, &j);
}

/* One piece of rows. */
static void zero_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const rows_job *j = arg;
    memset(j->to + first * j->width, 0, n * j->width * sizeof(*j->to));
}

/* See eng_rows_copy. */
void eng_rows_zero(eng_exec *x, size_t n, size_t width, float *p)
{
    rows_job j = {.width = width, .to = p};
    eng_par_rows(x, n, 0, zero_rows, &j);
}
