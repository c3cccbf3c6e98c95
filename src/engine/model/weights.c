/* weights.c - from the tensors of a file to packed matrices.
 *
 * Matrices that read the same input (q, k, v; gate, up) are laid one below the other and packed as
 * one: a step then has two large products where it had five.  By the promise of gemm.h an output
 * element does not depend on its neighbours, so this changes no result.
 */
#include "engine/model/weights.h"

#include <assert.h>
#include <string.h>

/* ---- checking ---- */

static const eng_param *param_named(const eng_layout *l, eng_str name)
{
    for (size_t i = 0; i < l->n_params; i++)
        if (strlen(l->param[i].name) == name.n && !memcmp(l->param[i].name, name.p, name.n))
            return &l->param[i];
    return NULL;
}

/* One tensor against its parameter. */
static sk_status check_tensor(const eng_gguf_tensor *t, const eng_param *p, sk_err *e)
{
    if (!eng_dtype_bytes((eng_dtype)t->type, 1))
        return sk_fail(
            e, SK_E_UNSUPPORTED,
            "the tensor %s is stored as type %u (quantised or unknown); this build reads "
            "F32, F16 and BF16: convert the model to one of these",
            p->name, t->type);
    if (t->dim[0] != p->cols || t->dim[1] != p->rows || t->dim[2] != 1 || t->dim[3] != 1)
        return sk_fail(e, SK_E_FORMAT,
                       "the tensor %s has %llu rows of %llu elements; the model's keys ask for %zu "
                       "rows of %zu",
                       p->name, (unsigned long long)t->dim[1], (unsigned long long)t->dim[0],
                       p->rows, p->cols);
    if (t->bytes != eng_dtype_bytes((eng_dtype)t->type, p->rows * p->cols))
        return sk_fail(e, SK_E_FORMAT, "the tensor %s has the wrong number of bytes", p->name);
    if ((uintptr_t)t->data % sizeof(float))
        return sk_fail(e, SK_E_FORMAT, "the data of tensor %s is not aligned to 4 bytes", p->name);
    return SK_OK;
}

/* All that must be there, then nothing else. */
sk_status eng_weights_check(const eng_gguf *g, const eng_layout *l, sk_err *e)
{
    for (size_t i = 0; i < l->n_params; i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_find(g, l->param[i].name);
        if (!t) return sk_fail(e, SK_E_FORMAT, "the tensor %s is missing", l->param[i].name);
        sk_status st = check_tensor(t, &l->param[i], e);
        if (st) return st;
    }
    if (eng_gguf_n_tensors(g) == l->n_params) return SK_OK;
    /* Names are unique in a file, so at least one tensor is none of the layout's. */
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        eng_str name = eng_gguf_tensor_at(g, i)->name;
        if (!param_named(l, name))
            return sk_fail(e, SK_E_UNSUPPORTED,
                           "the tensor %.*s is none this architecture has; leaving it out would "
                           "change the results",
                           name.n > 100 ? 100 : (int)name.n, name.p);
    }
    return sk_fail(e, SK_E_INTERNAL, "more tensors than names");
}

/* ---- loading ---- */

/* Whether n elements are numbers: an exponent of all ones marks NaN and infinity. */
static bool all_finite(eng_dtype t, const void *p, size_t n)
{
    unsigned bad = 0;
    if (t == ENG_F32) {
        const uint32_t *v = p;
        for (size_t i = 0; i < n; i++)
            bad |= (v[i] & 0x7f800000u) == 0x7f800000u;
        return !bad;
    }
    assert(t == ENG_F16 || t == ENG_BF16);
    const uint16_t *v = p, ones = t == ENG_F16 ? 0x7c00 : 0x7f80;
    for (size_t i = 0; i < n; i++)
        bad |= (v[i] & ones) == ones;
    return !bad;
}

/* What loading carries along. */
typedef struct loader {
    eng_exec *x;
    eng_model *m;
    void *tmp; /* matrices laid one below the other */
    size_t tmp_bytes;
} loader;

/* The tensor of a parameter, its weights looked through. */
static sk_status tensor_of(const loader *l, eng_param_kind kind, uint32_t layer,
                           const eng_gguf_tensor **out, sk_err *e)
{
    size_t i = eng_layout_find(&l->m->layout, kind, layer);
    assert(i != SIZE_MAX);
    const eng_param *p = &l->m->layout.param[i];
    const eng_gguf_tensor *t = eng_gguf_tensor_find(l->m->gguf, p->name);
    assert(t);
    if (!all_finite((eng_dtype)t->type, t->data, p->rows * p->cols))
        return sk_fail(e, SK_E_CORRUPT, "the tensor %s holds NaN or an infinity", p->name);
    *out = t;
    return SK_OK;
}

/* A norm's weights as floats in the model's arena. */
static sk_status load_norm(const loader *l, eng_param_kind kind, uint32_t layer, const float **out,
                           sk_err *e)
{
    const eng_gguf_tensor *t = NULL;
    sk_status st = tensor_of(l, kind, layer, &t, e);
    if (st) return st;
    float *v = sk_arena_alloc(l->m->arena, t->dim[0] * sizeof(float));
    if (!v) return sk_fail(e, SK_E_NOMEM, "no memory for the norms");
    eng_dtype_to_f32((eng_dtype)t->type, t->data, v, t->dim[0]);
    *out = v;
    return SK_OK;
}

