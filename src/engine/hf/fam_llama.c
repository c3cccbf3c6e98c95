/* fam_llama.c - llama and its near kin: RMSNorm, rotary embedding, SwiGLU.
 *
 * Those whose RoPE turns halves in the folder and pairs in a GGUF use the list attn_pairs.
 */
#include "engine/hf/config.h"
#include "engine/hf/families.h"
#include "engine/hf/names.h"

#include <math.h>

#define L "model.layers.#."
#define B "blk.#."

/* ---- llama, mistral, mixtral, smollm3 ---- */

static const eng_hf_name *const llama_names[] = {eng_hf_ends, eng_hf_attn_pairs, eng_hf_mlp,
                                                 eng_hf_pre_norms, NULL};

static const eng_hf_name mixtral_experts[] = {
    {L "block_sparse_moe.gate.weight", B "ffn_gate_inp.weight", ENG_HF_SAME},
    {L "block_sparse_moe.experts.@.w1.weight", B "ffn_gate_exps.weight", ENG_HF_STACK},
    {L "block_sparse_moe.experts.@.w3.weight", B "ffn_up_exps.weight", ENG_HF_STACK},
    {L "block_sparse_moe.experts.@.w2.weight", B "ffn_down_exps.weight", ENG_HF_STACK},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const mixtral_names[] = {eng_hf_ends, eng_hf_attn_pairs, mixtral_experts,
                                                   eng_hf_pre_norms, NULL};

/* The part of a head that RoPE turns: all of it, as other programs expect to read. */
static sk_status read_rope_whole(eng_hf_in *in, sk_err *e)
{
    (void)e;
    eng_hf_put_int(in, "rope.dimension_count", in->head_dim);
    return SK_OK;
}

/* The architecture has no windows: a model that was trained with one (mistral 7B v0.1) is right up
 * to its length, so no more context is promised. */
static sk_status read_mistral(eng_hf_in *in, sk_err *e)
{
    double window = 0, ctx = 0;
    if (eng_hf_num(in, "sliding_window", &window) &&
        eng_hf_num(in, "max_position_embeddings", &ctx) && window < ctx)
        eng_hf_put_int(in, "context_length", window);
    return read_rope_whole(in, e);
}

static const char *const llama_classes[] = {"LlamaForCausalLM", "LLaMAForCausalLM", "LlamaModel",
                                            NULL};
const eng_hf_family eng_hf_llama = {"llama", llama_classes,   "llama",           llama_names,
                                    NULL,    read_rope_whole, eng_hf_write_plain};

static const char *const mistral_classes[] = {"MistralForCausalLM", NULL};
const eng_hf_family eng_hf_mistral = {"llama", mistral_classes, "mistral", llama_names,
                                      NULL,    read_mistral,    NULL};

static const char *const mixtral_classes[] = {"MixtralForCausalLM", NULL};
const eng_hf_family eng_hf_mixtral = {"llama", mixtral_classes, "mixtral",         mixtral_names,
                                      NULL,    read_rope_whole, eng_hf_write_plain};

static const char *const smollm3_classes[] = {"SmolLM3ForCausalLM", NULL};
const eng_hf_family eng_hf_smollm3 = {"smollm3", smollm3_classes, "smollm3",         llama_names,
                                      NULL,      read_rope_whole, eng_hf_write_plain};

/* ---- granite ---- */

static const eng_hf_key granite_keys[] = {
    {"attention_multiplier", "attention.scale", ENG_HF_NUM},
    {"embedding_multiplier", "embedding_scale", ENG_HF_NUM},
    {"residual_multiplier", "residual_scale", ENG_HF_NUM},
    {"logits_scaling", "logit_scale", ENG_HF_NUM},
    {"shared_intermediate_size", "expert_shared_feed_forward_length", ENG_HF_INT},
    {NULL, NULL, ENG_HF_INT},
};
static const char *const granite_classes[] = {"GraniteForCausalLM", NULL};
const eng_hf_family eng_hf_granite = {"granite",    granite_classes, "granite",         llama_names,
                                      granite_keys, read_rope_whole, eng_hf_write_plain};

static const eng_hf_name granitemoe_experts[] = {
    {L "block_sparse_moe.router.layer.weight", B "ffn_gate_inp.weight", ENG_HF_SAME},
    {L "block_sparse_moe.input_linear.weight", B "ffn_gate_exps.weight", ENG_HF_HALF_0},
    {L "block_sparse_moe.input_linear.weight", B "ffn_up_exps.weight", ENG_HF_HALF_1},
    {L "block_sparse_moe.output_linear.weight", B "ffn_down_exps.weight", ENG_HF_SAME},
    {L "shared_mlp.input_linear.weight", B "ffn_gate_shexp.weight", ENG_HF_HALF_0},
    {L "shared_mlp.input_linear.weight", B "ffn_up_shexp.weight", ENG_HF_HALF_1},
    {L "shared_mlp.output_linear.weight", B "ffn_down_shexp.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const granitemoe_names[] = {eng_hf_ends, eng_hf_attn_pairs,
                                                      granitemoe_experts, eng_hf_pre_norms, NULL};
static const char *const granitemoe_classes[] = {"GraniteMoeForCausalLM",
                                                 "GraniteMoeSharedForCausalLM", NULL};
const eng_hf_family eng_hf_granitemoe = {
    "granitemoe", granitemoe_classes, "granitemoe", granitemoe_names,
    granite_keys, read_rope_whole,    NULL};

/* ---- minicpm ---- */

/* Its scales are worked out from what the folder says of depth and width. */
static sk_status read_minicpm(eng_hf_in *in, sk_err *e)
{
    double emb = 1, depth = 1, base = 0, width = 0;
    if (!eng_hf_num(in, "scale_emb", &emb) || !eng_hf_num(in, "scale_depth", &depth) ||
        !eng_hf_num(in, "dim_model_base", &base) || !eng_hf_num(in, "hidden_size", &width) ||
        base <= 0)
        return sk_fail(e, SK_E_FORMAT,
                       "config.json lacks scale_emb, scale_depth or dim_model_base");
    eng_hf_put_num(in, "embedding_scale", emb);
    eng_hf_put_num(in, "residual_scale", depth / sqrt((double)in->n_layer));
    eng_hf_put_num(in, "logit_scale", width / base);
    return SK_OK;
}

static const char *const minicpm_classes[] = {"MiniCPMForCausalLM", NULL};
const eng_hf_family eng_hf_minicpm = {"minicpm", minicpm_classes, "minicpm", llama_names,
                                      NULL,      read_minicpm,    NULL};

/* ---- internlm2 ---- */

static const eng_hf_name internlm2_layer[] = {
    {"model.tok_embeddings.weight", "token_embd.weight", ENG_HF_SAME},
    {"model.norm.weight", "output_norm.weight", ENG_HF_SAME},
    {"output.weight", "output.weight", ENG_HF_SAME},
    {L "attention.wqkv.weight", B "attn_q.weight", ENG_HF_GROUP_Q},
    {L "attention.wqkv.weight", B "attn_k.weight", ENG_HF_GROUP_K},
    {L "attention.wqkv.weight", B "attn_v.weight", ENG_HF_GROUP_V},
    {L "attention.wo.weight", B "attn_output.weight", ENG_HF_SAME},
    {L "attention_norm.weight", B "attn_norm.weight", ENG_HF_SAME},
    {L "ffn_norm.weight", B "ffn_norm.weight", ENG_HF_SAME},
    {L "feed_forward.w1.weight", B "ffn_gate.weight", ENG_HF_SAME},
    {L "feed_forward.w3.weight", B "ffn_up.weight", ENG_HF_SAME},
    {L "feed_forward.w2.weight", B "ffn_down.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const internlm2_names[] = {internlm2_layer, NULL};
static const char *const internlm2_classes[] = {"InternLM2ForCausalLM", NULL};
const eng_hf_family eng_hf_internlm2 = {
    "internlm2", internlm2_classes, "internlm2", internlm2_names, NULL, NULL, NULL};

/* ---- olmo, olmo2, olmo3, olmoe ---- */

static const eng_hf_key olmo_keys[] = {
    {"clip_qkv", "attention.clamp_kqv", ENG_HF_NUM},
    {NULL, NULL, ENG_HF_INT},
};

/* The norm without parameters has its epsilon in code. */
static sk_status read_olmo(eng_hf_in *in, sk_err *e)
{
    double v = 0;
    (void)e;
    if (!eng_hf_num(in, "layer_norm_eps", &v))
        eng_hf_put_num(in, "attention.layer_norm_epsilon", 1e-5);
    return SK_OK;
}

static const char *const olmo_classes[] = {"OlmoForCausalLM", "OLMoForCausalLM", NULL};
const eng_hf_family eng_hf_olmo = {"olmo",    olmo_classes,      "olmo", llama_names, olmo_keys,
                                   read_olmo, eng_hf_write_plain};

static const eng_hf_name post_norms[] = {
    {L "post_attention_layernorm.weight", B "post_attention_norm.weight", ENG_HF_SAME},
    {L "post_feedforward_layernorm.weight", B "post_ffw_norm.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const post_norm_names[] = {eng_hf_ends, eng_hf_attn,    eng_hf_mlp,
                                                     post_norms,  eng_hf_qk_norm, NULL};

static const char *const olmo2_classes[] = {"Olmo2ForCausalLM", NULL};
const eng_hf_family eng_hf_olmo2 = {"olmo2", olmo2_classes, "olmo2",           post_norm_names,
                                    NULL,    NULL,          eng_hf_write_plain};

/* Every layer but each fourth has a window, unless layer_types says otherwise. */
static sk_status read_every_fourth(eng_hf_in *in, sk_err *e)
{
    return eng_hf_put_window(in, 4, e);
}

static const char *const olmo3_classes[] = {"Olmo3ForCausalLM", NULL};
const eng_hf_family eng_hf_olmo3 = {"olmo2", olmo3_classes,     "olmo3", post_norm_names,
                                    NULL,    read_every_fourth, NULL};

static const eng_hf_name *const olmoe_names[] = {eng_hf_ends,      eng_hf_attn,    eng_hf_experts,
                                                 eng_hf_pre_norms, eng_hf_qk_norm, NULL};

static sk_status read_olmoe(eng_hf_in *in, sk_err *e)
{
    double v = 0;
    (void)e;
    if (!eng_hf_num(in, "rms_norm_eps", &v))
        eng_hf_put_num(in, "attention.layer_norm_rms_epsilon", 1e-5);
    return SK_OK;
}

static const char *const olmoe_classes[] = {"OlmoeForCausalLM", NULL};
const eng_hf_family eng_hf_olmoe = {"olmoe",   olmoe_classes, "olmoe",           olmoe_names,
                                    olmo_keys, read_olmoe,    eng_hf_write_plain};

/* ---- exaone4 ---- */

static const char *const exaone4_classes[] = {"Exaone4ForCausalLM", NULL};
const eng_hf_family eng_hf_exaone4 = {"exaone4", exaone4_classes,   "exaone4", post_norm_names,
                                      NULL,      read_every_fourth, NULL};

/* ---- ernie 4.5 ---- */

static const eng_hf_name ernie_fused[] = {
    {L "self_attn.qkv_proj.weight", B "attn_q.weight", ENG_HF_PART_Q},
    {L "self_attn.qkv_proj.weight", B "attn_k.weight", ENG_HF_PART_K},
    {L "self_attn.qkv_proj.weight", B "attn_v.weight", ENG_HF_PART_V},
    {L "mlp.up_gate_proj.weight", B "ffn_gate.weight", ENG_HF_HALF_0},
    {L "mlp.up_gate_proj.weight", B "ffn_up.weight", ENG_HF_HALF_1},
    {L "mlp.moe_statics.e_score_correction_bias", B "exp_probs_b.bias", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const ernie_names[] = {eng_hf_ends,      eng_hf_attn, eng_hf_mlp,
                                                 eng_hf_pre_norms, ernie_fused, NULL};
static const char *const ernie_classes[] = {"Ernie4_5ForCausalLM", "Ernie4_5_ForCausalLM", NULL};
const eng_hf_family eng_hf_ernie = {"ernie4_5", ernie_classes, "ernie4_5",        ernie_names,
                                    NULL,       NULL,          eng_hf_write_plain};

static const eng_hf_key ernie_moe_keys[] = {
    {"moe_layer_interval", "interleave_moe_layer_step", ENG_HF_INT},
    {"moe_layer_start_index", "leading_dense_block_count", ENG_HF_INT},
    {"moe_intermediate_size", "expert_feed_forward_length", ENG_HF_INT},
    {"moe_num_shared_experts", "expert_shared_count", ENG_HF_INT},
    {NULL, NULL, ENG_HF_INT},
};

/* Shared experts are one matrix as wide as all of them. */
static sk_status read_ernie_moe(eng_hf_in *in, sk_err *e)
{
    double shared = 0, width = 0;
    (void)e;
    if (eng_hf_num(in, "moe_num_shared_experts", &shared) && shared > 0 &&
        eng_hf_num(in, "moe_intermediate_size", &width))
        eng_hf_put_int(in, "expert_shared_feed_forward_length", shared * width);
    return SK_OK;
}

static const eng_hf_name *const ernie_moe_names[] = {
    eng_hf_ends, eng_hf_attn, eng_hf_mlp, eng_hf_experts, eng_hf_pre_norms, ernie_fused, NULL};
static const char *const ernie_moe_classes[] = {"Ernie4_5_MoeForCausalLM", NULL};
const eng_hf_family eng_hf_ernie_moe = {"ernie4_5-moe",
                                        ernie_moe_classes,
                                        "ernie4_5_moe",
                                        ernie_moe_names,
                                        ernie_moe_keys,
                                        read_ernie_moe,
                                        NULL};
