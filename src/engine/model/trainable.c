/* trainable.c - which models training computes, and what a new one of an architecture has. */
#include "engine/model/trainable.h"

#include "engine/model/layout.h"

#include <string.h>

/* Parameters that the training pass reads. */
static const bool computed[ENG_P_N] = {
    [ENG_P_EMBD] = true,
    [ENG_P_POS_EMBD] = true,
    [ENG_P_ROPE_FREQS] = true,
    [ENG_P_ROPE_LONG] = true,
    [ENG_P_ROPE_SHORT] = true,
    [ENG_P_ATTN_NORM] = true,
    [ENG_P_ATTN_NORM_BIAS] = true,
    [ENG_P_QKV] = true,
    [ENG_P_QKV_BIAS] = true,
    [ENG_P_Q] = true,
    [ENG_P_Q_BIAS] = true,
    [ENG_P_K] = true,
    [ENG_P_K_BIAS] = true,
    [ENG_P_V] = true,
    [ENG_P_V_BIAS] = true,
    [ENG_P_Q_NORM] = true,
    [ENG_P_K_NORM] = true,
    [ENG_P_O] = true,
    [ENG_P_O_BIAS] = true,
    [ENG_P_ATTN_POST_NORM] = true,
    [ENG_P_ATTN_POST_NORM_BIAS] = true,
    [ENG_P_FFN_NORM] = true,
    [ENG_P_FFN_NORM_BIAS] = true,
    [ENG_P_GATE] = true,
    [ENG_P_GATE_BIAS] = true,
    [ENG_P_UP] = true,
    [ENG_P_UP_BIAS] = true,
    [ENG_P_DOWN] = true,
    [ENG_P_DOWN_BIAS] = true,
    [ENG_P_FFN_POST_NORM] = true,
    [ENG_P_FFN_POST_NORM_BIAS] = true,
    [ENG_P_OUT_NORM] = true,
    [ENG_P_OUT_NORM_BIAS] = true,
    [ENG_P_HEAD] = true,
    [ENG_P_HEAD_BIAS] = true,
};

/* What a config asks for that the pass lacks; NULL: nothing.  A gradient of another function would
 * still make the loss fall, so whatever is not known to be computed is refused. */
static const char *lacking(const eng_config *c)
{
    bool both = c->place == ENG_PLACE_BOTH;
    const struct {
        bool asked;
        const char *what;
    } row[] = {
        {c->encoder, "models that read a whole text at once and have no output matrix"},
        {c->n_expert != 0, "experts"},
        {c->kv_lora != 0, "latent attention"},
        {c->n_nextn != 0, "layers that guess further tokens"},
        {c->parallel, "attention and feed-forward part side by side"},
        {c->place == ENG_PLACE_POST, "norms behind the blocks alone"},
        {c->place == ENG_PLACE_SUM, "norms of sums"},
        {both && (!c->has[ENG_P_ATTN_POST_NORM] || !c->has[ENG_P_FFN_POST_NORM]),
         "a norm behind one of the two blocks"},
        {!both && (c->has[ENG_P_ATTN_POST_NORM] || c->has[ENG_P_FFN_POST_NORM]),
         "norms behind the blocks of this architecture"},
        {!c->has[ENG_P_ATTN_NORM] || !c->has[ENG_P_FFN_NORM] || !c->has[ENG_P_OUT_NORM],
         "norms without weights"},
        {c->has[ENG_P_Q_NORM] != c->has[ENG_P_K_NORM], "a norm of only one of q and k"},
        {c->has[ENG_P_Q_NORM] && c->qk_norm != ENG_QK_HEAD,
         "norms of q and k that are not one for each head with common weights"},
        {c->has[ENG_P_Q_NORM] && c->norm != ENG_NORM_RMS, "LayerNorm of q and k"},
        {c->norm == ENG_NORM_RMS && c->has[ENG_P_ATTN_NORM_BIAS], "RMSNorm with a bias"},
        {c->alibi_max != 0.0f, "ALiBi"},
        {c->clamp_kqv != 0.0f, "bounds of q, k and v"},
        {eng_config_head_dim_v(c) != c->head_dim, "values of another size than keys"},
        {c->act == ENG_ACT_SWIGLU_OAI, "the activation of gpt-oss"},
    };
    for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
        if (row[i].asked) return row[i].what;
    return NULL;
}

sk_status eng_config_trainable(const eng_config *cfg, sk_err *e)
{
    const char *what = lacking(cfg);
    if (what)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "training does not compute %s, which this model (architecture %s) has", what,
                       cfg->arch);
    for (int k = 0; k < ENG_P_N; k++)
        if (cfg->has[k] && !computed[k])
            return sk_fail(e, SK_E_UNSUPPORTED,
                           "training does not compute the parameter %s, which this model "
                           "(architecture %s) has",
                           eng_param_suffix(cfg, (eng_param_kind)k), cfg->arch);
    return SK_OK;
}

/* gpt2 holds q, k and v in one matrix and has every bias, qwen2 has biases of q, k and v. */
sk_status eng_config_fresh(eng_config *c, sk_err *e)
{
    static const char *const known[] = {"qwen3", "qwen2", "llama", "gpt2"};
    sk_status st = eng_config_family(c, e);
    if (st) return st;
    bool is_known = false;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        is_known |= !strcmp(c->arch, known[i]);
    if (!is_known)
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "training begins new models of the architectures qwen3, qwen2, llama and "
                       "gpt2, not of %s",
                       c->arch);
    c->rms_eps = c->norm == ENG_NORM_RMS ? 1e-6f : 1e-5f;
    if (!strcmp(c->arch, "gpt2")) {
        c->has[ENG_P_Q] = c->has[ENG_P_K] = c->has[ENG_P_V] = false;
        c->has[ENG_P_QKV] = c->has[ENG_P_QKV_BIAS] = true;
        c->n_kv_head = c->n_head; /* no reader of gpt2 knows groups of heads */
    }
    if (!strcmp(c->arch, "qwen2"))
        c->has[ENG_P_Q_BIAS] = c->has[ENG_P_K_BIAS] = c->has[ENG_P_V_BIAS] = true;
    return eng_config_trainable(c, e);
}
