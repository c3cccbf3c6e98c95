/* gemm_avx2.c - matrix kernels in AVX2 + FMA: tiles of 6 by 16 keep 12 sums in registers.  bf16 is
 * widened and multiplied in float. */
#include "engine/kernel/x86/v256.h"

#define MR 6
#define ROWS(F) F(1) F(2) F(3) F(4) F(5) F(6)
#include "engine/kernel/vec/gemm_tmpl.h"

const eng_gemm_slots eng_gemm_slots_avx2 = {
    .nr = NR,
    .op = {[ENG_PREC_F32] = {MR, LDA * 4, pack_a_f32, pack_b_f32, NULL, tile_f32, NULL, NULL},
           [ENG_PREC_BF16] = {MR, LDA * 4, pack_a_bf16, pack_b_bf16, pack_w_bf16, tile_bf16, NULL,
                              NULL}},
    .spin = {spin_f32, spin_f32},
    .read = read_all,
};
