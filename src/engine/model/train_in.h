/* train_in.h - what the files of the training pass share: its buffers, its layers.
 *
 * train_layout.c lays the buffers out and opens the pass, train_layer.c computes a layer forward
 * and backward, train_head.c the last norm, the logits and the loss; train_pass.c puts them in
 * order. The arithmetic is in train_ops.c and the kernels.
 *
 * Notation: n tokens in the micro-batch (rows of n_ctx), d = n_embd, w = width of a row of q, k and
 * v together, ff = n_ff, h = n_head, hd = head_dim.
 */
#ifndef ENG_MODEL_TRAIN_IN_H
#define ENG_MODEL_TRAIN_IN_H

#include "engine/model/train_ops.h"
#include "engine/model/train_pass.h"

/* One layer: its weights, and what its backward pass needs of the forward pass. */
typedef struct eng_pass_layer {
    eng_lin qkv, o, gate_up, down;
    size_t attn_norm, q_norm, k_norm, ffn_norm; /* offsets in the flat arrays */
    float *x;                                   /* [n, d] residual stream entering the layer */
    float *xn, *rstd_x;                         /* [n, d] after attn_norm, [n] */
    float *raw, *rot;       /* [n, w] q | k | v as projected; q, k after norm and RoPE */
    float *rstd_qk;         /* [n, heads of q and k] */
    float *att, *lse;       /* [n, h hd], [rows, h, n_ctx] */
    float *mid;             /* [n, d] residual stream after attention */
    float *midn, *rstd_mid; /* [n, d] after ffn_norm, [n] */
    float *gu, *act;        /* [n, 2 ff] gate | up, [n, ff] */
} eng_pass_layer;

struct eng_pass {
    eng_exec *x;
    const eng_config *cfg;
    const float *params;
    eng_prec prec;
    size_t n_ctx, rows, width, chunk; /* chunk: tokens the head handles at once */
    sk_arena *mem;
    eng_pass_layer *layer;
    eng_lin head;
    size_t embd, out_norm;
    float *cos, *sin, *neg_sin; /* [n_ctx, hd / 2] */
    float *x_last;              /* [n, d] residual stream leaving the last layer */
    float *nll;                 /* [n] loss of each token */
    /* The head, for a chunk of tokens that have a target. */
    uint32_t *pick;              /* [n] which tokens these are */
    float *hn, *rstd_h, *logits; /* [chunk, d] after out_norm, [chunk], [chunk, n_vocab] */
    /* Gradients of activations, shared by the layers. */
    float *dhn;        /* [chunk, d] */
    float *dx, *dn;    /* [n, d] of the residual stream, of a normed copy */
    float *drot;       /* [n, w] of turned q, k (the same memory as draw without qk_norm) */
    float *draw;       /* [n, w] of q | k | v as projected */
    float *datt;       /* [n, h hd] */
    float *dact;       /* [n, ff] */
    float *partial;    /* norm weights, per piece of rows */
    eng_attn_fwd *fwd; /* [rows * h] */
    eng_attn_bwd *bwd;
};
/* next [n, d] = the residual stream after layer l, whose x is filled. */
void eng_pass_layer_fwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, float *next);

/* p->dx: gradient of the stream leaving the layer on entry, of l->x on return.  Destroys l->gu. */
void eng_pass_layer_bwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, float *grads);

/* Loss of all tokens that have a target, into p->nll; with grads, p->dx [n, d] = gradient of
 * x_last. */
void eng_pass_head(eng_pass *p, const eng_batch *b, float scale, float *grads);

/* The logits [b->rows * n_ctx, n_vocab] of x_last. */
void eng_pass_head_logits(eng_pass *p, const eng_batch *b, float *logits);

#endif
