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

/* Weights and bias of a norm: their numbers in the list of parameters, SIZE_MAX: none. */
typedef struct eng_pass_norm {
    size_t w, b;
} eng_pass_norm;

/* A pair of an adapter, for columns col .. of a layer's outputs: the packs of A and B for the two
 * directions, and what A made of the input, times the scale. */
typedef struct eng_pass_pair {
    size_t a, b, col, n_in, n_out; /* numbers in the adapter's list; shape of the matrix */
    eng_bpack *fwd_a, *bwd_a, *fwd_b, *bwd_b;
    float *h; /* [n, rank] */
} eng_pass_pair;

/* A matrix of a frozen base as its file has it, for columns col .. of a layer's outputs. */
typedef struct eng_pass_raw {
    eng_dtype type;
    const void *data;
    size_t col, n_out;
} eng_pass_raw;

/* A linear layer with its biases: those of up to three parameters, side by side in the outputs. */
typedef struct eng_pass_lin {
    eng_lin w;
    size_t bias[3], n_bias; /* numbers of parameters, in the order of the outputs */
    size_t bias_col[3];     /* the first output of each */
    eng_pass_pair pair[3];  /* of an adapter */
    eng_pass_raw raw[3];    /* where the base is unpacked as it is used */
    size_t n_pairs, n_raw;
    bool fresh; /* the next gradient of the matrices is written, not added (eng_pass_fresh) */
} eng_pass_lin;

/* One layer: its weights, and what its backward pass needs of the forward pass.  Buffers that a
 * model has no use for are NULL. */
typedef struct eng_pass_layer {
    eng_pass_lin qkv, o, gate_up, down;
    eng_pass_norm attn_norm, q_norm, k_norm, attn_post, ffn_norm, ffn_post;
    bool local, rotates;    /* sees a window only; turns q and k by their position */
    float *x;               /* [n, d] residual stream entering the layer */
    float *xn, *rstd_x;     /* [n, d] after attn_norm, [n] */
    float *raw, *rot;       /* [n, w] q | k | v as projected; q, k after norm and RoPE */
    float *rstd_qk;         /* [n, heads of q and k] */
    float *att, *lse;       /* [n, h hd], [rows, h, n_ctx] */
    float *att_out;         /* [n, d] before attn_post (with a norm there), [n] */
    float *rstd_att_out;    /* [n] */
    float *mid;             /* [n, d] residual stream after attention */
    float *midn, *rstd_mid; /* [n, d] after ffn_norm, [n] */
    float *gu, *act;        /* [n, 2 ff] gate | up (or [n, ff] without a gate), [n, ff] */
    float *ffn_out;         /* [n, d] before ffn_post (with a norm there) */
    float *rstd_ffn_out;    /* [n] */
    float *h;               /* [7, n, rank] of an adapter's pairs: q, k, v, o, gate, up, down */
} eng_pass_layer;

/* Angles of RoPE of one kind of layer: [n_ctx, n_rot / 2]. */
typedef struct eng_pass_angles {
    float *cos, *sin, *neg_sin;
} eng_pass_angles;

struct eng_pass {
    eng_exec *x;
    const eng_config *cfg;
    const eng_layout *layout;
    const eng_frozen *frozen; /* of train_pass.h's plan */
    const float **at; /* [n_params] where each parameter's values are; with a frozen base only those
                         of vectors and learned positions */
    eng_prec prec;
    bool *product;  /* [n_params] a matrix whose gradient is a product of each pass */
    bool loaded;    /* `at` is filled */
    bool recompute; /* of train_pass.h's plan */
    float z_loss;
    const float *weight;              /* [n] of each token's loss, NULL: 1 */
    size_t n_ctx, rows, width, chunk; /* chunk: tokens the head handles at once */
    sk_arena *mem;
    eng_pass_layer *layer;
    eng_pass_lin head;
    size_t embd, pos_embd; /* numbers of parameters; pos_embd SIZE_MAX: none */
    eng_pass_norm out_norm;
    eng_pass_angles angles[2]; /* of ordinary, of windowed layers (the same where they agree) */
    int32_t *pos;              /* [n] a token's place in its document, for learned positions */
    int32_t *window_first;     /* [n] first key in windowed layers */
    float *x_last;             /* [n, d] residual stream leaving the last layer */
    float *nll;                /* [n] loss of each token */
    /* The head, for a chunk of tokens that have a target. */
    uint32_t *pick;              /* [n] which tokens these are */
    float *hn, *rstd_h, *logits; /* [chunk, d] after out_norm, [chunk], [chunk, n_vocab] */
    float *capped;               /* [chunk, n_vocab] logits after their soft cap */
    /* Gradients of activations, shared by the layers. */
    float *dhn;        /* [chunk, d] */
    float *dx, *dn;    /* [n, d] of the residual stream, of a normed copy */
    float *branch;     /* [n, d] what a block adds to the stream, where that is not direct */
    float *drot;       /* [n, w] of turned q, k (the same memory as draw without qk_norm) */
    float *draw;       /* [n, w] of q | k | v as projected */
    float *datt;       /* [n, h hd] */
    float *dact;       /* [n, ff] */
    float *partial;    /* norm weights and biases, per piece of rows */
    float *dh;         /* [n, rank] of a pair's h */
    float *sink;       /* gradients of a frozen norm, which nobody reads */
    float *piece;      /* rows of a frozen matrix as floats */
    double *sum_lse;   /* [n] log of the sum of exponentials over the vocabulary so far */
    float *z_target;   /* [n] logit of the target */
    eng_attn_fwd *fwd; /* [rows * h] */
    eng_attn_bwd *bwd;
};

