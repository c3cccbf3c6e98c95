/* weights.c - from the tensors of a file to packed matrices.
 *
 * Matrices that read the same input (q, k, v; gate, up) are laid one below the other and packed as
 * one: a step then has two large products where it had five.  By the promise of wmat.h an output
 * element does not depend on its neighbours, so this changes no result.
 */
#include "engine/model/weights.h"

#include "engine/model/finite.h"
#include "engine/model/packs.h"
#include "engine/quant/quant.h"

#include <assert.h>
#include <string.h>

/* ---- loading: one parameter ---- */

/* What loading carries along.  It stops at the first error and leaves what there is in the model,
 * whose eng_weights_free knows that anything may be missing. */
typedef struct loader {
    eng_exec *x;
    eng_model *m;
    unsigned flags;          /* of eng_wmat_new */
    uintptr_t *ahead_of_use; /* [2] from where to where data was read last */
} loader;

/* Matrices one below the other are at most three: q, k, v. */
enum { MAX_PARTS = 3 };

static bool has(const loader *l, eng_param_kind kind, uint32_t layer)
{
    return eng_layout_find(&l->m->layout, kind, layer) != SIZE_MAX;
}

/* Whether a tensor need not be looked through here: it was when the packs were made that now lie in
 * a file, or it will be when it is packed as the head. */
static bool is_looked_through(const loader *l, const eng_param *p)
{
    const eng_model *m = l->m;
    if (!p->is_matrix) return false;
    return m->packs.filled || (p->kind == ENG_P_EMBD && m->cfg.tied && !m->cfg.encoder && !m->embd);
}

/* Bytes that are looked through, and read from a disk, from one question whether to go on to the
 * next: about a millisecond. */
#define ASKED_BYTES ((size_t)8 << 20)
#define FETCHED_BYTES ((size_t)1 << 20)

/* Bytes that are read at least: tensors are used about as they lie in the file, so that those which
 * follow are there when it is their turn. */
#define AHEAD_BYTES ((size_t)64 << 20)

/* Reads a tensor's data into memory while others may compute. */
static sk_status fetch(const loader *l, const eng_gguf_tensor *t, sk_err *e)
{
    uintptr_t from = (uintptr_t)t->data;
    size_t bytes = (size_t)t->bytes < AHEAD_BYTES ? AHEAD_BYTES : (size_t)t->bytes;
    if (!eng_exec_is_asked(l->x)) return SK_OK;
    if (from >= l->ahead_of_use[0] && from + t->bytes <= l->ahead_of_use[1]) return SK_OK;
    for (size_t at = 0; at < bytes; at += FETCHED_BYTES) {
        if (!eng_exec_go_on(l->x, ENG_WORK_WAIT))
            return sk_fail(e, SK_E_STOPPED, "stopped while the file was read");
        if (!eng_gguf_fetch(l->m->gguf, t, at, FETCHED_BYTES)) break;
    }
    l->ahead_of_use[0] = from;
    l->ahead_of_use[1] = from + bytes;
    return SK_OK;
}

/* Whether a tensor holds numbers only. */
static sk_status look_through(const loader *l, const eng_gguf_tensor *t, const eng_param *p,
                              sk_err *e)
{
    eng_dtype type = (eng_dtype)t->type;
    size_t block = eng_dtype_block(type), n = p->outer * p->rows * p->cols, piece = n;
    if (eng_exec_is_asked(l->x)) piece = ASKED_BYTES / eng_dtype_block_bytes(type) * block;
    for (size_t i = 0; i < n; i += piece) {
        const char *at = (const char *)t->data + eng_dtype_bytes(type, i);
        if (!eng_exec_go_on(l->x, ENG_WORK_COMPUTE))
            return sk_fail(e, SK_E_STOPPED, "stopped while the weights were read");
        if (!eng_all_finite(l->x, type, at, n - i < piece ? n - i : piece))
            return sk_fail(e, SK_E_CORRUPT, "the tensor %s holds NaN or an infinity", p->name);
    }
    return SK_OK;
}

/* The tensor of a parameter that is there, its weights looked through just before they are used, so
 * that the second look finds them in the cache. */
