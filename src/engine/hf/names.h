/* names.h - lists of tensor names that several families share.  Private to the folder. */
#ifndef ENG_HF_NAMES_H
#define ENG_HF_NAMES_H

#include "engine/hf/family.h"

/* model.embed_tokens, model.norm, lm_head; what belongs to no model. */
extern const eng_hf_name eng_hf_ends[];

/* self_attn.{q,k,v,o}_proj with biases: q and k as they are, or from halves to pairs. */
extern const eng_hf_name eng_hf_attn[], eng_hf_attn_pairs[];

/* self_attn.{q,k}_norm; mlp.{gate,up,down}_proj with biases. */
extern const eng_hf_name eng_hf_qk_norm[], eng_hf_mlp[];

/* input_layernorm before attention and post_attention_layernorm before the feed-forward, with
 * biases. */
extern const eng_hf_name eng_hf_pre_norms[];

/* mlp.experts.@.{gate,up,down}_proj and mlp.gate, one tensor an expert or all in one. */
extern const eng_hf_name eng_hf_experts[];

#endif
