/* slots.h - declares the functions that select.c puts into the kernel tables: OP_ISA for every slot
 * of kernel.h. */
#ifndef ENG_KERNEL_SLOTS_H
#define ENG_KERNEL_SLOTS_H

#include "engine/kernel/gemm_slots.h"
#include "engine/kernel/kernel.h"
#include "engine/kernel/wmat_slots.h"

/* All but the matrix kernels, which come as a table of their own. */
#define ENG_DECLARE_SLOTS(isa)                                                                     \
    void eng_rmsnorm_f32_##isa(float *y, size_t ldy, float *rstd, const float *x, size_t ldx,      \
                               const float *w, size_t n_rows, size_t n, float eps);                \
    void eng_layernorm_f32_##isa(float *y, size_t ldy, const float *x, size_t ldx, const float *w, \
                                 const float *b, size_t n_rows, size_t n, float eps);              \
    void eng_rmsnorm_bwd_f32_##isa(float *dx, size_t lddx, float *dw, const float *dy,             \
                                   size_t lddy, const float *x, size_t ldx, const float *w,        \
                                   const float *rstd, size_t n_rows, size_t n);                    \
    void eng_rope_f32_##isa(float *x, const float *cos, const float *sin, size_t n_heads,          \
                            size_t head_dim, eng_rope_form form);                                  \
    void eng_rope_part_f32_##isa(float *x, size_t ld, const float *cos, const float *sin,          \
                                 size_t n_heads, size_t n_rot, eng_rope_form form);                \
    void eng_act_f32_##isa(float *out, const float *x, size_t n, eng_act act);                     \
    void eng_glu_f32_##isa(float *out, const float *gate, const float *up, size_t n, eng_act act); \
    void eng_softcap_f32_##isa(float *x, float cap, size_t n);                                     \
    void eng_swiglu_f32_##isa(float *out, const float *gate, const float *up, size_t n);           \
    void eng_swiglu_bwd_f32_##isa(float *dgate, float *dup, const float *dout, const float *gate,  \
                                  const float *up, size_t n);                                      \
    void eng_glu_bwd_f32_##isa(float *dgate, float *dup, const float *dout, const float *gate,     \
                               const float *up, size_t n, eng_act act);                            \
    void eng_layernorm_bwd_f32_##isa(float *dx, size_t lddx, float *dw, float *db,                 \
                                     const float *dy, size_t lddy, const float *x, size_t ldx,     \
                                     const float *w, size_t n_rows, size_t n, float eps);          \
    void eng_softmax_f32_##isa(float *x, size_t n);                                                \
    float eng_xent_f32_##isa(const float *x, size_t n, size_t target, float *lse);                 \
    void eng_xent_bwd_f32_##isa(float *x, size_t n, size_t target, float lse, float scale);        \
    void eng_attn_fwd_f32_##isa(const eng_attn_fwd *a, void *scratch);                             \
    void eng_attn_bwd_f32_##isa(const eng_attn_bwd *a, void *scratch);                             \
    void eng_attn_tile_##isa(const struct eng_attn_tile *t, void *scratch);                        \
    void eng_attn_join_##isa(const struct eng_attn_tile *t, const float *part, size_t n_parts,     \
                             void *scratch);                                                       \
    void eng_adamw_f32_##isa(float *p, const float *g, float *m, float *v, size_t n,               \
                             const eng_adamw *o);                                                  \
    void eng_add_f32_##isa(float *y, const float *x, size_t n);                                    \
    void eng_add_rows_f32_##isa(float *y, size_t ldy, const float *b, size_t n_rows, size_t n);    \
    void eng_axpy_f32_##isa(float *y, float a, const float *x, size_t n);                          \
    void eng_scale_f32_##isa(float *x, float a, size_t n);                                         \
    double eng_sumsq_f32_##isa(const float *x, size_t n);                                          \
    void eng_bf16_of_f32_##isa(uint16_t *y, const float *x, size_t n);                             \
    void eng_f32_of_bf16_##isa(float *y, const uint16_t *x, size_t n);                             \
    void eng_f32_of_f16_##isa(float *y, const uint16_t *x, size_t n);                              \
    void eng_f16_of_f32_##isa(uint16_t *y, const float *x, size_t n);

ENG_DECLARE_SLOTS(c)
ENG_DECLARE_SLOTS(avx2)
ENG_DECLARE_SLOTS(avx512)
ENG_DECLARE_SLOTS(neon)

extern const eng_gemm_slots eng_gemm_slots_c, eng_gemm_slots_avx2, eng_gemm_slots_avx512,
    eng_gemm_slots_avx512bf16, eng_gemm_slots_amx, eng_gemm_slots_neon;

#endif
