/* train_pass.h - one training pass of the decoder: loss and gradients of a micro-batch.
 *
 * Parameters and gradients are flat float arrays laid out by eng_layout.  Matrix products run in
 * bf16 or f32 on packed copies of the weights, which eng_pass_load makes anew after each optimiser
 * step; the residual stream, norms, softmax, loss and all gradients are float.
 *
 * Sums over tokens run in an order fixed by the shape, so loss and gradients are the same bytes for
 * every number of threads.
 */
#ifndef ENG_MODEL_TRAIN_PASS_H
#define ENG_MODEL_TRAIN_PASS_H

#include "engine/kernel/exec.h"
#include "engine/kernel/gemm.h"
#include "engine/model/adapter.h"
#include "engine/model/layout.h"

typedef struct eng_pass eng_pass;

/* What to plan for: at most `rows` sequences of n_ctx tokens at once. */
typedef struct eng_pass_plan {
    const eng_config *cfg;    /* one that eng_config_trainable takes */
    const eng_layout *layout; /* of cfg */
    eng_prec prec;            /* of the matrix products */
    size_t n_ctx, rows;       /* tokens of a row; rows of a micro-batch */
    float z_loss; /* its gradient: that of z_loss log(Z)^2 a token is added (0: none), Z the sum of
                     the exponentials of the logits (PaLM, section 5); losses don't show it */
    bool recompute; /* keep of each layer only what enters it, and run its forward pass again before
                       its backward pass: the same bytes, less memory, a fifth more time */
    const eng_frozen *frozen; /* the base is not trained, an adapter is: parameters and gradients
                                 are then the adapter's flat arrays.  NULL: all is trained */
} eng_pass_plan;

/* A micro-batch: rows (at most the plan's) of n_ctx tokens.  target[i] is the token that follows
 * ids[i], negative where no loss is wanted.  first[i] is the position in its row where the document
 * of token i begins: attention looks no further back (NULL: each row is one document).  Positions
 * count from the row's start; RoPE is relative, so a document in the middle of a row is computed as
 * if it stood alone. */
typedef struct eng_batch {
    const int32_t *ids, *target, *first;
    size_t rows; /* at least 1 */
} eng_batch;

/* Bytes eng_pass_open will ask for, and those of them that packed weights take. */
uint64_t eng_pass_bytes(const eng_pass_plan *plan);
uint64_t eng_pass_pack_bytes(const eng_pass_plan *plan);

/* Allocates all the pass needs; cfg and layout must outlive it. */
sk_status eng_pass_open(eng_exec *x, const eng_pass_plan *plan, eng_pass **out, sk_err *e);

/* Frees packs and activations; NULL is allowed. */
void eng_pass_close(eng_pass *p);

/* Takes over new parameters; `params` must stay as they are until the next load. */
void eng_pass_load(eng_pass *p, const float *params);

/* Computes the loss of each row, the sum of -log p(target) over its targets in token order, into
 * row_nats[rows].  With grads (NULL: loss only), adds the gradient of
 *   scale * (sum of all losses)
 * to grads; scale = 1 / (loss tokens of the whole optimiser step), so that micro-batches add up to
 * the mean over the step, however many targets each has. */
void eng_pass_run(eng_pass *p, const eng_batch *b, float scale, float *grads, double *row_nats);

/* Says that the gradient in `grads` begins anew: what the next pass with these grads makes replaces
 * what is there, as if they had been cleared before it.  Matrices are then written by their
 * products instead of being cleared and added to, which a step of few tokens would notice; the rest
 * is cleared here. */
void eng_pass_fresh(eng_pass *p, float *grads);

/* The two halves of eng_pass_run, for losses that are more than the sum of the tokens': the loss of
 * each token, -log p(target), which eng_pass_nll then has ([rows * n_ctx], of tokens that have a
 * target); and, for the same batch, the gradient of scale * sum of weight[i] * loss of token i. */
void eng_pass_loss(eng_pass *p, const eng_batch *b);
const float *eng_pass_nll(const eng_pass *p);
void eng_pass_back(eng_pass *p, const eng_batch *b, float scale, const float *weight, float *grads);

/* The logits [rows * n_ctx, n_vocab] of a batch, for tests (targets are not looked at). */
void eng_pass_logits(eng_pass *p, const eng_batch *b, float *logits);

#endif
