/* fam_gemma.c - gemma, gemma2, gemma3: norms multiply by 1 + w, GGUF stores the sum. */
#include "engine/hf/config.h"
#include "engine/hf/families.h"
#include "engine/hf/names.h"

#define L "model.layers.#."
#define B "blk.#."

static const eng_hf_name gemma_ends[] = {
    {"model.embed_tokens.weight", "token_embd.weight", ENG_HF_SAME},
    {"model.norm.weight", "output_norm.weight", ENG_HF_ADD_ONE},
    {"lm_head.weight", NULL, ENG_HF_SKIP}, /* always tied; some folders hold a copy */
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name gemma_norms[] = {
    {L "input_layernorm.weight", B "attn_norm.weight", ENG_HF_ADD_ONE},
    {L "post_attention_layernorm.weight", B "ffn_norm.weight", ENG_HF_ADD_ONE},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name sandwich_norms[] = {
    {L "input_layernorm.weight", B "attn_norm.weight", ENG_HF_ADD_ONE},
    {L "post_attention_layernorm.weight", B "post_attention_norm.weight", ENG_HF_ADD_ONE},
    {L "pre_feedforward_layernorm.weight", B "ffn_norm.weight", ENG_HF_ADD_ONE},
    {L "post_feedforward_layernorm.weight", B "post_ffw_norm.weight", ENG_HF_ADD_ONE},
    {L "self_attn.q_norm.weight", B "attn_q_norm.weight", ENG_HF_ADD_ONE},
    {L "self_attn.k_norm.weight", B "attn_k_norm.weight", ENG_HF_ADD_ONE},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const gemma_names[] = {gemma_ends, eng_hf_attn, eng_hf_mlp, gemma_norms,
                                                 NULL};
static const eng_hf_name *const sandwich_names[] = {gemma_ends, eng_hf_attn, eng_hf_mlp,
                                                    sandwich_norms, NULL};

static const char *const gemma_classes[] = {"GemmaForCausalLM", NULL};
const eng_hf_family eng_hf_gemma = {"gemma", gemma_classes, "gemma",           gemma_names,
                                    NULL,    NULL,          eng_hf_write_plain};

static const eng_hf_key gemma2_keys[] = {
    {"attn_logit_softcapping", "attn_logit_softcapping", ENG_HF_NUM},
    {"final_logit_softcapping", "final_logit_softcapping", ENG_HF_NUM},
    {"sliding_window", "attention.sliding_window", ENG_HF_INT},
    {NULL, NULL, ENG_HF_INT},
};
static const char *const gemma2_classes[] = {"Gemma2ForCausalLM", NULL};
const eng_hf_family eng_hf_gemma2 = {"gemma2",    gemma2_classes, "gemma2",          sandwich_names,
                                     gemma2_keys, NULL,           eng_hf_write_plain};

static const eng_hf_key gemma3_keys[] = {
    {"final_logit_softcapping", "final_logit_softcapping", ENG_HF_NUM},
    {"sliding_window", "attention.sliding_window", ENG_HF_INT},
    {NULL, NULL, ENG_HF_INT},
};

/* What its configuration class has as defaults and folders therefore leave out. */
static sk_status read_gemma3(eng_hf_in *in, sk_err *e)
{
    double v = 0;
    (void)e;
    if (!eng_hf_num(in, "max_position_embeddings", &v))
        eng_hf_put_int(in, "context_length", 131072);
    if (!eng_hf_num(in, "rms_norm_eps", &v))
        eng_hf_put_num(in, "attention.layer_norm_rms_epsilon", 1e-6);
    if (!eng_hf_num(in, "rope_theta", &v) && !eng_hf_rope(in))
        eng_hf_put_num(in, "rope.freq_base", 1e6);
    return SK_OK;
}

static const char *const gemma3_classes[] = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration",
                                             NULL};
const eng_hf_family eng_hf_gemma3 = {"gemma3",    gemma3_classes, "gemma3_text",     sandwich_names,
                                     gemma3_keys, read_gemma3,    eng_hf_write_plain};