/* Makes l->tmp hold `bytes`. */
static sk_status grow_tmp(loader *l, size_t bytes, sk_err *e)
{
    if (bytes <= l->tmp_bytes) return SK_OK;
    sk_free(l->tmp);
    l->tmp = sk_alloc(SK_MEM_SCRATCH, bytes);
    l->tmp_bytes = l->tmp ? bytes : 0;
    return l->tmp ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory to lay out %zu bytes", bytes);
}

/* Packs n matrices of equal width, one below the other (n > 1: through l->tmp; as floats where
 * their types differ). */
static sk_status pack(loader *l, const eng_gguf_tensor *const *t, size_t n, eng_bpack **out,
                      sk_err *e)
{
    eng_dtype type = (eng_dtype)t[0]->type;
    size_t rows = 0, cols = t[0]->dim[0];
    for (size_t i = 0; i < n; i++) {
        assert(t[i]->dim[0] == cols);
        rows += t[i]->dim[1];
        if (t[i]->type != (uint32_t)type) type = ENG_F32;
    }
    const void *src = t[0]->data;
    sk_status st;
    if (n > 1) {
        if ((st = grow_tmp(l, eng_dtype_bytes(type, rows * cols), e))) return st;
        char *to = l->tmp;
        for (size_t i = 0; i < n; i++) {
            size_t len = t[i]->dim[1] * cols;
            if (t[i]->type == (uint32_t)type)
                memcpy(to, t[i]->data, t[i]->bytes);
            else
                eng_dtype_to_f32((eng_dtype)t[i]->type, t[i]->data, (float *)(void *)to, len);
            to += eng_dtype_bytes(type, len);
        }
        src = l->tmp;
    }
    eng_bpack *b = NULL;
    if ((st = eng_bpack_new(type == ENG_BF16 ? ENG_PREC_BF16 : ENG_PREC_F32, cols, rows, &b, e)))
        return st;
    eng_bpack_fill_weight(l->x, b, type, src);
    *out = b;
    return SK_OK;
}

/* The same by kinds of parameter, up to three. */
static sk_status load_matrix(loader *l, const eng_param_kind *kind, size_t n, uint32_t layer,
                             eng_bpack **out, sk_err *e)
{
    const eng_gguf_tensor *t[3];
    assert(n <= 3);
    for (size_t i = 0; i < n; i++) {
        sk_status st = tensor_of(l, kind[i], layer, &t[i], e);
        if (st) return st;
    }
    return pack(l, t, n, out, e);
}

static sk_status load_layer(loader *l, uint32_t i, sk_err *e)
{
    static const eng_param_kind qkv[] = {ENG_P_Q, ENG_P_K, ENG_P_V}, o[] = {ENG_P_O},
                                gate_up[] = {ENG_P_GATE, ENG_P_UP}, down[] = {ENG_P_DOWN};
    eng_layer *y = &l->m->layer[i];
    sk_status st;
    if ((st = load_norm(l, ENG_P_ATTN_NORM, i, &y->attn_norm, e)) ||
        (st = load_norm(l, ENG_P_FFN_NORM, i, &y->ffn_norm, e)) ||
        (st = load_matrix(l, qkv, 3, i, &y->qkv, e)) || (st = load_matrix(l, o, 1, i, &y->o, e)) ||
        (st = load_matrix(l, gate_up, 2, i, &y->gate_up, e)) ||
        (st = load_matrix(l, down, 1, i, &y->down, e)))
        return st;
    if (!l->m->cfg.qk_norm) return SK_OK;
    if ((st = load_norm(l, ENG_P_Q_NORM, i, &y->q_norm, e))) return st;
    return load_norm(l, ENG_P_K_NORM, i, &y->k_norm, e);
}

/* Embedding, layers, last norm and head, in the order a step uses them. */
static sk_status load_all(loader *l, sk_err *e)
{
    eng_model *m = l->m;
    const eng_gguf_tensor *embd = NULL;
    sk_status st = tensor_of(l, ENG_P_EMBD, 0, &embd, e);
    if (st) return st;
    m->embd = embd->data;
    m->embd_type = (eng_dtype)embd->type;
    for (uint32_t i = 0; i < m->cfg.n_layer; i++)
        if ((st = load_layer(l, i, e))) return st;
    if ((st = load_norm(l, ENG_P_OUT_NORM, 0, &m->out_norm, e))) return st;
    const eng_param_kind head = m->cfg.tied ? ENG_P_EMBD : ENG_P_HEAD;
    return load_matrix(l, &head, 1, 0, &m->head, e);
}

sk_status eng_weights_load(eng_exec *x, eng_model *m, sk_err *e)
{
    m->layer = sk_new_n(m->arena, eng_layer, m->cfg.n_layer);
    if (!m->layer) return sk_fail(e, SK_E_NOMEM, "no memory for %u layers", m->cfg.n_layer);
    size_t q = eng_layout_find(&m->layout, ENG_P_Q, 0);
    m->dtype = (eng_dtype)eng_gguf_tensor_find(m->gguf, m->layout.param[q].name)->type;
    loader l = {.x = x, .m = m};
    sk_status st = load_all(&l, e);
    sk_free(l.tmp);
    return st;
}

void eng_weights_free(eng_model *m)
{
    for (uint32_t i = 0; m->layer && i < m->cfg.n_layer; i++) {
        eng_bpack_free(m->layer[i].qkv);
        eng_bpack_free(m->layer[i].o);
        eng_bpack_free(m->layer[i].gate_up);
        eng_bpack_free(m->layer[i].down);
    }
    eng_bpack_free(m->head);
}
