/* family_smollm3.c - smollm3: llama that does not rotate in every fourth layer. */
#include "engine/model/family.h"

/* No key names the layers: every fourth, from the paper's "NoPE" layers. */
static sk_status finish(const eng_gguf *g, eng_config *c, sk_err *e)
{
    (void)g;
    (void)e;
    for (uint32_t i = 3; i < c->n_layer; i += 4)
        eng_layer_add(&c->nope, i);
    return SK_OK;
}

const eng_family eng_family_smollm3 = {
    .arch = "smollm3",
    .base = {.rope_form = ENG_ROPE_PAIRS, .has = {ENG_HAS_ATTN, ENG_HAS_NORMS, ENG_HAS_GLU}},
    .may = {ENG_MAY_QKV, [ENG_P_O_BIAS] = true},
    .finish = finish,
};
