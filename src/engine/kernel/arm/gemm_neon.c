/* gemm_neon.c - matrix kernels in NEON: tiles of 8 by 8 keep 16 sums in registers.  bf16 is widened
 * and multiplied in float. */
#include "engine/kernel/arm/v128.h"

#define MR 8
#define ROWS(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8)
#include "engine/kernel/vec/gemm_tmpl.h"

const eng_gemm_slots eng_gemm_slots_neon = {
    .nr = NR,
    .op = {[ENG_PREC_F32] = {MR, LDA * 4, pack_a_f32, pack_b_f32, NULL, tile_f32, NULL, NULL},
           [ENG_PREC_BF16] = {MR, LDA * 4, pack_a_bf16, pack_b_bf16, pack_w_bf16, tile_bf16, NULL,
                              NULL}},
    .spin = {spin_f32, spin_f32},
    .read = read_all,
};
