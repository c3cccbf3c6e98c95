/* config_gguf.c - reading and writing the keys that describe a decoder.
 *
 * Key names: ggml's docs/gguf.md and llama.cpp's llama-arch.cpp.  A key below the architecture's
 * prefix that no row of the table knows is refused, and so is one that the architecture has no use
 * for, unless its value says that nothing is to be done: a model that computes something else than
 * its file says is worse than none.
 */
#include "engine/model/config_gguf.h"

#include "engine/model/family.h"
#include "engine/model/layout.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* What is done with a key. */
typedef enum key_kind {
    KEY_U32,   /* a field of the config; an array must hold one value throughout */
    KEY_F32,   /* the same */
    KEY_BOOL,  /* the same */
    KEY_INERT, /* changes nothing the decoder computes, or is read by a function of its own */
    KEY_ZERO,  /* must be 0 (or false, or an array of these) */
    KEY_ONE    /* must be 0 or 1: a factor or a flag that is on anyway */
} key_kind;

#define ALWAYS 0u
#define FIELD(f) offsetof(eng_config, f)

static const struct key_row {
    const char *suffix;
    unsigned group; /* ENG_KEYS_*, ALWAYS: understood by every family */
    key_kind kind;
    size_t field;
} known[] = {
    {"context_length", ALWAYS, KEY_U32, FIELD(n_ctx)},
    {"embedding_length", ALWAYS, KEY_U32, FIELD(n_embd)},
    {"block_count", ALWAYS, KEY_U32, FIELD(n_layer)},
    {"feed_forward_length", ALWAYS, KEY_U32, FIELD(n_ff)},
    {"vocab_size", ALWAYS, KEY_INERT, 0},
    {"attention.head_count", ALWAYS, KEY_U32, FIELD(n_head)},
    {"attention.head_count_kv", ALWAYS, KEY_U32, FIELD(n_kv_head)},
    {"attention.key_length", ALWAYS, KEY_U32, FIELD(head_dim)},
    {"attention.value_length", ALWAYS, KEY_U32, FIELD(head_dim_v)},
    {"attention.layer_norm_rms_epsilon", ALWAYS, KEY_INERT, 0},
    {"attention.layer_norm_epsilon", ALWAYS, KEY_INERT, 0},
    {"attention.causal", ALWAYS, KEY_ONE, 0},
    {"rope.freq_base", ALWAYS, KEY_F32, FIELD(rope_theta)},
    {"rope.dimension_count", ALWAYS, KEY_U32, FIELD(n_rot)},
    {"rope.dimension_sections", ALWAYS, KEY_ZERO, 0},
    {"rope.scale_linear", ALWAYS, KEY_INERT, 0},
    {"rope.scaling.type", ALWAYS, KEY_INERT, 0},
    {"rope.scaling.factor", ALWAYS, KEY_F32, FIELD(rope_factor)},
    {"rope.scaling.alpha", ALWAYS, KEY_F32, FIELD(rope_alpha)},
    {"rope.scaling.attn_factor", ALWAYS, KEY_F32, FIELD(rope_attn_factor)},
    {"rope.scaling.original_context_length", ALWAYS, KEY_U32, FIELD(n_ctx_orig)},
    {"rope.scaling.finetuned", ALWAYS, KEY_INERT, 0},
    /* converters copy these; in the architectures here llama.cpp computes with YaRN's own values
     * whatever they say, and so does the decoder */
    {"rope.scaling.yarn_ext_factor", ALWAYS, KEY_INERT, 0},
    {"rope.scaling.yarn_attn_factor", ALWAYS, KEY_INERT, 0},
    {"rope.scaling.yarn_beta_fast", ALWAYS, KEY_INERT, 0},
    {"rope.scaling.yarn_beta_slow", ALWAYS, KEY_INERT, 0},
    {"rope.scaling.yarn_log_multiplier", ENG_KEYS_MLA, KEY_F32, FIELD(yarn_log_mul)},
    {"tensor_data_layout", ALWAYS, KEY_INERT, 0},
    {"pooling_type", ALWAYS, KEY_U32, FIELD(pooling)},
    {"nextn_predict_layers", ALWAYS, KEY_U32, FIELD(n_nextn)},
    {"router_logit_softcapping", ALWAYS, KEY_ZERO, 0},
    {"attention.temperature_length", ALWAYS, KEY_ZERO, 0},
    {"attention.temperature_scale", ALWAYS, KEY_ZERO, 0},
    {"embedding_scale", ENG_KEYS_SCALES, KEY_F32, FIELD(embd_scale)},
    {"residual_scale", ENG_KEYS_SCALES, KEY_F32, FIELD(residual_scale)},
    {"logit_scale", ENG_KEYS_SCALES, KEY_F32, FIELD(logit_scale)},
    {"attention.scale", ENG_KEYS_ATTN_SCALE, KEY_F32, FIELD(attn_scale)},
    {"attn_logit_softcapping", ENG_KEYS_SOFTCAP, KEY_F32, FIELD(attn_softcap)},
    {"final_logit_softcapping", ENG_KEYS_SOFTCAP, KEY_F32, FIELD(logit_softcap)},
    {"attention.clamp_kqv", ENG_KEYS_CLAMP, KEY_F32, FIELD(clamp_kqv)},
    {"attention.max_alibi_bias", ENG_KEYS_ALIBI, KEY_F32, FIELD(alibi_max)},
    {"attention.sliding_window", ENG_KEYS_WINDOW, KEY_U32, FIELD(window)},
    {"attention.sliding_window_pattern", ENG_KEYS_WINDOW, KEY_INERT, 0},
    {"rope.freq_base_swa", ENG_KEYS_WINDOW, KEY_F32, FIELD(rope_theta_local)},
    {"expert_count", ENG_KEYS_MOE, KEY_U32, FIELD(n_expert)},
    {"expert_used_count", ENG_KEYS_MOE, KEY_U32, FIELD(n_expert_used)},
    {"expert_feed_forward_length", ENG_KEYS_MOE, KEY_U32, FIELD(n_ff_exp)},
    {"expert_weights_scale", ENG_KEYS_GATING, KEY_F32, FIELD(expert_scale)},
    {"expert_weights_norm", ENG_KEYS_GATING, KEY_BOOL, FIELD(expert_norm)},
    {"expert_gating_func", ENG_KEYS_GATING, KEY_U32, FIELD(gating)},
    {"expert_group_count", ENG_KEYS_MOE, KEY_U32, FIELD(n_group)},
    {"expert_group_used_count", ENG_KEYS_MOE, KEY_U32, FIELD(n_group_used)},
    {"moe_every_n_layers", ALWAYS, KEY_ONE, 0},
    {"expert_shared_feed_forward_length", ENG_KEYS_SHARED, KEY_U32, FIELD(n_ff_shared)},
    {"expert_shared_count", ENG_KEYS_SHARED, KEY_U32, FIELD(n_expert_shared)},
    {"leading_dense_block_count", ENG_KEYS_LEAD, KEY_U32, FIELD(n_dense_lead)},
    {"interleave_moe_layer_step", ENG_KEYS_LEAD, KEY_U32, FIELD(moe_step)},
    {"attention.q_lora_rank", ENG_KEYS_MLA, KEY_U32, FIELD(q_lora)},
    {"attention.kv_lora_rank", ENG_KEYS_MLA, KEY_U32, FIELD(kv_lora)},
    {"attention.key_length_mla", ENG_KEYS_MLA, KEY_U32, FIELD(head_dim_mla)},
    {"attention.value_length_mla", ENG_KEYS_MLA, KEY_U32, FIELD(head_dim_v_mla)},
    {"use_parallel_residual", ENG_KEYS_PARALLEL, KEY_BOOL, FIELD(parallel)},
};
#define N_KNOWN (sizeof(known) / sizeof(*known))

