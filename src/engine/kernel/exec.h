/* exec.h - who computes: a kernel table, a worker pool and the scratch they need, allocated once.
 *
 * One thread at a time drives an eng_exec.  All threaded operations (gemm.h, par.h) take one.
 */
#ifndef ENG_KERNEL_EXEC_H
#define ENG_KERNEL_EXEC_H

#include "base/status.h"
#include "base/thread.h"

typedef struct eng_exec eng_exec;

/* n_threads workers (0: as many as cores) on the CPU level sk_cpu(). */
sk_status eng_exec_open(size_t n_threads, eng_exec **out, sk_err *e);

/* Ends the workers and frees the scratch; NULL is allowed.  Whatever was opened with x is closed
 * before. */
void eng_exec_close(eng_exec *x);

/* Borrowed parts. */
sk_pool *eng_exec_pool(eng_exec *x);

/* Workers, at least 1: worker numbers are below it. */
size_t eng_exec_threads(const eng_exec *x);

/* The table of the processor's level (kernel.h), static storage. */
const struct eng_kernels *eng_exec_kernels(const eng_exec *x);

/* Per-worker scratch of at least `bytes`, 64-byte aligned, kept until close.  Grows here, before
 * the hot path: a later eng_exec_scratch cannot fail. */
sk_status eng_exec_reserve(eng_exec *x, size_t bytes, sk_err *e);

/* The scratch of one worker: only the task that runs on it may touch it, and what it holds is
 * gone when the task ends. */
void *eng_exec_scratch(eng_exec *x, size_t worker);

/* What this machine can do, measured with all of x's threads (about `ms` milliseconds each). */
typedef struct eng_limits {
    /* Operations/s (multiply and add counted apart), registers only; int8: of the products that
     * quantised weights are made of. */
    double f32_flops, bf16_flops, int8_ops;
    double read_bytes; /* bytes/s read from memory, far larger than the caches */
} eng_limits;

/* Nothing else should run meanwhile.  SK_E_NOMEM for the memory that is read. */
sk_status eng_limits_measure(eng_exec *x, unsigned ms, eng_limits *out, sk_err *e);

#endif
