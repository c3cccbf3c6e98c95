/* adapter.c - the layout of an adapter, its first values, its file, and the merge with its base. */
#include "engine/model/adapter.h"

#include "base/rng.h"
#include "engine/model/finite.h"
#include "engine/model/weights.h"
#include "engine/quant/quant.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PARAM_ALIGN 16 /* floats, as in layout.c */

/* ---- which matrices ---- */

/* A word of --lora-targets, and the parameters it stands for. */
static const struct target {
    const char *word;
    unsigned bit;
    eng_param_kind kind, fused;
} targets_known[] = {
    {"q", ENG_ADAPT_Q, ENG_P_Q, ENG_P_QKV},           {"k", ENG_ADAPT_K, ENG_P_K, ENG_P_QKV},
    {"v", ENG_ADAPT_V, ENG_P_V, ENG_P_QKV},           {"o", ENG_ADAPT_O, ENG_P_O, ENG_P_O},
    {"gate", ENG_ADAPT_GATE, ENG_P_GATE, ENG_P_GATE}, {"up", ENG_ADAPT_UP, ENG_P_UP, ENG_P_UP},
    {"down", ENG_ADAPT_DOWN, ENG_P_DOWN, ENG_P_DOWN},
};
enum { N_TARGETS = sizeof(targets_known) / sizeof(*targets_known) };

sk_status eng_adapter_targets(const char *words, unsigned *out, sk_err *e)
{
    unsigned bits = 0;
    for (const char *p = words; *p;) {
        size_t n = strcspn(p, ","), i = 0;
        while (i < N_TARGETS &&
               (strlen(targets_known[i].word) != n || memcmp(targets_known[i].word, p, n) != 0))
            i++;
        if (i == N_TARGETS)
            return sk_fail(e, SK_E_INVALID,
                           "--lora-targets: \"%.*s\" is none of q, k, v, o, gate, up, down", (int)n,
                           p);
        bits |= targets_known[i].bit;
        p += n + (p[n] == ',');
    }
    if (!bits) return sk_fail(e, SK_E_INVALID, "--lora-targets names no matrix");
    *out = bits;
    return SK_OK;
}

/* Whether a parameter of that kind is adapted. */
static bool is_target(const eng_config *cfg, eng_param_kind kind, unsigned targets)
{
    bool hit = false;
    for (size_t i = 0; i < N_TARGETS; i++)
        if (targets & targets_known[i].bit)
            hit |= targets_known[i].kind == kind || targets_known[i].fused == kind;
    /* gate and up of a file that holds them as one are its ffn_up */
    return hit || (kind == ENG_P_UP && cfg->fused_gate && targets & ENG_ADAPT_GATE);
}

/* ---- the layout ---- */

