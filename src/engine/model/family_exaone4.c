/* family_exaone4.c - exaone4: norms after the blocks, norms of q and k; the 32B model has windows
 * in three of four layers and rotates in these only. */
#include "engine/model/config_gguf.h"
#include "engine/model/family.h"

/* Only the model of 64 layers has windows, whatever the smaller ones' files say. */
static sk_status finish(const eng_gguf *g, eng_config *c, sk_err *e)
{
    if (c->n_layer != 64) {
        c->window = 0;
        return SK_OK;
    }
    if (!c->window) c->window = 4096;
    sk_status st = eng_config_windows(g, c, 4, e);
    for (uint32_t i = 0; i < c->n_layer; i++)
        if (!eng_layer_in(&c->local, i)) eng_layer_add(&c->nope, i);
    c->rope_theta_local = 0;
    return st;
}

const eng_family eng_family_exaone4 = {
    .arch = "exaone4",
    .base = {.place = ENG_PLACE_POST,
             .rope_form = ENG_ROPE_HALF,
             .qk_norm = ENG_QK_HEAD,
             .has = {ENG_HAS_ATTN, ENG_HAS_GLU, [ENG_P_Q_NORM] = true, [ENG_P_K_NORM] = true,
                     [ENG_P_ATTN_POST_NORM] = true, [ENG_P_FFN_POST_NORM] = true,
                     [ENG_P_OUT_NORM] = true}},
    .may = {ENG_MAY_QKV, [ENG_P_ROPE_FREQS] = true},
    .keys = ENG_KEYS_WINDOW,
    .finish = finish,
};
