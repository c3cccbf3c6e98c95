/* train_head.c - the head of the training pass: last norm, logits, cross-entropy, and their
 * gradients in the same go. */
#include "engine/kernel/par.h"
#include "engine/model/train_in.h"
#include "engine/model/train_variants.h"

#include <assert.h>
#include <string.h>

typedef struct head_job {
    eng_pass *p;
    const eng_kernels *k;
    const uint32_t *tok; /* the chunk's tokens */
    const int32_t *target;
    float scale;
    bool backward;
} head_job;

/* Gathers the chunk: tokens without a target are left out from here on. */
static void head_norm_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const head_job *j = arg;
    eng_pass *p = j->p;
    size_t d = p->cfg->n_embd;
    const float *w = p->at[p->out_norm.w], *bias = eng_pass_at(p, p->out_norm.b);
    for (size_t i = first; i < first + n; i++) {
        const float *x = p->x_last + j->tok[i] * d;
        if (p->cfg->norm == ENG_NORM_RMS)
            j->k->rmsnorm_f32(p->hn + i * d, d, p->rstd_h + i, x, d, w, 1, d, p->cfg->rms_eps);
        else
            j->k->layernorm_f32(p->hn + i * d, d, x, d, w, bias, 1, d, p->cfg->rms_eps);
    }
}

/* In place, the gradient of row z, of token tok: with z-loss, d/dx (lse - x[t] + c lse^2) = (1 + 2
 * c lse) softmax(x) - onehot(t). */
static void loss_bwd(const head_job *j, float *z, size_t v, size_t tok, float lse)
{
    float scale = j->p->weight ? j->scale * j->p->weight[tok] : j->scale;
    float all = scale * (1.0f + 2.0f * j->p->z_loss * lse);
    size_t target = (size_t)j->target[tok];
    j->k->xent_bwd_f32(z, v, target, lse, all);
    if (j->p->z_loss > 0.0f) z[target] += all - scale;
}

/* Loss of each token; its row of logits is then its gradient, in place, so that no second [chunk,
 * n_vocab] is needed. */
static void head_loss_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const head_job *j = arg;
    eng_pass *p = j->p;
    size_t v = p->cfg->n_vocab;
    for (size_t i = first; i < first + n; i++) {
        float lse, *z = p->logits + i * v;
        size_t target = (size_t)j->target[j->tok[i]];
        assert(target < v);
        p->nll[j->tok[i]] = j->k->xent_f32(z, v, target, &lse);
        if (j->backward) loss_bwd(j, z, v, j->tok[i], lse);
    }
}

/* Scatters the gradient back to the tokens it belongs to.  Rows of dx are touched once each, so
 * tasks don't meet. */
static void head_norm_bwd_rows(void *arg, size_t first, size_t n, size_t worker)
{
    (void)worker;
    const head_job *j = arg;
    eng_pass *p = j->p;
    size_t d = p->cfg->n_embd;
    float *dw = p->partial + first / ENG_PAR_ROWS * 2 * d; /* weights, then the bias */
    const float *w = p->at[p->out_norm.w];
    memset(dw, 0, 2 * d * sizeof(*dw));
    for (size_t i = first; i < first + n; i++) {
        float *dx = p->dx + j->tok[i] * d;
        const float *dy = p->dhn + i * d, *x = p->x_last + j->tok[i] * d;
        if (p->cfg->norm == ENG_NORM_RMS)
            j->k->rmsnorm_bwd_f32(dx, d, dw, dy, d, x, d, w, p->rstd_h + i, 1, d);
        else
            j->k->layernorm_bwd_f32(dx, d, dw, dw + d, dy, d, x, d, w, 1, d, p->cfg->rms_eps);
    }
}

void eng_pass_head_in(eng_pass *p, const uint32_t *tok, size_t n)
{
    head_job j = {.p = p, .k = eng_exec_kernels(p->x), .tok = tok};
    eng_par_rows(p->x, n, 0, head_norm_rows, &j);
}

