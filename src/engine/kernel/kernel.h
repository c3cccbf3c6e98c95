/* kernel.h - the table of kernel slots, and each slot's contract.
 *
 * A slot is one single-threaded operation.  ref/ holds the plain C definition of every slot;
 * x86/OP_ISA.c replaces it where the processor allows; select.c, the only file that looks at the
 * CPU, fills the table level by level.  Kernels cannot fail, allocate nothing, and read and write
 * only what the contract says.
 *
 * The promise "same bytes" is made here: for one table, an output element is a function of the
 * operation's inputs alone.  It does not depend on how many rows, queries or tokens a call covers,
 * on alignment, or on how the caller splits the work.  So every reduction runs in an order fixed by
 * the shape that is being reduced (documented per slot). Tables of different ISAs may differ in the
 * last bits.
 *
 * Naming: OP_TYPE, shapes in brackets with the innermost dimension last, ld* = row stride in
 * elements.
 */
#ifndef ENG_KERNEL_KERNEL_H
#define ENG_KERNEL_KERNEL_H

#include "base/cpu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rotary embedding forms: which elements of a head are turned together. */
typedef enum eng_rope_form {
    ENG_ROPE_HALF, /* (i, i + head_dim/2): GPT-NeoX, qwen3 */
    ENG_ROPE_PAIRS /* (2i, 2i + 1): llama as GGUF stores it */
} eng_rope_form;

/* Causal attention of n_q queries of ONE head.  Query i stands at position pos0 + i and sees keys
 * first[i] .. pos0 + i (first NULL: from 0).  Keys are walked in blocks of ENG_ATTN_BLOCK starting
 * at position 0, with an online softmax whose order depends on the position only. */
#define ENG_ATTN_BLOCK 64
typedef struct eng_attn_fwd {
    const float *q;       /* [n_q, head_dim], row stride ldq */
    const float *k, *v;   /* [pos0 + n_q, head_dim], row stride ldkv */
    float *out;           /* [n_q, head_dim], row stride ldo */
    float *lse;           /* [n_q] log of the softmax's denominator, or NULL */
    const int32_t *first; /* [n_q] or NULL */
    size_t ldq, ldkv, ldo, n_q, pos0, head_dim;
    float scale; /* of the scores, usually 1/sqrt(head_dim) */
} eng_attn_fwd;

/* Its gradient over a whole sequence (pos0 = 0): adds to dq, dk and dv.  lse and out are what the
 * forward pass wrote. */
typedef struct eng_attn_bwd {
    const float *q, *k, *v, *out, *dout, *lse;
    const int32_t *first;
    float *dq, *dk, *dv; /* strides ldq, ldkv, ldkv */
    size_t ldq, ldkv, ldo, n_q, head_dim;
    float scale;
} eng_attn_bwd;

/* Bytes of scratch either attention slot needs for a head_dim (64-byte aligned). */
size_t eng_attn_scratch_bytes(size_t head_dim);

/* Activations; sources are given at their definition in ref/act.c. */
typedef enum eng_act {
    ENG_ACT_SILU,       /* x sigmoid(x) */
    ENG_ACT_GELU_TANH,  /* x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) */
    ENG_ACT_GELU_ERF,   /* x/2 (1 + erf(x / sqrt 2)) */
    ENG_ACT_GELU_QUICK, /* x sigmoid(1.702 x) */
    ENG_ACT_RELU,       /* max(x, 0) */
    ENG_ACT_RELU2,      /* max(x, 0)^2 */
    ENG_ACT_SWIGLU_OAI, /* glu_f32 only, gpt-oss: with g = min(gate, 7), u = up cut to [-7, 7]:
                           g sigmoid(1.702 g) (u + 1) */
    ENG_ACT_N
} eng_act;

/* Inference attention (kernel/attn.h). */
struct eng_attn_tile;

/* One AdamW update (Loshchilov, Hutter 2019, decoupled decay): bias corrections are given as
 * factors so that the kernel is elementwise:  m = b1 m + (1-b1) g;  v = b2 v + (1-b2) g^2;  p -= lr
 * (m c1 / (sqrt(v c2) + eps) + decay p)  with g first multiplied by grad_scale (clipping). */
typedef struct eng_adamw {
    float lr, b1, b2, eps, decay, grad_scale, c1, c2; /* c1 = 1/(1-b1^t), c2 = 1/(1-b2^t) */
} eng_adamw;