static sk_status tensor_of(const loader *l, eng_param_kind kind, uint32_t layer,
                           const eng_gguf_tensor **out, const eng_param **param, sk_err *e)
{
    size_t i = eng_layout_find(&l->m->layout, kind, layer);
    assert(i != SIZE_MAX);
    const eng_param *p = &l->m->layout.param[i];
    const eng_gguf_tensor *t = eng_gguf_tensor_find(l->m->gguf, p->name);
    if (!t) return sk_fail(e, SK_E_CORRUPT, "the tensor %s is gone from the file", p->name);
    sk_status st = l->m->packs.filled && p->is_matrix ? SK_OK : fetch(l, t, e);
    if (!st && !is_looked_through(l, p)) st = look_through(l, t, p, e);
    if (st) return st;
    *out = t;
    *param = p;
    return SK_OK;
}

/* Memory of the model's arena for n floats; NULL has written e. */
static float *floats(const loader *l, size_t n, sk_err *e)
{
    float *v = sk_arena_alloc(l->m->arena, n * sizeof(float));
    if (!v) (void)sk_fail(e, SK_E_NOMEM, "no memory for norms and biases");
    return v;
}

/* A norm or bias as floats in the model's arena; *out stays as it is where there is none. */
static sk_status load_vector(const loader *l, eng_param_kind kind, uint32_t layer,
                             const float **out, sk_err *e)
{
    const eng_gguf_tensor *t = NULL;
    const eng_param *p = NULL;
    if (!has(l, kind, layer)) return SK_OK;
    sk_status st = tensor_of(l, kind, layer, &t, &p, e);
    if (st) return st;
    size_t n = p->outer * p->rows * p->cols;
    float *v = floats(l, n, e);
    if (!v) return SK_E_NOMEM;
    eng_dtype_to_f32((eng_dtype)t->type, t->data, v, n);
    *out = v;
    return SK_OK;
}

/* Weights and bias of a norm. */
static sk_status load_norm(const loader *l, eng_param_kind w, eng_param_kind b, uint32_t layer,
                           eng_norm *out, sk_err *e)
{
    sk_status st = load_vector(l, w, layer, &out->w, e);
    return st || b == ENG_P_N ? st : load_vector(l, b, layer, &out->b, e);
}

/* Biases one after the other, zeros where there is none; *out stays where none of the n is there.
 * With experts > 1 each kind has a row for every expert, and they are put side by side by expert.
 */
static sk_status load_biases(const loader *l, const eng_param_kind *bias, const size_t *len,
                             size_t n, size_t experts, uint32_t layer, const float **out, sk_err *e)
{
    size_t width = 0, at = 0, n_there = 0;
    for (size_t i = 0; i < n; i++) {
        n_there += bias[i] != ENG_P_N && has(l, bias[i], layer);
        width += len[i];
    }
    if (!n_there) return SK_OK;
    float *v = floats(l, width * experts, e);
    if (!v) return SK_E_NOMEM;
    memset(v, 0, width * experts * sizeof(*v));
    for (size_t i = 0; i < n; at += len[i++]) {
        const float *from = NULL;
        sk_status st = bias[i] == ENG_P_N ? SK_OK : load_vector(l, bias[i], layer, &from, e);
        if (st) return st;
        for (size_t x = 0; from && x < experts; x++)
            memcpy(v + x * width + at, from + x * len[i], len[i] * sizeof(*v));
    }
    *out = v;
    return SK_OK;
}

/* Part `nth` of a parameter of several matrices (experts, heads) as rows for packing. */
static eng_wpart part_of(const eng_gguf_tensor *t, const eng_param *p, size_t nth)
{
    size_t bytes = eng_dtype_bytes((eng_dtype)t->type, p->rows * p->cols);
    return (eng_wpart){(eng_dtype)t->type, (const char *)t->data + nth * bytes, p->rows};
}

/* ---- loading: matrices ---- */

/* Tensors that will be packed one below the other.  They may differ in type: mixed quantisations
 * give v more bits than q and k. */
typedef struct stack {
    const eng_gguf_tensor *t[MAX_PARTS];
    const eng_param *p[MAX_PARTS];
    size_t n;
} stack;

/* Collects those of n kinds (bias kinds beside them) that the layer has. */
static sk_status collect(const loader *l, const eng_param_kind *kind, size_t n, uint32_t layer,
                         stack *s, sk_err *e)
{
    s->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (!has(l, kind[i], layer)) continue;
        sk_status st = tensor_of(l, kind[i], layer, &s->t[s->n], &s->p[s->n], e);
        if (st) return st;
        s->n++;
    }
    return SK_OK;
}

