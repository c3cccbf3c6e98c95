/* train_layer.c - one layer of the training pass, forward and backward. */
#include "engine/kernel/par.h"
#include "engine/model/train_in.h"

#include <math.h>

/* ---- forward ---- */

/* What is done to q and k of layer l between projection and attention. */
static eng_turn turn_of(const eng_pass *p, const eng_pass_layer *l)
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
static eng_attn_fwd attention_of(const eng_pass *p, const eng_pass_layer *l, const eng_batch *b,
                                 size_t row, size_t head)
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
void eng_pass_layer_fwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, float *next)
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
/* ---- backward ---- */

/* Gradients of q, k, v: attention, then back through RoPE and the head norms, into draw. */
static void attention_bwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, float *grads)
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
void eng_pass_layer_bwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, float *grads)
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