_Static_assert(sizeof(eng_gating) == sizeof(uint32_t), "read as a number");

/* ---- values ---- */

/* "llama.block_count" from "block_count"; the longest suffix of the table fits. */
static const char *full_key(const eng_config *cfg, const char *suffix, char key[96])
{
    int n = snprintf(key, 96, "%s.%s", cfg->arch, suffix);
    assert(n > 0 && n < 96);
    (void)n;
    return key;
}

static bool str_is(eng_str s, const char *lit)
{
    return s.n == strlen(lit) && !memcmp(s.p, lit, s.n);
}

/* An array of numbers (or booleans) that are all the same: that number. */
static bool uniform_of(const eng_gguf *g, const char *key, double *out)
{
    size_t n = 0;
    double v = 0;
    if (eng_gguf_arr_len(g, key, &n, NULL) || !n) return false;
    for (size_t i = 0; i < n; i++) {
        int64_t k = 0;
        double x = 0;
        if (!eng_gguf_arr_i64(g, key, i, &k, NULL))
            x = (double)k;
        else if (eng_gguf_arr_f64(g, key, i, &x, NULL))
            return false;
        if (i && x != v) return false;
        v = x;
    }
    *out = v;
    return true;
}

/* The value of a numeric or boolean key as a double; false if it is neither.  A key that may differ
 * by layer counts when it does not: converters write some as arrays in any case. */
