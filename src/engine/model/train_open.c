/* train_open.c - a training pass opened: which parameters its layers use, its packed matrices. */
#include "engine/model/rope.h"
#include "engine/model/train_in.h"
#include "engine/model/train_variants.h"

#include <assert.h>

/* ---- which parameters ---- */

/* The norm whose weights and bias are of these kinds. */
static eng_pass_norm find_norm(const eng_layout *l, eng_param_kind w, eng_param_kind b, uint32_t i)
{
    return (eng_pass_norm){eng_layout_find(l, w, i), eng_layout_find(l, b, i)};
}

/* Matrices that read the same input, and their biases, side by side in the outputs.  Those a model
 * does not have are left out. */
typedef struct group {
    eng_param_kind w[3], b[3];
} group;

static const group qkv_group = {{ENG_P_Q, ENG_P_K, ENG_P_V},
                                {ENG_P_Q_BIAS, ENG_P_K_BIAS, ENG_P_V_BIAS}};
static const group fused_group = {{ENG_P_QKV, ENG_P_N, ENG_P_N},
                                  {ENG_P_QKV_BIAS, ENG_P_N, ENG_P_N}};
static const group o_group = {{ENG_P_O, ENG_P_N, ENG_P_N}, {ENG_P_O_BIAS, ENG_P_N, ENG_P_N}};
static const group up_group = {{ENG_P_GATE, ENG_P_UP, ENG_P_N},
                               {ENG_P_GATE_BIAS, ENG_P_UP_BIAS, ENG_P_N}};
static const group down_group = {{ENG_P_DOWN, ENG_P_N, ENG_P_N},
                                 {ENG_P_DOWN_BIAS, ENG_P_N, ENG_P_N}};
static const group head_group = {{ENG_P_HEAD, ENG_P_N, ENG_P_N},
                                 {ENG_P_HEAD_BIAS, ENG_P_N, ENG_P_N}};
static const group tied_group = {{ENG_P_EMBD, ENG_P_N, ENG_P_N},
                                 {ENG_P_HEAD_BIAS, ENG_P_N, ENG_P_N}};

/* Finds a group's parameters in layer i and makes room for its packs; h: where its pairs of an
 * adapter keep theirs. */
static sk_status open_lin(eng_pass *p, eng_pass_lin *lin, const group *g, uint32_t i, float *h,
                          sk_err *e)
{
    const eng_layout *l = p->layout;
    size_t idx[3], n = 0, col = 0;
    *lin = (eng_pass_lin){0};
    for (size_t k = 0; k < 3 && g->w[k] != ENG_P_N; k++) {
        size_t w = eng_layout_find(l, g->w[k], i);
        if (w == SIZE_MAX) continue;
        size_t b = g->b[k] == ENG_P_N ? SIZE_MAX : eng_layout_find(l, g->b[k], i);
        if (b != SIZE_MAX) {
            lin->bias[lin->n_bias] = b;
            lin->bias_col[lin->n_bias++] = col;
        }
        col += l->param[w].rows;
        idx[n++] = w;
        p->product[w] = true;
    }
    if (p->frozen) return eng_pass_frozen_lin(p, lin, idx, n, h, e);
    return eng_lin_open(&lin->w, p->prec, l, idx, n, e);
}

/* Finds the parameters of layer i and makes room for its packed matrices. */
static sk_status open_layer(eng_pass *p, uint32_t i, sk_err *e)
{
    const eng_layout *l = p->layout;
    const eng_config *f = p->cfg;
    eng_pass_layer *y = &p->layer[i];
    y->attn_norm = find_norm(l, ENG_P_ATTN_NORM, ENG_P_ATTN_NORM_BIAS, i);
    y->q_norm = find_norm(l, ENG_P_Q_NORM, ENG_P_Q_NORM_BIAS, i);
    y->k_norm = find_norm(l, ENG_P_K_NORM, ENG_P_K_NORM_BIAS, i);
    y->attn_post = find_norm(l, ENG_P_ATTN_POST_NORM, ENG_P_ATTN_POST_NORM_BIAS, i);
    y->ffn_norm = find_norm(l, ENG_P_FFN_NORM, ENG_P_FFN_NORM_BIAS, i);
    y->ffn_post = find_norm(l, ENG_P_FFN_POST_NORM, ENG_P_FFN_POST_NORM_BIAS, i);
    y->local = eng_config_is_local(f, i);
    y->rotates = eng_config_rotates(f, i);
    size_t each = p->frozen ? p->rows * p->n_ctx * p->frozen->rank : 0;
    float *h = y->h;
    const group *qkv = f->has[ENG_P_QKV] ? &fused_group : &qkv_group;
    sk_status st = open_lin(p, &y->qkv, qkv, i, h, e);
    if (!st) st = open_lin(p, &y->o, &o_group, i, h ? h + 3 * each : NULL, e);
    if (!st) st = open_lin(p, &y->gate_up, &up_group, i, h ? h + 4 * each : NULL, e);
    if (!st) st = open_lin(p, &y->down, &down_group, i, h ? h + 6 * each : NULL, e);
    return st;
}

