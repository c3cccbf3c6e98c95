/* lora.c - reading an adapter, and adding it to a product. */
#include "engine/model/lora.h"

#include "engine/hf/adapter.h"
#include "engine/model/finite.h"
#include "engine/quant/quant.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { RANK_MAX = 1024, PARTS = 3 };

/* One pair, for columns at .. at + n_out of the product. */
typedef struct pair {
    eng_wmat *a, *b; /* [rank, n_in], [n_out, rank] with the scale in it */
    size_t rank, at;
} pair;

/* All pairs of one matrix of the model. */
typedef struct target {
    const eng_linear *w;
    pair part[PARTS];
    size_t n;
} target;

struct eng_lora {
    const eng_model *m;
    target *t; /* by address of w */
    size_t n, rank;
};

/* ---- which matrix a tensor adapts ---- */

/* Rows of the parameters before `kind` in a stack of n kinds, or SIZE_MAX if it is none of them. */
static size_t place_in(const eng_model *m, const eng_param_kind *kinds, size_t n,
                       eng_param_kind kind, uint32_t layer)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (kinds[i] == kind) return at;
        size_t p = eng_layout_find(&m->layout, kinds[i], layer);
        if (p != SIZE_MAX) at += m->layout.param[p].rows;
    }
    return SIZE_MAX;
}

/* The matrix a parameter is a part of and its first column there; NULL if adapters cannot touch
 * it. */
static const eng_linear *linear_of(const eng_model *m, const eng_param *p, size_t *at)
{
    static const eng_param_kind qkv[] = {ENG_P_Q, ENG_P_K, ENG_P_V},
                                gate_up[] = {ENG_P_GATE, ENG_P_UP};
    const eng_layer *y = p->layer < m->cfg.n_layer ? &m->layer[p->layer] : NULL;
    *at = 0;
    switch (p->kind) {
    case ENG_P_QKV:
        return &y->qkv;
    case ENG_P_Q:
    case ENG_P_K:
    case ENG_P_V:
        *at = place_in(m, qkv, 3, p->kind, p->layer);
        return &y->qkv;
    case ENG_P_O:
        return &y->o;
    case ENG_P_GATE:
    case ENG_P_UP:
        *at = place_in(m, gate_up, 2, p->kind, p->layer);
        return &y->gate_up;
    case ENG_P_DOWN:
        return &y->down;
    case ENG_P_HEAD:
        return &m->head;
    default:
        return NULL;
    }
}

/* The parameter of that name. */
static const eng_param *param_of(const eng_model *m, const char *name)
{
    for (size_t i = 0; i < m->layout.n_params; i++)
        if (!strcmp(m->layout.param[i].name, name)) return &m->layout.param[i];
    return NULL;
}

/* ---- reading ---- */

/* A tensor as floats of our own, times factor; NULL without memory or when it is not finite. */
static float *unpack(eng_exec *x, const eng_gguf_tensor *t, double factor, sk_err *e)
{
    size_t n = t->dim[0] * t->dim[1];
    int name_n = (int)t->name.n;
    if (!eng_all_finite(x, (eng_dtype)t->type, t->data, n)) {
        (void)sk_fail(e, SK_E_CORRUPT, "the tensor %.*s holds NaN or an infinity", name_n,
                      t->name.p);
        return NULL;
    }
    float *v = sk_alloc(SK_MEM_SCRATCH, n * sizeof *v);
    if (!v) {
        (void)sk_fail(e, SK_E_NOMEM, "no memory for the tensor %.*s", name_n, t->name.p);
        return NULL;
    }
    eng_quant_unpack((eng_dtype)t->type, t->data, v, n);
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(v[i] * factor);
    return v;
}

/* The tensor packed as a matrix of floats. */
static sk_status pack(eng_exec *x, const eng_gguf_tensor *t, double factor, eng_wmat **out,
                      sk_err *e)
{
    sk_err why = SK_ERR_INIT;
    float *v = unpack(x, t, factor, &why);
    if (!v) return sk_fail(e, why.status, "%s", why.text);
    const eng_wpart part = {ENG_F32, v, t->dim[1]};
    sk_status st = eng_wmat_new(x, t->dim[0], &part, 1, 0, out, e);
    sk_free(v);
    return st;
}