static bool number_of(const eng_gguf *g, const char *key, double *out)
{
    uint64_t u;
    bool b;
    if (!eng_gguf_f64(g, key, out, NULL)) return true;
    if (!eng_gguf_u64(g, key, &u, NULL)) {
        *out = (double)u;
        return true;
    }
    if (!eng_gguf_bool(g, key, &b, NULL)) {
        *out = b;
        return true;
    }
    return uniform_of(g, key, out);
}

bool eng_config_number(const eng_gguf *g, const eng_config *cfg, const char *suffix, double *out)
{
    char key[96];
    return number_of(g, full_key(cfg, suffix, key), out);
}

/* ---- the keys there are ---- */

/* A key whose value must say that nothing is to be done. */
static sk_status check_neutral(const eng_gguf *g, const char *key, bool one_too, sk_err *e)
{
    double v = 0;
    if (!number_of(g, key, &v))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "%s is set to what is no number, or differs by layer; a model with it is "
                       "not supported",
                       key);
    if (v == 0 || (one_too && v == 1)) return SK_OK;
    return sk_fail(e, SK_E_UNSUPPORTED, "%s is set to %g; a model with it is not supported", key,
                   v);
}

/* KEY_ONE; attention.causal must say what the family does. */
static sk_status check_one(const eng_gguf *g, const char *key, const eng_config *c, sk_err *e)
{
    double v = 0;
    bool is_causal = strstr(key, ".attention.causal") != NULL;
    double want = is_causal && c->encoder ? 0 : 1;
    if (number_of(g, key, &v) && (v == want || (v == 0 && !is_causal))) return SK_OK;
    return sk_fail(e, SK_E_UNSUPPORTED, "%s is set to %g; only %g is supported", key, v, want);
}

/* A family that does not read how experts are weighted knows it all the same: the key must agree.
 */
static sk_status check_weighting(const eng_gguf *g, const char *key, double want, sk_err *e)
{
    double v = 0;
    if (number_of(g, key, &v) && v == want) return SK_OK;
    return sk_fail(e, SK_E_UNSUPPORTED, "%s is set to %g where this architecture has %g", key, v,
                   want);
}

/* Puts the value of a key into its field.  Whether it makes sense is eng_config_check's business;
 * here it must only fit. */
static sk_status read_field(const eng_gguf *g, const struct key_row *r, const char *key,
                            eng_config *c, sk_err *e)
{
    void *field = (char *)c + r->field;
    double v = 0;
    if (!number_of(g, key, &v))
        return sk_fail(e, SK_E_FORMAT, "%s is not a number, or not the same in all layers", key);
    if (r->kind == KEY_F32) {
        float f = (float)v;
        memcpy(field, &f, sizeof(f));
    } else if (r->kind == KEY_BOOL) {
        bool b = v != 0;
        memcpy(field, &b, sizeof(b));
    } else {
        if (!(v >= 0 && v <= (double)UINT32_MAX) || v != (double)(uint32_t)v)
            return sk_fail(e, SK_E_FORMAT, "%s is %g, which is far out of bounds", key, v);
        uint32_t u = (uint32_t)v;
        memcpy(field, &u, sizeof(u));
    }
    return SK_OK;
}

/* One key of the file by its row.  A key of a group the family does not understand passes only with
 * a value that asks for nothing: 0, of a factor also 1. */
