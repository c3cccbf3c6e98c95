/* family_ernie.c - ernie4_5: llama; ernie4_5-moe: with experts after the first layers, chosen with
 * a bias, and shared ones. */
#include "engine/model/family.h"

static sk_status finish_moe(const eng_gguf *g, eng_config *c, sk_err *e)
{
    (void)g;
    if (!c->n_expert || !c->n_ff_exp || !c->moe_step)
        return sk_fail(
            e, SK_E_FORMAT,
            "%s.expert_count, expert_feed_forward_length or interleave_moe_layer_step is "
            "missing or 0",
            c->arch);
    if (c->n_ff_shared) eng_family_need_shared(c);
    return SK_OK;
}

const eng_family eng_family_ernie4_5 = {
    .arch = "ernie4_5",
    .base = {.rope_form = ENG_ROPE_PAIRS, .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU}},
    .may = {ENG_MAY_QKV, [ENG_P_O_BIAS] = true},
};

const eng_family eng_family_ernie4_5_moe = {
    .arch = "ernie4_5-moe",
    .base = {.rope_form = ENG_ROPE_PAIRS,
             .gating = ENG_GATE_SOFTMAX,
             .expert_norm = true,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU, ENG_HAS_EXPERTS}},
    .may = {ENG_MAY_QKV, [ENG_P_O_BIAS] = true, [ENG_P_CHOICE_BIAS] = true},
    .keys = ENG_KEYS_MOE | ENG_KEYS_SHARED | ENG_KEYS_LEAD,
    .finish = finish_moe,
};
