/* gemm_avx512.c - matrix kernels in AVX-512: tiles of 14 by 32 keep 28 sums in registers.  bf16 is
 * widened and multiplied in float. */
#include "engine/kernel/x86/v512.h"

#define MR 14
#define ROWS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11) F(12) F(13) F(14)
#include "engine/kernel/vec/gemm_tmpl.h"

const eng_gemm_slots eng_gemm_slots_avx512 = {
    .nr = NR,
    .op = {[ENG_PREC_F32] = {MR, LDA * 4, pack_a_f32, pack_b_f32, NULL, tile_f32, NULL, NULL},
           [ENG_PREC_BF16] = {MR, LDA * 4, pack_a_bf16, pack_b_bf16, pack_w_bf16, tile_bf16, NULL,
                              NULL}},
    .spin = {spin_f32, spin_f32},
    .read = read_all,
};
