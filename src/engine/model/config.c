/* config.c - bounds of a model's shape, defaults, and the sets of layers. */
#include "engine/model/config.h"

#include "engine/model/family.h"
#include "engine/model/layout.h"
#include "engine/model/rope.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- sets of layers ---- */

bool eng_layer_in(const eng_layer_set *s, uint32_t layer)
{
    assert(layer < ENG_MAX_LAYERS);
    return s->word[layer / 64] >> (layer % 64) & 1;
}

void eng_layer_add(eng_layer_set *s, uint32_t layer)
{
    assert(layer < ENG_MAX_LAYERS);
    s->word[layer / 64] |= (uint64_t)1 << (layer % 64);
}

void eng_layer_add_period(eng_layer_set *s, uint32_t n_layer, uint32_t period)
{
    for (uint32_t i = 0; i < n_layer && i < ENG_MAX_LAYERS; i++)
        if (!period || i % period < period - 1) eng_layer_add(s, i);
}

/* ---- defaults ---- */

uint32_t eng_config_n_rot(const eng_config *c)
{
    return c->n_rot ? c->n_rot : c->head_dim;
}

uint32_t eng_config_head_dim_v(const eng_config *c)
{
    return c->head_dim_v ? c->head_dim_v : c->head_dim;
}

uint32_t eng_config_att_dim(const eng_config *c)
{
    return c->kv_lora ? c->head_dim_v_mla : eng_config_head_dim_v(c);
}

/* DeepSeek's YaRN puts its magnitude into the scores: (1 + 0.1 mscale_all_dim log factor)^2, at the
 * size a head has before absorption. */
float eng_config_attn_scale(const eng_config *c)
{
    if (c->attn_scale != 0.0f) return c->attn_scale;
    if (!c->kv_lora) return 1.0f / sqrtf((float)c->head_dim);
    double m = eng_rope_yarn_magnitude(c);
    if (c->rope_attn_factor != 0.0f) m *= (double)c->rope_attn_factor;
    if (c->rope_factor > 0.0f) m *= 1 + 0.1 * (double)c->yarn_log_mul * log((double)c->rope_factor);
    return (float)(m * m / sqrt((double)c->head_dim_mla));
}

bool eng_config_is_moe(const eng_config *c, uint32_t layer)
{
    if (!c->n_expert || layer < c->n_dense_lead) return false;
    return !c->moe_step || (layer + 1) % c->moe_step == 0;
}

bool eng_config_rotates(const eng_config *c, uint32_t layer)
{
    return !c->no_rope && !eng_layer_in(&c->nope, layer);
}

bool eng_config_is_local(const eng_config *c, uint32_t layer)
{
    return c->window && eng_layer_in(&c->local, layer);
}

bool eng_config_absorbed(const eng_config *c)
{
    return c->kv_lora && c->has[ENG_P_MLA_K_B];
}

bool eng_config_norms_input(const eng_config *c)
{
    return c->place == ENG_PLACE_PRE || c->place == ENG_PLACE_BOTH;
}

/* The switches are the family's, the shape is kept. */
sk_status eng_config_family(eng_config *cfg, sk_err *e)
{
    assert(memchr(cfg->arch, 0, sizeof(cfg->arch)));
    const eng_family *f = eng_family_find(cfg->arch);
    if (!f)
        return sk_fail(e, SK_E_UNSUPPORTED, "architecture \"%s\" is not supported; known are %s",
                       cfg->arch, eng_family_names());
    size_t from = offsetof(eng_config, norm);
    memcpy((char *)cfg + from, (const char *)&f->base + from, sizeof(*cfg) - from);
    return SK_OK;
}

/* ---- checks ---- */

/* One bound: what it is called as a flag of `train` and as a key of a model file. */
typedef struct bound {
    const char *flag, *key;
    uint32_t value, min, max;
} bound;

