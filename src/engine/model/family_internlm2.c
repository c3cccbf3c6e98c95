/* family_internlm2.c - internlm2: llama under another name. */
#include "engine/model/family.h"

const eng_family eng_family_internlm2 = {
    .arch = "internlm2",
    .base = {.rope_form = ENG_ROPE_PAIRS, .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU}},
    .may = {ENG_MAY_QKV, [ENG_P_O_BIAS] = true},
};
