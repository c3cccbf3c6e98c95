/* family_bert.c - encoders: bert (roberta and xlm-roberta are written so too), nomic-bert,
 * jina-bert-v2, jina-bert-v3.  Every token sees all of its text, norms are of the sums, and the
 * states of the last layer are what comes out.
 *
 * llama.cpp computes GELU in its tanh form where bert has the exact one; so do we, to agree.
 */
#include "engine/model/family.h"

/* Their files name the norms of the sums so. */
static const eng_rename norms_of_sums[] = {
    {ENG_P_ATTN_POST_NORM, "attn_output_norm.weight"},
    {ENG_P_ATTN_POST_NORM_BIAS, "attn_output_norm.bias"},
    {ENG_P_FFN_POST_NORM, "layer_output_norm.weight"},
    {ENG_P_FFN_POST_NORM_BIAS, "layer_output_norm.bias"},
    {ENG_P_N, NULL},
};

#define HAS_ENCODER                                                                                \
    ENG_HAS_ATTN, ENG_HAS_MLP, [ENG_P_EMBD_NORM] = true, [ENG_P_EMBD_NORM_BIAS] = true,            \
                               [ENG_P_ATTN_POST_NORM] = true, [ENG_P_ATTN_POST_NORM_BIAS] = true,  \
                               [ENG_P_FFN_POST_NORM] = true, [ENG_P_FFN_POST_NORM_BIAS] = true
#define MAY_ENCODER ENG_MAY_QKV, ENG_HAS_MLP_BIASES, [ENG_P_O_BIAS] = true, [ENG_P_TYPE_EMBD] = true

/* As many token types as the table has rows. */
static sk_status finish_types(const eng_gguf *g, eng_config *c, sk_err *e)
{
    const eng_gguf_tensor *t = eng_gguf_tensor_find(g, "token_types.weight");
    if (t && t->dim[1] > UINT16_MAX)
        return sk_fail(e, SK_E_FORMAT, "the tensor token_types.weight has too many rows");
    if (t) c->n_types = (uint32_t)t->dim[1];
    return SK_OK;
}

/* jina-bert-v2 keeps gate and up in one matrix, or apart, or has no gate: the shape tells. */
static sk_status finish_jina(const eng_gguf *g, eng_config *c, sk_err *e)
{
    const eng_gguf_tensor *up = eng_gguf_tensor_find(g, "blk.0.ffn_up.weight");
    const eng_gguf_tensor *gate = eng_gguf_tensor_find(g, "blk.0.ffn_gate.weight");
    c->fused_gate = up && !gate && up->dim[1] == 2 * (uint64_t)c->n_ff;
    return finish_types(g, c, e);
}

/* Learned positions. */
const eng_family eng_family_bert = {
    .arch = "bert",
    .base = {.norm = ENG_NORM_LAYER,
             .place = ENG_PLACE_SUM,
             .no_rope = true,
             .encoder = true,
             .act = ENG_ACT_GELU_TANH,
             .has = {HAS_ENCODER, [ENG_P_POS_EMBD] = true}},
    .may = {MAY_ENCODER},
    .rename = norms_of_sums,
    .finish = finish_types,
};

/* RoPE, and a SiLU gate. */
const eng_family eng_family_nomic_bert = {
    .arch = "nomic-bert",
    .base = {.norm = ENG_NORM_LAYER,
             .place = ENG_PLACE_SUM,
             .rope_form = ENG_ROPE_HALF,
             .encoder = true,
             .has = {HAS_ENCODER, [ENG_P_GATE] = true}},
    .may = {MAY_ENCODER},
    .rename = norms_of_sums,
    .finish = finish_types,
};

/* ALiBi; in the form for code norms over all of q and of k, and a second norm of attention. */
const eng_family eng_family_jina_bert_v2 = {
    .arch = "jina-bert-v2",
    .base = {.norm = ENG_NORM_LAYER,
             .place = ENG_PLACE_SUM,
             .qk_norm = ENG_QK_ROW,
             .no_rope = true,
             .alibi_max = 8.0f,
             .encoder = true,
             .act = ENG_ACT_GELU_TANH,
             .has = {HAS_ENCODER}},
    .may = {MAY_ENCODER, [ENG_P_GATE] = true, [ENG_P_Q_NORM] = true, [ENG_P_Q_NORM_BIAS] = true,
            [ENG_P_K_NORM] = true, [ENG_P_K_NORM_BIAS] = true, [ENG_P_ATTN_NORM_2] = true,
            [ENG_P_ATTN_NORM_2_BIAS] = true},
    .rename = norms_of_sums,
    .finish = finish_jina,
};

/* RoPE, no gate. */
const eng_family eng_family_jina_bert_v3 = {
    .arch = "jina-bert-v3",
    .base = {.norm = ENG_NORM_LAYER,
             .place = ENG_PLACE_SUM,
             .rope_form = ENG_ROPE_HALF,
             .encoder = true,
             .act = ENG_ACT_GELU_TANH,
             .has = {HAS_ENCODER}},
    .may = {MAY_ENCODER},
    .rename = norms_of_sums,
    .finish = finish_types,
};
