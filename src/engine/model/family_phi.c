/* family_phi.c - phi2: LayerNorm, one norm for attention and feed-forward side by side, biases
 * everywhere; phi3: llama with fused matrices and long-context factors of RoPE. */
#include "engine/model/family.h"

/* The windows phi3's files name are in no layer of llama.cpp's models, nor were they in use when
 * the models were published. */
static sk_status finish_phi3(const eng_gguf *g, eng_config *c, sk_err *e)
{
    (void)g;
    (void)e;
    c->window = 0;
    return SK_OK;
}

/* The head has a bias, too. */
const eng_family eng_family_phi2 = {
    .arch = "phi2",
    .base = {.norm = ENG_NORM_LAYER,
             .parallel = true,
             .rope_form = ENG_ROPE_HALF,
             .act = ENG_ACT_GELU_TANH,
             .has = {ENG_HAS_ATTN, ENG_HAS_MLP, ENG_HAS_MLP_BIASES, [ENG_P_ATTN_NORM] = true,
                     [ENG_P_ATTN_NORM_BIAS] = true, [ENG_P_O_BIAS] = true, [ENG_P_OUT_NORM] = true,
                     [ENG_P_OUT_NORM_BIAS] = true, [ENG_P_HEAD_BIAS] = true}},
    .may = {ENG_MAY_QKV},
};

/* q, k, v are one matrix in the file, gate and up another. */
const eng_family eng_family_phi3 = {
    .arch = "phi3",
    .base = {.rope_form = ENG_ROPE_HALF,
             .fused_gate = true,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_MLP}},
    .may = {ENG_MAY_QKV, [ENG_P_ROPE_LONG] = true, [ENG_P_ROPE_SHORT] = true},
    .keys = ENG_KEYS_WINDOW,
    .finish = finish_phi3,
};