/* Packs matrix `nth` of each tensor of the stack into one. */
static sk_status pack(const loader *l, const stack *s, size_t nth, eng_wmat **out, sk_err *e)
{
    eng_wpart part[MAX_PARTS];
    assert(s->n && s->n <= MAX_PARTS);
    for (size_t i = 0; i < s->n; i++) {
        assert(s->p[i]->cols == s->p[0]->cols);
        part[i] = part_of(s->t[i], s->p[i], nth);
    }
    sk_status st = eng_wmat_new_in(l->x, s->p[0]->cols, part, s->n, l->flags, &l->m->packs, out, e);
    return st ? sk_while(e, "%s", s->p[0]->name) : SK_OK;
}

/* The stack's tensors are packed: what is computed with no longer lies in the file.  (Of a file of
 * packs nothing of the model's was read.) */
static void rest(const loader *l, const stack *s)
{
    for (size_t i = 0; i < s->n && !(l->flags & ENG_WMAT_IN_PLACE || l->m->packs.filled); i++)
        eng_gguf_rest(l->m->gguf, s->t[i]);
}

/* Up to three matrices (those there are) as one, without bias; *out stays NULL if none is there. */
static sk_status load_matrix(const loader *l, const eng_param_kind *kind, size_t n, uint32_t layer,
                             eng_wmat **out, sk_err *e)
{
    stack s;
    sk_status st = collect(l, kind, n, layer, &s, e);
    if (st || !s.n || (st = pack(l, &s, 0, out, e))) return st;
    rest(l, &s);
    return SK_OK;
}

/* The same with their biases. */
static sk_status load_linear(const loader *l, const eng_param_kind *kind,
                             const eng_param_kind *bias, size_t n, uint32_t layer, eng_linear *out,
                             sk_err *e)
{
    eng_param_kind there[MAX_PARTS];
    size_t len[MAX_PARTS], k = 0;
    sk_status st = load_matrix(l, kind, n, layer, &out->w, e);
    if (st) return st;
    for (size_t i = 0; i < n; i++) {
        size_t at = eng_layout_find(&l->m->layout, kind[i], layer);
        if (at == SIZE_MAX) continue;
        there[k] = bias[i];
        len[k++] = l->m->layout.param[at].rows;
    }
    return load_biases(l, there, len, k, 1, layer, &out->b, e);
}

/* One matrix for each of n heads. */
static sk_status load_heads(const loader *l, eng_param_kind kind, uint32_t layer, size_t n,
                            eng_wmat ***out, sk_err *e)
{
    stack s;
    if (!has(l, kind, layer)) return SK_OK;
    sk_status st = collect(l, &kind, 1, layer, &s, e);
    if (st) return st;
    eng_wmat **w = *out = sk_new_n(l->m->arena, eng_wmat *, n);
    if (!w) return sk_fail(e, SK_E_NOMEM, "no memory for a list of %zu heads", n);
    for (size_t i = 0; i < n; i++)
        if ((st = pack(l, &s, i, &w[i], e))) return st;
    rest(l, &s);
    return SK_OK;
}

/* One matrix with its bias for each expert: a step multiplies each with other rows. */
static sk_status load_experts(const loader *l, const eng_param_kind *kind,
                              const eng_param_kind *bias, size_t n, uint32_t layer,
                              eng_linear **out, sk_err *e)
{
    stack s;
    size_t n_expert = l->m->cfg.n_expert, len[MAX_PARTS], width = 0;
    sk_status st = collect(l, kind, n, layer, &s, e);
    if (st) return st;
    eng_linear *x = *out = sk_new_n(l->m->arena, eng_linear, n_expert);
    if (!x) return sk_fail(e, SK_E_NOMEM, "no memory for a list of %zu experts", n_expert);
    for (size_t i = 0; i < s.n; i++) {
        len[i] = s.p[i]->rows;
        width += len[i];
    }
    const float *b = NULL;
    if (s.n == n && (st = load_biases(l, bias, len, n, n_expert, layer, &b, e))) return st;
    for (size_t i = 0; i < n_expert; i++) {
        if (b) x[i].b = b + i * width;
        if ((st = pack(l, &s, i, &x[i].w, e))) return st;
    }
    rest(l, &s);
    return SK_OK;
}

/* ---- loading: layers ---- */

