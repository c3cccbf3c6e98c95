/* family_cohere.c - command-r and cohere2: attention and feed-forward side by side from one
 * LayerNorm without bias, the head tied, logits scaled; cohere2 rotates in its windowed layers
 * only. */
#include "engine/model/config_gguf.h"
#include "engine/model/family.h"

/* Three of four layers are windowed; the fourth sees all and knows no positions. */
static sk_status finish_cohere2(const eng_gguf *g, eng_config *c, sk_err *e)
{
    if (!c->window || c->logit_scale == 0.0f)
        return sk_fail(e, SK_E_FORMAT, "%s.attention.sliding_window or logit_scale is missing or 0",
                       c->arch);
    c->rope_theta_local = 0;
    sk_status st = eng_config_windows(g, c, 4, e);
    for (uint32_t i = 0; i < c->n_layer; i++)
        if (!eng_layer_in(&c->local, i)) eng_layer_add(&c->nope, i);
    return st;
}

/* Norms of q and k are in the 104B model only. */
const eng_family eng_family_command_r = {
    .arch = "command-r",
    .base = {.norm = ENG_NORM_LAYER,
             .parallel = true,
             .qk_norm = ENG_QK_EACH,
             .rope_form = ENG_ROPE_PAIRS,
             .has = {ENG_HAS_ATTN, ENG_HAS_GLU, [ENG_P_ATTN_NORM] = true, [ENG_P_OUT_NORM] = true}},
    .may = {ENG_MAY_QKV, [ENG_P_Q_NORM] = true, [ENG_P_K_NORM] = true},
    .keys = ENG_KEYS_SCALES,
};

/* Command R7B and its kind. */
const eng_family eng_family_cohere2 = {
    .arch = "cohere2",
    .base = {.norm = ENG_NORM_LAYER,
             .parallel = true,
             .rope_form = ENG_ROPE_PAIRS,
             .has = {ENG_HAS_ATTN, ENG_HAS_GLU, [ENG_P_ATTN_NORM] = true, [ENG_P_OUT_NORM] = true}},
    .may = {ENG_MAY_QKV, [ENG_P_ROPE_FREQS] = true},
    .keys = ENG_KEYS_SCALES | ENG_KEYS_WINDOW,
    .finish = finish_cohere2,
};
