/* cost.c - what a token's step through a model multiplies and reads. */
#include "engine/model/cost.h"

/* Adds `share` of a matrix (NULL: none) to the layers' sums. */
static void add(eng_cost *c, const eng_wmat *w, double share)
{
    if (!w) return;
    double n = (double)eng_wmat_n_in(w) * (double)eng_wmat_n_out(w);
    c->layer_weights += (uint64_t)(share * n);
    c->layer_bytes += (uint64_t)(share * (double)eng_wmat_bytes(w));
}

static void add_list(eng_cost *c, eng_wmat *const *w, size_t n)
{
    for (size_t i = 0; w && i < n; i++)
        add(c, w[i], 1);
}

/* Experts count by the share of them that a token uses. */
static void add_moe(eng_cost *c, const eng_config *cfg, const eng_moe *m)
{
    double share = (double)cfg->n_expert_used / cfg->n_expert;
    add(c, m->router.w, 1);
    for (uint32_t i = 0; i < cfg->n_expert; i++) {
        add(c, m->gate_up[i].w, share);
        add(c, m->down[i].w, share);
    }
    add(c, m->sh_gate_up.w, 1);
    add(c, m->sh_down.w, 1);
    add(c, m->sh_router, 1);
}

/* Matrices of latent attention count once a head where they are kept apart by heads. */
void eng_model_cost(const eng_model *m, eng_cost *out)
{
    eng_cost c = {0};
    for (uint32_t i = 0; i < m->cfg.n_layer; i++) {
        const eng_layer *y = &m->layer[i];
        add(&c, y->qkv.w, 1);
        add(&c, y->o.w, 1);
        add(&c, y->gate_up.w, 1);
        add(&c, y->down.w, 1);
        if (y->moe) add_moe(&c, &m->cfg, y->moe);
        if (!y->mla) continue;
        add(&c, y->mla->in, 1);
        add(&c, y->mla->q_b, 1);
        add(&c, y->mla->kv_b, 1);
        add_list(&c, y->mla->k_b, m->cfg.n_head);
        add_list(&c, y->mla->v_b, m->cfg.n_head);
    }
    if (m->head.w) {
        c.head_weights = (uint64_t)eng_wmat_n_in(m->head.w) * eng_wmat_n_out(m->head.w);
        c.head_bytes = eng_wmat_bytes(m->head.w);
    }
    *out = c;
}