static sk_status take_key(const eng_gguf *g, const struct key_row *r, unsigned groups,
                          eng_config *c, sk_err *e)
{
    char key[96];
    full_key(c, r->suffix, key);
    if (r->kind == KEY_ONE) return check_one(g, key, c, e);
    if (r->kind == KEY_ZERO) return check_neutral(g, key, false, e);
    if (r->kind == KEY_INERT && r->group == ALWAYS) return SK_OK;
    if (r->group == ALWAYS || (r->group & groups))
        return r->kind == KEY_INERT ? SK_OK : read_field(g, r, key, c, e);
    if (r->field == FIELD(expert_norm)) return check_weighting(g, key, c->expert_norm, e);
    if (r->field == FIELD(gating)) return check_weighting(g, key, (double)c->gating, e);
    return check_neutral(g, key, r->kind == KEY_F32 || r->field == FIELD(moe_step), e);
}

/* Reads or refuses every key below the architecture's prefix. */
static sk_status read_keys(const eng_gguf *g, unsigned groups, eng_config *c, sk_err *e)
{
    size_t prefix = strlen(c->arch);
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++) {
        eng_str k = eng_gguf_key_at(g, i);
        if (k.n <= prefix + 1 || memcmp(k.p, c->arch, prefix) != 0 || k.p[prefix] != '.') continue;
        eng_str suffix = {k.p + prefix + 1, k.n - prefix - 1};
        size_t j = 0;
        while (j < N_KNOWN && !str_is(suffix, known[j].suffix))
            j++;
        if (j == N_KNOWN)
            return sk_fail(e, SK_E_UNSUPPORTED,
                           "the key %.*s is not understood; it may change what the model computes",
                           k.n > 200 ? 200 : (int)k.n, k.p);
        sk_status st = take_key(g, &known[j], groups, c, e);
        if (st) return st;
    }
    return SK_OK;
}

/* ---- keys with a meaning of their own ---- */

/* Zero stands for "not in the file" in a field that can't be zero. */
static sk_status missing(const eng_config *c, const char *suffix, sk_err *e)
{
    return sk_fail(e, SK_E_FORMAT, "the key %s.%s is missing", c->arch, suffix);
}

/* The key of the norms' epsilon. */
static const char *eps_suffix(const eng_config *c)
{
    return c->norm == ENG_NORM_RMS ? "attention.layer_norm_rms_epsilon"
                                   : "attention.layer_norm_epsilon";
}

/* What must be there, and the defaults of what need not. */
static sk_status fill_shape(const eng_gguf *g, eng_config *c, sk_err *e)
{
    const char *eps = eps_suffix(c);
    double v = 0;
    if (!c->n_ctx) return missing(c, "context_length", e);
    if (!c->n_embd) return missing(c, "embedding_length", e);
    if (!c->n_layer) return missing(c, "block_count", e);
    if (!c->n_head) return missing(c, "attention.head_count", e);
    if (!eng_config_number(g, c, eps, &v)) return missing(c, eps, e);
    c->rms_eps = (float)v;
    if (eng_config_number(g, c, "vocab_size", &v) && v != c->n_vocab)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "%s.vocab_size is %g where token_embd.weight has %u rows; not supported",
                       c->arch, v, c->n_vocab);
    if (c->n_nextn >= c->n_layer)
        return sk_fail(e, SK_E_FORMAT, "%s.nextn_predict_layers is %u of %u layers (block_count)",
                       c->arch, c->n_nextn, c->n_layer);
    c->n_layer -= c->n_nextn;
    if (!c->n_kv_head) c->n_kv_head = c->n_head;
    if (!c->head_dim) c->head_dim = c->n_embd / c->n_head;
    if (!c->head_dim_v) c->head_dim_v = c->n_embd / c->n_head;
    if (!c->n_ff && c->n_expert) c->n_ff = c->n_ff_exp; /* no layer without experts asks for it */
    return c->n_ff ? SK_OK : missing(c, "feed_forward_length", e);
}

