/* train_pass.c - the decoder from token ids to loss, and all the way back.
 *
 * To be read top to bottom: what is kept for the backward pass, how memory is laid out, one layer
 * forward, the head with its loss, one layer backward, the whole pass.  The arithmetic is in
 * train_ops.c and the kernels.
 *
 * Notation: n tokens in the micro-batch (rows of n_ctx), d = n_embd, w = width of a row of q, k and
 * v together, ff = n_ff, h = n_head, hd = head_dim.
 */
#include "engine/model/train_pass.h"

#include "engine/kernel/par.h"
#include "engine/model/rope.h"
#include "engine/model/train_ops.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define HEAD_FLOATS ((size_t)2 << 20) /* logits held at once: 8 MB, whatever n * n_vocab is */

/* One layer: its weights, and what its backward pass needs of the forward pass. */
typedef struct layer {
    eng_lin qkv, o, gate_up, down;
    size_t attn_norm, q_norm, k_norm, ffn_norm; /* offsets in the flat arrays */
    float *x;                                   /* [n, d] residual stream entering the layer */
    float *xn, *rstd_x;                         /* [n, d] after attn_norm, [n] */
    float *raw, *rot;       /* [n, w] q | k | v as projected; q, k after norm and RoPE */
    float *rstd_qk;         /* [n, heads of q and k] */
    float *att, *lse;       /* [n, h hd], [rows, h, n_ctx] */
    float *mid;             /* [n, d] residual stream after attention */
    float *midn, *rstd_mid; /* [n, d] after ffn_norm, [n] */
    float *gu, *act;        /* [n, 2 ff] gate | up, [n, ff] */
} layer;

struct eng_pass {
    eng_exec *x;
    const eng_config *cfg;
    const float *params;
    eng_prec prec;
    size_t n_ctx, rows, width, chunk; /* chunk: tokens the head handles at once */
    sk_arena *mem;
    layer *layer;
    eng_lin head;
    size_t embd, out_norm;
    float *cos, *sin, *neg_sin; /* [n_ctx, hd / 2] */
    float *x_last;              /* [n, d] residual stream leaving the last layer */
    float *nll;                 /* [n] loss of each token */
    /* The head, for a chunk of tokens that have a target. */
    uint32_t *pick;              /* [n] which tokens these are */
    float *hn, *rstd_h, *logits; /* [chunk, d] after out_norm, [chunk], [chunk, n_vocab] */
    /* Gradients of activations, shared by the layers. */
    float *dhn;        /* [chunk, d] */
    float *dx, *dn;    /* [n, d] of the residual stream, of a normed copy */
    float *drot;       /* [n, w] of turned q, k (the same memory as draw without qk_norm) */
    float *draw;       /* [n, w] of q | k | v as projected */
    float *datt;       /* [n, h hd] */
    float *dact;       /* [n, ff] */
    float *partial;    /* norm weights, per piece of rows */
    eng_attn_fwd *fwd; /* [rows * h] */
    eng_attn_bwd *bwd;
};

/* ---- memory: one block, carved up; run once without a block to learn its size ---- */

typedef struct carver {
    char *base;
    size_t used;
} carver;

/* The next count * size bytes of the block, rounded up to cache lines; NULL while only counting. */
static void *carve(carver *c, size_t count, size_t size)
{
    size_t at = c->used;
    c->used += (count * size + 63) / 64 * 64;
    return c->base ? c->base + at : NULL;
}

/* The same for floats. */
static float *carve_f(carver *c, size_t count)
{
    return carve(c, count, sizeof(float));
}

/* What layer l keeps from its forward pass for n tokens.  Without qk_norm, RoPE turns q and k in
 * place: nothing needs them as they were projected. */
static void carve_layer(carver *c, const eng_pass *p, layer *l, size_t n)
{
    const eng_config *f = p->cfg;
    size_t d = f->n_embd, ff = f->n_ff;
    l->x = carve_f(c, n * d);
    l->xn = carve_f(c, n * d);
    l->rstd_x = carve_f(c, n);
    l->raw = carve_f(c, n * p->width);
    l->rot = f->qk_norm ? carve_f(c, n * p->width) : l->raw;
    l->rstd_qk = carve_f(c, n * ((size_t)f->n_head + f->n_kv_head));
    l->att = carve_f(c, n * f->n_head * f->head_dim);
    l->lse = carve_f(c, n * f->n_head);
    l->mid = carve_f(c, n * d);
    l->midn = carve_f(c, n * d);
    l->rstd_mid = carve_f(c, n);
    l->gu = carve_f(c, n * 2 * ff);
    l->act = carve_f(c, n * ff);
}

