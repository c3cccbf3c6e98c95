/* names.c - tensor names that several families share. */
#include "engine/hf/names.h"

#define L "model.layers.#."
#define B "blk.#."

const eng_hf_name eng_hf_ends[] = {
    {"model.embed_tokens.weight", "token_embd.weight", ENG_HF_SAME},
    {"model.norm.weight", "output_norm.weight", ENG_HF_SAME},
    {"model.norm.bias", "output_norm.bias", ENG_HF_SAME},
    {"lm_head.weight", "output.weight", ENG_HF_SAME},
    {"lm_head.bias", "output.bias", ENG_HF_SAME},
    {L "self_attn.rotary_emb.inv_freq", NULL, ENG_HF_SKIP},
    {NULL, NULL, ENG_HF_SAME},
};

/* Projections of attention; q and k take the form given. */
#define ATTN(q_form, k_form)                                                                       \
    {L "self_attn.q_proj.weight", B "attn_q.weight", (q_form)},                                    \
        {L "self_attn.k_proj.weight", B "attn_k.weight", (k_form)},                                \
        {L "self_attn.v_proj.weight", B "attn_v.weight", ENG_HF_SAME},                             \
        {L "self_attn.o_proj.weight", B "attn_output.weight", ENG_HF_SAME},                        \
        {L "self_attn.q_proj.bias", B "attn_q.bias", (q_form)},                                    \
        {L "self_attn.k_proj.bias", B "attn_k.bias", (k_form)},                                    \
        {L "self_attn.v_proj.bias", B "attn_v.bias", ENG_HF_SAME},                                 \
        {L "self_attn.o_proj.bias", B "attn_output.bias", ENG_HF_SAME},                            \
    {                                                                                              \
        NULL, NULL, ENG_HF_SAME                                                                    \
    }

const eng_hf_name eng_hf_attn[] = {ATTN(ENG_HF_SAME, ENG_HF_SAME)};
const eng_hf_name eng_hf_attn_pairs[] = {ATTN(ENG_HF_ROPE_Q, ENG_HF_ROPE_K)};

const eng_hf_name eng_hf_qk_norm[] = {
    {L "self_attn.q_norm.weight", B "attn_q_norm.weight", ENG_HF_SAME},
    {L "self_attn.k_norm.weight", B "attn_k_norm.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};

const eng_hf_name eng_hf_mlp[] = {
    {L "mlp.gate_proj.weight", B "ffn_gate.weight", ENG_HF_SAME},
    {L "mlp.up_proj.weight", B "ffn_up.weight", ENG_HF_SAME},
    {L "mlp.down_proj.weight", B "ffn_down.weight", ENG_HF_SAME},
    {L "mlp.gate_proj.bias", B "ffn_gate.bias", ENG_HF_SAME},
    {L "mlp.up_proj.bias", B "ffn_up.bias", ENG_HF_SAME},
    {L "mlp.down_proj.bias", B "ffn_down.bias", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};

const eng_hf_name eng_hf_pre_norms[] = {
    {L "input_layernorm.weight", B "attn_norm.weight", ENG_HF_SAME},
    {L "input_layernorm.bias", B "attn_norm.bias", ENG_HF_SAME},
    {L "post_attention_layernorm.weight", B "ffn_norm.weight", ENG_HF_SAME},
    {L "post_attention_layernorm.bias", B "ffn_norm.bias", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};

const eng_hf_name eng_hf_experts[] = {
    {L "mlp.gate.weight", B "ffn_gate_inp.weight", ENG_HF_SAME},
    {L "mlp.gate.e_score_correction_bias", B "exp_probs_b.bias", ENG_HF_SAME},
    {L "mlp.experts.@.gate_proj.weight", B "ffn_gate_exps.weight", ENG_HF_STACK},
    {L "mlp.experts.@.up_proj.weight", B "ffn_up_exps.weight", ENG_HF_STACK},
    {L "mlp.experts.@.down_proj.weight", B "ffn_down_exps.weight", ENG_HF_STACK},
    {L "mlp.experts.gate_up_proj", B "ffn_gate_exps.weight", ENG_HF_HALF_0},
    {L "mlp.experts.gate_up_proj", B "ffn_up_exps.weight", ENG_HF_HALF_1},
    {L "mlp.experts.down_proj", B "ffn_down_exps.weight", ENG_HF_SAME},
    {L "mlp.shared_expert_gate.weight", B "ffn_gate_inp_shexp.weight", ENG_HF_SAME},
    {L "mlp.shared_expert.gate_proj.weight", B "ffn_gate_shexp.weight", ENG_HF_SAME},
    {L "mlp.shared_expert.up_proj.weight", B "ffn_up_shexp.weight", ENG_HF_SAME},
    {L "mlp.shared_expert.down_proj.weight", B "ffn_down_shexp.weight", ENG_HF_SAME},
    {L "mlp.shared_experts.gate_proj.weight", B "ffn_gate_shexp.weight", ENG_HF_SAME},
    {L "mlp.shared_experts.up_proj.weight", B "ffn_up_shexp.weight", ENG_HF_SAME},
    {L "mlp.shared_experts.down_proj.weight", B "ffn_down_shexp.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
