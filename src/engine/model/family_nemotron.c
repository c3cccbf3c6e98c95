/* family_nemotron.c - nemotron: LayerNorm (files hold its weights with 1 added), squared ReLU,
 * partly rotated heads. */
#include "engine/model/family.h"

const eng_family eng_family_nemotron = {
    .arch = "nemotron",
    .base = {.norm = ENG_NORM_LAYER,
             .rope_form = ENG_ROPE_HALF,
             .act = ENG_ACT_RELU2,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_NORM_BIASES, ENG_HAS_MLP}},
    .may = {ENG_MAY_QKV, ENG_HAS_MLP_BIASES, [ENG_P_O_BIAS] = true},
};