/* rope.scaling.type says what the factor means; a factor of 1 scales nothing. */
static sk_status fill_scaling(const eng_gguf *g, eng_config *c, sk_err *e)
{
    char key[96];
    eng_str s = {"linear", 6};
    sk_err why = SK_ERR_INIT;
    sk_status st = eng_gguf_str(g, full_key(c, "rope.scaling.type", key), &s, &why);
    if (st && st != SK_E_NOTFOUND) return sk_fail(e, SK_E_UNSUPPORTED, "%s", why.text);
    double v = 0; /* the key's old name */
    if (c->rope_factor == 0.0f && eng_config_number(g, c, "rope.scale_linear", &v))
        c->rope_factor = (float)v;
    c->rope_yarn = str_is(s, "yarn");
    bool none = str_is(s, "none");
    if (!c->rope_yarn && !none && !str_is(s, "linear") && !str_is(s, "longrope"))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "%s is \"%.*s\"; this kind of RoPE scaling is not supported", key,
                       s.n > 60 ? 60 : (int)s.n, s.p);
    if (none || c->rope_factor == 1.0f) c->rope_factor = 0;
    if (c->rope_factor == 0.0f) c->rope_yarn = false;
    if (c->rope_attn_factor == 1.0f) c->rope_attn_factor = 0;
    return SK_OK;
}

/* attention.sliding_window_pattern is a period, or an array with a flag a layer. */
sk_status eng_config_windows(const eng_gguf *g, eng_config *c, uint32_t period, sk_err *e)
{
    char key[96];
    uint64_t v = 0;
    size_t n = 0;
    full_key(c, "attention.sliding_window_pattern", key);
    if (eng_gguf_arr_len(g, key, &n, NULL)) {
        if (!eng_gguf_u64(g, key, &v, NULL)) period = v < UINT32_MAX ? (uint32_t)v : UINT32_MAX;
        eng_layer_add_period(&c->local, c->n_layer, period);
        return SK_OK;
    }
    if (n != (size_t)c->n_layer + c->n_nextn)
        return sk_fail(e, SK_E_FORMAT, "%s has %zu elements for %u layers", key, n,
                       c->n_layer + c->n_nextn);
    for (uint32_t i = 0; i < c->n_layer; i++) {
        int64_t flag = 0;
        sk_status st = eng_gguf_arr_i64(g, key, i, &flag, e);
        if (st) return st;
        if (flag) eng_layer_add(&c->local, i);
    }
    return SK_OK;
}

/* ---- the parameters there are ---- */

/* Whether the file has that parameter, in any layer. */
static bool file_has(const eng_gguf *g, const eng_config *c, eng_param_kind kind)
{
    char name[64];
    bool once = eng_param_place(kind) == ENG_AT_TOP || eng_param_place(kind) == ENG_AT_END;
    for (uint32_t i = 0; i < (once ? 1 : c->n_layer); i++) {
        eng_param_name(c, kind, i, name);
        if (eng_gguf_tensor_find(g, name)) return true;
    }
    return false;
}

/* Optional parameters: q, k and v may come as one, and gate and up of experts too. */
static void fill_has(const eng_gguf *g, const eng_family *f, eng_config *c)
{
    for (int k = 0; k < ENG_P_N; k++)
        if (f->may[k] && !c->has[k]) c->has[k] = file_has(g, c, (eng_param_kind)k);
    if (c->has[ENG_P_QKV])
        c->has[ENG_P_Q] = c->has[ENG_P_K] = c->has[ENG_P_V] = c->has[ENG_P_Q_BIAS] =
            c->has[ENG_P_K_BIAS] = c->has[ENG_P_V_BIAS] = false;
    if (c->has[ENG_P_EXP_GATE_UP]) c->has[ENG_P_EXP_GATE] = c->has[ENG_P_EXP_UP] = false;
}

/* Fields that only repeat their default are cleared, so that equal models have equal configs. */
static void tidy(eng_config *c)
{
    if (c->head_dim_v == c->head_dim) c->head_dim_v = 0;
    if (c->n_rot == c->head_dim) c->n_rot = 0;
    if (!c->window) memset(&c->local, 0, sizeof(c->local));
    if (c->n_group < 2) c->n_group = c->n_group_used = 0;
    if (c->moe_step == 1) c->moe_step = 0;
    if (!c->n_expert) c->n_expert_used = c->n_ff_exp = 0;
}

