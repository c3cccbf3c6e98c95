/* family_falcon.c - falcon: attention and feed-forward side by side, from one LayerNorm (7B) or,
 * with attn_norm_2, attention from a norm of its own (40B); no biases of matrices. */
#include "engine/model/family.h"

const eng_family eng_family_falcon = {
    .arch = "falcon",
    .base = {.norm = ENG_NORM_LAYER,
             .parallel = true,
             .rope_form = ENG_ROPE_HALF,
             .act = ENG_ACT_GELU_TANH,
             .has = {ENG_HAS_ATTN,
                     ENG_HAS_MLP, [ENG_P_ATTN_NORM] = true, [ENG_P_ATTN_NORM_BIAS] = true,
                     [ENG_P_OUT_NORM] = true, [ENG_P_OUT_NORM_BIAS] = true}},
    .may = {[ENG_P_QKV] = true, [ENG_P_ATTN_NORM_2] = true, [ENG_P_ATTN_NORM_2_BIAS] = true},
};