void eng_pass_head_out(eng_pass *p, const uint32_t *tok, size_t n, float *grads)
{
    head_job j = {.p = p, .k = eng_exec_kernels(p->x), .tok = tok};
    size_t d = p->cfg->n_embd;
    eng_par_rows(p->x, n, ENG_PAR_ROWS, head_norm_bwd_rows, &j);
    float *dw = eng_pass_grad(p, grads, p->out_norm.w);
    float *db = eng_pass_grad(p, grads, p->out_norm.b);
    for (size_t i = 0; i < eng_norm_partials(n); i++) {
        j.k->add_f32(dw, p->partial + i * 2 * d, d);
        if (db) j.k->add_f32(db, p->partial + i * 2 * d + d, d);
    }
}

/* Logits of the chunk, as the model shapes them. */
static void chunk_logits(eng_pass *p, const head_job *j, size_t n, float *logits)
{
    const eng_config *f = p->cfg;
    eng_pass_head_in(p, j->tok, n);
    eng_pass_lin_fwd(p, &p->head, n, p->hn, logits, false);
    eng_logits_shape(p->x, n, f->n_vocab, f->logit_scale, f->logit_softcap, logits,
                     j->backward ? p->capped : NULL);
}

/* Loss of n tokens j->tok, all with targets; their gradients when grads are wanted. */
static void head_chunk(eng_pass *p, head_job *j, size_t n, float *grads)
{
    const eng_config *f = p->cfg;
    chunk_logits(p, j, n, p->logits);
    eng_par_rows(p->x, n, 0, head_loss_rows, j);
    if (!grads) return;
    eng_logits_shape_bwd(p->x, n, f->n_vocab, f->logit_scale, f->logit_softcap, p->capped,
                         p->logits);
    eng_pass_lin_bwd(p, &p->head, n, p->logits, p->hn, p->dhn, grads);
    eng_pass_head_out(p, j->tok, n, grads);
}

/* Loss of all tokens that have a target; with grads, dx [n, d] = gradient of x_last. */
void eng_pass_head(eng_pass *p, const eng_batch *b, float scale, float *grads)
{
    size_t n = b->rows * p->n_ctx, n_pick = 0;
    head_job j = {.p = p, .k = eng_exec_kernels(p->x), .target = b->target, .scale = scale};
    j.backward = grads != NULL;
    assert(b->rows <= p->rows && p->chunk);
    for (size_t i = 0; i < n; i++)
        if (b->target[i] >= 0) p->pick[n_pick++] = (uint32_t)i;
    if (grads) eng_rows_zero(p->x, n, p->cfg->n_embd, p->dx);
    if (p->head.n_raw) {
        eng_pass_head_pieces(p, b, n_pick, scale, grads);
        return;
    }
    if (grads && !n_pick) /* the empty sum, where the gradient is fresh */
        eng_pass_lin_bwd(p, &p->head, 0, p->logits, p->hn, p->dhn, grads);
    for (size_t at = 0; at < n_pick; at += p->chunk) {
        j.tok = p->pick + at;
        head_chunk(p, &j, n_pick - at < p->chunk ? n_pick - at : p->chunk, grads);
    }
}

/* The forward pass alone, straight into the caller's memory. */
void eng_pass_head_logits(eng_pass *p, const eng_batch *b, float *logits)
{
    size_t n = b->rows * p->n_ctx, v = p->cfg->n_vocab;
    assert(b->rows <= p->rows && p->chunk);
    head_job j = {.p = p, .k = eng_exec_kernels(p->x), .tok = p->pick};
    for (size_t i = 0; i < n; i++)
        p->pick[i] = (uint32_t)i;
    for (size_t at = 0; at < n; at += p->chunk) {
        size_t m = n - at < p->chunk ? n - at : p->chunk;
        j.tok = p->pick + at;
        chunk_logits(p, &j, m, logits + at * v);
    }
}