/* One set for all layers: the backward pass is in one layer at a time. */
static void carve_gradients(carver *c, eng_pass *p, size_t n)
{
    const eng_config *f = p->cfg;
    size_t d = f->n_embd, wide = d > 2 * (size_t)f->head_dim ? d : 2 * (size_t)f->head_dim;
    p->dhn = carve_f(c, p->chunk * d);
    p->dx = carve_f(c, n * d);
    p->dn = carve_f(c, n * d);
    p->draw = carve_f(c, n * p->width);
    p->drot = f->qk_norm ? carve_f(c, n * p->width) : p->draw;
    p->datt = carve_f(c, n * f->n_head * f->head_dim);
    p->dact = carve_f(c, n * f->n_ff);
    p->partial = carve_f(c, eng_norm_partials(n) * wide);
}

/* Lays out all buffers; p->layer may be NULL when only the size is asked for. */
static void carve_all(carver *c, eng_pass *p)
{
    const eng_config *f = p->cfg;
    size_t n = p->rows * p->n_ctx, d = f->n_embd, angles = p->n_ctx * (f->head_dim / 2);
    layer none;
    for (size_t i = 0; i < f->n_layer; i++)
        carve_layer(c, p, p->layer ? &p->layer[i] : &none, n);
    p->cos = carve_f(c, angles);
    p->sin = carve_f(c, angles);
    p->neg_sin = carve_f(c, angles);
    p->x_last = carve_f(c, n * d);
    p->nll = carve_f(c, n);
    p->pick = carve(c, n, sizeof(*p->pick));
    p->hn = carve_f(c, p->chunk * d);
    p->rstd_h = carve_f(c, p->chunk);
    p->logits = carve_f(c, p->chunk * f->n_vocab);
    p->fwd = carve(c, p->rows * f->n_head, sizeof(*p->fwd));
    p->bwd = carve(c, p->rows * f->n_head, sizeof(*p->bwd));
    carve_gradients(c, p, n);
}

/* The shape of a pass.  Chunks of the head are whole blocks of the matrix product's sums where they
 * can be, so that the gradient of the head does not depend on how a step is cut into micro-batches.
 */
static eng_pass shape_of(const eng_pass_plan *plan)
{
    eng_pass p = {.cfg = plan->cfg, .prec = plan->prec, .n_ctx = plan->n_ctx, .rows = plan->rows};
    p.width = eng_turn_width(plan->cfg);
    size_t n = p.rows * p.n_ctx, chunk = HEAD_FLOATS / plan->cfg->n_vocab;
    size_t unit = chunk >= ENG_GEMM_KC ? ENG_GEMM_KC : ENG_PAR_ROWS;
    chunk = chunk < unit ? unit : chunk / unit * unit;
    p.chunk = chunk < n ? chunk : n;
    return p;
}

/* Counts what eng_pass_open will take, without taking it. */
uint64_t eng_pass_bytes(const eng_pass_plan *plan)
{
    assert(plan->rows > 0 && plan->n_ctx > 0);
    eng_pass p = shape_of(plan);
    carver c = {0};
    carve_all(&c, &p);
    /* Each matrix is packed twice, the head's too when it is the embedding. */
    size_t weight = plan->prec == ENG_PREC_BF16 ? 2 : 4;
    return c.used + 2 * weight * (uint64_t)plan->layout->n_weights;
}

/* ---- opening ---- */

/* Offset of a parameter in the flat arrays. */
static size_t offset_of(const eng_layout *l, eng_param_kind kind, uint32_t i)
{
    size_t at = eng_layout_find(l, kind, i);
    return at == SIZE_MAX ? 0 : l->param[at].offset;
}

/* A linear layer of up to three parameters (ENG_P_N: none). */
static sk_status open_lin(eng_pass *p, eng_lin *lin, const eng_layout *l, uint32_t layer_no,
                          const eng_param_kind kinds[3], sk_err *e)
{
    size_t idx[3], n = 0;
    while (n < 3 && kinds[n] != ENG_P_N) {
        idx[n] = eng_layout_find(l, kinds[n], layer_no);
        assert(idx[n] < l->n_params);
        n++;
    }
    return eng_lin_open(lin, p->prec, l, idx, n, e);
}