/* Router, experts, shared expert. */
static sk_status load_moe(const loader *l, uint32_t i, eng_moe *m, sk_err *e)
{
    static const eng_param_kind router[] = {ENG_P_ROUTER}, router_b[] = {ENG_P_ROUTER_BIAS},
                                one[] = {ENG_P_EXP_GATE_UP}, none[] = {ENG_P_N, ENG_P_N},
                                two[] = {ENG_P_EXP_GATE, ENG_P_EXP_UP},
                                two_b[] = {ENG_P_EXP_GATE_BIAS, ENG_P_EXP_UP_BIAS},
                                down[] = {ENG_P_EXP_DOWN}, down_b[] = {ENG_P_EXP_DOWN_BIAS},
                                sh_gu[] = {ENG_P_SH_GATE, ENG_P_SH_UP}, sh_down[] = {ENG_P_SH_DOWN},
                                sh_router[] = {ENG_P_SH_ROUTER};
    bool is_one = has(l, ENG_P_EXP_GATE_UP, i);
    sk_status st;
    if ((st = load_linear(l, router, router_b, 1, i, &m->router, e)) ||
        (st = load_vector(l, ENG_P_CHOICE_BIAS, i, &m->choice_bias, e)) ||
        (st = load_experts(l, is_one ? one : two, is_one ? none : two_b, is_one ? 1 : 2, i,
                           &m->gate_up, e)) ||
        (st = load_experts(l, down, down_b, 1, i, &m->down, e)) ||
        (st = load_matrix(l, sh_gu, 2, i, &m->sh_gate_up.w, e)) ||
        (st = load_matrix(l, sh_down, 1, i, &m->sh_down.w, e)))
        return st;
    return load_matrix(l, sh_router, 1, i, &m->sh_router, e);
}

/* Latent attention's matrices, in either form. */
static sk_status load_mla(const loader *l, uint32_t i, eng_mla *a, sk_err *e)
{
    static const eng_param_kind in[] = {ENG_P_MLA_Q, ENG_P_MLA_Q_A, ENG_P_MLA_KV_A},
                                q_b[] = {ENG_P_MLA_Q_B}, kv_b[] = {ENG_P_MLA_KV_B};
    uint32_t n = l->m->cfg.n_head;
    sk_status st;
    if ((st = load_matrix(l, in, 3, i, &a->in, e)) ||
        (st = load_norm(l, ENG_P_MLA_Q_A_NORM, ENG_P_N, i, &a->q_a_norm, e)) ||
        (st = load_norm(l, ENG_P_MLA_KV_A_NORM, ENG_P_N, i, &a->kv_a_norm, e)) ||
        (st = load_matrix(l, q_b, 1, i, &a->q_b, e)) ||
        (st = load_matrix(l, kv_b, 1, i, &a->kv_b, e)) ||
        (st = load_heads(l, ENG_P_MLA_K_B, i, n, &a->k_b, e)))
        return st;
    return load_heads(l, ENG_P_MLA_V_B, i, n, &a->v_b, e);
}

/* Norms of the two blocks.  With a second norm before attention (falcon 40B) the first is the
 * feed-forward part's; where norms are of sums it stands in attn_norm (jina-bert-v2). */
static sk_status load_norms(const loader *l, uint32_t i, eng_layer *y, sk_err *e)
{
    sk_status st;
    bool second = has(l, ENG_P_ATTN_NORM_2, i);
    if ((st = load_norm(l, second ? ENG_P_ATTN_NORM_2 : ENG_P_ATTN_NORM,
                        second ? ENG_P_ATTN_NORM_2_BIAS : ENG_P_ATTN_NORM_BIAS, i, &y->attn_norm,
                        e)) ||
        (st = load_norm(l, second ? ENG_P_ATTN_NORM : ENG_P_FFN_NORM,
                        second ? ENG_P_ATTN_NORM_BIAS : ENG_P_FFN_NORM_BIAS, i, &y->ffn_norm, e)) ||
        (st = load_norm(l, ENG_P_ATTN_POST_NORM, ENG_P_ATTN_POST_NORM_BIAS, i, &y->attn_post_norm,
                        e)) ||
        (st = load_norm(l, ENG_P_FFN_POST_NORM, ENG_P_FFN_POST_NORM_BIAS, i, &y->ffn_post_norm,
                        e)) ||
        (st = load_norm(l, ENG_P_Q_NORM, ENG_P_Q_NORM_BIAS, i, &y->q_norm, e)))
        return st;
    return load_norm(l, ENG_P_K_NORM, ENG_P_K_NORM_BIAS, i, &y->k_norm, e);
}