/* Whether the pair is one of matrices that fit each other and the parameter. */
static sk_status check_pair(const eng_gguf_tensor *a, const eng_gguf_tensor *b, const eng_param *p,
                            sk_err *e)
{
    const eng_gguf_tensor *both[] = {a, b};
    for (int i = 0; i < 2; i++) {
        size_t block = eng_dtype_block((eng_dtype)both[i]->type);
        if (!block || both[i]->dim[0] % block || both[i]->n_dims > 2)
            return sk_fail(e, SK_E_UNSUPPORTED, "the adapter's tensors for %s are of type %s",
                           p->name, eng_gguf_type_name(both[i]->type));
    }
    if (a->dim[0] != p->cols || b->dim[1] != p->rows || a->dim[1] != b->dim[0] ||
        a->dim[1] > RANK_MAX)
        return sk_fail(e, SK_E_FORMAT,
                       "the adapter for %s is %llu x %llu and %llu x %llu; the matrix has %zu rows "
                       "of %zu, and a rank is at most %d",
                       p->name, (unsigned long long)a->dim[0], (unsigned long long)a->dim[1],
                       (unsigned long long)b->dim[0], (unsigned long long)b->dim[1], p->rows,
                       p->cols, RANK_MAX);
    return SK_OK;
}

/* The place of a matrix among the targets, made if it is new. */
static target *target_of(eng_lora *l, const eng_linear *w)
{
    size_t i = 0;
    while (i < l->n && l->t[i].w < w)
        i++;
    if (i < l->n && l->t[i].w == w) return &l->t[i];
    memmove(&l->t[i + 1], &l->t[i], (l->n - i) * sizeof *l->t);
    l->n++;
    l->t[i] = (target){.w = w};
    return &l->t[i];
}

/* One pair: `name` is that of the tensor it adapts. */
static sk_status add_pair(eng_exec *x, eng_lora *l, const char *name, const eng_gguf_tensor *a,
                          const eng_gguf_tensor *b, double alpha, double scale, sk_err *e)
{
    size_t at = 0;
    const eng_param *p = param_of(l->m, name);
    const eng_linear *w = p ? linear_of(l->m, p, &at) : NULL;
    if (!w)
        return sk_fail(
            e, SK_E_UNSUPPORTED,
            "the adapter changes %s, which %s in this model; leaving it out would change "
            "the results",
            name, p ? "cannot be adapted" : "does not exist");
    sk_status st = check_pair(a, b, p, e);
    if (st) return st;
    target *t = target_of(l, w);
    assert(t->n < PARTS);
    pair *one = &t->part[t->n++];
    *one = (pair){.rank = a->dim[1], .at = at};
    if (one->rank > l->rank) l->rank = one->rank;
    double factor = scale * (alpha != 0 ? alpha / (double)one->rank : 1);
    if ((st = pack(x, a, 1, &one->a, e))) return st;
    return pack(x, b, factor, &one->b, e);
}

/* "blk.0.attn_q.weight.lora_a" without its tail, into name; false for another tensor. */
static bool is_first(const eng_gguf_tensor *t, char *name, size_t n)
{
    static const char tail[] = ".lora_a";
    size_t k = sizeof tail - 1;
    if (t->name.n <= k || t->name.n - k >= n || memcmp(t->name.p + t->name.n - k, tail, k) != 0)
        return false;
    memcpy(name, t->name.p, t->name.n - k);
    name[t->name.n - k] = 0;
    return true;
}

/* That the file is an adapter for this architecture; its alpha (0: none). */
static sk_status read_keys(const eng_model *m, const eng_gguf *g, double *alpha, sk_err *e)
{
    const struct {
        const char *key, *want;
    } row[] = {{"general.type", "adapter"},
               {"adapter.type", "lora"},
               {"general.architecture", m->cfg.arch}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        eng_str s;
        sk_status st = eng_gguf_str(g, row[i].key, &s, e);
        if (st) return st;
        if (s.n != strlen(row[i].want) || memcmp(s.p, row[i].want, s.n) != 0)
            return sk_fail(e, SK_E_UNSUPPORTED, "its %s is \"%.*s\"; \"%s\" is needed", row[i].key,
                           s.n > 60 ? 60 : (int)s.n, s.p, row[i].want);
    }
    if (eng_gguf_f64(g, "adapter.lora.alpha", alpha, NULL)) *alpha = 0;
    return isfinite(*alpha) ? SK_OK : sk_fail(e, SK_E_FORMAT, "its alpha is no number");
}

