/* train_variants.h - the operations of training that only some models have: LayerNorm, activations
 * other than SwiGLU, biases, learned positions, soft caps.
 *
 * As in train_ops.h: n tokens, weight gradients are added, and every sum over tokens runs in an
 * order fixed by n.
 */
#ifndef ENG_MODEL_TRAIN_VARIANTS_H
#define ENG_MODEL_TRAIN_VARIANTS_H

#include "engine/kernel/exec.h"
#include "engine/kernel/kernel.h"

/* y[n, d] = LayerNorm of in; w [d]; b [d] or NULL. */
void eng_lnorm_fwd(eng_exec *x, size_t n, size_t d, const float *in, const float *w, const float *b,
                   float eps, float *y);

/* dx += .., dw += .., db += .. (NULL: there is no bias); `partial` [eng_norm_partials(n), 2 d] is
 * scratch. */
void eng_lnorm_bwd(eng_exec *x, size_t n, size_t d, const float *dy, const float *in,
                   const float *w, float eps, float *dx, float *dw, float *db, float *partial);

/* out[n, ff] = act(gate) * up with gu [n, 2 ff] = rows [gate | up]; or act(gu) with gu [n, ff]. */
void eng_act_fwd(eng_exec *x, size_t n, size_t ff, bool gated, eng_act act, const float *gu,
                 float *out);

/* gu becomes its own gradient, laid out as it was. */
void eng_act_bwd(eng_exec *x, size_t n, size_t ff, bool gated, eng_act act, const float *dout,
                 float *gu);

/* y[n, ld] += b [width] in columns col .. */
void eng_bias_fwd(eng_exec *x, size_t n, size_t ld, size_t col, size_t width, const float *b,
                  float *y);

/* db [width] += the sum of columns col .. of dy [n, ld], token by token. */
void eng_bias_bwd(eng_exec *x, size_t n, size_t ld, size_t col, size_t width, const float *dy,
                  float *db);

/* y[n, d] = a y + rows ids[] of table (NULL: no table). */
void eng_rows_scale_add(eng_exec *x, size_t n, size_t d, float a, const int32_t *ids,
                        const float *table, float *y);

/* to[n, d] = from + a y. */
void eng_rows_axpy(eng_exec *x, size_t n, size_t d, const float *from, float a, const float *y,
                   float *to);

/* Logits z[n, width] = cap tanh(scale z / cap) (0: no such factor or cap), and into `keep` a copy
 * of them that the gradient needs (NULL: none). */
void eng_logits_shape(eng_exec *x, size_t n, size_t width, float scale, float cap, float *z,
                      float *keep);

/* dz in place: from the gradient of the shaped logits to that of the others. */
void eng_logits_shape_bwd(eng_exec *x, size_t n, size_t width, float scale, float cap,
                          const float *keep, float *dz);

/* Attention with soft-capped scores cap tanh(s / cap) (gemma2), items as those of eng_par_attn_fwd
 * and _bwd.  Each worker's scratch holds eng_soft_attn_bytes(n_ctx). */
void eng_soft_attn_fwd(eng_exec *x, float cap, const eng_attn_fwd *items, size_t n_items);
void eng_soft_attn_bwd(eng_exec *x, float cap, const eng_attn_bwd *items, size_t n_groups,
                       size_t group);

/* Bytes of scratch a worker needs for rows of n_ctx tokens. */
size_t eng_soft_attn_bytes(size_t n_ctx);

#endif
