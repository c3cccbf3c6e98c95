/* train_ops.h - the operations a training pass is written in: each over all tokens of a
 * micro-batch, forward and backward, split across the workers.
 *
 * Shapes are in brackets, innermost dimension last; n is the number of tokens of the micro-batch.
 * Weight gradients are always added to what is there.  Every sum over tokens runs in an order fixed
 * by n alone, so results are equal for every number of threads.
 */
#ifndef ENG_MODEL_TRAIN_OPS_H
#define ENG_MODEL_TRAIN_OPS_H

#include "engine/kernel/exec.h"
#include "engine/kernel/gemm.h"
#include "engine/kernel/kernel.h"
#include "engine/model/layout.h"

/* Rows of a weight matrix that are one parameter, or several that stand side by side in the flat
 * array. */
typedef struct eng_lin_part {
    size_t offset;        /* of its first weight in the flat arrays */
    size_t col, n_out;    /* its outputs: columns col .. col + n_out - 1 of Y */
    eng_bpack *fwd, *bwd; /* W^T [n_in, n_out] and W [n_out, n_in], as the matrix kernels read it */
} eng_lin_part;

/* A linear layer Y[n, n_out] = X[n, n_in] W^T, whose W may be made of up to three parameters (q, k
 * and v are computed in one product). */
typedef struct eng_lin {
    size_t n_in, n_out, n_parts; /* n_out is the sum of the parts' */
    eng_prec prec;               /* of the products */
    eng_lin_part part[3];
} eng_lin;

/* Describes the layer whose rows are parameters idx[0..n_idx) of l, in that order, and makes room
 * for its packs.  Close with eng_lin_close, also after a failure. */
sk_status eng_lin_open(eng_lin *lin, eng_prec prec, const eng_layout *l, const size_t *idx,
                       size_t n_idx, sk_err *e);

/* Frees the packs; lin is then all zeros. */
void eng_lin_close(eng_lin *lin);

/* Reads the weights: once an optimiser step. */
void eng_lin_load(eng_exec *x, eng_lin *lin, const float *params);

/* y = x W^T, or y += x W^T. */
void eng_lin_fwd(eng_exec *x, const eng_lin *lin, size_t n, const float *in, float *y, bool add);

/* dx = dy W.  dx is written, not added to. */
void eng_lin_bwd_x(eng_exec *x, const eng_lin *lin, size_t n, const float *dy, float *dx);

/* grads of W = dy^T x, or += dy^T x when add. */
void eng_lin_bwd_w(eng_exec *x, const eng_lin *lin, size_t n, const float *dy, const float *in,
                   float *grads, bool add);

/* RMSNorm over rows [n, d]: y and rstd [n] are written.  eps as in the model. */
void eng_norm_fwd(eng_exec *x, size_t n, size_t d, const float *in, const float *w, float eps,
                  float *y, float *rstd);

/* Its gradient: dx += .., dw += ..  `partial` [eng_norm_partials(n), d] is scratch. */
void eng_norm_bwd(eng_exec *x, size_t n, size_t d, const float *dy, const float *in, const float *w,
                  const float *rstd, float *dx, float *dw, float *partial);

/* Rows of `partial`: one for each piece of ENG_PAR_ROWS rows, so their number does not depend on
 * the threads. */
size_t eng_norm_partials(size_t n);

/* What turns the heads of q and k: an optional RMSNorm over each head, then RoPE, also optional.
 * Rows of `raw` and `rot` are [q heads | k heads | v heads] of head_dim, as many as cfg has;
 * without qk_norm the two are the same memory. */
typedef struct eng_turn {
    const eng_config *cfg;
    size_t n_ctx;            /* a token's position is its number modulo n_ctx */
    const float *cos, *sin;  /* [n_ctx, n_rot / 2]; NULL: nothing is rotated */
    const float *neg_sin;    /* -sin, which turns back */
    const float *wq, *wk;    /* [head_dim] weights of the two norms, or NULL */
    float *raw, *rot, *rstd; /* [n, width], [n, width], [n, n_head + n_kv_head] */
} eng_turn;

/* Floats of a row: (n_head + 2 n_kv_head) head_dim. */
size_t eng_turn_width(const eng_config *cfg);

/* rot = turned heads of raw. */
void eng_turn_fwd(eng_exec *x, const eng_turn *t, size_t n);

/* From drot (q and k columns; destroyed) to draw, whose q and k columns must be zero; without
 * qk_norm the two are the same memory.  dwq, dwk += gradients of the norm weights; `partial` is
 * scratch [eng_norm_partials(n), 2 head_dim]. */
void eng_turn_bwd(eng_exec *x, const eng_turn *t, size_t n, float *drot, float *draw, float *dwq,
                  float *dwk, float *partial);

/* act[n, ff] = silu(gate) * up with gu [n, 2 ff] = rows [gate | up]; backward puts the gradients of
 * gate and up in gu's place. */
void eng_glu_fwd(eng_exec *x, size_t n, size_t ff, const float *gu, float *act);

/* gu keeps its layout: [d gate | d up]. */
void eng_glu_bwd(eng_exec *x, size_t n, size_t ff, const float *dact, float *gu);

/* out[n, d] = rows ids[] of table; backward adds rows of dout into grad in the order of the tokens.
 */
void eng_embed_fwd(eng_exec *x, size_t n, size_t d, const int32_t *ids, const float *table,
                   float *out);

/* Backward: workers own columns and not tokens, so an id that occurs twice is added by one of
 * them, in the order of the tokens. */
void eng_embed_bwd(eng_exec *x, size_t n, size_t d, const int32_t *ids, const float *dout,
                   float *grad);

/* Copies or clears [n, width] by all workers. */
void eng_rows_copy(eng_exec *x, size_t n, size_t width, const float *from, float *to);

/* Clears [n, width]. */
void eng_rows_zero(eng_exec *x, size_t n, size_t width, float *p);

#endif
