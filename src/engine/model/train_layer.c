/* train_layer.c - one layer of the training pass, forward and backward.
 *
 * x + attention(norm(x)), then x + ffn(norm(x)); what a block gives may go through a norm and a
 * factor before it is added (gemma2, granite).  The switches are those of model/config.h, and what
 * is computed is what the decoder computes.
 */
#include "engine/kernel/par.h"
#include "engine/model/train_in.h"
#include "engine/model/train_variants.h"

#include <assert.h>
#include <math.h>

/* ---- attention ---- */

/* What is done to q and k of layer l between projection and attention. */
static eng_turn turn_of(const eng_pass *p, const eng_pass_layer *l)
{
    const eng_pass_angles *a = &p->angles[l->local];
    return (eng_turn){
        .cfg = p->cfg,
        .n_ctx = p->n_ctx,
        .cos = l->rotates ? a->cos : NULL,
        .sin = a->sin,
        .neg_sin = a->neg_sin,
        .wq = eng_pass_at(p, l->q_norm.w),
        .wk = eng_pass_at(p, l->k_norm.w),
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
    assert(head < h && row < p->rows && h % f->n_kv_head == 0);
    size_t at = row * p->n_ctx * p->width;
    const int32_t *first = l->local && p->window_first ? p->window_first : b->first;
    return (eng_attn_fwd){
        .q = l->rot + at + head * hd,
        .k = l->rot + at + kv * hd,
        .v = l->raw + at + (kv + f->n_kv_head) * hd,
        .out = l->att + row * p->n_ctx * h * hd + head * hd,
        .lse = l->lse + (row * h + head) * p->n_ctx,
        .first = first ? first + row * p->n_ctx : NULL,
        .ldq = p->width,
        .ldkv = p->width,
        .ldo = h * hd,
        .n_q = p->n_ctx,
        .head_dim = hd,
        .scale = eng_config_attn_scale(f),
    };
}

/* l->att from l->xn: q, k and v, turned, and what the heads see. */
static void attention_fwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, size_t n)
{
    const eng_config *f = p->cfg;
    eng_pass_lin_fwd(p, &l->qkv, n, l->xn, l->raw, false);
    eng_turn turn = turn_of(p, l);
    eng_turn_fwd(p->x, &turn, n);
    size_t n_items = b->rows * f->n_head;
    for (size_t i = 0; i < n_items; i++)
        p->fwd[i] = attention_of(p, l, b, i / f->n_head, i % f->n_head);
    if (f->attn_softcap != 0.0f)
        eng_soft_attn_fwd(p->x, f->attn_softcap, p->fwd, n_items);
    else
        eng_par_attn_fwd(p->x, p->fwd, n_items);
}

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
    size_t n_groups = b->rows * f->n_kv_head, group = h / f->n_kv_head;
    if (f->attn_softcap != 0.0f)
        eng_soft_attn_bwd(p->x, f->attn_softcap, p->bwd, n_groups, group);
    else
        eng_par_attn_bwd(p->x, p->bwd, n_groups, group);
    eng_turn turn = turn_of(p, l);
    eng_turn_bwd(p->x, &turn, n, p->drot, p->draw, eng_pass_grad(p, grads, l->q_norm.w),
                 eng_pass_grad(p, grads, l->k_norm.w), p->partial);
}

/* ---- how a block joins the residual stream ---- */

/* A block's last matrix, and what becomes of its result. */
typedef struct joint {
    eng_pass_lin *lin;
    const eng_pass_norm *post;
    float *out, *rstd; /* before the norm, kept for the gradient */
} joint;

static float stream_factor(const eng_pass *p)
{
    return p->cfg->residual_scale != 0.0f ? p->cfg->residual_scale : 1.0f;
}

/* to[n, d] = from + in W^T, the sum's second part normed and scaled as the model has it. */
static void join_fwd(eng_pass *p, const joint *j, size_t n, const float *in, const float *from,
                     float *to)
{
    size_t d = p->cfg->n_embd;
    if (eng_pass_is_direct(p)) {
        eng_rows_copy(p->x, n, d, from, to);
        eng_pass_lin_fwd(p, j->lin, n, in, to, true);
        return;
    }
    float *out = j->out ? j->out : p->branch;
    eng_pass_lin_fwd(p, j->lin, n, in, out, false);
    if (j->out) eng_pass_norm_fwd(p, j->post, n, out, p->branch, j->rstd);
    eng_rows_axpy(p->x, n, d, from, stream_factor(p), p->branch, to);
}

