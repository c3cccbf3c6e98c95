/* config.c - bounds of a model's shape, the list of its parameters, and the table of angles. */
#include "engine/model/config.h"

#include "engine/model/family.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PARAM_ALIGN 16 /* floats: one cache line */

static const eng_family *const families[] = {&eng_family_llama, &eng_family_qwen3};

const eng_family *eng_family_find(const char *arch)
{
    assert(arch);
    for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
        if (!strcmp(families[i]->arch, arch)) return families[i];
    return NULL;
}

const char *eng_family_names(void)
{
    return "llama, qwen3";
}

sk_status eng_config_family(eng_config *cfg, sk_err *e)
{
    assert(memchr(cfg->arch, 0, sizeof(cfg->arch)));
    const eng_family *f = eng_family_find(cfg->arch);
    if (!f)
        return sk_fail(e, SK_E_UNSUPPORTED, "architecture \"%s\" is not supported; known are %s",
                       cfg->arch, eng_family_names());
    cfg->rope_form = f->rope_form;
    cfg->qk_norm = f->qk_norm;
    return SK_OK;
}

/* One bound: what it is called as a flag of `train` and as a key of a model file. */
typedef struct bound {
    const char *flag, *key;
    uint32_t value, min, max;
} bound;

/* Every size within bounds that keep all products below 2^63. */
static sk_status check_bounds(const eng_config *c, sk_err *e)
{
    const bound row[] = {
        {"vocab", "vocab_size", c->n_vocab, 1, 1u << 22},
        {"context", "context_length", c->n_ctx, 2, 1u << 22},
        {"dim", "embedding_length", c->n_embd, 1, 1u << 17},
        {"layers", "block_count", c->n_layer, 1, 1024},
        {"heads", "attention.head_count", c->n_head, 1, 1024},
        {"kv-heads", "attention.head_count_kv", c->n_kv_head, 1, 1024},
        {"head size (dim / heads)", "attention.key_length", c->head_dim, 2, 1024},
        {"ffn", "feed_forward_length", c->n_ff, 1, 1u << 20},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
        if (row[i].value < row[i].min || row[i].value > row[i].max)
            return sk_fail(e, SK_E_INVALID, "%s (%s) is %u; it must be %u to %u", row[i].flag,
                           row[i].key, row[i].value, row[i].min, row[i].max);
    return SK_OK;
}

/* Bounds first: the relations divide by what they have made positive. */
sk_status eng_config_check(const eng_config *c, sk_err *e)
{
    sk_status st = check_bounds(c, e);
    if (st) return st;
    if (c->head_dim % 2)
        return sk_fail(e, SK_E_INVALID,
                       "head size (dim / heads, attention.key_length) is %u; it must be even",
                       c->head_dim);
    if (c->n_head % c->n_kv_head)
        return sk_fail(e, SK_E_INVALID,
                       "heads (attention.head_count) is %u; it must be a multiple of kv-heads "
                       "(attention.head_count_kv), %u",
                       c->n_head, c->n_kv_head);
    if (!(c->rms_eps > 0.0f && c->rms_eps < 1.0f))
        return sk_fail(e, SK_E_INVALID,
                       "attention.layer_norm_rms_epsilon is %g; it must be above 0 and below 1",
                       (double)c->rms_eps);
    if (!(c->rope_theta >= 1.0f && c->rope_theta <= 1e12f))
        return sk_fail(e, SK_E_INVALID, "rope.freq_base is %g; it must be 1 to 1e12",
                       (double)c->rope_theta);
    if (c->rope_form != ENG_ROPE_HALF && c->rope_form != ENG_ROPE_PAIRS)
        return sk_fail(e, SK_E_INTERNAL, "the config's rope form was never set");
    return SK_OK;
}

/* ---- layout ---- */

/* Shape and GGUF name of a kind; "%u" is the layer. */
typedef struct shape {
    const char *name;
    size_t rows, cols;
} shape;

/* The shape a parameter of that kind has. */
static shape shape_of(const eng_config *c, eng_param_kind kind)
{
    size_t d = c->n_embd, q = (size_t)c->n_head * c->head_dim;
    size_t kv = (size_t)c->n_kv_head * c->head_dim;
    switch (kind) {
    case ENG_P_EMBD:
        return (shape){"token_embd.weight", c->n_vocab, d};
    case ENG_P_ATTN_NORM:
        return (shape){"attn_norm.weight", 1, d};
    case ENG_P_Q:
        return (shape){"attn_q.weight", q, d};
    case ENG_P_K:
        return (shape){"attn_k.weight", kv, d};
    case ENG_P_V:
        return (shape){"attn_v.weight", kv, d};
    case ENG_P_Q_NORM:
        return (shape){"attn_q_norm.weight", 1, c->head_dim};
    case ENG_P_K_NORM:
        return (shape){"attn_k_norm.weight", 1, c->head_dim};
    case ENG_P_O:
        return (shape){"attn_output.weight", d, q};
    case ENG_P_FFN_NORM:
        return (shape){"ffn_norm.weight", 1, d};
    case ENG_P_GATE:
        return (shape){"ffn_gate.weight", c->n_ff, d};
    case ENG_P_UP:
        return (shape){"ffn_up.weight", c->n_ff, d};
    case ENG_P_DOWN:
        return (shape){"ffn_down.weight", d, c->n_ff};
    case ENG_P_OUT_NORM:
        return (shape){"output_norm.weight", 1, d};
    case ENG_P_HEAD:
        return (shape){"output.weight", c->n_vocab, d};
    case ENG_P_N:
        break;
    }
    assert(!"a parameter kind without a shape");
    return (shape){"", 0, 0};
}

static bool is_of_layer(eng_param_kind kind)
{
    return kind != ENG_P_EMBD && kind != ENG_P_OUT_NORM && kind != ENG_P_HEAD;
}

static bool is_norm(eng_param_kind kind)
{
    return kind == ENG_P_ATTN_NORM || kind == ENG_P_Q_NORM || kind == ENG_P_K_NORM ||
           kind == ENG_P_FFN_NORM || kind == ENG_P_OUT_NORM;
}

/* Appends one parameter; the array has room. */
static void add_param(eng_layout *l, const eng_config *cfg, eng_param_kind kind, uint32_t layer)
{
    shape s = shape_of(cfg, kind);
    eng_param *p = &l->param[l->n_params++];
    int n = is_of_layer(kind) ? snprintf(p->name, sizeof(p->name), "blk.%u.%s", layer, s.name)
                              : snprintf(p->name, sizeof(p->name), "%s", s.name);
    assert(n > 0 && (size_t)n < sizeof(p->name));
    (void)n;
    p->kind = kind;
    p->layer = layer;
    p->rows = s.rows;
    p->cols = s.cols;
    p->is_matrix = !is_norm(kind);
    p->offset = l->n_floats;
    size_t len = s.rows * s.cols;
    l->n_weights += len;
    l->n_floats += (len + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
}

/* Embedding, layers, last norm, head: the order of the file and of the flat array. */
sk_status eng_layout_build(const eng_config *cfg, sk_arena *a, eng_layout *out, sk_err *e)
{
    sk_status st = eng_config_check(cfg, e);
    if (st) return st;
    eng_layout l = {0};
    size_t cap = (size_t)cfg->n_layer * ENG_P_N + 3;
    l.param = sk_new_n(a, eng_param, cap);
    if (!l.param) return sk_fail(e, SK_E_NOMEM, "no memory for a list of %zu parameters", cap);
    add_param(&l, cfg, ENG_P_EMBD, 0);
    for (uint32_t i = 0; i < cfg->n_layer; i++)
        for (eng_param_kind k = ENG_P_ATTN_NORM; k <= ENG_P_DOWN; k++)
            if (cfg->qk_norm || (k != ENG_P_Q_NORM && k != ENG_P_K_NORM)) add_param(&l, cfg, k, i);
    add_param(&l, cfg, ENG_P_OUT_NORM, 0);
    if (!cfg->tied) add_param(&l, cfg, ENG_P_HEAD, 0);
    assert(l.n_params <= cap);
    *out = l;
    return SK_OK;
}

/* By counting, since blocks are equal: no search over all layers. */
size_t eng_layout_find(const eng_layout *l, eng_param_kind kind, uint32_t layer)
{
    assert(l->n_params >= 3);
    size_t last = l->n_params - 1;
    bool tied = l->param[last].kind != ENG_P_HEAD;
    if (kind == ENG_P_EMBD) return 0;
    if (kind == ENG_P_HEAD) return tied ? SIZE_MAX : last;
    size_t norm = tied ? last : last - 1;
    if (kind == ENG_P_OUT_NORM) return norm;
    /* Between embedding and last norm stand equal blocks, one a layer. */
    size_t n_layer = (size_t)l->param[norm - 1].layer + 1, per = (norm - 1) / n_layer;
    if (layer >= n_layer) return SIZE_MAX;
    for (size_t i = 1 + layer * per; i < 1 + (layer + 1) * per; i++)
        if (l->param[i].kind == kind) return i;
    return SIZE_MAX;
}

void eng_rope_table(const eng_config *cfg, size_t n_pos, float *cos_out, float *sin_out)
{
    size_t half = cfg->head_dim / 2;
    for (size_t i = 0; i < half; i++) {
        double freq = pow((double)cfg->rope_theta, -2.0 * (double)i / (double)cfg->head_dim);
        for (size_t p = 0; p < n_pos; p++) {
            cos_out[p * half + i] = (float)cos((double)p * freq);
            sin_out[p * half + i] = (float)sin((double)p * freq);
        }
    }
}