/* The head of a tied model is the embedding, read as an output matrix. */
static sk_status open_weights(eng_pass *p, sk_err *e)
{
    p->embd = eng_layout_find(p->layout, ENG_P_EMBD, 0);
    p->pos_embd = eng_layout_find(p->layout, ENG_P_POS_EMBD, 0);
    p->out_norm = find_norm(p->layout, ENG_P_OUT_NORM, ENG_P_OUT_NORM_BIAS, 0);
    sk_status st = p->frozen ? eng_pass_frozen_vectors(p, e) : SK_OK;
    if (!st) st = open_lin(p, &p->head, p->cfg->tied ? &tied_group : &head_group, 0, NULL, e);
    for (uint32_t i = 0; !st && i < p->cfg->n_layer; i++)
        st = open_layer(p, i, e);
    return st;
}

/* ---- open, close ---- */

/* Scratch of a worker for attention. */
static size_t scratch_bytes(const eng_pass_plan *plan)
{
    size_t usual = eng_attn_scratch_bytes(plan->cfg->head_dim);
    size_t soft = plan->cfg->attn_softcap != 0.0f ? eng_soft_attn_bytes(plan->n_ctx) : 0;
    return soft > usual ? soft : usual;
}

/* On failure everything that was got is given back. */
sk_status eng_pass_open(eng_exec *x, const eng_pass_plan *plan, eng_pass **out, sk_err *e)
{
    assert(plan->rows > 0 && plan->n_ctx > 0);
    sk_status st = eng_exec_reserve(x, scratch_bytes(plan), e);
    if (st) return st;
    sk_arena *mem = sk_arena_new(SK_MEM_TRAIN);
    eng_pass *p = mem ? sk_new(mem, eng_pass) : NULL;
    if (!p) {
        sk_arena_free(mem);
        return sk_fail(e, SK_E_NOMEM, "no memory for a training pass");
    }
    *p = eng_pass_shape(plan);
    p->x = x;
    p->mem = mem;
    st = eng_pass_reserve(p, e);
    if (!st) st = open_weights(p, e);
    if (st) {
        eng_pass_close(p);
        return st;
    }
    *out = p;
    return SK_OK;
}

/* Also of a pass that was opened in part. */
void eng_pass_close(eng_pass *p)
{
    if (!p) return;
    eng_lin_close(&p->head.w);
    for (uint32_t i = 0; p->layer && i < p->cfg->n_layer; i++) {
        eng_pass_layer *l = &p->layer[i];
        eng_pass_lin *lin[] = {&l->qkv, &l->o, &l->gate_up, &l->down};
        for (size_t k = 0; k < 4; k++) {
            eng_lin_close(&lin[k]->w);
            eng_pass_pairs_close(lin[k]);
        }
    }
    sk_arena_free(p->mem);
}

/* ---- weights ---- */

/* The divisors of RoPE's frequencies that a model file may bring, NULL: none.  Of two sets a model
 * uses the one for its whole context, as the decoder does. */
static const float *rope_factors(const eng_pass *p)
{
    const eng_config *f = p->cfg;
    bool is_long = f->n_ctx_orig && f->n_ctx > f->n_ctx_orig;
    size_t i = eng_layout_find(p->layout, is_long ? ENG_P_ROPE_LONG : ENG_P_ROPE_SHORT, 0);
    if (i == SIZE_MAX) i = eng_layout_find(p->layout, ENG_P_ROPE_FREQS, 0);
    return eng_pass_at(p, i);
}

/* Fills the angles of all positions, once: nothing trains the factors. */
static void fill_angles(eng_pass *p)
{
    for (int k = 0; k < 2 && p->angles[k].cos; k++) {
        const eng_pass_angles *a = &p->angles[k];
        if (k && a->cos == p->angles[0].cos) return;
        eng_rope r;
        eng_rope_init(&r, p->cfg, k, rope_factors(p));
        for (size_t i = 0; i < p->n_ctx; i++)
            eng_rope_row(&r, i, a->cos + i * r.half, a->sin + i * r.half);
        for (size_t i = 0; i < p->n_ctx * r.half; i++)
            a->neg_sin[i] = -a->sin[i];
    }
}

/* Packs every matrix that is trained twice, for the two directions: the cost is that of a few
 * tokens. */
void eng_pass_load(eng_pass *p, const float *params)
{
    for (size_t i = 0; !p->frozen && i < p->layout->n_params; i++)
        p->at[i] = params + p->layout->param[i].offset;
    if (!p->loaded) fill_angles(p);
    p->loaded = true;
    for (uint32_t i = 0; i < p->cfg->n_layer; i++) {
        eng_pass_layer *l = &p->layer[i];
        eng_pass_lin *lin[] = {&l->qkv, &l->o, &l->gate_up, &l->down};
        for (size_t k = 0; k < 4; k++) {
            if (p->frozen)
                eng_pass_pairs_load(p, lin[k], params);
            else
                eng_lin_load(p->x, &lin[k]->w, params);
        }
    }
    if (!p->frozen) eng_lin_load(p->x, &p->head.w, params);
}