/* Gradient din of the block's last input from p->dx, that of the stream after it. */
static void join_bwd(eng_pass *p, const joint *j, size_t n, const float *in, float *din,
                     float *grads)
{
    size_t d = p->cfg->n_embd;
    const float *dy = p->dx;
    if (stream_factor(p) != 1.0f) {
        eng_rows_zero(p->x, n, d, p->dn);
        eng_rows_axpy(p->x, n, d, p->dn, stream_factor(p), p->dx, p->dn);
        dy = p->dn;
    }
    if (j->out) {
        eng_rows_zero(p->x, n, d, p->branch);
        eng_pass_norm_bwd(p, j->post, n, dy, j->out, j->rstd, p->branch, grads);
        dy = p->branch;
    }
    eng_pass_lin_bwd(p, j->lin, n, dy, in, din, grads);
}

static joint attention_joint(eng_pass_layer *l)
{
    return (joint){&l->o, &l->attn_post, l->att_out, l->rstd_att_out};
}

static joint ffn_joint(eng_pass_layer *l)
{
    return (joint){&l->down, &l->ffn_post, l->ffn_out, l->rstd_ffn_out};
}

/* ---- the layer ---- */

/* gu holds gate and up. */
static bool is_gated(const eng_config *f)
{
    return f->has[ENG_P_GATE] || f->fused_gate;
}

/* l->act from l->gu. */
static void activate_fwd(eng_pass *p, eng_pass_layer *l, size_t n)
{
    const eng_config *f = p->cfg;
    if (f->act == ENG_ACT_SILU && is_gated(f))
        eng_glu_fwd(p->x, n, f->n_ff, l->gu, l->act);
    else
        eng_act_fwd(p->x, n, f->n_ff, is_gated(f), f->act, l->gu, l->act);
}

/* l->gu becomes its gradient, from p->dact. */
static void activate_bwd(eng_pass *p, eng_pass_layer *l, size_t n)
{
    const eng_config *f = p->cfg;
    if (f->act == ENG_ACT_SILU && is_gated(f))
        eng_glu_bwd(p->x, n, f->n_ff, p->dact, l->gu);
    else
        eng_act_bwd(p->x, n, f->n_ff, is_gated(f), f->act, p->dact, l->gu);
}

void eng_pass_layer_fwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, float *next)
{
    size_t n = b->rows * p->n_ctx;
    assert(b->rows && b->rows <= p->rows);
    joint att = attention_joint(l), ffn = ffn_joint(l);
    eng_pass_norm_fwd(p, &l->attn_norm, n, l->x, l->xn, l->rstd_x);
    attention_fwd(p, l, b, n);
    join_fwd(p, &att, n, l->att, l->x, l->mid);

    eng_pass_norm_fwd(p, &l->ffn_norm, n, l->mid, l->midn, l->rstd_mid);
    eng_pass_lin_fwd(p, &l->gate_up, n, l->midn, l->gu, false);
    activate_fwd(p, l, n);
    join_fwd(p, &ffn, n, l->act, l->mid, next);
}

void eng_pass_layer_bwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, float *grads)
{
    size_t n = b->rows * p->n_ctx;
    assert(b->rows && b->rows <= p->rows && grads);
    joint att = attention_joint(l), ffn = ffn_joint(l);
    join_bwd(p, &ffn, n, l->act, p->dact, grads);
    activate_bwd(p, l, n);
    eng_pass_lin_bwd(p, &l->gate_up, n, l->gu, l->midn, p->dn, grads);
    eng_pass_norm_bwd(p, &l->ffn_norm, n, p->dn, l->mid, l->rstd_mid, p->dx, grads);

    join_bwd(p, &att, n, l->att, p->datt, grads);
    attention_bwd(p, l, b, grads);
    eng_pass_lin_bwd(p, &l->qkv, n, p->draw, l->xn, p->dn, grads);
    eng_pass_norm_bwd(p, &l->attn_norm, n, p->dn, l->x, l->rstd_x, p->dx, grads);
}
