/* family_glm4.c - glm4: norms on both sides of each block, partly rotated heads, one matrix for
 * gate and up. */
#include "engine/model/family.h"

const eng_family eng_family_glm4 = {
    .arch = "glm4",
    .base = {.place = ENG_PLACE_BOTH,
             .rope_form = ENG_ROPE_PAIRS,
             .fused_gate = true,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS,
                     ENG_HAS_MLP, [ENG_P_ATTN_POST_NORM] = true, [ENG_P_FFN_POST_NORM] = true}},
    .may = {ENG_MAY_QKV},
};
