/* train_layout.c - how the memory of a training pass is laid out. */
#include "engine/kernel/par.h"
#include "engine/model/train_in.h"

#include <assert.h>

/* Logits held at once: 8 MB whatever n * n_vocab is, or half as many tokens as n_embd: a chunk
 * reads the output matrix twice and its gradient once, and this is where they weigh as much as
 * logits. */
#define HEAD_FLOATS ((size_t)2 << 20)

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

/* What layer l keeps from its forward pass for n tokens, but for its input.  Without qk_norm, RoPE
 * turns q and k in place: nothing needs them as they were projected. */
static void carve_layer(carver *c, const eng_pass *p, eng_pass_layer *l, size_t n)
{
    const eng_config *f = p->cfg;
    size_t d = f->n_embd, ff = f->n_ff;
    l->xn = carve_f(c, n * d);
    l->rstd_x = carve_f(c, n);
    l->raw = carve_f(c, n * p->width);
    l->rot = f->has[ENG_P_Q_NORM] ? carve_f(c, n * p->width) : l->raw;
    l->rstd_qk = carve_f(c, n * ((size_t)f->n_head + f->n_kv_head));
    l->att = carve_f(c, n * f->n_head * f->head_dim);
    l->lse = carve_f(c, n * f->n_head);
    l->mid = carve_f(c, n * d);
    l->midn = carve_f(c, n * d);
    l->rstd_mid = carve_f(c, n);
    l->gu = carve_f(c, n * (f->has[ENG_P_GATE] || f->fused_gate ? 2 : 1) * ff);
    l->act = carve_f(c, n * ff);
    l->att_out = f->has[ENG_P_ATTN_POST_NORM] ? carve_f(c, n * d) : NULL;
    l->rstd_att_out = f->has[ENG_P_ATTN_POST_NORM] ? carve_f(c, n) : NULL;
    l->ffn_out = f->has[ENG_P_FFN_POST_NORM] ? carve_f(c, n * d) : NULL;
    l->rstd_ffn_out = f->has[ENG_P_FFN_POST_NORM] ? carve_f(c, n) : NULL;
    l->h = p->frozen ? carve_f(c, 7 * n * p->frozen->rank) : NULL;
}

/* Each layer's buffers; with recomputation all but the inputs are the same memory. */
static void carve_layers(carver *c, eng_pass *p, size_t n)
{
    eng_pass_layer none;
    size_t kept = 0;
    for (size_t i = 0; i < p->cfg->n_layer; i++) {
        eng_pass_layer *l = p->layer ? &p->layer[i] : &none;
        l->x = carve_f(c, n * p->cfg->n_embd);
        size_t end = c->used;
        if (i > 0 && p->recompute)
            c->used = kept;
        else
            kept = end;
        carve_layer(c, p, l, n);
        if (i > 0 && p->recompute) c->used = end;
    }
}

/* Floats of the largest piece of a frozen matrix that is unpacked. */
static size_t longest_piece(const eng_config *f)
{
    size_t att = (size_t)f->n_head * f->head_dim, most = 0;
    const size_t n_in[] = {f->n_embd, att, f->n_ff};
    for (size_t i = 0; i < sizeof(n_in) / sizeof(*n_in); i++) {
        size_t len = eng_pass_piece_rows(n_in[i]) * n_in[i];
        most = len > most ? len : most;
    }
    return most;
}

/* One set for all layers: the backward pass is in one layer at a time. */
static void carve_gradients(carver *c, eng_pass *p, size_t n)
{
    const eng_config *f = p->cfg;
    size_t d = f->n_embd, wide = 2 * (d > f->head_dim ? d : f->head_dim);
    p->dhn = carve_f(c, p->chunk * d);
    p->dx = carve_f(c, n * d);
    p->dn = carve_f(c, n * d);
    p->draw = carve_f(c, n * p->width);
    p->branch = eng_pass_is_direct(p) ? NULL : carve_f(c, n * d);
    p->drot = f->has[ENG_P_Q_NORM] ? carve_f(c, n * p->width) : p->draw;
    p->datt = carve_f(c, n * f->n_head * f->head_dim);
    p->dact = carve_f(c, n * f->n_ff);
    p->partial = carve_f(c, eng_norm_partials(n) * wide);
    if (!p->frozen) return;
    p->dh = carve_f(c, n * p->frozen->rank);
    p->sink = carve_f(c, wide);
    if (!p->frozen->stream) return;
    p->piece = carve_f(c, longest_piece(f));
    p->sum_lse = carve(c, n, sizeof(*p->sum_lse));
    p->z_target = carve_f(c, n);
}