typedef struct eng_kernels {
    sk_cpu_level level;

    /* y[r,:] = x[r,:] * rstd[r] * w, rstd = 1/sqrt(mean(x^2) + eps); rows of n elements, n_rows of
     * them, row strides ldx, ldy.  rstd [n_rows] and w (all ones) may be NULL.  y may be x. */
    void (*rmsnorm_f32)(float *y, size_t ldy, float *rstd, const float *x, size_t ldx,
                        const float *w, size_t n_rows, size_t n, float eps);

    /* y[r,:] = (x[r,:] - mean) / sqrt(mean((x - mean)^2) + eps) * w + b, strides as above; w (all
     * ones) and b (zeros) may be NULL.  y may be x. */
    void (*layernorm_f32)(float *y, size_t ldy, const float *x, size_t ldx, const float *w,
                          const float *b, size_t n_rows, size_t n, float eps);

    /* Gradient of rmsnorm: dx[r,:] += ...; dw[:] += sum over rows in row order.  x, rstd as in the
     * forward pass. */
    void (*rmsnorm_bwd_f32)(float *dx, size_t lddx, float *dw, const float *dy, size_t lddy,
                            const float *x, size_t ldx, const float *w, const float *rstd,
                            size_t n_rows, size_t n);

    /* Gradient of layernorm, likewise: dx[r,:] += ...; dw, db[:] += sums over rows in row order (db
     * may be NULL).  Mean and deviation are worked out again from x. */
    void (*layernorm_bwd_f32)(float *dx, size_t lddx, float *dw, float *db, const float *dy,
                              size_t lddy, const float *x, size_t ldx, const float *w,
                              size_t n_rows, size_t n, float eps);

    /* Turns n_heads heads of head_dim at x (contiguous) by the angles whose cosines and sines are
     * cos, sin [head_dim/2].  The gradient is the same call with -sin. */
    void (*rope_f32)(float *x, const float *cos, const float *sin, size_t n_heads, size_t head_dim,
                     eng_rope_form form);

    /* The same for the first n_rot elements of each of n_heads vectors that lie ld apart, cos and
     * sin [n_rot/2]; ENG_ROPE_HALF turns (i, i + n_rot/2).  A rotated part that does not begin a
     * head (MLA): x points to it. */
    void (*rope_part_f32)(float *x, size_t ld, const float *cos, const float *sin, size_t n_heads,
                          size_t n_rot, eng_rope_form form);

    /* out = act(x), n elements; and out = act(gate) * up (SWIGLU_OAI: its own form).  out may be an
     * operand.  Every element by itself; exp within 2 units. */
    void (*act_f32)(float *out, const float *x, size_t n, eng_act act);
    void (*glu_f32)(float *out, const float *gate, const float *up, size_t n, eng_act act);

    /* x = cap tanh(x / cap), n elements in place. */
    void (*softcap_f32)(float *x, float cap, size_t n);

    /* out = silu(gate) * up, n elements.  out may be gate or up. */
    void (*swiglu_f32)(float *out, const float *gate, const float *up, size_t n);

    /* dgate, dup (written, not added; may be the same memory as gate, up) from dout. */
    void (*swiglu_bwd_f32)(float *dgate, float *dup, const float *dout, const float *gate,
                           const float *up, size_t n);

    /* The same for any activation but SWIGLU_OAI; without a gate, up and dup are NULL: dgate = dout
     * act'(gate). */
    void (*glu_bwd_f32)(float *dgate, float *dup, const float *dout, const float *gate,
                        const float *up, size_t n, eng_act act);

    /* x = softmax(x), n elements, in place, stable for any finite input. */
    void (*softmax_f32)(float *x, size_t n);

    /* Cross-entropy of one row of n logits against class target: returns -log softmax(x)[target],
     * writes log-sum-exp to *lse.  A NaN among the logits gives NaN. */
    float (*xent_f32)(const float *x, size_t n, size_t target, float *lse);

    /* In place x = scale * (softmax(x) - onehot(target)), with lse from xent_f32. */
    void (*xent_bwd_f32)(float *x, size_t n, size_t target, float lse, float scale);

    /* Attention, see above.  scratch: eng_attn_scratch_bytes(head_dim). */
    void (*attn_fwd_f32)(const eng_attn_fwd *a, void *scratch);
    void (*attn_bwd_f32)(const eng_attn_bwd *a, void *scratch);

    /* Inference attention: a tile of rows over the keys they see, and the rest of the way from
     * parts; kernel/attn.h has the contract. */
    void (*attn_tile)(const struct eng_attn_tile *t, void *scratch);
    void (*attn_join)(const struct eng_attn_tile *t, const float *part, size_t n_parts,
                      void *scratch);

    /* AdamW over n parameters in one pass: 16 bytes read, 12 written a parameter. */
    void (*adamw_f32)(float *p, const float *g, float *m, float *v, size_t n, const eng_adamw *o);

    /* y += x; y[r,:] += b for n_rows rows of n elements ldy apart; y += a x; x *= a. */
    void (*add_f32)(float *y, const float *x, size_t n);
    void (*add_rows_f32)(float *y, size_t ldy, const float *b, size_t n_rows, size_t n);
    void (*axpy_f32)(float *y, float a, const float *x, size_t n);
    void (*scale_f32)(float *x, float a, size_t n);

    /* Sum of squares in double, in an order fixed by n. */
    double (*sumsq_f32)(const float *x, size_t n);

    /* Conversions, bit-equal to tensor/dtype.h. */
    void (*bf16_of_f32)(uint16_t *y, const float *x, size_t n);
    void (*f32_of_bf16)(float *y, const uint16_t *x, size_t n);
    void (*f32_of_f16)(float *y, const uint16_t *x, size_t n);
    void (*f16_of_f32)(uint16_t *y, const float *x, size_t n);

    /* Inner matrix kernels: private to gemm.c, which owns their packed layouts
     * (kernel/gemm_slots.h). */
    const struct eng_gemm_slots *gemm;

    /* Those of quantised weights: private to wmat.c (kernel/wmat_slots.h). */
    const struct eng_wmat_slots *wmat;
} eng_kernels;

/* The table for a level (levels the build or the machine lacks fall back to the next lower). Static
 * storage. */
const eng_kernels *eng_kernels_at(sk_cpu_level level);

#endif
