/* train_lin.c - matrices with their biases, and norms of either kind, as a layer of the training
 * pass uses them. */
#include "engine/model/train_in.h"
#include "engine/model/train_variants.h"

#include <assert.h>

/* Outputs that bias i of a layer is added to. */
static size_t bias_width(const eng_pass *p, const eng_pass_lin *l, size_t i)
{
    assert(i < l->n_bias && l->bias[i] < p->layout->n_params);
    return p->layout->param[l->bias[i]].cols;
}

void eng_pass_lin_fwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *in, float *y,
                      bool add)
{
    if (l->n_raw)
        eng_pass_raw_fwd(p, l, n, in, y, add);
    else
        eng_lin_fwd(p->x, &l->w, n, in, y, add);
    for (size_t i = 0; i < l->n_bias; i++)
        eng_bias_fwd(p->x, n, l->w.n_out, l->bias_col[i], bias_width(p, l, i), p->at[l->bias[i]],
                     y);
    if (l->n_pairs) eng_pass_pairs_fwd(p, l, n, in, y);
}

void eng_pass_lin_bwd(eng_pass *p, eng_pass_lin *l, size_t n, const float *dy, const float *in,
                      float *dx, float *grads)
{
    if (l->n_raw)
        eng_pass_raw_bwd(p, l, n, dy, dx);
    else
        eng_lin_bwd_x(p->x, &l->w, n, dy, dx);
    if (l->n_pairs) eng_pass_pairs_bwd(p, l, n, dy, in, dx, grads);
    if (p->frozen) return;
    assert(grads);
    eng_lin_bwd_w(p->x, &l->w, n, dy, in, grads, !l->fresh);
    l->fresh = false;
    for (size_t i = 0; i < l->n_bias; i++)
        eng_bias_bwd(p->x, n, l->w.n_out, l->bias_col[i], bias_width(p, l, i), dy,
                     eng_pass_grad(p, grads, l->bias[i]));
}

void eng_pass_norm_fwd(eng_pass *p, const eng_pass_norm *w, size_t n, const float *in, float *y,
                       float *rstd)
{
    const eng_config *f = p->cfg;
    if (f->norm == ENG_NORM_RMS)
        eng_norm_fwd(p->x, n, f->n_embd, in, p->at[w->w], f->rms_eps, y, rstd);
    else
        eng_lnorm_fwd(p->x, n, f->n_embd, in, p->at[w->w], eng_pass_at(p, w->b), f->rms_eps, y);
}

void eng_pass_norm_bwd(eng_pass *p, const eng_pass_norm *w, size_t n, const float *dy,
                       const float *in, const float *rstd, float *dx, float *grads)
{
    const eng_config *f = p->cfg;
    float *dw = eng_pass_grad(p, grads, w->w), *db = eng_pass_grad(p, grads, w->b);
    if (f->norm == ENG_NORM_RMS)
        eng_norm_bwd(p->x, n, f->n_embd, dy, in, p->at[w->w], rstd, dx, dw, p->partial);
    else
        eng_lnorm_bwd(p->x, n, f->n_embd, dy, in, p->at[w->w], f->rms_eps, dx, dw, db, p->partial);
}
