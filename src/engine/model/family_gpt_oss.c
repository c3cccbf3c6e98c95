/* family_gpt_oss.c - gpt-oss: experts with biases and a clamped gate, every second layer windowed,
 * an attention sink for each head; its files call the feed-forward part's norm post_attention_norm.
 */
#include "engine/model/config_gguf.h"
#include "engine/model/family.h"

static const eng_rename names[] = {{ENG_P_FFN_NORM, "post_attention_norm.weight"}, {0}};

/* Windows in layers 0, 2, 4, ... */
static sk_status finish(const eng_gguf *g, eng_config *c, sk_err *e)
{
    if (!c->n_expert || !c->n_ff_exp || !c->window)
        return sk_fail(e, SK_E_FORMAT,
                       "%s.expert_count, expert_feed_forward_length or attention.sliding_window is "
                       "missing or 0",
                       c->arch);
    return eng_config_windows(g, c, 2, e);
}

const eng_family eng_family_gpt_oss = {
    .arch = "gpt-oss",
    .base = {.rope_form = ENG_ROPE_HALF,
             .act = ENG_ACT_SWIGLU_OAI,
             .gating = ENG_GATE_CHOSEN,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS,
                     ENG_HAS_EXPERTS, [ENG_P_SINKS] = true, [ENG_P_O_BIAS] = true,
                     [ENG_P_ROUTER_BIAS] = true, [ENG_P_EXP_GATE_BIAS] = true,
                     [ENG_P_EXP_UP_BIAS] = true, [ENG_P_EXP_DOWN_BIAS] = true}},
    .may = {ENG_MAY_QKV},
    .keys = ENG_KEYS_MOE | ENG_KEYS_WINDOW,
    .rename = names,
    .finish = finish,
};