/* A plain feed-forward part. */
static sk_status load_ffn(const loader *l, uint32_t i, eng_layer *y, sk_err *e)
{
    static const eng_param_kind gu[] = {ENG_P_GATE, ENG_P_UP},
                                gu_b[] = {ENG_P_GATE_BIAS, ENG_P_UP_BIAS}, down[] = {ENG_P_DOWN},
                                down_b[] = {ENG_P_DOWN_BIAS};
    sk_status st = load_linear(l, gu, gu_b, 2, i, &y->gate_up, e);
    return st ? st : load_linear(l, down, down_b, 1, i, &y->down, e);
}

/* q, k and v, as one matrix or three, and what attention gives back. */
static sk_status load_attn(const loader *l, uint32_t i, eng_layer *y, sk_err *e)
{
    static const eng_param_kind one[] = {ENG_P_QKV}, one_b[] = {ENG_P_QKV_BIAS},
                                three[] = {ENG_P_Q, ENG_P_K, ENG_P_V},
                                three_b[] = {ENG_P_Q_BIAS, ENG_P_K_BIAS, ENG_P_V_BIAS},
                                o[] = {ENG_P_O}, o_b[] = {ENG_P_O_BIAS};
    bool fused = has(l, ENG_P_QKV, i);
    sk_status st = SK_OK;
    if (l->m->cfg.kv_lora) {
        y->mla = sk_new(l->m->arena, eng_mla);
        st = y->mla ? load_mla(l, i, y->mla, e)
                    : sk_fail(e, SK_E_NOMEM, "no memory for the matrices of layer %u", i);
    } else {
        st = load_linear(l, fused ? one : three, fused ? one_b : three_b, fused ? 1 : 3, i, &y->qkv,
                         e);
    }
    if (st || (st = load_linear(l, o, o_b, 1, i, &y->o, e))) return st;
    return load_vector(l, ENG_P_SINKS, i, &y->sinks, e);
}

/* Norms, attention, feed-forward: in the order a step uses them. */
static sk_status load_layer(const loader *l, uint32_t i, sk_err *e)
{
    eng_layer *y = &l->m->layer[i];
    sk_status st;
    if ((st = load_norms(l, i, y, e)) || (st = load_attn(l, i, y, e))) return st;
    if (!eng_config_is_moe(&l->m->cfg, i)) return load_ffn(l, i, y, e);
    y->moe = sk_new(l->m->arena, eng_moe);
    if (!y->moe) return sk_fail(e, SK_E_NOMEM, "no memory for the experts of layer %u", i);
    return load_moe(l, i, y->moe, e);
}

/* ---- loading: the model ---- */

/* Rows that are looked up stay in the file; the mapping lives as long as the model. */
static sk_status borrow_rows(const loader *l, eng_param_kind kind, const void **out,
                             eng_dtype *type, sk_err *e)
{
    const eng_gguf_tensor *t = NULL;
    const eng_param *p = NULL;
    if (!has(l, kind, 0)) return SK_OK;
    sk_status st = tensor_of(l, kind, 0, &t, &p, e);
    if (st) return st;
    *out = t->data;
    *type = (eng_dtype)t->type;
    return SK_OK;
}

/* What stands before the layers.  Of the two sets of long-context factors a model uses the one for
 * its whole context, so that a token's logits do not depend on how long a session is. */
static sk_status load_top(const loader *l, sk_err *e)
{
    eng_model *m = l->m;
    const eng_config *c = &m->cfg;
    bool is_long = c->n_ctx_orig && c->n_ctx > c->n_ctx_orig;
    sk_status st;
    if ((st = borrow_rows(l, ENG_P_EMBD, &m->embd, &m->embd_type, e)) ||
        (st = borrow_rows(l, ENG_P_POS_EMBD, &m->pos, &m->pos_type, e)) ||
        (st = load_vector(l, ENG_P_TYPE_EMBD, 0, &m->type_embd, e)) ||
        (st = load_norm(l, ENG_P_EMBD_NORM, ENG_P_EMBD_NORM_BIAS, 0, &m->embd_norm, e)) ||
        (st = load_vector(l, is_long ? ENG_P_ROPE_LONG : ENG_P_ROPE_SHORT, 0, &m->rope_factors, e)))
        return st;
    return load_vector(l, ENG_P_ROPE_FREQS, 0, &m->rope_factors, e);
}

