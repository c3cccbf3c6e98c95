/* rows_neon.c - norms, activations, losses and elementwise slots in NEON. */
#include "engine/kernel/arm/v128.h"

#include "engine/kernel/vec/act_bwd_tmpl.h"
#include "engine/kernel/vec/act_tmpl.h"
#include "engine/kernel/vec/rows_tmpl.h"