/* The first of n sizes that is out of its bounds. */
static sk_status check_rows(const bound *row, size_t n, sk_err *e)
{
    for (size_t i = 0; i < n; i++)
        if (row[i].value < row[i].min || row[i].value > row[i].max)
            return sk_fail(e, SK_E_INVALID, "%s (%s) is %u; it must be %u to %u", row[i].flag,
                           row[i].key, row[i].value, row[i].min, row[i].max);
    return SK_OK;
}

/* Every size within bounds that keep all products below 2^63. */
static sk_status check_bounds(const eng_config *c, sk_err *e)
{
    const bound row[] = {
        {"vocab", "vocab_size", c->n_vocab, 1, 1u << 22},
        {"context", "context_length", c->n_ctx, 2, 1u << 22},
        {"dim", "embedding_length", c->n_embd, 1, 1u << 17},
        {"layers", "block_count", c->n_layer, 1, ENG_MAX_LAYERS},
        {"heads", "attention.head_count", c->n_head, 1, 1024},
        {"kv-heads", "attention.head_count_kv", c->n_kv_head, 1, 1024},
        {"head size (dim / heads)", "attention.key_length", c->head_dim, 2, 1024},
        {"size of a value", "attention.value_length", eng_config_head_dim_v(c), 1, 1024},
        {"ffn", "feed_forward_length", c->n_ff, 1, 1u << 20},
        {"rotated part of a head", "rope.dimension_count", eng_config_n_rot(c), 2, c->head_dim},
        {"window", "attention.sliding_window", c->window, 0, INT32_MAX},
        {"kind of pooling", "pooling_type", c->pooling, 0, 4},
        {"token types", "token_types.weight", c->n_types, c->has[ENG_P_TYPE_EMBD], 1u << 16},
    };
    return check_rows(row, sizeof(row) / sizeof(*row), e);
}

/* Sizes of experts.  1024 of them is what the router keeps flags for on its stack (route.c). */
static sk_status check_experts(const eng_config *c, sk_err *e)
{
    const bound row[] = {
        {"experts", "expert_count", c->n_expert, 1, 1024},
        {"experts of a token", "expert_used_count", c->n_expert_used, 1, c->n_expert},
        {"width of an expert", "expert_feed_forward_length", c->n_ff_exp, 1, 1u << 20},
        {"width of the shared expert", "expert_shared_feed_forward_length", c->n_ff_shared, 0,
         1u << 20},
        {"groups of experts", "expert_group_count", c->n_group, 0, c->n_expert - 1},
    };
    sk_status st = check_rows(row, sizeof(row) / sizeof(*row), e);
    if (st) return st;
    if (c->gating < ENG_GATE_SOFTMAX || c->gating > ENG_GATE_CHOSEN)
        return sk_fail(e, SK_E_INVALID, "expert_gating_func is %d; known are 1 to 3",
                       (int)c->gating);
    if (c->n_group < 2) return SK_OK;
    uint32_t per = c->n_expert / c->n_group;
    if (c->n_expert % c->n_group || per < 2 || c->n_group_used < 1 ||
        c->n_group_used >= c->n_group || c->n_expert_used > per * c->n_group_used)
        return sk_fail(e, SK_E_INVALID,
                       "%u experts in %u groups (expert_group_count) of which %u are used "
                       "(expert_group_used_count) can't give %u experts for a token",
                       c->n_expert, c->n_group, c->n_group_used, c->n_expert_used);
    return SK_OK;
}