/* Copies a string of the file into a field of n bytes; too long: cut (names) or refused. */
static bool copy_str(eng_str s, char *to, size_t n, bool cut)
{
    if (s.n >= n && !cut) return false;
    size_t len = s.n < n ? s.n : n - 1;
    memcpy(to, s.p, len);
    to[len] = 0;
    return strlen(to) == len;
}

/* Name of the architecture, switches of its family, and what the embedding tells. */
static sk_status read_family(const eng_gguf *g, eng_config *c, sk_err *e)
{
    eng_str s;
    if (eng_gguf_str(g, "general.architecture", &s, NULL))
        return sk_fail(e, SK_E_FORMAT,
                       "the key general.architecture is missing; this file holds no model");
    if (!copy_str(s, c->arch, sizeof(c->arch), false))
        return sk_fail(e, SK_E_UNSUPPORTED, "the name of the architecture is longer than %zu bytes",
                       sizeof(c->arch) - 1);
    sk_status st = eng_config_family(c, e);
    if (st) return st;
    if (!eng_gguf_str(g, "general.name", &s, NULL))
        (void)copy_str(s, c->name, sizeof(c->name), true);
    const eng_gguf_tensor *embd = eng_gguf_tensor_find(g, "token_embd.weight");
    if (!embd) return sk_fail(e, SK_E_FORMAT, "the tensor token_embd.weight is missing");
    if (embd->dim[1] > UINT32_MAX)
        return sk_fail(e, SK_E_FORMAT, "token_embd.weight has too many rows");
    c->n_vocab = (uint32_t)embd->dim[1];
    c->tied = !eng_gguf_tensor_find(g, "output.weight");
    c->rope_theta = 10000.0f;
    return SK_OK;
}

/* Architecture first (all other keys bear its name), then keys, the family's own rules, and which
 * parameters there are. */
sk_status eng_config_read(const eng_gguf *g, eng_config *out, sk_err *e)
{
    eng_config c = {0};
    sk_status st = read_family(g, &c, e);
    if (st) return st;
    const eng_family *f = eng_family_find(c.arch);
    assert(f);
    if ((st = read_keys(g, f->keys, &c, e)) || (st = fill_shape(g, &c, e)) ||
        (st = fill_scaling(g, &c, e)))
        return st;
    if (c.n_layer > ENG_MAX_LAYERS)
        return sk_fail(e, SK_E_FORMAT, "%s.block_count is %u; at most %d are supported", c.arch,
                       c.n_layer, ENG_MAX_LAYERS);
    if (f->finish && (st = f->finish(g, &c, e))) return st;
    fill_has(g, f, &c);
    tidy(&c);
    sk_err why = SK_ERR_INIT;
    if (eng_config_check(&c, &why)) return sk_fail(e, SK_E_FORMAT, "%s", why.text);
    *out = c;
    return SK_OK;
}

/* The same keys as llama.cpp's converters write. */
void eng_config_put(const eng_config *c, eng_gguf_writer *w)
{
    char key[96];
    eng_gguf_put_str(w, "general.architecture", c->arch, strlen(c->arch));
    if (c->name[0]) eng_gguf_put_str(w, "general.name", c->name, strlen(c->name));
    const struct {
        const char *suffix;
        uint32_t value;
    } row[] = {
        {"context_length", c->n_ctx},
        {"embedding_length", c->n_embd},
        {"block_count", c->n_layer},
        {"feed_forward_length", c->n_ff},
        {"vocab_size", c->n_vocab},
        {"attention.head_count", c->n_head},
        {"attention.head_count_kv", c->n_kv_head},
        {"attention.key_length", c->head_dim},
        {"attention.value_length", c->head_dim},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
        eng_gguf_put_u32(w, full_key(c, row[i].suffix, key), row[i].value);
    if (!c->no_rope) eng_gguf_put_u32(w, full_key(c, "rope.dimension_count", key), c->head_dim);
    eng_gguf_put_f32(w, full_key(c, eps_suffix(c), key), c->rms_eps);
    if (!c->no_rope) eng_gguf_put_f32(w, full_key(c, "rope.freq_base", key), c->rope_theta);
}
