/* family_deepseek2.c - deepseek2 (DeepSeek V2, V2.5, V3, R1 and models of their form): latent
 * attention, shared and routed experts after the first layers, V3 with a sigmoid router, a bias of
 * choice and groups.
 *
 * Newer files hold kv_b split by head (attn_k_b, attn_v_b): the cache then keeps the latent row
 * alone and each head's matrices are applied to q and to what attention gives.  Older files hold it
 * whole (attn_kv_b): k and v of all heads are in the cache.
 */
#include "engine/model/config_gguf.h"
#include "engine/model/family.h"

/* A file without the gating function is a V2; but GLM 4.7 Lite, known by its shape, has a sigmoid.
 */
static void finish_gating(eng_config *c)
{
    bool glm = (c->n_layer == 47 || c->n_layer == 48) && c->n_vocab == 154880;
    if (!c->gating) c->gating = glm ? ENG_GATE_SIGMOID : ENG_GATE_SOFTMAX;
    c->n_ff_shared = c->n_ff_exp * c->n_expert_shared;
}

/* Sizes of a head, and in which of the two forms the matrices are. */
static sk_status finish(const eng_gguf *g, eng_config *c, sk_err *e)
{
    double v;
    if (!c->kv_lora || !c->n_rot || !c->n_expert || !c->n_ff_exp ||
        !eng_config_number(g, c, "expert_shared_count", &v))
        return sk_fail(e, SK_E_FORMAT,
                       "one of %s.attention.kv_lora_rank, rope.dimension_count, expert_count, "
                       "expert_feed_forward_length, expert_shared_count is missing or 0",
                       c->arch);
    bool split = c->head_dim_mla && c->head_dim_v_mla;
    if (!split) {
        c->head_dim_mla = c->head_dim;
        c->head_dim_v_mla = c->head_dim_v;
    }
    c->has[ENG_P_MLA_K_B] = c->has[ENG_P_MLA_V_B] = split;
    c->has[ENG_P_MLA_KV_B] = !split;
    c->has[ENG_P_MLA_Q] = !c->q_lora;
    c->has[ENG_P_MLA_Q_A] = c->has[ENG_P_MLA_Q_A_NORM] = c->has[ENG_P_MLA_Q_B] = c->q_lora != 0;
    c->yarn_log_mul *= 10.0f; /* files hold 0.1 mscale_all_dim */
    finish_gating(c);
    if (c->n_ff_shared) eng_family_need_shared(c);
    return SK_OK;
}

const eng_family eng_family_deepseek2 = {
    .arch = "deepseek2",
    .base = {.rope_form = ENG_ROPE_PAIRS,
             .has = {[ENG_P_EMBD] = true,
                     [ENG_P_O] = true,
                     [ENG_P_MLA_KV_A] = true,
                     [ENG_P_MLA_KV_A_NORM] = true,
                     ENG_HAS_NORMS,
                     ENG_HAS_GLU,
                     ENG_HAS_EXPERTS}},
    .may = {[ENG_P_CHOICE_BIAS] = true, [ENG_P_EXP_GATE_UP] = true},
    .keys = ENG_KEYS_MOE | ENG_KEYS_GATING | ENG_KEYS_SHARED | ENG_KEYS_LEAD | ENG_KEYS_MLA,
    .finish = finish,
};
