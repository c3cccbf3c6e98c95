/* layout.c - the list of a model's parameters, from the table in param.h. */
#include "engine/model/layout.h"

#include "engine/model/family.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define PARAM_ALIGN 16 /* floats: one cache line */

typedef struct row {
    const char *suffix;
    eng_place place;
    eng_dim outer, rows, cols;
    eng_sort sort;
} row;

#define ROW(id, suffix, place, outer, rows, cols, sort)                                            \
    [ENG_P_##id] = {suffix, ENG_AT_##place, ENG_D_##outer, ENG_D_##rows, ENG_D_##cols, ENG_##sort},
static const row table[ENG_P_N] = {ENG_PARAM_TABLE(ROW)};
#undef ROW

/* ---- names ---- */

eng_place eng_param_place(eng_param_kind kind)
{
    assert(kind < ENG_P_N);
    return table[kind].place;
}

bool eng_param_is_bias(eng_param_kind kind)
{
    assert(kind < ENG_P_N);
    const char *dot = strrchr(table[kind].suffix, '.');
    return dot && !strcmp(dot, ".bias");
}

const char *eng_param_suffix(const eng_config *cfg, eng_param_kind kind)
{
    assert(kind < ENG_P_N);
    const eng_family *f = eng_family_find(cfg->arch);
    for (const eng_rename *r = f ? f->rename : NULL; r && r->suffix; r++)
        if (r->kind == kind) return r->suffix;
    return table[kind].suffix;
}

static bool is_of_layer(eng_param_kind kind)
{
    return table[kind].place != ENG_AT_TOP && table[kind].place != ENG_AT_END;
}

void eng_param_name(const eng_config *cfg, eng_param_kind kind, uint32_t layer, char name[64])
{
    const char *suffix = eng_param_suffix(cfg, kind);
    int n = is_of_layer(kind) ? snprintf(name, 64, "blk.%u.%s", layer, suffix)
                              : snprintf(name, 64, "%s", suffix);
    assert(n > 0 && n < 64);
    (void)n;
}

/* ---- shapes ---- */

/* The norms of q (heads = n_head) and k (n_kv_head): weights of one head, of each, or of all as one
 * row. */
static size_t qk_norm_dim(const eng_config *c, size_t heads, bool is_rows)
{
    switch (c->qk_norm) {
    case ENG_QK_EACH:
        return is_rows ? heads : c->head_dim;
    case ENG_QK_ROW:
        return is_rows ? 1 : heads * c->head_dim;
    case ENG_QK_NONE:
    case ENG_QK_HEAD:
        break;
    }
    return is_rows ? 1 : c->head_dim;
}

/* A dimension of attention; in a switch of its own because these need products. */
static size_t attn_dim(const eng_config *c, eng_dim d)
{
    size_t q = (size_t)c->n_head * c->head_dim, k = (size_t)c->n_kv_head * c->head_dim;
    size_t v = (size_t)c->n_kv_head * eng_config_head_dim_v(c), rot = eng_config_n_rot(c);
    switch (d) {
    case ENG_D_Q:
        return q;
    case ENG_D_K:
        return k;
    case ENG_D_V:
        return v;
    case ENG_D_QKV:
        return q + k + v;
    case ENG_D_ATT:
        return (size_t)c->n_head * eng_config_att_dim(c);
    case ENG_D_QN_ROWS:
    case ENG_D_QN_COLS:
        return qk_norm_dim(c, c->n_head, d == ENG_D_QN_ROWS);
    case ENG_D_KN_ROWS:
    case ENG_D_KN_COLS:
        return qk_norm_dim(c, c->n_kv_head, d == ENG_D_KN_ROWS);
    case ENG_D_ROT2:
        return rot / 2;
    case ENG_D_Q_LORA:
        return c->q_lora;
    case ENG_D_KV_LORA:
        return c->kv_lora;
    case ENG_D_KV_A:
        return c->kv_lora + rot;
    case ENG_D_Q_MLA:
        return (size_t)c->n_head * c->head_dim_mla;
    case ENG_D_NOPE:
        return c->head_dim_mla - rot;
    case ENG_D_V_MLA:
        return c->head_dim_v_mla;
    case ENG_D_KV_B:
        return (size_t)c->n_head * (c->head_dim_mla - rot + c->head_dim_v_mla);
    default:
        break;
    }
    assert(!"a dimension without a size");
    return 0;
}

/* Any dimension. */
static size_t dim_of(const eng_config *c, eng_dim d)
{
    switch (d) {
    case ENG_D_1:
        return 1;
    case ENG_D_VOCAB:
        return c->n_vocab;
    case ENG_D_CTX:
        return c->n_ctx;
    case ENG_D_TYPES:
        return c->n_types;
    case ENG_D_EMBD:
        return c->n_embd;
    case ENG_D_HEADS:
        return c->n_head;
    case ENG_D_FF:
        return c->n_ff;
    case ENG_D_UP:
        return (size_t)c->n_ff * (c->fused_gate ? 2 : 1);
    case ENG_D_EXPERTS:
        return c->n_expert;
    case ENG_D_FF_EXP:
        return c->n_ff_exp;
    case ENG_D_FF_EXP2:
        return 2 * (size_t)c->n_ff_exp;
    case ENG_D_FF_SH:
        return c->n_ff_shared;
    default:
        return attn_dim(c, d);
    }
}

/* ---- the list ---- */

bool eng_param_is_there(const eng_config *cfg, eng_param_kind kind, uint32_t layer)
{
    if (kind == ENG_P_HEAD) return !cfg->tied && !cfg->encoder;
    if (!cfg->has[kind]) return false;
    if (table[kind].place == ENG_AT_DENSE) return !eng_config_is_moe(cfg, layer);
    if (table[kind].place == ENG_AT_MOE) return eng_config_is_moe(cfg, layer);
    return true;
}

/* Appends one parameter; the array has room. */
static void add_param(eng_layout *l, const eng_config *cfg, eng_param_kind kind, uint32_t layer)
{
    const row *r = &table[kind];
    eng_param *p = &l->param[l->n_params++];
    eng_param_name(cfg, kind, layer, p->name);
    p->kind = kind;
    p->layer = layer;
    p->outer = dim_of(cfg, r->outer);
    p->rows = dim_of(cfg, r->rows);
    p->cols = dim_of(cfg, r->cols);
    p->is_matrix = r->sort == ENG_MATRIX;
    p->offset = l->n_floats;
    size_t len = p->outer * p->rows * p->cols;
    l->n_weights += len;
    l->n_floats += (len + PARAM_ALIGN - 1) / PARAM_ALIGN * PARAM_ALIGN;
}

/* All parameters of one place, or of the layers' three places for one layer, in the table's order.
 */
static void add_place(eng_layout *l, const eng_config *cfg, eng_place place, uint32_t layer)
{
    for (int i = 0; i < ENG_P_N; i++) {
        eng_param_kind k = (eng_param_kind)i;
        bool here = place == ENG_AT_LAYER ? is_of_layer(k) : table[k].place == place;
        if (!here || !eng_param_is_there(cfg, k, layer)) continue;
        if (place == ENG_AT_LAYER) l->index[(size_t)layer * ENG_P_N + k] = (uint32_t)l->n_params;
        add_param(l, cfg, k, layer);
    }
}

/* How many there will be at most: parameters of one sort of layer are counted for all layers. */
static size_t count_params(const eng_config *cfg)
{
    size_t n = 0;
    for (int k = 0; k < ENG_P_N; k++)
        n += cfg->has[k] ? (is_of_layer((eng_param_kind)k) ? cfg->n_layer : 1) : 0;
    return n + 1; /* the head */
}

/* Embedding, layers, last norm, head: the order of the file and of the flat array. */
sk_status eng_layout_build(const eng_config *cfg, sk_arena *a, eng_layout *out, sk_err *e)
{
    sk_status st = eng_config_check(cfg, e);
    if (st) return st;
    eng_layout l = {.n_layer = cfg->n_layer, .n_nextn = cfg->n_nextn};
    size_t cap = count_params(cfg), n_index = (size_t)cfg->n_layer * ENG_P_N;
    l.param = sk_new_n(a, eng_param, cap);
    l.index = sk_new_n(a, uint32_t, n_index);
    if (!l.param || !l.index)
        return sk_fail(e, SK_E_NOMEM, "no memory for a list of %zu parameters", cap);
    memset(l.index, 0xff, n_index * sizeof(*l.index));
    add_place(&l, cfg, ENG_AT_TOP, 0);
    for (uint32_t i = 0; i < cfg->n_layer; i++)
        add_place(&l, cfg, ENG_AT_LAYER, i);
    add_place(&l, cfg, ENG_AT_END, 0);
    assert(l.n_params <= cap);
    *out = l;
    return SK_OK;
}

/* The layers have an index; the few others stand at the ends of the list. */
size_t eng_layout_find(const eng_layout *l, eng_param_kind kind, uint32_t layer)
{
    if (is_of_layer(kind)) {
        uint32_t i = layer < l->n_layer ? l->index[(size_t)layer * ENG_P_N + kind] : UINT32_MAX;
        return i == UINT32_MAX ? SIZE_MAX : i;
    }
    bool top = table[kind].place == ENG_AT_TOP;
    for (size_t n = 0; n < l->n_params; n++) {
        size_t i = top ? n : l->n_params - 1 - n;
        if (l->param[i].kind == kind) return i;
        if (is_of_layer(l->param[i].kind)) break;
    }
    return SIZE_MAX;
}
