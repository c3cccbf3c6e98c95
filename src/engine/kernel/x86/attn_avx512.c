/* attn_avx512.c - attention in AVX-512. */
#include "engine/kernel/x86/v512.h"

#define MM_ROWS 8
#define MM_CASES(F) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8)
#include "engine/kernel/vec/attn_bwd_tmpl.h"