/* Finds the parameters of layer i and makes room for its packed matrices. */
static sk_status open_layer(eng_pass *p, const eng_layout *l, uint32_t i, sk_err *e)
{
    static const eng_param_kind qkv[3] = {ENG_P_Q, ENG_P_K, ENG_P_V};
    static const eng_param_kind o[3] = {ENG_P_O, ENG_P_N, ENG_P_N};
    static const eng_param_kind gate_up[3] = {ENG_P_GATE, ENG_P_UP, ENG_P_N};
    static const eng_param_kind down[3] = {ENG_P_DOWN, ENG_P_N, ENG_P_N};
    layer *y = &p->layer[i];
    y->attn_norm = offset_of(l, ENG_P_ATTN_NORM, i);
    y->q_norm = offset_of(l, ENG_P_Q_NORM, i);
    y->k_norm = offset_of(l, ENG_P_K_NORM, i);
    y->ffn_norm = offset_of(l, ENG_P_FFN_NORM, i);
    sk_status st = open_lin(p, &y->qkv, l, i, qkv, e);
    if (!st) st = open_lin(p, &y->o, l, i, o, e);
    if (!st) st = open_lin(p, &y->gate_up, l, i, gate_up, e);
    if (!st) st = open_lin(p, &y->down, l, i, down, e);
    return st;
}

/* The head of a tied model is the embedding, read as an output matrix. */
static sk_status open_weights(eng_pass *p, const eng_layout *l, sk_err *e)
{
    const eng_param_kind head[3] = {p->cfg->tied ? ENG_P_EMBD : ENG_P_HEAD, ENG_P_N, ENG_P_N};
    p->embd = offset_of(l, ENG_P_EMBD, 0);
    p->out_norm = offset_of(l, ENG_P_OUT_NORM, 0);
    sk_status st = open_lin(p, &p->head, l, 0, head, e);
    for (uint32_t i = 0; !st && i < p->cfg->n_layer; i++)
        st = open_layer(p, l, i, e);
    return st;
}

/* Allocates the pass in an arena of its own. */
static sk_status open_memory(eng_pass *p, sk_err *e)
{
    p->layer = sk_new_n(p->mem, layer, p->cfg->n_layer);
    carver c = {0};
    carve_all(&c, p);
    c.base = p->layer ? sk_arena_alloc(p->mem, c.used) : NULL;
    if (!c.base)
        return sk_fail(e, SK_E_NOMEM, "no memory for a micro-batch of %zu x %zu tokens: %.1f MB",
                       p->rows, p->n_ctx, (double)c.used / 1e6);
    c.used = 0;
    carve_all(&c, p);
    return SK_OK;
}

/* On failure everything that was got is given back. */
sk_status eng_pass_open(eng_exec *x, const eng_pass_plan *plan, eng_pass **out, sk_err *e)
{
    assert(plan->rows > 0 && plan->n_ctx > 0);
    sk_status st = eng_exec_reserve(x, eng_attn_scratch_bytes(plan->cfg->head_dim), e);
    if (st) return st;
    sk_arena *mem = sk_arena_new(SK_MEM_TRAIN);
    eng_pass *p = mem ? sk_new(mem, eng_pass) : NULL;
    if (!p) {
        sk_arena_free(mem);
        return sk_fail(e, SK_E_NOMEM, "no memory for a training pass");
    }
    *p = shape_of(plan);
    p->x = x;
    p->mem = mem;
    st = open_memory(p, e);
    if (!st) st = open_weights(p, plan->layout, e);
    if (st) {
        eng_pass_close(p);
        return st;
    }
    eng_rope_table(p->cfg, p->n_ctx, p->cos, p->sin);
    size_t angles = p->n_ctx * (p->cfg->head_dim / 2);
    for (size_t i = 0; i < angles; i++)
        p->neg_sin[i] = -p->sin[i];
    *out = p;
    return SK_OK;
}

/* Also of a pass that was opened in part. */
void eng_pass_close(eng_pass *p)
{
    if (!p) return;
    eng_lin_close(&p->head);
    for (uint32_t i = 0; p->layer && i < p->cfg->n_layer; i++) {
        layer *l = &p->layer[i];
        eng_lin_close(&l->qkv);
        eng_lin_close(&l->o);
        eng_lin_close(&l->gate_up);
        eng_lin_close(&l->down);
    }
    sk_arena_free(p->mem);
}

