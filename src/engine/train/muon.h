/* muon.h - Muon: steps of equal length in every direction of a matrix.
 *
 * Momentum of the gradient, made (nearly) orthogonal: with G = U S V^T the step is U V^T, so that
 * directions the gradient seldom points in are learned as fast as the others.  K. Jordan and
 * others, "Muon: An optimizer for hidden layers in neural networks" (2024).  U V^T comes from five
 * steps of a Newton-Schulz iteration, X <- a X + b (X X^T) X + c (X X^T)^2 X with their
 * coefficients 3.4445, -4.7750, 2.0315, which bring singular values to within 0.7 .. 1.2, no
 * nearer: that is enough and converges fast.
 *
 * The step is scaled by 0.2 sqrt(max(rows, cols)): its elements then have a root mean square of
 * about 0.2, as AdamW's have, so that rate and decay can be shared.  J. Liu and others, "Muon is
 * scalable for LLM training" (2025), section 2.2.
 *
 * One momentum a weight, no second moment.  Products run on all threads in the order gemm.h fixes,
 * so the result is the same for any number of them.
 */
#ifndef ENG_TRAIN_MUON_H
#define ENG_TRAIN_MUON_H

#include "engine/kernel/gemm.h"

#include <stdint.h>

typedef struct eng_muon eng_muon;

/* Room for matrices of at most max_floats elements whose smaller side is at most max_side.  prec:
 * of the products; bf16 moves singular values about as much as the iteration leaves them off. */
sk_status eng_muon_open(eng_exec *x, eng_prec prec, size_t max_floats, size_t max_side,
                        eng_muon **out, sk_err *e);

/* Frees it; NULL is allowed. */
void eng_muon_close(eng_muon *mu);

/* Bytes eng_muon_open asks for. */
uint64_t eng_muon_bytes(size_t max_floats, size_t max_side);

/* How a step is taken: all four constant over the matrix. */
typedef struct eng_muon_rule {
    float lr, decay;  /* rate; decoupled decay (p loses lr decay p) */
    float momentum;   /* of the running mean of gradients; Nesterov's look ahead */
    float grad_scale; /* the gradient counts this much: clipping */
} eng_muon_rule;

/* One step of the matrix p [rows, cols] with gradient g and momentum m (updated):
 *   m <- momentum m + (1 - momentum) s g,  u = momentum m + (1 - momentum) s g,
 *   p <- p - lr (0.2 sqrt(max(rows, cols)) orthogonal(u) + decay p). */
void eng_muon_step(eng_muon *mu, const eng_muon_rule *r, size_t rows, size_t cols, float *p,
                   const float *g, float *m);

/* u [rows, cols] in place: the iteration alone.  All zeros stay zeros. */
void eng_muon_orthogonal(eng_muon *mu, size_t rows, size_t cols, float *u);

#endif
