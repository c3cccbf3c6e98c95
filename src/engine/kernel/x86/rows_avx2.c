/* rows_avx2.c - norms, activations, losses and elementwise slots in AVX2. */
#include "engine/kernel/x86/v256.h"

#include "engine/kernel/vec/act_bwd_tmpl.h"
#include "engine/kernel/vec/act_tmpl.h"
#include "engine/kernel/vec/rows_tmpl.h"