/* Packs every matrix twice, for the two directions: the cost is that of a few tokens. */
void eng_pass_load(eng_pass *p, const float *params)
{
    p->params = params;
    for (uint32_t i = 0; i < p->cfg->n_layer; i++) {
        layer *l = &p->layer[i];
        eng_lin_load(p->x, &l->qkv, params);
        eng_lin_load(p->x, &l->o, params);
        eng_lin_load(p->x, &l->gate_up, params);
        eng_lin_load(p->x, &l->down, params);
    }
    eng_lin_load(p->x, &p->head, params);
}

/* ---- one layer, forward ---- */

/* What is done to q and k of layer l between projection and attention. */
static eng_turn turn_of(const eng_pass *p, const layer *l)
{
    bool norm = p->cfg->qk_norm;
    return (eng_turn){
        .cfg = p->cfg,
        .n_ctx = p->n_ctx,
        .cos = p->cos,
        .sin = p->sin,
        .neg_sin = p->neg_sin,
        .wq = norm ? p->params + l->q_norm : NULL,
        .wk = norm ? p->params + l->k_norm : NULL,
        .raw = l->raw,
        .rot = l->rot,
        .rstd = l->rstd_qk,
    };
}

/* Attention of query head `head` in row `row` of the micro-batch. */
static eng_attn_fwd attention_of(const eng_pass *p, const layer *l, const eng_batch *b, size_t row,
                                 size_t head)
{
    const eng_config *f = p->cfg;
    size_t hd = f->head_dim, h = f->n_head, kv = h + head / (h / f->n_kv_head);
    size_t at = row * p->n_ctx * p->width;
    return (eng_attn_fwd){
        .q = l->rot + at + head * hd,
        .k = l->rot + at + kv * hd,
        .v = l->raw + at + (kv + f->n_kv_head) * hd,
        .out = l->att + row * p->n_ctx * h * hd + head * hd,
        .lse = l->lse + (row * h + head) * p->n_ctx,
        .first = b->first ? b->first + row * p->n_ctx : NULL,
        .ldq = p->width,
        .ldkv = p->width,
        .ldo = h * hd,
        .n_q = p->n_ctx,
        .head_dim = hd,
        .scale = 1.0f / sqrtf((float)hd),
    };
}

/* next [n, d] = the residual stream after layer l, whose x is filled. */
static void layer_fwd(eng_pass *p, layer *l, const eng_batch *b, float *next)
{
    const eng_config *f = p->cfg;
    size_t n = b->rows * p->n_ctx, d = f->n_embd;
    eng_norm_fwd(p->x, n, d, l->x, p->params + l->attn_norm, f->rms_eps, l->xn, l->rstd_x);
    eng_lin_fwd(p->x, &l->qkv, n, l->xn, l->raw, false);
    eng_turn turn = turn_of(p, l);
    eng_turn_fwd(p->x, &turn, n);
    for (size_t i = 0; i < b->rows * f->n_head; i++)
        p->fwd[i] = attention_of(p, l, b, i / f->n_head, i % f->n_head);
    eng_par_attn_fwd(p->x, p->fwd, b->rows * f->n_head);
    eng_rows_copy(p->x, n, d, l->x, l->mid);
    eng_lin_fwd(p->x, &l->o, n, l->att, l->mid, true);

    eng_norm_fwd(p->x, n, d, l->mid, p->params + l->ffn_norm, f->rms_eps, l->midn, l->rstd_mid);
    eng_lin_fwd(p->x, &l->gate_up, n, l->midn, l->gu, false);
    eng_glu_fwd(p->x, n, f->n_ff, l->gu, l->act);
    eng_rows_copy(p->x, n, d, l->mid, next);
    eng_lin_fwd(p->x, &l->down, n, l->act, next, true);
}

/* Token ids to x_last. */
static void trunk_fwd(eng_pass *p, const eng_batch *b)
{
    size_t n = b->rows * p->n_ctx, last = p->cfg->n_layer - 1;
    assert(b->rows > 0 && b->rows <= p->rows);
    eng_embed_fwd(p->x, n, p->cfg->n_embd, b->ids, p->params + p->embd, p->layer[0].x);
    for (size_t i = 0; i <= last; i++)
        layer_fwd(p, &p->layer[i], b, i < last ? p->layer[i + 1].x : p->x_last);
}

/* ---- the head: last norm, logits, cross-entropy, and their gradients in the same go ---- */