/* Embedding, layers, last norm and head, in the order a step uses them. */
static sk_status load_all(const loader *l, sk_err *e)
{
    static const eng_param_kind head[] = {ENG_P_HEAD}, embd[] = {ENG_P_EMBD},
                                bias[] = {ENG_P_HEAD_BIAS};
    eng_model *m = l->m;
    sk_status st = load_top(l, e);
    for (uint32_t i = 0; !st && i < m->cfg.n_layer; i++)
        st = load_layer(l, i, e);
    if (st || (st = load_norm(l, ENG_P_OUT_NORM, ENG_P_OUT_NORM_BIAS, 0, &m->out_norm, e)))
        return st;
    if (m->cfg.encoder) return SK_OK;
    if ((st = load_matrix(l, m->cfg.tied ? embd : head, 1, 0, &m->head.w, e))) return st;
    return load_vector(l, bias[0], 0, &m->head.b, e);
}

/* The type that most bytes of the matrices have. */
static eng_dtype main_type(const eng_model *m)
{
    uint64_t bytes[64] = {0};
    size_t best = 0;
    for (size_t i = 0; i < m->layout.n_params; i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_find(m->gguf, m->layout.param[i].name);
        if (!t || !m->layout.param[i].is_matrix || t->type >= 64) continue;
        bytes[t->type] += t->bytes;
        if (bytes[t->type] > bytes[best]) best = t->type;
    }
    return (eng_dtype)best;
}

/* All of the model into packs that are open. */
static sk_status load_model(eng_exec *x, eng_model *m, unsigned flags, sk_err *e)
{
    m->layer = sk_new_n(m->arena, eng_layer, m->cfg.n_layer);
    if (!m->layer) return sk_fail(e, SK_E_NOMEM, "no memory for %u layers", m->cfg.n_layer);
    uintptr_t ahead[2] = {0, 0};
    loader l = {x, m, flags, ahead};
    return load_all(&l, e);
}

/* A file of packs that turns out to hold others than this build makes is given up, and all is
 * packed. */
sk_status eng_weights_load(eng_exec *x, eng_model *m, unsigned flags, const char *cache, sk_err *e)
{
    m->dtype = main_type(m);
    sk_status st = eng_packs_open(x, m, flags, cache, e);
    if (!st) st = load_model(x, m, flags, e);
    if (!st && !eng_packs_agree(m)) {
        eng_weights_free(m);
        m->head.w = NULL;
        st = eng_packs_new(m, flags, e);
        if (!st) st = load_model(x, m, flags, e);
    }
    return !st && cache ? eng_packs_keep(x, m, e) : st;
}

/* ---- giving back ---- */

static void free_list(eng_wmat **w, size_t n)
{
    for (size_t i = 0; w && i < n; i++)
        eng_wmat_free(w[i]);
}

static void free_experts(eng_linear *x, size_t n)
{
    for (size_t i = 0; x && i < n; i++)
        eng_wmat_free(x[i].w);
}

/* Packs of what only some layers have. */
static void free_parts(const eng_config *c, eng_layer *y)
{
    if (y->mla) {
        eng_wmat_free(y->mla->in);
        eng_wmat_free(y->mla->q_b);
        eng_wmat_free(y->mla->kv_b);
        free_list(y->mla->k_b, c->n_head);
        free_list(y->mla->v_b, c->n_head);
    }
    if (!y->moe) return;
    eng_wmat_free(y->moe->router.w);
    free_experts(y->moe->gate_up, c->n_expert);
    free_experts(y->moe->down, c->n_expert);
    eng_wmat_free(y->moe->sh_gate_up.w);
    eng_wmat_free(y->moe->sh_down.w);
    eng_wmat_free(y->moe->sh_router);
}

void eng_weights_free(eng_model *m)
{
    for (uint32_t i = 0; m->layer && i < m->cfg.n_layer; i++) {
        eng_layer *y = &m->layer[i];
        eng_wmat_free(y->qkv.w);
        eng_wmat_free(y->o.w);
        eng_wmat_free(y->gate_up.w);
        eng_wmat_free(y->down.w);
        free_parts(&m->cfg, y);
    }
    eng_wmat_free(m->head.w);
    eng_packs_close(m);
}
