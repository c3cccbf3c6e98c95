/* family_olmo.c - olmo: llama with LayerNorms without weights and clamped q, k, v; olmo2 (and
 * olmo3): norms after the blocks and over all of q and of k, windows in olmo3; olmoe: experts. */
#include "engine/model/config_gguf.h"
#include "engine/model/family.h"

/* olmo3's windowed layers rotate without YaRN. */
static sk_status finish_olmo2(const eng_gguf *g, eng_config *c, sk_err *e)
{
    c->rope_theta_local = 0;
    c->local_unscaled = true;
    return c->window ? eng_config_windows(g, c, 4, e) : SK_OK;
}

static sk_status finish_olmoe(const eng_gguf *g, eng_config *c, sk_err *e)
{
    (void)g;
    if (!c->n_expert) return sk_fail(e, SK_E_FORMAT, "%s.expert_count is missing or 0", c->arch);
    if (!c->n_ff_exp) c->n_ff_exp = c->n_ff;
    return SK_OK;
}

/* LayerNorm without weights: nothing to store, so no norm is among its parameters. */
const eng_family eng_family_olmo = {
    .arch = "olmo",
    .base = {.norm = ENG_NORM_LAYER,
             .rope_form = ENG_ROPE_PAIRS,
             .has = {ENG_HAS_ATTN, ENG_HAS_GLU}},
    .may = {ENG_MAY_QKV},
    .keys = ENG_KEYS_CLAMP,
};

/* No norm before a block: the residual stream itself goes in. */
const eng_family eng_family_olmo2 = {
    .arch = "olmo2",
    .base = {.place = ENG_PLACE_POST,
             .rope_form = ENG_ROPE_HALF,
             .qk_norm = ENG_QK_ROW,
             .has = {ENG_HAS_ATTN, ENG_HAS_GLU, [ENG_P_Q_NORM] = true, [ENG_P_K_NORM] = true,
                     [ENG_P_ATTN_POST_NORM] = true, [ENG_P_FFN_POST_NORM] = true,
                     [ENG_P_OUT_NORM] = true}},
    .may = {[ENG_P_QKV] = true},
    .keys = ENG_KEYS_WINDOW,
    .finish = finish_olmo2,
};

/* 64 small experts of which 8 are used; weights are not made to sum to 1. */
const eng_family eng_family_olmoe = {
    .arch = "olmoe",
    .base = {.rope_form = ENG_ROPE_HALF,
             .qk_norm = ENG_QK_ROW,
             .gating = ENG_GATE_SOFTMAX,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS,
                     ENG_HAS_EXPERTS, [ENG_P_Q_NORM] = true, [ENG_P_K_NORM] = true}},
    .may = {[ENG_P_QKV] = true},
    .keys = ENG_KEYS_MOE,
    .finish = finish_olmoe,
};
