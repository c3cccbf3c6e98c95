/* train_pass.c - the decoder from token ids to loss, and all the way back (train_in.h says which
 * file does what). */
#include "engine/model/train_pass.h"

#include "engine/kernel/par.h"
#include "engine/model/train_in.h"
#include "engine/model/train_variants.h"

#include <assert.h>

/* Where each token's document begins, for what does not follow from the batch itself: learned
 * positions count from there, and windows end there at the latest. */
static void place_tokens(eng_pass *p, const eng_batch *b)
{
    size_t window = p->cfg->window;
    for (size_t i = 0; i < b->rows * p->n_ctx; i++) {
        size_t at = i % p->n_ctx, first = b->first ? (size_t)b->first[i] : 0;
        assert(first <= at);
        if (p->pos) p->pos[i] = (int32_t)(at - first);
        if (!p->window_first) continue;
        if (at + 1 > window && at + 1 - window > first) first = at + 1 - window;
        p->window_first[i] = (int32_t)first;
    }
}

/* The next gradients of the matrices are written. */
static void set_fresh(eng_pass *p)
{
    p->head.fresh = true;
    for (size_t i = 0; i < p->cfg->n_layer; i++) {
        eng_pass_layer *l = &p->layer[i];
        l->qkv.fresh = l->o.fresh = l->gate_up.fresh = l->down.fresh = true;
    }
}

/* Clears what lies between those matrices: vectors, tables, padding.  An adapter is small and is
 * cleared as a whole. */
void eng_pass_fresh(eng_pass *p, float *grads)
{
    size_t from = 0;
    if (p->frozen) {
        eng_par_clear(p->x, grads, p->frozen->adapter->n_floats);
        return;
    }
    for (size_t i = 0; i < p->layout->n_params; i++) {
        const eng_param *q = &p->layout->param[i];
        if (!p->product[i]) continue;
        assert(q->offset >= from && q->outer == 1);
        eng_par_clear(p->x, grads + from, q->offset - from);
        from = q->offset + q->rows * q->cols;
    }
    eng_par_clear(p->x, grads + from, p->layout->n_floats - from);
    set_fresh(p);
}

static float embd_scale(const eng_pass *p)
{
    return p->cfg->embd_scale != 0.0f ? p->cfg->embd_scale : 1.0f;
}

/* Token ids to x_last. */
static void trunk_fwd(eng_pass *p, const eng_batch *b)
{
    size_t n = b->rows * p->n_ctx, last = p->cfg->n_layer - 1, d = p->cfg->n_embd;
    assert(p->loaded && b->rows > 0 && b->rows <= p->rows);
    if (p->pos || p->window_first) place_tokens(p, b);
    if (p->frozen)
        eng_pass_frozen_embed(p, n, b->ids, p->layer[0].x);
    else
        eng_embed_fwd(p->x, n, d, b->ids, p->at[p->embd], p->layer[0].x);
    if (p->pos || embd_scale(p) != 1.0f)
        eng_rows_scale_add(p->x, n, d, embd_scale(p), p->pos, eng_pass_at(p, p->pos_embd),
                           p->layer[0].x);
    for (size_t i = 0; i <= last; i++)
        eng_pass_layer_fwd(p, &p->layer[i], b, i < last ? p->layer[i + 1].x : p->x_last);
}

/* The layers backwards.  When they share their buffers, those still hold what the last one needs;
 * the others are computed again, from inputs that were kept.  Nobody needs x_last any more. */
static void trunk_bwd(eng_pass *p, const eng_batch *b, float *grads)
{
    for (size_t i = p->cfg->n_layer; i-- > 0;) {
        if (p->recompute && i + 1 < p->cfg->n_layer)
            eng_pass_layer_fwd(p, &p->layer[i], b, p->x_last);
        eng_pass_layer_bwd(p, &p->layer[i], b, grads);
    }
}

/* Gradients of the tables, from p->dx. */
static void embed_bwd(eng_pass *p, const eng_batch *b, float *grads)
{
    size_t n = b->rows * p->n_ctx, d = p->cfg->n_embd;
    if (p->pos) eng_embed_bwd(p->x, n, d, p->pos, p->dx, eng_pass_grad(p, grads, p->pos_embd));
    if (embd_scale(p) != 1.0f) eng_rows_scale_add(p->x, n, d, embd_scale(p), NULL, NULL, p->dx);
    eng_embed_bwd(p->x, n, d, b->ids, p->dx, eng_pass_grad(p, grads, p->embd));
}

/* The head makes loss and its gradient in one go; what follows walks the layers backwards.  The
 * token losses are summed in double and in order. */
void eng_pass_run(eng_pass *p, const eng_batch *b, float scale, float *grads, double *row_nats)
{
    assert(b->target);
    trunk_fwd(p, b);
    eng_pass_head(p, b, scale, grads);
    if (grads) {
        trunk_bwd(p, b, grads);
        if (!p->frozen) embed_bwd(p, b, grads);
    }
    for (size_t r = 0; r < b->rows; r++) {
        double sum = 0;
        for (size_t i = r * p->n_ctx; i < (r + 1) * p->n_ctx; i++)
            if (b->target[i] >= 0) sum += p->nll[i];
        row_nats[r] = sum;
    }
}

void eng_pass_loss(eng_pass *p, const eng_batch *b)
{
    assert(b->target);
    trunk_fwd(p, b);
    eng_pass_head(p, b, 0, NULL);
}

const float *eng_pass_nll(const eng_pass *p)
{
    return p->nll;
}

/* The head once more, now with its gradient; the layers still hold what theirs need. */
void eng_pass_back(eng_pass *p, const eng_batch *b, float scale, const float *weight, float *grads)
{
    assert(b->target && grads);
    p->weight = weight;
    eng_pass_head(p, b, scale, grads);
    p->weight = NULL;
    trunk_bwd(p, b, grads);
    if (!p->frozen) embed_bwd(p, b, grads);
}

void eng_pass_logits(eng_pass *p, const eng_batch *b, float *logits)
{
    trunk_fwd(p, b);
    eng_pass_head_logits(p, b, logits);
}
