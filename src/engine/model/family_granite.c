/* family_granite.c - granite and minicpm: llama with factors of the embedding, of what each block
 * adds, of scores and of logits; granite also with experts and a shared expert. */
#include "engine/model/config_gguf.h"
#include "engine/model/family.h"

#include <math.h>

/* granite divides logits by its logit_scale, and says with rope.scaling.finetuned whether it
 * rotates at all. */
static sk_status finish_granite(const eng_gguf *g, eng_config *c, sk_err *e)
{
    double on = 1;
    if (!(c->logit_scale > 0.0f))
        return sk_fail(e, SK_E_FORMAT, "the key %s.logit_scale is missing or not above 0", c->arch);
    c->logit_scale = 1.0f / c->logit_scale;
    if (eng_config_number(g, c, "rope.scaling.finetuned", &on)) c->no_rope = on == 0;
    if (!c->n_ff_exp) c->n_ff_exp = c->n_ff;
    if (c->n_expert) eng_family_need_experts(c);
    if (c->n_ff_shared) eng_family_need_shared(c);
    return SK_OK;
}

/* Files without the keys are of the first models: scale_emb 12, scale_depth 1.4, dim_model_base
 * 256.  Files with them divide logits as granite does. */
static sk_status finish_minicpm(const eng_gguf *g, eng_config *c, sk_err *e)
{
    (void)g;
    (void)e;
    if (c->embd_scale == 0.0f) c->embd_scale = 12.0f;
    if (c->residual_scale == 0.0f) c->residual_scale = 1.4f / sqrtf((float)c->n_layer);
    c->logit_scale = c->logit_scale > 0.0f ? 1.0f / c->logit_scale : 256.0f / (float)c->n_embd;
    return SK_OK;
}

/* Of all three: what a llama has, and any of its biases. */
#define HAS ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU
#define MAY                                                                                        \
    ENG_MAY_QKV, ENG_HAS_MLP_BIASES, [ENG_P_GATE_BIAS] = true, [ENG_P_O_BIAS] = true,              \
                                     [ENG_P_ROPE_FREQS] = true, [ENG_P_ROPE_LONG] = true,          \
                                     [ENG_P_ROPE_SHORT] = true

/* Files name it by whether it has experts; the keys of both may stand in either. */
#define GRANITE(name)                                                                              \
    {                                                                                              \
        .arch = (name),                                                                            \
        .base = {.rope_form = ENG_ROPE_PAIRS,                                                      \
                 .gating = ENG_GATE_SOFTMAX,                                                       \
                 .expert_norm = true,                                                              \
                 .has = {HAS}},                                                                    \
        .may = {MAY},                                                                              \
        .keys = ENG_KEYS_SCALES | ENG_KEYS_ATTN_SCALE | ENG_KEYS_MOE | ENG_KEYS_SHARED,            \
        .finish = finish_granite,                                                                  \
    }

const eng_family eng_family_granite = GRANITE("granite");
const eng_family eng_family_granitemoe = GRANITE("granitemoe");

const eng_family eng_family_minicpm = {
    .arch = "minicpm",
    .base = {.rope_form = ENG_ROPE_PAIRS, .has = {HAS}},
    .may = {MAY},
    .keys = ENG_KEYS_SCALES,
    .finish = finish_minicpm,
};