typedef struct head_job {
    eng_pass *p;
    const eng_kernels *k;
    const uint32_t *tok; /* the chunk's tokens */
    const int32_t *target;
    float scale;
    bool backward;
} head_job;

/* Gathers the chunk: tokens without a target are left out from here on. */
static void head_norm_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const head_job *j = arg;
    eng_pass *p = j->p;
    size_t d = p->cfg->n_embd;
    for (size_t i = first; i < first + n; i++)
        j->k->rmsnorm_f32(p->hn + i * d, d, p->rstd_h + i, p->x_last + j->tok[i] * d, d,
                          p->params + p->out_norm, 1, d, p->cfg->rms_eps);
}

/* Loss of each token; its row of logits is then its gradient, in place, so that no second [chunk,
 * n_vocab] is needed. */
static void head_loss_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const head_job *j = arg;
    eng_pass *p = j->p;
    size_t v = p->cfg->n_vocab;
    for (size_t i = first; i < first + n; i++) {
        float lse, *z = p->logits + i * v;
        size_t target = (size_t)j->target[j->tok[i]];
        assert(target < v);
        p->nll[j->tok[i]] = j->k->xent_f32(z, v, target, &lse);
        if (j->backward) j->k->xent_bwd_f32(z, v, target, lse, j->scale);
    }
}

/* Scatters the gradient back to the tokens it belongs to.  Rows of dx are touched once each, so
 * tasks don't meet. */
static void head_norm_bwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const head_job *j = arg;
    eng_pass *p = j->p;
    size_t d = p->cfg->n_embd;
    float *dw = p->partial + first / ENG_PAR_ROWS * d;
    memset(dw, 0, d * sizeof(*dw));
    for (size_t i = first; i < first + n; i++)
        j->k->rmsnorm_bwd_f32(p->dx + j->tok[i] * d, d, dw, p->dhn + i * d, d,
                              p->x_last + j->tok[i] * d, d, p->params + p->out_norm, p->rstd_h + i,
                              1, d);
}

/* Loss of n tokens j->tok, all with targets; their gradients when grads are wanted. */
static void head_chunk(eng_pass *p, head_job *j, size_t n, float *grads)
{
    eng_par_rows(p->x, n, 0, head_norm_rows, j);
    eng_lin_fwd(p->x, &p->head, n, p->hn, p->logits, false);
    eng_par_rows(p->x, n, 0, head_loss_rows, j);
    if (!grads) return;
    size_t d = p->cfg->n_embd;
    eng_lin_bwd_x(p->x, &p->head, n, p->logits, p->dhn);
    eng_lin_bwd_w(p->x, &p->head, n, p->logits, p->hn, grads);
    eng_par_rows(p->x, n, ENG_PAR_ROWS, head_norm_bwd_rows, j);
    for (size_t i = 0; i < eng_norm_partials(n); i++)
        j->k->add_f32(grads + p->out_norm, p->partial + i * d, d);
}

/* Loss of all tokens that have a target; with grads, dx [n, d] = gradient of x_last. */
static void head_run(eng_pass *p, const eng_batch *b, float scale, float *grads)
{
    size_t n = b->rows * p->n_ctx, n_pick = 0;
    head_job j = {.p = p, .k = eng_exec_kernels(p->x), .target = b->target, .scale = scale};
    j.backward = grads != NULL;
    for (size_t i = 0; i < n; i++)
        if (b->target[i] >= 0) p->pick[n_pick++] = (uint32_t)i;
    if (grads) eng_rows_zero(p->x, n, p->cfg->n_embd, p->dx);
    for (size_t at = 0; at < n_pick; at += p->chunk) {
        j.tok = p->pick + at;
        head_chunk(p, &j, n_pick - at < p->chunk ? n_pick - at : p->chunk, grads);
    }
}

/* ---- one layer, backward ---- */