/* The values of parameter i, NULL for SIZE_MAX. */
static inline const float *eng_pass_at(const eng_pass *p, size_t i)
{
    return i == SIZE_MAX ? NULL : p->at[i];
}

/* The gradient of parameter i of a norm or a table in a flat array, NULL for SIZE_MAX. */
static inline float *eng_pass_grad(const eng_pass *p, float *grads, size_t i)
{
    if (p->frozen) return i == SIZE_MAX ? NULL : p->sink;
    return i == SIZE_MAX ? NULL : grads + p->layout->param[i].offset;
}

/* Whether a block's result is added to the stream as it is, without a norm or a factor. */
static inline bool eng_pass_is_direct(const eng_pass *p)
{
    return p->cfg->place == ENG_PLACE_PRE && p->cfg->residual_scale == 0.0f;
}

/* The shape of a pass, without memory. */
eng_pass eng_pass_shape(const eng_pass_plan *plan);

/* Takes all its buffers from p->mem. */
sk_status eng_pass_reserve(eng_pass *p, sk_err *e);

/* y[n, n_out] (+)= x W^T + biases. */
void eng_pass_lin_fwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *in, float *y,
                      bool add);

/* From dy: dx[n, n_in] (written), and the gradients of W and the biases, which are added, but for
 * that of W where l is fresh. */
void eng_pass_lin_bwd(eng_pass *p, eng_pass_lin *l, size_t n, const float *dy, const float *in,
                      float *dx, float *grads);

/* y[n, d] = norm of in, RMS or LayerNorm as the config says; rstd [n] is kept for the former. */
void eng_pass_norm_fwd(eng_pass *p, const eng_pass_norm *w, size_t n, const float *in, float *y,
                       float *rstd);

/* dx += its gradient, and those of weights and bias. */
void eng_pass_norm_bwd(eng_pass *p, const eng_pass_norm *w, size_t n, const float *dy,
                       const float *in, const float *rstd, float *dx, float *grads);

/* next [n, d] = the residual stream after layer l, whose x is filled. */
void eng_pass_layer_fwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, float *next);

/* p->dx: gradient of the stream leaving the layer on entry, of l->x on return.  Destroys l->gu. */
void eng_pass_layer_bwd(eng_pass *p, eng_pass_layer *l, const eng_batch *b, float *grads);

/* ---- train_frozen.c: a base that is not trained, and the pairs of its adapter ---- */

/* Rows of a frozen matrix [.., n_in] that are unpacked at a time: whole blocks of the sums of
 * ENG_GEMM_KC, so that sums over pieces are those over the whole. */
size_t eng_pass_piece_rows(size_t n_in);

/* Reads vectors and learned positions of the base into p->mem. */
sk_status eng_pass_frozen_vectors(eng_pass *p, sk_err *e);

/* Fills the packs of a layer made of parameters idx[0..n) from the base's file, or notes where they
 * are; makes room for the packs of its pairs, whose h begins at `h` ([n][rows n_ctx, rank]). */
sk_status eng_pass_frozen_lin(eng_pass *p, eng_pass_lin *lin, const size_t *idx, size_t n, float *h,
                              sk_err *e);

/* Frees what eng_pass_frozen_lin got. */
void eng_pass_pairs_close(eng_pass_lin *lin);

/* Packs the pairs anew from the adapter's flat array. */
void eng_pass_pairs_load(eng_pass *p, eng_pass_lin *lin, const float *params);

/* y += what the pairs say of `in`; dx += and grads += their gradients. */
void eng_pass_pairs_fwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *in, float *y);
void eng_pass_pairs_bwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *dy,
                        const float *in, float *dx, float *grads);

/* y (+)= x W^T and dx = dy W of a base that is unpacked as it is used. */
void eng_pass_raw_fwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *in, float *y,
                      bool add);
void eng_pass_raw_bwd(eng_pass *p, const eng_pass_lin *l, size_t n, const float *dy, float *dx);

/* The same for rows first .. first + m of the layer's only matrix: y [n, m]; and for the rows that
 * the forward product has just unpacked, dx += dy [n, m] W. */
void eng_pass_rows_fwd(eng_pass *p, const eng_pass_lin *l, size_t first, size_t m, size_t n,
                       const float *in, float *y);
void eng_pass_rows_bwd(eng_pass *p, const eng_pass_lin *l, size_t m, size_t n, const float *dy,
                       float *dx);

/* out [n, d] = rows ids[] of the base's embedding. */
void eng_pass_frozen_embed(eng_pass *p, size_t n, const int32_t *ids, float *out);

/* ---- the head ---- */

/* What enters the output matrix for n tokens: their rows of x_last, normed, into p->hn. */
void eng_pass_head_in(eng_pass *p, const uint32_t *tok, size_t n);

/* From p->dhn back to those tokens' rows of p->dx, and the gradients of the norm. */
void eng_pass_head_out(eng_pass *p, const uint32_t *tok, size_t n, float *grads);

/* eng_pass_head for a base that is unpacked as it is used: the vocabulary goes by in pieces, twice,
 * and each piece is unpacked once for all tokens (train_head_pieces.c). */
void eng_pass_head_pieces(eng_pass *p, const eng_batch *b, size_t n_pick, float scale,
                          float *grads);

/* Rows of the output matrix in such a piece. */
size_t eng_pass_head_piece(const eng_config *cfg);

/* Loss of all tokens that have a target, into p->nll; with grads, p->dx [n, d] = gradient of
 * x_last. */
void eng_pass_head(eng_pass *p, const eng_batch *b, float scale, float *grads);

/* The logits [b->rows * n_ctx, n_vocab] of x_last. */
void eng_pass_head_logits(eng_pass *p, const eng_batch *b, float *logits);

#endif
