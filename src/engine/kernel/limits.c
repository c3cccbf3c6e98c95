/* limits.c - what this machine can do: the yardstick for every figure in docs/performance.md. */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/kernel/exec.h"
#include "engine/kernel/gemm_slots.h"
#include "engine/kernel/kernel.h"
#include "engine/kernel/wmat_slots.h"

#include <assert.h>

/* Bytes read for the bandwidth: eight times a large last-level cache. */
#define READ_BYTES ((size_t)256 << 20)
#define PIECE_BYTES ((size_t)1 << 20)
enum { SPIN_ROUNDS = 20000, PAD = 16 };

typedef struct limits_job {
    const eng_gemm_slots *slots;
    float (*spin)(size_t n, double *ops);
    const char *data;
    double *ops;  /* [worker * PAD]: a cache line each */
    float *waste; /* [worker * PAD] */
} limits_job;

static void spin_task(void *arg, size_t task, size_t worker)
{
    const limits_job *j = arg;
    (void)task;
    j->waste[worker * PAD] += j->spin(SPIN_ROUNDS, &j->ops[worker * PAD]);
}

static void read_task(void *arg, size_t task, size_t worker)
{
    const limits_job *j = arg;
    j->waste[worker * PAD] += j->slots->read(j->data + task * PIECE_BYTES, PIECE_BYTES);
}

/* Best rate of fn over about ms milliseconds; a run is n_tasks tasks.  The best and not the mean,
 * since a limit is what the machine can do when nobody disturbs. */
static double best_rate(eng_exec *x, unsigned ms, size_t n_tasks, sk_task_fn fn, limits_job *j,
                        double amount)
{
    size_t threads = eng_exec_threads(x);
    uint64_t begin = sk_now_us();
    double best = 0;
    do {
        for (size_t i = 0; i < threads; i++)
            j->ops[i * PAD] = 0;
        uint64_t t = sk_now_us();
        sk_pool_run(eng_exec_pool(x), n_tasks, fn, j);
        t = sk_now_us() - t;
        double done = amount;
        for (size_t i = 0; i < threads; i++)
            done += j->ops[i * PAD];
        double rate = done * 1e6 / (double)(t ? t : 1);
        if (rate > best) best = rate;
    } while (sk_now_us() - begin < (uint64_t)ms * 1000);
    return best;
}

/* Measures with all of x's threads, about ms milliseconds each. */
sk_status eng_limits_measure(eng_exec *x, unsigned ms, eng_limits *out, sk_err *e)
{
    size_t threads = eng_exec_threads(x);
    sk_status st = SK_OK;
    limits_job j = {.slots = eng_exec_kernels(x)->gemm};
    char *data = sk_calloc(SK_MEM_SCRATCH, READ_BYTES, 1);
    j.data = data;
    j.ops = sk_calloc(SK_MEM_SCRATCH, threads * PAD, sizeof *j.ops);
    j.waste = sk_calloc(SK_MEM_SCRATCH, threads * PAD, sizeof *j.waste);
    if (!data || !j.ops || !j.waste) {
        st = sk_fail(e, SK_E_NOMEM, "no memory for %zu MB to measure the bandwidth with",
                     READ_BYTES >> 20);
        goto drop_data;
    }
    assert(READ_BYTES % PIECE_BYTES == 0);
    eng_limits l;
    j.spin = j.slots->spin[ENG_PREC_F32];
    l.f32_flops = best_rate(x, ms, threads * 4, spin_task, &j, 0);
    j.spin = j.slots->spin[ENG_PREC_BF16];
    l.bf16_flops = best_rate(x, ms, threads * 4, spin_task, &j, 0);
    j.spin = eng_exec_kernels(x)->wmat->spin;
    l.int8_ops = best_rate(x, ms, threads * 4, spin_task, &j, 0);
    l.read_bytes = best_rate(x, ms, READ_BYTES / PIECE_BYTES, read_task, &j, (double)READ_BYTES);
    *out = l;
drop_data:
    sk_free(data);
    sk_free(j.ops);
    sk_free(j.waste);
    return st;
}
