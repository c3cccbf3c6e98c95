/* train_layout.c - a training pass opened: how its memory is laid out, where its weights are. */
#include "engine/kernel/par.h"
#include "engine/model/rope.h"
#include "engine/model/train_in.h"

#include <assert.h>
#include <string.h>

#define HEAD_FLOATS ((size_t)2 << 20) /* logits held at once: 8 MB, whatever n * n_vocab is */

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
static void carve_layer(carver *c, const eng_pass *p, eng_pass_layer *l, size_t n)
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
    eng_pass_layer none;
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
    eng_pass_layer *y = &p->layer[i];
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
    p->layer = sk_new_n(p->mem, eng_pass_layer, p->cfg->n_layer);
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
        eng_pass_layer *l = &p->layer[i];
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
        eng_pass_layer *l = &p->layer[i];
        eng_lin_load(p->x, &l->qkv, params);
        eng_lin_load(p->x, &l->o, params);
        eng_lin_load(p->x, &l->gate_up, params);
        eng_lin_load(p->x, &l->down, params);
    }
    eng_lin_load(p->x, &p->head, params);
}
