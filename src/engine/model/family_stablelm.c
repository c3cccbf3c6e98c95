/* family_stablelm.c - stablelm: llama with LayerNorm and partly rotated heads; the 12B model has a
 * norm for each head of q and k, and runs attention and feed-forward side by side from one norm. */
#include "engine/model/family.h"

/* Without a norm of its own the feed-forward part stands beside attention. */
static sk_status finish(const eng_gguf *g, eng_config *c, sk_err *e)
{
    (void)e;
    c->parallel = !eng_gguf_tensor_find(g, "blk.0.ffn_norm.weight");
    return SK_OK;
}

const eng_family eng_family_stablelm = {
    .arch = "stablelm",
    .base = {.norm = ENG_NORM_LAYER,
             .rope_form = ENG_ROPE_HALF,
             .qk_norm = ENG_QK_EACH,
             .has = {ENG_HAS_ATTN,
                     ENG_HAS_GLU, [ENG_P_ATTN_NORM] = true, [ENG_P_ATTN_NORM_BIAS] = true,
                     [ENG_P_OUT_NORM] = true, [ENG_P_OUT_NORM_BIAS] = true}},
    .may = {ENG_MAY_QKV, [ENG_P_FFN_NORM] = true, [ENG_P_FFN_NORM_BIAS] = true,
            [ENG_P_Q_NORM] = true, [ENG_P_K_NORM] = true},
    .keys = ENG_KEYS_PARALLEL,
    .finish = finish,
};
