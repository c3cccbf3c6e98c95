/* family_llama.c - llama: RMSNorm, RoPE, grouped-query attention, SwiGLU; with experts: mixtral.
 *
 * GGUF stores its q and k rows permuted so that RoPE turns neighbours: element pairs (2i, 2i + 1).
 * Llama 3's scaling comes as a tensor of factors, rope_freqs.
 */
#include "engine/model/family.h"

/* Experts replace the feed-forward matrices; their width is feed_forward_length. */
static sk_status finish(const eng_gguf *g, eng_config *c, sk_err *e)
{
    (void)g;
    (void)e;
    if (!c->n_ff_exp) c->n_ff_exp = c->n_ff;
    if (c->n_expert) eng_family_need_experts(c);
    return SK_OK;
}

const eng_family eng_family_llama = {
    .arch = "llama",
    .base = {.rope_form = ENG_ROPE_PAIRS,
             .gating = ENG_GATE_SOFTMAX,
             .expert_norm = true,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU}},
    .may = {ENG_MAY_QKV, ENG_HAS_MLP_BIASES, [ENG_P_GATE_BIAS] = true, [ENG_P_O_BIAS] = true,
            [ENG_P_ROPE_FREQS] = true, [ENG_P_ROPE_LONG] = true, [ENG_P_ROPE_SHORT] = true},
    .keys = ENG_KEYS_MOE | ENG_KEYS_ATTN_SCALE,
    .finish = finish,
};
