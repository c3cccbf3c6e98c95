/* family_qwen.c - qwen2: llama with biases on q, k, v; qwen3: without them, with an RMSNorm over
 * each head of q and k before RoPE; both also with experts.
 *
 * Rows are stored as they were trained: RoPE turns the pairs (i, i + head_dim/2).
 */
#include "engine/model/family.h"

/* Width of an expert, where the file does not say it. */
static sk_status finish_moe(const eng_gguf *g, eng_config *c, sk_err *e)
{
    (void)g;
    if (!c->n_expert || !c->n_expert_used)
        return sk_fail(e, SK_E_FORMAT, "%s.expert_count or expert_used_count is missing or 0",
                       c->arch);
    if (!c->n_ff_exp) c->n_ff_exp = c->n_ff / c->n_expert_used;
    if (c->has[ENG_P_SH_GATE] && !c->n_ff_shared) c->n_ff_shared = c->n_ff;
    return SK_OK;
}

const eng_family eng_family_qwen2 = {
    .arch = "qwen2",
    .base = {.rope_form = ENG_ROPE_HALF, .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU}},
    .may = {ENG_MAY_QKV, [ENG_P_HEAD_BIAS] = true},
};

/* The shared expert is weighed by a gate of its own. */
const eng_family eng_family_qwen2moe = {
    .arch = "qwen2moe",
    .base = {.rope_form = ENG_ROPE_HALF,
             .gating = ENG_GATE_SOFTMAX,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_EXPERTS,
                     ENG_HAS_SHARED, [ENG_P_SH_ROUTER] = true}},
    .may = {ENG_MAY_QKV},
    .keys = ENG_KEYS_MOE | ENG_KEYS_SHARED,
    .finish = finish_moe,
};

const eng_family eng_family_qwen3 = {
    .arch = "qwen3",
    .base = {.rope_form = ENG_ROPE_HALF,
             .qk_norm = ENG_QK_HEAD,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS,
                     ENG_HAS_GLU, [ENG_P_Q_NORM] = true, [ENG_P_K_NORM] = true}},
    .may = {ENG_MAY_QKV},
};

/* No shared expert; the weights of the chosen sum to 1. */
const eng_family eng_family_qwen3moe = {
    .arch = "qwen3moe",
    .base = {.rope_form = ENG_ROPE_HALF,
             .qk_norm = ENG_QK_HEAD,
             .gating = ENG_GATE_SOFTMAX,
             .expert_norm = true,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS,
                     ENG_HAS_EXPERTS, [ENG_P_Q_NORM] = true, [ENG_P_K_NORM] = true}},
    .may = {ENG_MAY_QKV},
    .keys = ENG_KEYS_MOE,
    .finish = finish_moe,
};
