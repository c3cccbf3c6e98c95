/* exec_scratch.h - the scratch of an eng_exec that only gemm.c uses; fixed sizes, there from open
 * to close. */
#ifndef ENG_KERNEL_EXEC_SCRATCH_H
#define ENG_KERNEL_EXEC_SCRATCH_H

#include "engine/kernel/exec.h"
#include "engine/kernel/gemm_slots.h"

/* Bytes of the block shared by all workers: B of eng_gemm_raw, packed piece by piece.  It fits into
 * the last-level cache beside the blocks of A. */
#define ENG_GEMM_SHARED_BYTES ((size_t)4 << 20)

/* Bytes of a worker's own block: a packed block of A, or a block of weights as floats.  Kernels
 * that are not deep (gemm_slots.h) use ENG_GEMM_MC rows of it; the others all, half of the
 * second-level cache of the processors that have them. */
#define ENG_GEMM_OWN_BYTES ((size_t)1 << 20)

_Static_assert(ENG_GEMM_OWN_BYTES >= (size_t)ENG_GEMM_MC * ENG_GEMM_ROW_BYTES, "a block of A fits");

/* The worker's own block, ENG_GEMM_OWN_BYTES; only the task that runs on it may touch it. */
void *eng_exec_gemm_own(eng_exec *x, size_t worker);

/* The shared block, ENG_GEMM_SHARED_BYTES. */
void *eng_exec_gemm_shared(eng_exec *x);

#endif