/* Gradients of q, k, v: attention, then back through RoPE and the head norms, into draw. */
static void attention_bwd(eng_pass *p, layer *l, const eng_batch *b, float *grads)
{
    const eng_config *f = p->cfg;
    size_t n = b->rows * p->n_ctx, hd = f->head_dim, h = f->n_head;
    eng_rows_zero(p->x, n, p->width, p->draw);
    if (p->drot != p->draw) eng_rows_zero(p->x, n, p->width, p->drot);
    for (size_t i = 0; i < b->rows * h; i++) {
        eng_attn_fwd a = attention_of(p, l, b, i / h, i % h);
        p->bwd[i] = (eng_attn_bwd){
            .q = a.q,
            .k = a.k,
            .v = a.v,
            .out = a.out,
            .dout = p->datt + (a.out - l->att),
            .lse = a.lse,
            .first = a.first,
            .dq = p->drot + (a.q - l->rot),
            .dk = p->drot + (a.k - l->rot),
            .dv = p->draw + (a.v - l->raw),
            .ldq = a.ldq,
            .ldkv = a.ldkv,
            .ldo = a.ldo,
            .n_q = a.n_q,
            .head_dim = hd,
            .scale = a.scale,
        };
    }
    eng_par_attn_bwd(p->x, p->bwd, b->rows * f->n_kv_head, h / f->n_kv_head);
    eng_turn turn = turn_of(p, l);
    eng_turn_bwd(p->x, &turn, n, p->drot, p->draw, grads + l->q_norm, grads + l->k_norm,
                 p->partial);
}

/* dx: gradient of the stream leaving the layer on entry, of l->x on return.  Destroys l->gu. */
static void layer_bwd(eng_pass *p, layer *l, const eng_batch *b, float *grads)
{
    const eng_config *f = p->cfg;
    size_t n = b->rows * p->n_ctx, d = f->n_embd;
    eng_lin_bwd_x(p->x, &l->down, n, p->dx, p->dact);
    eng_lin_bwd_w(p->x, &l->down, n, p->dx, l->act, grads);
    eng_glu_bwd(p->x, n, f->n_ff, p->dact, l->gu);
    eng_lin_bwd_x(p->x, &l->gate_up, n, l->gu, p->dn);
    eng_lin_bwd_w(p->x, &l->gate_up, n, l->gu, l->midn, grads);
    eng_norm_bwd(p->x, n, d, p->dn, l->mid, p->params + l->ffn_norm, l->rstd_mid, p->dx,
                 grads + l->ffn_norm, p->partial);

    eng_lin_bwd_x(p->x, &l->o, n, p->dx, p->datt);
    eng_lin_bwd_w(p->x, &l->o, n, p->dx, l->att, grads);
    attention_bwd(p, l, b, grads);
    eng_lin_bwd_x(p->x, &l->qkv, n, p->draw, p->dn);
    eng_lin_bwd_w(p->x, &l->qkv, n, p->draw, l->xn, grads);
    eng_norm_bwd(p->x, n, d, p->dn, l->x, p->params + l->attn_norm, l->rstd_x, p->dx,
                 grads + l->attn_norm, p->partial);
}

/* ---- the whole pass ---- */

/* The head makes loss and its gradient in one go; what follows walks the layers backwards.  The
 * token losses are summed in double and in order. */
void eng_pass_run(eng_pass *p, const eng_batch *b, float scale, float *grads, double *row_nats)
{
    assert(p->params && b->target);
    size_t n = b->rows * p->n_ctx;
    trunk_fwd(p, b);
    head_run(p, b, scale, grads);
    if (grads) {
        for (size_t i = p->cfg->n_layer; i-- > 0;)
            layer_bwd(p, &p->layer[i], b, grads);
        eng_embed_bwd(p->x, n, p->cfg->n_embd, b->ids, p->dx, grads + p->embd);
    }
    for (size_t r = 0; r < b->rows; r++) {
        double sum = 0;
        for (size_t i = r * p->n_ctx; i < (r + 1) * p->n_ctx; i++)
            if (b->target[i] >= 0) sum += p->nll[i];
        row_nats[r] = sum;
    }
}

/* The forward pass alone, straight into the caller's memory. */
void eng_pass_logits(eng_pass *p, const eng_batch *b, float *logits)
{
    size_t n = b->rows * p->n_ctx, v = p->cfg->n_vocab;
    trunk_fwd(p, b);
    head_job j = {.p = p, .k = eng_exec_kernels(p->x), .tok = p->pick};
    for (size_t i = 0; i < n; i++)
        p->pick[i] = (uint32_t)i;
    for (size_t at = 0; at < n; at += p->chunk) {
        size_t m = n - at < p->chunk ? n - at : p->chunk;
        j.tok = p->pick + at;
        eng_par_rows(p->x, m, 0, head_norm_rows, &j);
        eng_lin_fwd(p->x, &p->head, m, p->hn, logits + at * v, false);
    }
}
