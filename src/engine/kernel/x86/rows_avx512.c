/* rows_avx512.c - norms, activations, losses and elementwise slots in AVX-512. */
#include "engine/kernel/x86/v512.h"

#include "engine/kernel/vec/act_bwd_tmpl.h"
#include "engine/kernel/vec/act_tmpl.h"
#include "engine/kernel/vec/rows_tmpl.h"
