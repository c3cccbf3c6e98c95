/* exec.c - an eng_exec: pool, kernel table, scratch. */
#include "engine/kernel/exec.h"

#include "base/mem.h"
#include "engine/kernel/exec_scratch.h"
#include "engine/kernel/kernel.h"

#include <assert.h>

struct eng_exec {
    sk_pool *pool;
    size_t n_threads;
    const eng_kernels *kernels;
    char *gemm;    /* [shared][n_threads own blocks] */
    char *scratch; /* [n_threads][scratch_bytes], NULL before the first reserve */
    size_t scratch_bytes;
    eng_between_fn between; /* NULL: nobody is asked */
    void *between_arg;
};

/* n_threads workers (0: as many as cores) on the CPU level sk_cpu(). */
sk_status eng_exec_open(size_t n_threads, eng_exec **out, sk_err *e)
{
    eng_exec *x = sk_calloc(SK_MEM_SCRATCH, 1, sizeof *x);
    if (!x) return sk_fail(e, SK_E_NOMEM, "no memory for the engine's workers");
    sk_status st = sk_pool_open(n_threads, &x->pool, e);
    if (st) goto drop_exec;
    x->n_threads = sk_pool_size(x->pool);
    x->kernels = eng_kernels_at(sk_cpu());
    size_t bytes = ENG_GEMM_SHARED_BYTES + x->n_threads * ENG_GEMM_OWN_BYTES;
    x->gemm = sk_alloc(SK_MEM_SCRATCH, bytes);
    if (!x->gemm) {
        st = sk_fail(e, SK_E_NOMEM, "no memory for %zu MB of matrix scratch", bytes >> 20);
        goto close_pool;
    }
    *out = x;
    return SK_OK;
close_pool:
    sk_pool_close(x->pool);
drop_exec:
    sk_free(x);
    return st;
}

/* Ends the workers and frees the scratch; NULL is allowed. */
void eng_exec_close(eng_exec *x)
{
    if (!x) return;
    sk_pool_close(x->pool);
    sk_free(x->gemm);
    sk_free(x->scratch);
    sk_free(x);
}

sk_pool *eng_exec_pool(eng_exec *x)
{
    return x->pool;
}

size_t eng_exec_threads(const eng_exec *x)
{
    return x->n_threads;
}

const struct eng_kernels *eng_exec_kernels(const eng_exec *x)
{
    return x->kernels;
}

void eng_exec_between(eng_exec *x, eng_between_fn fn, void *arg)
{
    x->between = fn;
    x->between_arg = arg;
}

bool eng_exec_go_on(const eng_exec *x, eng_work next)
{
    return !x->between || x->between(x->between_arg, next);
}

bool eng_exec_is_asked(const eng_exec *x)
{
    return x->between != NULL;
}

/* Grows every worker's scratch to at least `bytes`; what was in it is lost. */
sk_status eng_exec_reserve(eng_exec *x, size_t bytes, sk_err *e)
{
    size_t total, each = (bytes + 63) & ~(size_t)63;
    if (bytes <= x->scratch_bytes && x->scratch) return SK_OK;
    if (each < bytes || !sk_mul_size(each, x->n_threads, &total))
        return sk_fail(e, SK_E_NOMEM, "%zu bytes of scratch a worker are too many", bytes);
    char *p = sk_alloc(SK_MEM_SCRATCH, total);
    if (!p)
        return sk_fail(e, SK_E_NOMEM, "no memory for %zu bytes of scratch for each of %zu workers",
                       bytes, x->n_threads);
    sk_free(x->scratch);
    x->scratch = p;
    x->scratch_bytes = each;
    return SK_OK;
}

/* The worker's own scratch, 64-byte aligned. */
void *eng_exec_scratch(eng_exec *x, size_t worker)
{
    assert(worker < x->n_threads && x->scratch);
    return x->scratch + worker * x->scratch_bytes;
}

void *eng_exec_gemm_own(eng_exec *x, size_t worker)
{
    assert(worker < x->n_threads);
    return x->gemm + ENG_GEMM_SHARED_BYTES + worker * ENG_GEMM_OWN_BYTES;
}

void *eng_exec_gemm_shared(eng_exec *x)
{
    return x->gemm;
}
