/* fam_more.c - phi2, phi3, command-r, cohere2, deepseek2, gpt-oss. */
#include "engine/hf/config.h"
#include "engine/hf/families.h"
#include "engine/hf/names.h"

#include <math.h>

#define L "model.layers.#."
#define B "blk.#."

/* ---- phi2 ---- */

static const eng_hf_name phi2_list[] = {
    {"model.embed_tokens.weight", "token_embd.weight", ENG_HF_SAME},
    {"model.final_layernorm.weight", "output_norm.weight", ENG_HF_SAME},
    {"model.final_layernorm.bias", "output_norm.bias", ENG_HF_SAME},
    {"lm_head.weight", "output.weight", ENG_HF_SAME},
    {"lm_head.bias", "output.bias", ENG_HF_SAME},
    {L "input_layernorm.weight", B "attn_norm.weight", ENG_HF_SAME},
    {L "input_layernorm.bias", B "attn_norm.bias", ENG_HF_SAME},
    {L "self_attn.dense.weight", B "attn_output.weight", ENG_HF_SAME},
    {L "self_attn.dense.bias", B "attn_output.bias", ENG_HF_SAME},
    {L "mlp.fc1.weight", B "ffn_up.weight", ENG_HF_SAME},
    {L "mlp.fc1.bias", B "ffn_up.bias", ENG_HF_SAME},
    {L "mlp.fc2.weight", B "ffn_down.weight", ENG_HF_SAME},
    {L "mlp.fc2.bias", B "ffn_down.bias", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const phi2_names[] = {phi2_list, eng_hf_attn, NULL};

static sk_status read_phi2(eng_hf_in *in, sk_err *e)
{
    double v = 0;
    (void)e;
    eng_hf_put_n_rot(in, 0.5);
    if (!eng_hf_num(in, "intermediate_size", &v))
        eng_hf_put_int(in, "feed_forward_length", 4 * in->n_embd);
    return SK_OK;
}

static const char *const phi2_classes[] = {"PhiForCausalLM", NULL};
const eng_hf_family eng_hf_phi2 = {"phi2", phi2_classes, "phi", phi2_names, NULL, read_phi2, NULL};

/* ---- phi3 ---- */

static const eng_hf_name phi3_list[] = {
    {L "self_attn.qkv_proj.weight", B "attn_qkv.weight", ENG_HF_SAME},
    {L "self_attn.o_proj.weight", B "attn_output.weight", ENG_HF_SAME},
    {L "mlp.gate_up_proj.weight", B "ffn_up.weight", ENG_HF_SAME},
    {L "mlp.down_proj.weight", B "ffn_down.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const phi3_names[] = {eng_hf_ends, phi3_list, eng_hf_pre_norms, NULL};

/* The window is 0 where there is none: llama.cpp tells Phi-4 by that. */
static sk_status read_phi3(eng_hf_in *in, sk_err *e)
{
    double window = 0, ctx = 0, orig = 0;
    (void)e;
    (void)eng_hf_num(in, "sliding_window", &window);
    eng_hf_put_int(in, "attention.sliding_window", window);
    eng_hf_put_n_rot(in, 1.0);
    if (!eng_hf_num(in, "max_position_embeddings", &ctx) ||
        !eng_hf_num(in, "original_max_position_embeddings", &orig) || orig < 2)
        return SK_OK;
    eng_hf_put_int(in, "rope.scaling.original_context_length", orig);
    double scale = ctx / orig;
    if (eng_hf_rope_is(in, "longrope") || eng_hf_rope_is(in, "su"))
        eng_hf_put_num(in, "rope.scaling.attn_factor",
                       scale > 1 ? sqrt(1 + log(scale) / log(orig)) : 1);
    return SK_OK;
}

static const char *const phi3_classes[] = {"Phi3ForCausalLM", NULL};
const eng_hf_family eng_hf_phi3 = {"phi3", phi3_classes, "phi3", phi3_names, NULL, read_phi3, NULL};

/* ---- command-r, cohere2 ---- */

static const eng_hf_key cohere_keys[] = {
    {"logit_scale", "logit_scale", ENG_HF_NUM},
    {"sliding_window", "attention.sliding_window", ENG_HF_INT},
    {NULL, NULL, ENG_HF_INT},
};
static const eng_hf_name cohere_list[] = {
    {"model.norm.bias", NULL, ENG_HF_ZERO},
    {L "input_layernorm.bias", NULL, ENG_HF_ZERO},
    {L "self_attn.q_proj.bias", NULL, ENG_HF_ZERO},
    {L "self_attn.k_proj.bias", NULL, ENG_HF_ZERO},
    {L "self_attn.v_proj.bias", NULL, ENG_HF_ZERO},
    {L "self_attn.o_proj.bias", NULL, ENG_HF_ZERO},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const cohere_names[] = {
    cohere_list, eng_hf_ends, eng_hf_attn, eng_hf_mlp, eng_hf_pre_norms, eng_hf_qk_norm, NULL};

static sk_status read_cohere(eng_hf_in *in, sk_err *e)
{
    double v = 0;
    (void)e;
    if (eng_hf_num(in, "model_max_length", &v)) eng_hf_put_int(in, "context_length", v);
    eng_hf_put_str(in, "rope.scaling.type", "none");
    return SK_OK;
}

static const char *const command_r_classes[] = {"CohereForCausalLM", NULL};
const eng_hf_family eng_hf_command_r = {"command-r",       command_r_classes, "cohere",
                                        cohere_names,      cohere_keys,       read_cohere,
                                        eng_hf_write_plain};

static sk_status read_cohere2(eng_hf_in *in, sk_err *e)
{
    eng_hf_put_n_rot(in, 1.0);
    return read_cohere(in, e);
}

static const char *const cohere2_classes[] = {"Cohere2ForCausalLM", NULL};
const eng_hf_family eng_hf_cohere2 = {"cohere2",   cohere2_classes, "cohere2", cohere_names,
                                      cohere_keys, read_cohere2,    NULL};

/* ---- deepseek2 ---- */

static const eng_hf_name deepseek_list[] = {
    {L "self_attn.q_proj.weight", B "attn_q.weight", ENG_HF_SAME},
    {L "self_attn.q_a_proj.weight", B "attn_q_a.weight", ENG_HF_SAME},
    {L "self_attn.q_a_layernorm.weight", B "attn_q_a_norm.weight", ENG_HF_SAME},
    {L "self_attn.q_b_proj.weight", B "attn_q_b.weight", ENG_HF_SAME},
    {L "self_attn.kv_a_proj_with_mqa.weight", B "attn_kv_a_mqa.weight", ENG_HF_SAME},
    {L "self_attn.kv_a_layernorm.weight", B "attn_kv_a_norm.weight", ENG_HF_SAME},
    {L "self_attn.kv_b_proj.weight", B "attn_k_b.weight", ENG_HF_MLA_K},
    {L "self_attn.kv_b_proj.weight", B "attn_v_b.weight", ENG_HF_MLA_V},
    {L "self_attn.o_proj.weight", B "attn_output.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const deepseek_names[] = {eng_hf_ends,    deepseek_list,    eng_hf_mlp,
                                                    eng_hf_experts, eng_hf_pre_norms, NULL};

static const eng_hf_key deepseek_keys[] = {
    {"first_k_dense_replace", "leading_dense_block_count", ENG_HF_INT},
    {"q_lora_rank", "attention.q_lora_rank", ENG_HF_INT},
    {"kv_lora_rank", "attention.kv_lora_rank", ENG_HF_INT},
    {"moe_intermediate_size", "expert_feed_forward_length", ENG_HF_INT},
    {"n_shared_experts", "expert_shared_count", ENG_HF_INT},
    {"routed_scaling_factor", "expert_weights_scale", ENG_HF_NUM},
    {"norm_topk_prob", "expert_weights_norm", ENG_HF_BOOL},
    {"n_group", "expert_group_count", ENG_HF_INT},
    {"topk_group", "expert_group_used_count", ENG_HF_INT},
    {"qk_rope_head_dim", "rope.dimension_count", ENG_HF_INT},
    {NULL, NULL, ENG_HF_INT},
};

/* Attention is stored as ggml runs it: one key head as wide as the latent and the rotary part. */
static sk_status read_deepseek(eng_hf_in *in, sk_err *e)
{
    double lora = 0, nope = 0, rope = 0, v = 0, mscale = 0;
    if (!eng_hf_num(in, "kv_lora_rank", &lora) || !eng_hf_num(in, "qk_nope_head_dim", &nope) ||
        !eng_hf_num(in, "qk_rope_head_dim", &rope) || !eng_hf_num(in, "v_head_dim", &v))
        return sk_fail(e, SK_E_FORMAT, "config.json lacks kv_lora_rank or the sizes of heads");
    if (!(nope >= 1 && nope <= 4096 && v >= 1 && v <= 4096 && lora >= 1 && rope >= 1))
        return sk_fail(e, SK_E_FORMAT, "the sizes of heads in config.json make no sense");
    in->mla_nope = (uint32_t)nope;
    in->mla_v = (uint32_t)v;
    eng_hf_put_int(in, "attention.head_count_kv", 1);
    eng_hf_put_int(in, "attention.key_length", lora + rope);
    eng_hf_put_int(in, "attention.value_length", lora);
    eng_hf_put_int(in, "attention.key_length_mla", nope + rope);
    eng_hf_put_int(in, "attention.value_length_mla", v);
    const char *scoring = json_string_value(json_object_get(in->cfg, "scoring_func"));
    eng_hf_put_int(in, "expert_gating_func", scoring && scoring[1] == 'i' ? 2 : 1);
    if (eng_hf_num_in(eng_hf_rope(in), "mscale_all_dim", &mscale))
        eng_hf_put_num(in, "rope.scaling.yarn_log_multiplier", 0.1 * mscale);
    return SK_OK;
}

static const char *const deepseek_classes[] = {"DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM",
                                               NULL};
const eng_hf_family eng_hf_deepseek = {
    "deepseek2",   deepseek_classes, "deepseek_v3", deepseek_names,
    deepseek_keys, read_deepseek,    NULL};

/* ---- gpt-oss ---- */

static const eng_hf_name gpt_oss_list[] = {
    {L "self_attn.sinks", B "attn_sinks.weight", ENG_HF_SAME},
    {L "input_layernorm.weight", B "attn_norm.weight", ENG_HF_SAME},
    {L "post_attention_layernorm.weight", B "post_attention_norm.weight", ENG_HF_SAME},
    {L "mlp.router.weight", B "ffn_gate_inp.weight", ENG_HF_SAME},
    {L "mlp.router.bias", B "ffn_gate_inp.bias", ENG_HF_SAME},
    {L "mlp.experts.gate_up_proj_blocks", B "ffn_gate_exps.weight", ENG_HF_FP4_EVEN},
    {L "mlp.experts.gate_up_proj_blocks", B "ffn_up_exps.weight", ENG_HF_FP4_ODD},
    {L "mlp.experts.gate_up_proj_scales", NULL, ENG_HF_SKIP},
    {L "mlp.experts.gate_up_proj_bias", B "ffn_gate_exps.bias", ENG_HF_EVEN},
    {L "mlp.experts.gate_up_proj_bias", B "ffn_up_exps.bias", ENG_HF_ODD},
    {L "mlp.experts.down_proj_blocks", B "ffn_down_exps.weight", ENG_HF_FP4},
    {L "mlp.experts.down_proj_scales", NULL, ENG_HF_SKIP},
    {L "mlp.experts.down_proj_bias", B "ffn_down_exps.bias", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const gpt_oss_names[] = {eng_hf_ends, eng_hf_attn, gpt_oss_list, NULL};

static const eng_hf_key gpt_oss_keys[] = {
    {"sliding_window", "attention.sliding_window", ENG_HF_INT},
    {"intermediate_size", "expert_feed_forward_length", ENG_HF_INT},
    {NULL, NULL, ENG_HF_INT},
};
static const char *const gpt_oss_classes[] = {"GptOssForCausalLM", NULL};
const eng_hf_family eng_hf_gpt_oss = {
    "gpt-oss", gpt_oss_classes, "gpt_oss", gpt_oss_names, gpt_oss_keys, NULL, NULL};
