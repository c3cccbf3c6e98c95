/* select.c - the kernel tables, one a CPU level: the only file that maps levels to functions. */
#include "engine/kernel/slots.h"

#include <assert.h>

/* The table of a level: functions of one ISA, matrix kernels of the same or others. */
#define TABLE(lv, isa, gemm_isa, wmat_isa)                                                         \
    {                                                                                              \
        .level = (lv), .rmsnorm_f32 = eng_rmsnorm_f32_##isa,                                       \
        .rmsnorm_bwd_f32 = eng_rmsnorm_bwd_f32_##isa, .rope_f32 = eng_rope_f32_##isa,              \
        .swiglu_f32 = eng_swiglu_f32_##isa, .swiglu_bwd_f32 = eng_swiglu_bwd_f32_##isa,            \
        .softmax_f32 = eng_softmax_f32_##isa, .xent_f32 = eng_xent_f32_##isa,                      \
        .xent_bwd_f32 = eng_xent_bwd_f32_##isa, .attn_fwd_f32 = eng_attn_fwd_f32_##isa,            \
        .attn_bwd_f32 = eng_attn_bwd_f32_##isa, .adamw_f32 = eng_adamw_f32_##isa,                  \
        .add_f32 = eng_add_f32_##isa, .axpy_f32 = eng_axpy_f32_##isa,                              \
        .scale_f32 = eng_scale_f32_##isa, .sumsq_f32 = eng_sumsq_f32_##isa,                        \
        .bf16_of_f32 = eng_bf16_of_f32_##isa, .f32_of_bf16 = eng_f32_of_bf16_##isa,                \
        .layernorm_f32 = eng_layernorm_f32_##isa, .rope_part_f32 = eng_rope_part_f32_##isa,        \
        .act_f32 = eng_act_f32_##isa, .glu_f32 = eng_glu_f32_##isa,                                \
        .glu_bwd_f32 = eng_glu_bwd_f32_##isa, .layernorm_bwd_f32 = eng_layernorm_bwd_f32_##isa,    \
        .softcap_f32 = eng_softcap_f32_##isa, .attn_tile = eng_attn_tile_##isa,                    \
        .attn_join = eng_attn_join_##isa, .add_rows_f32 = eng_add_rows_f32_##isa,                  \
        .f16_of_f32 = eng_f16_of_f32_##isa, .f32_of_f16 = eng_f32_of_f16_##isa,                    \
        .gemm = &eng_gemm_slots_##gemm_isa, .wmat = &eng_wmat_slots_##wmat_isa,                    \
    }

static const eng_kernels tables[] = {
    TABLE(SK_CPU_C, c, c, c),
#ifdef __x86_64__ /* the Makefile leaves x86/ out elsewhere */
    TABLE(SK_CPU_AVX2, avx2, avx2, avx2),
    TABLE(SK_CPU_AVX512, avx512, avx512, avx2),
    TABLE(SK_CPU_AVX512VNNI, avx512, avx512, avx512vnni),
    TABLE(SK_CPU_AVX512BF16, avx512, avx512bf16, avx512vnni),
    TABLE(SK_CPU_AMX, avx512, amx, amx),
#elif defined(__aarch64__) /* nor arm/ */
    TABLE(SK_CPU_NEON, neon, neon, neon),
    TABLE(SK_CPU_DOTPROD, neon, neon, dotprod),
    TABLE(SK_CPU_I8MM, neon, neon, i8mm),
#endif
};

/* The table for a level: the best that is built and not above it. */
const eng_kernels *eng_kernels_at(sk_cpu_level level)
{
    const eng_kernels *best = &tables[0];
    assert(best->level == SK_CPU_C);
    for (size_t i = 1; i < sizeof tables / sizeof tables[0]; i++)
        if (sk_cpu_includes(level, tables[i].level)) best = &tables[i];
    return best;
}

/* Both attention slots keep, for one block of queries and one of keys, at most 12 matrices of a
 * block by head_dim (rounded up to a panel), 4 of a block by a block and a few vectors. */
size_t eng_attn_scratch_bytes(size_t head_dim)
{
    size_t wide = (head_dim + 31) / 32 * 32, block = ENG_ATTN_BLOCK;
    return (12 * block * wide + 4 * block * block + 16 * block) * sizeof(float);
}