/* Windowed layers have angles of their own where the model says so. */
static void carve_angles(carver *c, eng_pass *p, int local)
{
    const eng_config *f = p->cfg;
    size_t n = p->n_ctx * (eng_config_n_rot(f) / 2);
    if (local && f->rope_theta_local == 0.0f && !f->local_unscaled)
        p->angles[1] = p->angles[0];
    else
        p->angles[local] = (eng_pass_angles){carve_f(c, n), carve_f(c, n), carve_f(c, n)};
}

/* A window as long as a row hides nothing. */
static bool has_window(const eng_pass *p)
{
    return p->cfg->window && p->cfg->window < p->n_ctx;
}

/* Lays out all buffers; p->layer may be NULL when only the size is asked for. */
static void carve_all(carver *c, eng_pass *p)
{
    const eng_config *f = p->cfg;
    size_t n = p->rows * p->n_ctx, d = f->n_embd;
    carve_layers(c, p, n);
    for (int i = 0; i < 2 && !f->no_rope; i++)
        carve_angles(c, p, i);
    p->pos = f->has[ENG_P_POS_EMBD] ? carve(c, n, sizeof(*p->pos)) : NULL;
    p->window_first = has_window(p) ? carve(c, n, sizeof(*p->window_first)) : NULL;
    p->x_last = carve_f(c, n * d);
    p->nll = carve_f(c, n);
    p->pick = carve(c, n, sizeof(*p->pick));
    p->hn = carve_f(c, p->chunk * d);
    p->rstd_h = carve_f(c, p->chunk);
    size_t wide = p->frozen && p->frozen->stream ? eng_pass_head_piece(f) : f->n_vocab;
    p->logits = carve_f(c, p->chunk * wide);
    p->capped = f->logit_softcap != 0.0f ? carve_f(c, p->chunk * wide) : NULL;
    p->fwd = carve(c, p->rows * f->n_head, sizeof(*p->fwd));
    p->bwd = carve(c, p->rows * f->n_head, sizeof(*p->bwd));
    carve_gradients(c, p, n);
}

/* The shape of a pass.  Chunks of the head are whole blocks of the matrix product's sums where they
 * can be, so that the gradient of the head does not depend on how a step is cut into micro-batches.
 */
eng_pass eng_pass_shape(const eng_pass_plan *plan)
{
    eng_pass p = {.cfg = plan->cfg, .prec = plan->prec, .n_ctx = plan->n_ctx, .rows = plan->rows};
    p.layout = plan->layout;
    p.frozen = plan->frozen;
    p.recompute = plan->recompute;
    p.z_loss = plan->z_loss;
    p.width = eng_turn_width(plan->cfg);
    size_t n = p.rows * p.n_ctx, chunk = HEAD_FLOATS / plan->cfg->n_vocab;
    if (chunk < plan->cfg->n_embd / 2) chunk = plan->cfg->n_embd / 2;
    size_t unit = chunk >= ENG_GEMM_KC ? ENG_GEMM_KC : ENG_PAR_ROWS;
    chunk = chunk < unit ? unit : chunk / unit * unit;
    p.chunk = chunk < n && !(p.frozen && p.frozen->stream) ? chunk : n;
    return p;
}

/* Each matrix is packed twice, the head's too when it is the embedding. */
uint64_t eng_pass_pack_bytes(const eng_pass_plan *plan)
{
    uint64_t n = plan->layout->n_weights;
    if (plan->frozen) /* the adapter's, and of the base what does not stay in its file */
        n = plan->frozen->adapter->n_weights + (plan->frozen->stream ? 0 : n);
    return 2 * (plan->prec == ENG_PREC_BF16 ? 2 : 4) * n;
}

/* Counts what eng_pass_open will take, without taking it. */
uint64_t eng_pass_bytes(const eng_pass_plan *plan)
{
    assert(plan->rows > 0 && plan->n_ctx > 0);
    eng_pass p = eng_pass_shape(plan);
    carver c = {0};
    carve_all(&c, &p);
    return c.used + eng_pass_pack_bytes(plan);
}

/* Allocates the pass in an arena of its own. */
sk_status eng_pass_reserve(eng_pass *p, sk_err *e)
{
    p->layer = sk_new_n(p->mem, eng_pass_layer, p->cfg->n_layer);
    p->at = sk_new_n(p->mem, const float *, p->layout->n_params);
    p->product = sk_new_n(p->mem, bool, p->layout->n_params);
    carver c = {0};
    carve_all(&c, p);
    c.base = p->layer && p->at && p->product ? sk_arena_alloc(p->mem, c.used) : NULL;
    if (!c.base)
        return sk_fail(e, SK_E_NOMEM, "no memory for a micro-batch of %zu x %zu tokens: %.1f MB",
                       p->rows, p->n_ctx, (double)c.used / 1e6);
    c.used = 0;
    carve_all(&c, p);
    return SK_OK;
}
