/* exec.h - who computes: a kernel table, a worker pool and the scratch they need, allocated once.
 *
 * One thread at a time drives an eng_exec.  All threaded operations (gemm.h, par.h) take one.
 */
#ifndef ENG_KERNEL_EXEC_H
#define ENG_KERNEL_EXEC_H

#include "base/status.h"
#include "base/thread.h"

#include <stdbool.h>

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

/* What long work comes to next. */
typedef enum eng_work {
    ENG_WORK_COMPUTE, /* with all of x's threads, for about a millisecond */
    ENG_WORK_WAIT     /* for a disk; it computes hardly anything */
} eng_work;

typedef bool (*eng_between_fn)(void *arg, eng_work next);

/* Has fn(arg, ..) called by the driving thread between two pieces of long work, which then goes in
 * small ones: reading a model's file, looking through its weights, packing them, and the layers of
 * a step.  It may hold the work up as long as it likes, so that others compute meanwhile; false
 * ends what can be ended with SK_E_STOPPED (a step cannot).  NULL: nobody is asked.  Not to be
 * changed while work is under way. */
void eng_exec_between(eng_exec *x, eng_between_fn fn, void *arg);

/* Asks; true where nobody is to be asked. */
bool eng_exec_go_on(const eng_exec *x, eng_work next);

/* True where somebody is. */
bool eng_exec_is_asked(const eng_exec *x);

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