/* Every pair of the file; nothing else may be in it. */
static sk_status read_pairs(eng_exec *x, eng_lora *l, const eng_gguf *g, double alpha, double scale,
                            sk_err *e)
{
    size_t n = eng_gguf_n_tensors(g), pairs = 0;
    for (size_t i = 0; i < n; i++) {
        char name[80], second[96];
        const eng_gguf_tensor *a = eng_gguf_tensor_at(g, i);
        if (!is_first(a, name, sizeof name)) continue;
        (void)snprintf(second, sizeof second, "%s.lora_b", name);
        const eng_gguf_tensor *b = eng_gguf_tensor_find(g, second);
        if (!b) return sk_fail(e, SK_E_FORMAT, "the tensor %s is missing", second);
        sk_status st = add_pair(x, l, name, a, b, alpha, scale, e);
        if (st) return st;
        pairs++;
    }
    if (2 * pairs != n || !pairs)
        return sk_fail(e, SK_E_FORMAT, "it holds %zu tensors, %zu of them in pairs", n, 2 * pairs);
    return SK_OK;
}

/* At most one pair for two tensors of the file, hence the size of the list. */
static sk_status read_adapter(eng_exec *x, const eng_model *m, const eng_gguf *g, double scale,
                              eng_lora **out, sk_err *e)
{
    double alpha = 0;
    sk_status st = read_keys(m, g, &alpha, e);
    if (st) return st;
    eng_lora *l = sk_calloc(SK_MEM_WEIGHTS, 1, sizeof *l);
    target *t = sk_calloc(SK_MEM_WEIGHTS, eng_gguf_n_tensors(g) / 2 + 1, sizeof *t);
    if (!l || !t) {
        sk_free(l);
        sk_free(t);
        return sk_fail(e, SK_E_NOMEM, "no memory for an adapter");
    }
    *l = (eng_lora){.m = m, .t = t};
    st = read_pairs(x, l, g, alpha, scale, e);
    if (st) {
        eng_lora_close(l);
        return st;
    }
    *out = l;
    return SK_OK;
}

/* The sizes a folder's adapter needs to be put into GGUF's order of rows. */
static eng_hf_sizes sizes_of(const eng_config *c)
{
    return (eng_hf_sizes){.n_head = c->n_head, .n_kv_head = c->n_kv_head, .head_dim = c->head_dim};
}

sk_status eng_lora_open(eng_exec *x, const eng_model *m, const char *path, double scale,
                        eng_lora **out, sk_err *e)
{
    eng_gguf *g = NULL;
    const eng_hf_sizes z = sizes_of(&m->cfg);
    sk_err why = SK_ERR_INIT;
    sk_status st = eng_hf_is_adapter(path) ? eng_hf_adapter_open(path, m->cfg.arch, &z, &g, e)
                                           : eng_gguf_open(path, &g, e);
    if (st) return st;
    st = read_adapter(x, m, g, scale, out, &why);
    eng_gguf_close(g);
    return st ? sk_fail(e, st, "%s: %s", path, why.text) : SK_OK;
}

void eng_lora_close(eng_lora *l)
{
    if (!l) return;
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < l->t[i].n; k++) {
            eng_wmat_free(l->t[i].part[k].a);
            eng_wmat_free(l->t[i].part[k].b);
        }
    sk_free(l->t);
    sk_free(l);
}

/* ---- adding ---- */

size_t eng_lora_rank(const eng_lora *l)
{
    return l->rank;
}

bool eng_lora_fits(const eng_lora *l, const eng_model *m)
{
    return l->m == m;
}

void eng_lora_add(const eng_lora *l, eng_exec *x, const eng_linear *w, size_t n, const float *in,
                  size_t ldx, float *y, size_t ldy, float *scratch)
{
    size_t lo = 0, hi = l->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (l->t[mid].w < w)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == l->n || l->t[lo].w != w) return;
    const target *t = &l->t[lo];
    for (size_t i = 0; i < t->n; i++) {
        const pair *p = &t->part[i];
        eng_wmat_mul(x, n, in, ldx, p->a, scratch, p->rank, false);
        eng_wmat_mul(x, n, scratch, p->rank, p->b, y + p->at, ldy, true);
    }
}
