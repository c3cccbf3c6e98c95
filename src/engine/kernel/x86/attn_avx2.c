/* attn_avx2.c - attention in AVX2. */
#include "engine/kernel/x86/v256.h"

#define MM_ROWS 6
#define MM_CASES(F) F(1) F(2) F(3) F(4) F(5) F(6)
#include "engine/kernel/vec/attn_bwd_tmpl.h"
