/* family_seed_oss.c - seed_oss: llama with biases on q, k, v; its files call the feed-forward
 * part's norm post_attention_norm. */
#include "engine/model/family.h"

static const eng_rename names[] = {{ENG_P_FFN_NORM, "post_attention_norm.weight"}, {0}};

const eng_family eng_family_seed_oss = {
    .arch = "seed_oss",
    .base = {.rope_form = ENG_ROPE_HALF, .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU}},
    .may = {ENG_MAY_QKV, [ENG_P_O_BIAS] = true},
    .rename = names,
};
