/* family_gemma.c - gemma, gemma2, gemma3: embeddings times sqrt(n_embd), GELU gates; from gemma2 on
 * norms on both sides of each block, windows in most layers, soft caps or norms of q and k.
 *
 * Files hold the norms' weights with 1 added already.
 */
#include "engine/model/config_gguf.h"
#include "engine/model/family.h"

#include <math.h>

/* No key says it: the factor is part of the architecture. */
static sk_status finish_gemma(const eng_gguf *g, eng_config *c, sk_err *e)
{
    (void)g;
    (void)e;
    c->embd_scale = sqrtf((float)c->n_embd);
    return SK_OK;
}

/* Scores are scaled by the head's size, but by n_embd / n_head in the 27B models, which are known
 * by their number of layers. */
static void scale_27b(eng_config *c, uint32_t layers_of_27b)
{
    uint32_t size = c->n_embd / c->n_head;
    if (c->n_layer == layers_of_27b) c->attn_scale = 1.0f / sqrtf((float)size);
}

/* The first files lack the keys of windows and caps; all models of the family have these values. */
static sk_status finish_gemma2(const eng_gguf *g, eng_config *c, sk_err *e)
{
    double v;
    scale_27b(c, 46);
    if (!eng_config_number(g, c, "attention.sliding_window", &v)) c->window = 4096;
    if (!eng_config_number(g, c, "attn_logit_softcapping", &v)) c->attn_softcap = 50.0f;
    if (!eng_config_number(g, c, "final_logit_softcapping", &v)) c->logit_softcap = 30.0f;
    sk_status st = finish_gemma(g, c, e);
    return st ? st : eng_config_windows(g, c, 2, e);
}

/* Windowed layers have a base of their own and are not scaled. */
static sk_status finish_gemma3(const eng_gguf *g, eng_config *c, sk_err *e)
{
    scale_27b(c, 62);
    if (c->rope_theta_local == 0.0f) c->rope_theta_local = 10000.0f;
    c->local_unscaled = true;
    sk_status st = finish_gemma(g, c, e);
    return st ? st : eng_config_windows(g, c, 6, e);
}

const eng_family eng_family_gemma = {
    .arch = "gemma",
    .base = {.rope_form = ENG_ROPE_HALF,
             .act = ENG_ACT_GELU_TANH,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU}},
    .may = {ENG_MAY_QKV},
    .finish = finish_gemma,
};

/* Every second layer is windowed. */
const eng_family eng_family_gemma2 = {
    .arch = "gemma2",
    .base = {.rope_form = ENG_ROPE_HALF,
             .place = ENG_PLACE_BOTH,
             .act = ENG_ACT_GELU_TANH,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS,
                     ENG_HAS_GLU, [ENG_P_ATTN_POST_NORM] = true, [ENG_P_FFN_POST_NORM] = true}},
    .may = {ENG_MAY_QKV},
    .keys = ENG_KEYS_WINDOW | ENG_KEYS_SOFTCAP,
    .finish = finish_gemma2,
};

/* Five of six layers are windowed; norms of q and k in place of the caps. */
const eng_family eng_family_gemma3 = {
    .arch = "gemma3",
    .base = {.rope_form = ENG_ROPE_HALF,
             .place = ENG_PLACE_BOTH,
             .qk_norm = ENG_QK_HEAD,
             .act = ENG_ACT_GELU_TANH,
             .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU, [ENG_P_ATTN_POST_NORM] = true,
                     [ENG_P_FFN_POST_NORM] = true, [ENG_P_Q_NORM] = true, [ENG_P_K_NORM] = true}},
    .may = {ENG_MAY_QKV},
    .keys = ENG_KEYS_WINDOW | ENG_KEYS_SOFTCAP,
    .finish = finish_gemma3,
};
