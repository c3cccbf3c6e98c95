/* train_pass.c - the decoder from token ids to loss, and all the way back (train_in.h says which
 * file does what). */
#include "engine/model/train_pass.h"

#include "engine/model/train_in.h"

#include <assert.h>

/* Token ids to x_last. */
static void trunk_fwd(eng_pass *p, const eng_batch *b)
{
    size_t n = b->rows * p->n_ctx, last = p->cfg->n_layer - 1;
    assert(b->rows > 0 && b->rows <= p->rows);
    eng_embed_fwd(p->x, n, p->cfg->n_embd, b->ids, p->params + p->embd, p->layer[0].x);
    for (size_t i = 0; i <= last; i++)
        eng_pass_layer_fwd(p, &p->layer[i], b, i < last ? p->layer[i + 1].x : p->x_last);
}

/* The head makes loss and its gradient in one go; what follows walks the layers backwards.  The
 * token losses are summed in double and in order. */
void eng_pass_run(eng_pass *p, const eng_batch *b, float scale, float *grads, double *row_nats)
{
    assert(p->params && b->target);
    size_t n = b->rows * p->n_ctx;
    trunk_fwd(p, b);
    eng_pass_head(p, b, scale, grads);
    if (grads) {
        for (size_t i = p->cfg->n_layer; i-- > 0;)
            eng_pass_layer_bwd(p, &p->layer[i], b, grads);
        eng_embed_bwd(p->x, n, p->cfg->n_embd, b->ids, p->dx, grads + p->embd);
    }
    for (size_t r = 0; r < b->rows; r++) {
        double sum = 0;
        for (size_t i = r * p->n_ctx; i < (r + 1) * p->n_ctx; i++)
            if (b->target[i] >= 0) sum += p->nll[i];
        row_nats[r] = sum;
    }
}

void eng_pass_logits(eng_pass *p, const eng_batch *b, float *logits)
{
    trunk_fwd(p, b);
    eng_pass_head_logits(p, b, logits);
}
