/* fam_qwen.c - qwen2, qwen3, their experts; seed_oss, glm4: rotary halves as they are. */
#include "engine/hf/config.h"
#include "engine/hf/families.h"
#include "engine/hf/names.h"

#define L "model.layers.#."
#define B "blk.#."

static const eng_hf_name *const dense_names[] = {eng_hf_ends,      eng_hf_attn,    eng_hf_mlp,
                                                 eng_hf_pre_norms, eng_hf_qk_norm, NULL};
static const eng_hf_name *const expert_names[] = {
    eng_hf_ends, eng_hf_attn, eng_hf_mlp, eng_hf_experts, eng_hf_pre_norms, eng_hf_qk_norm, NULL};

static const eng_hf_key expert_keys[] = {
    {"moe_intermediate_size", "expert_feed_forward_length", ENG_HF_INT},
    {"shared_expert_intermediate_size", "expert_shared_feed_forward_length", ENG_HF_INT},
    {NULL, NULL, ENG_HF_INT},
};

/* Layers without experts between those with them are no part of these architectures. */
static sk_status read_experts(eng_hf_in *in, sk_err *e)
{
    double step = 1;
    json_t *only = json_object_get(in->cfg, "mlp_only_layers");
    if ((eng_hf_num(in, "decoder_sparse_step", &step) && step != 1) || json_array_size(only))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "decoder_sparse_step and mlp_only_layers (layers without experts) are not "
                       "supported");
    return SK_OK;
}

/* A window in use would change what the model computes. */
static sk_status read_no_window(eng_hf_in *in, sk_err *e)
{
    if (json_is_true(json_object_get(in->cfg, "use_sliding_window")))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "use_sliding_window is set; this architecture has no windows here");
    return SK_OK;
}

static const char *const qwen2_classes[] = {"Qwen2ForCausalLM", "Qwen2Model", NULL};
const eng_hf_family eng_hf_qwen2 = {"qwen2", qwen2_classes,  "qwen2",           dense_names,
                                    NULL,    read_no_window, eng_hf_write_plain};

static const char *const qwen3_classes[] = {"Qwen3ForCausalLM", "Qwen3Model", NULL};
const eng_hf_family eng_hf_qwen3 = {"qwen3", qwen3_classes,  "qwen3",           dense_names,
                                    NULL,    read_no_window, eng_hf_write_plain};

static const char *const qwen2moe_classes[] = {"Qwen2MoeForCausalLM", NULL};
const eng_hf_family eng_hf_qwen2moe = {"qwen2moe",        qwen2moe_classes, "qwen2_moe",
                                       expert_names,      expert_keys,      read_experts,
                                       eng_hf_write_plain};

static const char *const qwen3moe_classes[] = {"Qwen3MoeForCausalLM", NULL};
const eng_hf_family eng_hf_qwen3moe = {"qwen3moe",        qwen3moe_classes, "qwen3_moe",
                                       expert_names,      expert_keys,      read_experts,
                                       eng_hf_write_plain};

static const char *const seed_classes[] = {"SeedOssForCausalLM", NULL};
static const eng_hf_name seed_norms[] = {
    {L "input_layernorm.weight", B "attn_norm.weight", ENG_HF_SAME},
    {L "post_attention_layernorm.weight", B "post_attention_norm.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const seed_names[] = {eng_hf_ends, eng_hf_attn, eng_hf_mlp, seed_norms,
                                                NULL};
const eng_hf_family eng_hf_seed = {"seed_oss", seed_classes, "seed_oss",        seed_names,
                                   NULL,       NULL,         eng_hf_write_plain};

/* ---- glm4 ---- */

static const eng_hf_name glm4_layer[] = {
    {L "input_layernorm.weight", B "attn_norm.weight", ENG_HF_SAME},
    {L "post_self_attn_layernorm.weight", B "post_attention_norm.weight", ENG_HF_SAME},
    {L "post_attention_layernorm.weight", B "ffn_norm.weight", ENG_HF_SAME},
    {L "post_mlp_layernorm.weight", B "post_ffw_norm.weight", ENG_HF_SAME},
    {L "mlp.gate_up_proj.weight", B "ffn_up.weight", ENG_HF_SAME},
    {L "mlp.down_proj.weight", B "ffn_down.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const glm4_names[] = {eng_hf_ends, eng_hf_attn, glm4_layer, NULL};

static sk_status read_glm4(eng_hf_in *in, sk_err *e)
{
    (void)e;
    eng_hf_put_n_rot(in, 0.5);
    return SK_OK;
}

static const char *const glm4_classes[] = {"Glm4ForCausalLM", NULL};
const eng_hf_family eng_hf_glm4 = {"glm4",    glm4_classes,      "glm4", glm4_names, NULL,
                                   read_glm4, eng_hf_write_plain};