/* Sizes of latent attention. */
static sk_status check_latent(const eng_config *c, sk_err *e)
{
    uint32_t rot = eng_config_n_rot(c);
    const bound row[] = {
        {"rank of k and v", "attention.kv_lora_rank", c->kv_lora, 1, 1024},
        {"rank of q", "attention.q_lora_rank", c->q_lora, 0, 1u << 17},
        {"head size", "attention.key_length_mla", c->head_dim_mla, rot + 1, 1024},
        {"size of a value", "attention.value_length_mla", c->head_dim_v_mla, 1, 1024},
    };
    sk_status st = check_rows(row, sizeof(row) / sizeof(*row), e);
    if (st) return st;
    bool fits = eng_config_absorbed(c)
                    ? c->head_dim == c->kv_lora + rot && c->n_kv_head == 1 &&
                          eng_config_head_dim_v(c) == c->kv_lora
                    : c->head_dim == c->head_dim_mla && c->n_kv_head == c->n_head &&
                          eng_config_head_dim_v(c) == c->head_dim_v_mla;
    if (!fits)
        return sk_fail(
            e, SK_E_INVALID,
            "the sizes of latent attention contradict each other: key_length %u, "
            "value_length %u, kv_lora_rank %u, rope.dimension_count %u, head_count_kv %u",
            c->head_dim, eng_config_head_dim_v(c), c->kv_lora, rot, c->n_kv_head);
    return SK_OK;
}

/* A factor that must be a number, and not a negative one: no model has such, and a NaN would pass
 * every comparison further on. */
static sk_status check_factors(const eng_config *c, sk_err *e)
{
    const struct {
        const char *key;
        float v;
    } row[] = {
        {"rope.freq_base_swa", c->rope_theta_local},
        {"rope.scaling.factor", c->rope_factor},
        {"rope.scaling.alpha", c->rope_alpha},
        {"rope.scaling.attn_factor", c->rope_attn_factor},
        {"rope.scaling.yarn_log_multiplier", c->yarn_log_mul},
        {"attention.max_alibi_bias", c->alibi_max},
        {"attention.scale", c->attn_scale},
        {"attn_logit_softcapping", c->attn_softcap},
        {"attention.clamp_kqv", c->clamp_kqv},
        {"expert_weights_scale", c->expert_scale},
        {"embedding_scale", c->embd_scale},
        {"residual_scale", c->residual_scale},
        {"logit_scale", c->logit_scale},
        {"final_logit_softcapping", c->logit_softcap},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
        if (!(row[i].v >= 0.0f && row[i].v <= 1e12f))
            return sk_fail(e, SK_E_INVALID, "%s is %g; it must be 0 to 1e12", row[i].key,
                           (double)row[i].v);
    return SK_OK;
}

/* Relations between sizes that check_bounds has made positive. */
static sk_status check_relations(const eng_config *c, sk_err *e)
{
    if (c->head_dim % 2)
        return sk_fail(e, SK_E_INVALID,
                       "head size (dim / heads, attention.key_length) is %u; it must be even",
                       c->head_dim);
    if (eng_config_n_rot(c) % 2)
        return sk_fail(e, SK_E_INVALID, "rope.dimension_count is %u; it must be even", c->n_rot);
    if (c->n_head % c->n_kv_head)
        return sk_fail(e, SK_E_INVALID,
                       "heads (attention.head_count) is %u; it must be a multiple of kv-heads "
                       "(attention.head_count_kv), %u",
                       c->n_head, c->n_kv_head);
    if (!(c->rms_eps > 0.0f && c->rms_eps < 1.0f))
        return sk_fail(e, SK_E_INVALID,
                       "attention.layer_norm_rms_epsilon (or layer_norm_epsilon) is %g; it must be "
                       "above 0 and below 1",
                       (double)c->rms_eps);
    if (!(c->rope_theta >= 1.0f && c->rope_theta <= 1e12f))
        return sk_fail(e, SK_E_INVALID, "rope.freq_base is %g; it must be 1 to 1e12",
                       (double)c->rope_theta);
    if (c->rope_form != ENG_ROPE_HALF && c->rope_form != ENG_ROPE_PAIRS)
        return sk_fail(e, SK_E_INTERNAL, "the config's rope form was never set");
    return SK_OK;
}

/* Bounds first: the relations divide by what they have made positive. */
sk_status eng_config_check(const eng_config *c, sk_err *e)
{
    sk_status st = check_bounds(c, e);
    if (!st) st = check_relations(c, e);
    if (!st) st = check_factors(c, e);
    if (!st && c->n_expert) st = check_experts(c, e);
    if (!st && c->kv_lora) st = check_latent(c, e);
    return st;
}
