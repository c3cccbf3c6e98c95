/* family_gpt.c - gpt2, starcoder, starcoder2, gptneox, bloom, mpt: LayerNorm, a plain GELU
 * feed-forward part, biases; they differ in how they know positions. */
#include "engine/model/config_gguf.h"
#include "engine/model/family.h"

#define HAS_GPT ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_MLP
#define HAS_GPT_BIASES ENG_HAS_NORM_BIASES, ENG_HAS_MLP_BIASES, [ENG_P_O_BIAS] = true

/* Learned positions: one row of a table each. */
const eng_family eng_family_gpt2 = {
    .arch = "gpt2",
    .base = {.norm = ENG_NORM_LAYER,
             .no_rope = true,
             .act = ENG_ACT_GELU_TANH,
             .has = {HAS_GPT, HAS_GPT_BIASES, [ENG_P_POS_EMBD] = true}},
    .may = {ENG_MAY_QKV},
};

/* The same, with one kv head for all. */
const eng_family eng_family_starcoder = {
    .arch = "starcoder",
    .base = {.norm = ENG_NORM_LAYER,
             .no_rope = true,
             .act = ENG_ACT_GELU_TANH,
             .has = {HAS_GPT, HAS_GPT_BIASES, [ENG_P_POS_EMBD] = true}},
    .may = {ENG_MAY_QKV},
};

/* RoPE instead of learned positions, grouped queries. */
const eng_family eng_family_starcoder2 = {
    .arch = "starcoder2",
    .base = {.norm = ENG_NORM_LAYER,
             .rope_form = ENG_ROPE_HALF,
             .act = ENG_ACT_GELU_TANH,
             .has = {HAS_GPT, HAS_GPT_BIASES}},
    .may = {ENG_MAY_QKV},
};

/* Attention and feed-forward side by side, each with a norm, if the file says so. */
const eng_family eng_family_gptneox = {
    .arch = "gptneox",
    .base = {.norm = ENG_NORM_LAYER,
             .rope_form = ENG_ROPE_HALF,
             .act = ENG_ACT_GELU_TANH,
             .has = {HAS_GPT, HAS_GPT_BIASES}},
    .may = {ENG_MAY_QKV},
    .keys = ENG_KEYS_PARALLEL,
};

/* ALiBi, and a norm of the embedding. */
const eng_family eng_family_bloom = {
    .arch = "bloom",
    .base = {.norm = ENG_NORM_LAYER,
             .no_rope = true,
             .alibi_max = 8.0f,
             .act = ENG_ACT_GELU_TANH,
             .has = {HAS_GPT,
                     HAS_GPT_BIASES, [ENG_P_EMBD_NORM] = true, [ENG_P_EMBD_NORM_BIAS] = true}},
    .may = {ENG_MAY_QKV},
};

/* ALiBi or learned positions, all biases optional, perhaps norms over all of q and of k. */
const eng_family eng_family_mpt = {
    .arch = "mpt",
    .base = {.norm = ENG_NORM_LAYER,
             .no_rope = true,
             .qk_norm = ENG_QK_ROW,
             .act = ENG_ACT_GELU_TANH,
             .has = {HAS_GPT}},
    .may = {ENG_MAY_QKV, HAS_GPT_BIASES, [ENG_P_POS_EMBD] = true, [ENG_P_Q_NORM] = true,
            [ENG_P_K_NORM] = true, [ENG_P_Q_NORM_BIAS] = true, [ENG_P_K_NORM_BIAS] = true},
    .keys = ENG_KEYS_CLAMP | ENG_KEYS_ALIBI,
};