/* Appends one matrix of a pair. */
static void add_param(eng_layout *l, const eng_param *of, const char *tail, size_t rows,
                      size_t cols)
{
    eng_param *p = &l->param[l->n_params++];
    *p = (eng_param){.kind = of->kind, .layer = of->layer, .outer = 1, .rows = rows, .cols = cols};
    int n = snprintf(p->name, sizeof(p->name), "%s.%s", of->name, tail);
    assert(n > 0 && (size_t)n < sizeof(p->name));
    (void)n;
    p->is_matrix = true;
    p->offset = l->n_floats;
    l->n_weights += rows * cols;
    l->n_floats += (rows * cols + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
}

sk_status eng_adapter_layout(const eng_config *cfg, const eng_layout *base, uint32_t rank,
                             unsigned targets, sk_arena *a, eng_layout *out, sk_err *e)
{
    assert(rank >= 1 && rank <= ENG_ADAPTER_MAX_RANK);
    eng_layout l = {.n_layer = base->n_layer};
    size_t n = 0;
    for (size_t i = 0; i < base->n_params; i++)
        n += is_target(cfg, base->param[i].kind, targets);
    if (!n) return sk_fail(e, SK_E_INVALID, "--lora-targets names no matrix that this model has");
    l.param = sk_new_n(a, eng_param, 2 * n);
    if (!l.param) return sk_fail(e, SK_E_NOMEM, "no memory for a list of %zu pairs", n);
    for (size_t i = 0; i < base->n_params; i++) {
        const eng_param *p = &base->param[i];
        if (!is_target(cfg, p->kind, targets)) continue;
        add_param(&l, p, "lora_a", rank, p->cols);
        add_param(&l, p, "lora_b", p->rows, rank);
    }
    *out = l;
    return SK_OK;
}

size_t eng_adapter_find(const eng_layout *adapter, eng_param_kind kind, uint32_t layer)
{
    for (size_t i = 0; i < adapter->n_params; i += 2)
        if (adapter->param[i].kind == kind && adapter->param[i].layer == layer) return i;
    return SIZE_MAX;
}

/* A draw's index is the weight's place in the flat array; padding stays zero. */
void eng_adapter_init(const eng_layout *adapter, uint64_t seed, float *params)
{
    memset(params, 0, adapter->n_floats * sizeof(*params));
    for (size_t i = 0; i < adapter->n_params; i += 2) {
        const eng_param *a = &adapter->param[i];
        double bound = 1 / sqrt((double)a->cols);
        for (size_t k = a->offset; k < a->offset + a->rows * a->cols; k++)
            params[k] = (float)(bound * (2 * sk_rng_uniform(seed, SK_RNG_INIT, k) - 1));
    }
}

/* ---- the base ---- */

sk_status eng_adapter_check_base(eng_exec *x, const eng_gguf *g, const eng_layout *base, sk_err *e)
{
    sk_status st = eng_weights_check(g, base, e);
    for (size_t i = 0; !st && i < base->n_params; i++) {
        const eng_param *p = &base->param[i];
        const eng_gguf_tensor *t = eng_gguf_tensor_find(g, p->name);
        assert(t);
        if (!eng_all_finite(x, (eng_dtype)t->type, t->data, p->outer * p->rows * p->cols))
            st = sk_fail(e, SK_E_CORRUPT, "tensor %s holds a value that is not finite", p->name);
    }
    return st;
}

/* ---- files ---- */

/* general.file_type, as other programs show it. */
static uint32_t file_type(eng_dtype t)
{
    return t == ENG_F32 ? 0 : t == ENG_F16 ? 1 : 32;
}

/* llama.cpp's keys and names, so that it reads the file too.  All tensors are named before the
 * first is written: their places are in the directory. */
sk_status eng_adapter_export(const char *path, const eng_config *cfg, const eng_frozen *f,
                             double alpha, const float *params, sk_err *e)
{
    const eng_layout *l = f->adapter;
    eng_gguf_writer *w;
    sk_status st = eng_gguf_create(path, &w, e);
    if (st) return st;
    eng_gguf_put_str(w, "general.architecture", cfg->arch, strlen(cfg->arch));
    eng_gguf_put_str(w, "general.type", "adapter", 7);
    eng_gguf_put_str(w, "general.name", cfg->name, strlen(cfg->name));
    eng_gguf_put_str(w, "adapter.type", "lora", 4);
    eng_gguf_put_f32(w, "adapter.lora.alpha", (float)alpha);
    for (size_t i = 0; i < l->n_params; i++)
        eng_gguf_add_tensor(w, l->param[i].name, ENG_F32, l->param[i].rows, l->param[i].cols,
                            false);
    for (size_t i = 0; !st && i < l->n_params; i++)
        st = eng_gguf_write_f32(w, params + l->param[i].offset, e);
    if (!st) return eng_gguf_commit(w, e);
    eng_gguf_abort(w);
    return st;
}

/* to[n_out, n_in] += scale B A of the pair whose A is number i; sums in double, rank ascending. */
static void add_pair(const eng_frozen *f, size_t i, const float *params, float *to)
{
    enum { COLS = 256 };
    const eng_param *a = &f->adapter->param[i], *b = a + 1;
    const float *pa = params + a->offset, *pb = params + b->offset;
    double sum[COLS];
    assert(a->cols > 0);
    for (size_t at = 0, n; at < b->rows * a->cols; at += n) {
        size_t r = at / a->cols, c0 = at % a->cols;
        n = a->cols - c0 < COLS ? a->cols - c0 : COLS;
        memset(sum, 0, sizeof(sum));
        for (size_t k = 0; k < a->rows; k++)
            for (size_t c = 0; c < n; c++)
                sum[c] += (double)pb[r * a->rows + k] * (double)pa[k * a->cols + c0 + c];
        for (size_t c = 0; c < n; c++)
            to[at + c] = (float)((double)to[at + c] + (double)f->scale * sum[c]);
    }
}

/* All tensors, each unpacked, changed and written. */
static sk_status write_merged(eng_gguf_writer *w, const eng_layout *base, const eng_frozen *f,
                              const float *params, sk_err *e)
{
    size_t most = 0;
    for (size_t i = 0; i < base->n_params; i++) {
        const eng_param *p = &base->param[i];
        most = p->rows * p->cols > most ? p->rows * p->cols : most;
    }
    float *v = sk_calloc(SK_MEM_TRAIN, most, sizeof(*v));
    sk_status st = v ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a matrix to merge");
    for (size_t i = 0; !st && i < base->n_params; i++) {
        const eng_param *p = &base->param[i];
        const eng_gguf_tensor *t = eng_gguf_tensor_find(f->g, p->name);
        size_t pair = eng_adapter_find(f->adapter, p->kind, p->layer);
        assert(t);
        eng_quant_unpack((eng_dtype)t->type, t->data, v, p->rows * p->cols);
        if (pair != SIZE_MAX) add_pair(f, pair, params, v);
        st = eng_gguf_write_f32(w, v, e);
    }
    sk_free(v);
    return st;
}

sk_status eng_adapter_merge(const char *path, const eng_config *cfg, const eng_layout *base,
                            const eng_frozen *f, const float *params, eng_dtype dtype, sk_err *e)
{
    eng_gguf_writer *w;
    sk_status st = eng_gguf_create(path, &w, e);
    if (st) return st;
    eng_gguf_put_u32(w, "general.file_type", file_type(dtype));
    if (cfg->name[0]) eng_gguf_put_str(w, "general.name", cfg->name, strlen(cfg->name));
    eng_gguf_copy_keys(w, f->g);
    for (size_t i = 0; i < base->n_params; i++) {
        const eng_param *p = &base->param[i];
        eng_gguf_add_tensor(w, p->name, p->is_matrix ? dtype : ENG_F32, p->rows, p->cols,
                            !p->is_matrix);
    }
    st = write_merged(w, base, f, params, e);
    if (!st) return eng_gguf_commit(w, e);
    eng_gguf_abort(w);
    return st;
}
