/* ck_bench.c - times every slot of every CPU level on one thread, and matrix multiplication on all:
 * GB/s or GFLOP/s, the ratio to the definition in C, and the share of what the machine can do.
 *
 * Each figure is the best of repetitions within BUDGET_US: the machine may be shared.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/kernel/exec.h"
#include "engine/kernel/gemm.h"
#include "tests/kernel/ck.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BUDGET_US = 100000, ROWS = 256, WIDE = 1024, HEAD = 64, SEQ = 512, N_BUFS = 8 };
#define N_FLOATS ((size_t)ROWS * WIDE)

/* What a slot works on: N_BUFS arrays of N_FLOATS, and scratch. */
typedef struct bench {
    float *f[N_BUFS];
    void *scratch;
    eng_limits one, all; /* of one thread, of all */
} bench;

/* A row of the table: how to run a slot once, and what that moves or computes. */
typedef struct bench_row {
    const char *name;
    void (*run)(const eng_kernels *k, const bench *b);
    double bytes, ops; /* ops 0: memory-bound */
} bench_row;

static void run_rmsnorm(const eng_kernels *k, const bench *b)
{
    k->rmsnorm_f32(b->f[0], WIDE, NULL, b->f[1], WIDE, b->f[2], ROWS, WIDE, 1e-6f);
}

static void run_rmsnorm_bwd(const eng_kernels *k, const bench *b)
{
    k->rmsnorm_bwd_f32(b->f[0], WIDE, b->f[3], b->f[1], WIDE, b->f[2], WIDE, b->f[4], b->f[4], ROWS,
                       WIDE);
}

static void run_rope(const eng_kernels *k, const bench *b)
{
    k->rope_f32(b->f[0], b->f[1], b->f[2], N_FLOATS / HEAD, HEAD, ENG_ROPE_HALF);
}

static void run_swiglu(const eng_kernels *k, const bench *b)
{
    k->swiglu_f32(b->f[0], b->f[1], b->f[2], N_FLOATS);
}

static void run_swiglu_bwd(const eng_kernels *k, const bench *b)
{
    k->swiglu_bwd_f32(b->f[0], b->f[3], b->f[4], b->f[1], b->f[2], N_FLOATS);
}

static void run_softmax(const eng_kernels *k, const bench *b)
{
    for (size_t r = 0; r < ROWS; r++)
        k->softmax_f32(b->f[5] + r * WIDE, WIDE);
}

static void run_xent(const eng_kernels *k, const bench *b)
{
    float lse;
    for (size_t r = 0; r < N_FLOATS; r += 8192)
        b->f[0][r] = k->xent_f32(b->f[1] + r, 8192, 7, &lse);
}

static void run_xent_bwd(const eng_kernels *k, const bench *b)
{
    for (size_t r = 0; r < N_FLOATS; r += 8192)
        k->xent_bwd_f32(b->f[5] + r, 8192, 7, 9.0f, 1e-3f);
}

static void run_attn_fwd(const eng_kernels *k, const bench *b)
{
    eng_attn_fwd a = {b->f[1], b->f[2], b->f[3], b->f[6], b->f[7], NULL,  HEAD,
                      HEAD,    HEAD,    SEQ,     0,       HEAD,    0.125f};
    k->attn_fwd_f32(&a, b->scratch);
}

static void run_attn_bwd(const eng_kernels *k, const bench *b)
{
    float *dv = b->f[0] + (size_t)2 * SEQ * HEAD;
    eng_attn_bwd a = {b->f[1], b->f[2], b->f[3],
                      b->f[6], b->f[4], b->f[7],
                      NULL,    b->f[0], b->f[0] + (size_t)SEQ * HEAD,
                      dv,      HEAD,    HEAD,
                      HEAD,    SEQ,     HEAD,
                      0.125f};
    k->attn_bwd_f32(&a, b->scratch);
}

static void run_attn_decode(const eng_kernels *k, const bench *b)
{
    eng_attn_fwd a = {b->f[1], b->f[2], b->f[3], b->f[6], NULL, NULL,  HEAD,
                      HEAD,    HEAD,    1,       2047,    HEAD, 0.125f};
    k->attn_fwd_f32(&a, b->scratch);
}

static void run_adamw(const eng_kernels *k, const bench *b)
{
    eng_adamw o = {1e-9f, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0f, 10.0f, 20.0f};
    k->adamw_f32(b->f[0], b->f[1], b->f[5], b->f[4], N_FLOATS, &o);
}

static void run_add(const eng_kernels *k, const bench *b)
{
    k->add_f32(b->f[0], b->f[1], N_FLOATS);
}

static void run_axpy(const eng_kernels *k, const bench *b)
{
    k->axpy_f32(b->f[0], 1e-9f, b->f[1], N_FLOATS);
}

static void run_scale(const eng_kernels *k, const bench *b)
{
    k->scale_f32(b->f[0], 1.0f, N_FLOATS);
}

static void run_sumsq(const eng_kernels *k, const bench *b)
{
    b->f[0][0] = (float)k->sumsq_f32(b->f[1], N_FLOATS);
}

static void run_bf16_of(const eng_kernels *k, const bench *b)
{
    k->bf16_of_f32((uint16_t *)(void *)b->f[5], b->f[1], N_FLOATS);
}

static void run_bf16_to(const eng_kernels *k, const bench *b)
{
    k->f32_of_bf16(b->f[0], (const uint16_t *)(const void *)b->f[1], N_FLOATS);
}

static void run_f16_to(const eng_kernels *k, const bench *b)
{
    k->f32_of_f16(b->f[0], (const uint16_t *)(const void *)b->f[1], N_FLOATS);
}

/* Bytes are those an element must move at least; operations of attention count the keys that are
 * seen: 2 products forward, 5 backward, of 2 operations an element. */
#define SEEN ((double)SEQ * (SEQ + 1) / 2 * HEAD)
static const bench_row rows[] = {
    {"rmsnorm_f32", run_rmsnorm, 8.0 * N_FLOATS, 0},
    {"rmsnorm_bwd_f32", run_rmsnorm_bwd, 16.0 * N_FLOATS, 0},
    {"rope_f32", run_rope, 8.0 * N_FLOATS, 0},
    {"swiglu_f32", run_swiglu, 12.0 * N_FLOATS, 0},
    {"swiglu_bwd_f32", run_swiglu_bwd, 20.0 * N_FLOATS, 0},
    {"softmax_f32", run_softmax, 8.0 * N_FLOATS, 0},
    {"xent_f32", run_xent, 4.0 * N_FLOATS, 0},
    {"xent_bwd_f32", run_xent_bwd, 8.0 * N_FLOATS, 0},
    {"attn_fwd_f32", run_attn_fwd, 0, 4 * SEEN},
    {"attn_bwd_f32", run_attn_bwd, 0, 10 * SEEN},
    {"attn_fwd_f32 (1 query)", run_attn_decode, 8.0 * 2048 * HEAD, 0},
    {"adamw_f32", run_adamw, 28.0 * N_FLOATS, 0},
    {"add_f32", run_add, 12.0 * N_FLOATS, 0},
    {"axpy_f32", run_axpy, 12.0 * N_FLOATS, 0},
    {"scale_f32", run_scale, 8.0 * N_FLOATS, 0},
    {"sumsq_f32", run_sumsq, 4.0 * N_FLOATS, 0},
    {"bf16_of_f32", run_bf16_of, 6.0 * N_FLOATS, 0},
    {"f32_of_bf16", run_bf16_to, 6.0 * N_FLOATS, 0},
    {"f32_of_f16", run_f16_to, 6.0 * N_FLOATS, 0},
};

/* Best microseconds of one run. */
static double time_row(const bench_row *r, const eng_kernels *k, const bench *b)
{
    uint64_t begin = sk_now_us();
    double best = INFINITY;
    size_t reps = 1;
    do {
        uint64_t t = sk_now_us();
        for (size_t i = 0; i < reps; i++)
            r->run(k, b);
        t = sk_now_us() - t;
        double us = (double)t / (double)reps;
        if (us < best) best = us;
        if (t < 1000) reps *= 2; /* keep the clock's grain out of it */
    } while (sk_now_us() - begin < BUDGET_US);
    return best > 0.001 ? best : 0.001;
}

/* Prints the slots' table. */
static void bench_slots(bench *b, sk_cpu_level best, const char *only)
{
    printf("one thread; limits: %.1f GFLOP/s f32, %.1f GB/s read from memory (arrays here fit into "
           "the caches)\n",
           b->one.f32_flops / 1e9, b->one.read_bytes / 1e9);
    printf("%-24s %-11s %18s %10s %14s\n", "slot", "level", "rate", "x of c", "of the limit");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const bench_row *r = &rows[i];
        double c_us = 0;
        if (only && strncmp(only, r->name, strlen(only)) != 0) continue;
        for (int level = SK_CPU_C; level <= (int)best && level <= SK_CPU_AVX512; level++) {
            double us = time_row(r, eng_kernels_at((sk_cpu_level)level), b);
            double rate = (r->ops > 0 ? r->ops : r->bytes) / us * 1e6;
            double limit = r->ops > 0 ? b->one.f32_flops : b->one.read_bytes;
            if (level == SK_CPU_C) c_us = us;
            printf("%-24s %-11s %10.1f %s %9.1fx %13.0f%%\n", r->name,
                   sk_cpu_name((sk_cpu_level)level), rate / 1e9, r->ops > 0 ? "GFLOP/s" : "GB/s   ",
                   c_us / us, 100 * rate / limit);
        }
    }
}

typedef struct gemm_shape {
    size_t m, n, k;
    bool gradient; /* C += A^T B, both raw */
} gemm_shape;

static const gemm_shape shapes[] = {
    {1, 2048, 2048, false},   {16, 2048, 2048, false},   {2048, 256, 256, false},
    {8192, 256, 256, false},  {2048, 1024, 1024, false}, {1024, 3072, 768, false},
    {2048, 8192, 256, false}, {256, 256, 8192, true},    {768, 256, 8192, true},
    {3072, 768, 1024, true},
};

/* Best microseconds of one multiplication; INFINITY without memory. */
static double time_gemm(eng_exec *x, const gemm_shape *s, eng_prec prec, double *b_bytes)
{
    double best = INFINITY;
    sk_err e = SK_ERR_INIT;
    eng_bpack *pack = NULL;
    float *a = sk_calloc(SK_MEM_MISC, s->m * s->k, 4), *b = sk_calloc(SK_MEM_MISC, s->k * s->n, 4);
    float *c = sk_calloc(SK_MEM_MISC, s->m * s->n, 4);
    if (!a || !b || !c || eng_bpack_new(prec, s->k, s->n, &pack, &e)) goto drop;
    eng_bpack_fill_weight(x, pack, ENG_F32, b);
    *b_bytes = (double)eng_bpack_bytes(pack);
    eng_mat am = s->gradient ? (eng_mat){a, 1, s->m} : (eng_mat){a, s->k, 1};
    size_t reps = s->m < 64 ? 8 : 1;
    uint64_t begin = sk_now_us();
    while (sk_now_us() - begin < 3 * BUDGET_US) {
        uint64_t t = sk_now_us();
        for (size_t i = 0; i < reps; i++)
            if (s->gradient)
                eng_gemm_raw(x, prec, s->m, s->n, s->k, am, (eng_mat){b, s->n, 1}, c, s->n, true);
            else
                eng_gemm(x, s->m, am, pack, c, s->n, false);
        double us = (double)(sk_now_us() - t) / (double)reps;
        if (us < best) best = us;
    }
    eng_bpack_free(pack);
drop:
    sk_free(a);
    sk_free(b);
    sk_free(c);
    return best;
}

/* Prints the table of matrix multiplications at the level in use. */
static void bench_gemm(eng_exec *x, const eng_limits *l)
{
    printf("\nmatrix multiplication, %zu threads, %s; limits %.1f f32, %.1f bf16 GFLOP/s\n",
           eng_exec_threads(x), sk_cpu_name(sk_cpu()), l->f32_flops / 1e9, l->bf16_flops / 1e9);
    printf("%-24s %8s %12s %14s %12s\n", "m x n x k", "", "GFLOP/s", "of the limit", "B, GB/s");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (int prec = ENG_PREC_F32; prec <= ENG_PREC_BF16; prec++) {
            const gemm_shape *s = &shapes[i];
            double bytes = 0, us = time_gemm(x, s, (eng_prec)prec, &bytes);
            double rate = 2.0 * (double)s->m * (double)s->n * (double)s->k / us * 1e6;
            double limit = prec == ENG_PREC_F32 ? l->f32_flops : l->bf16_flops;
            printf("%6zu x %5zu x %5zu %3s %8s %12.1f %13.0f%% %12.1f\n", s->m, s->n, s->k,
                   s->gradient ? "raw" : "", prec == ENG_PREC_F32 ? "f32" : "bf16", rate / 1e9,
                   100 * rate / limit, bytes / us / 1e3);
        }
}

int ck_bench(sk_cpu_level best, const char *only)
{
    int rc = 1;
    bench b = {0};
    ck values = {.seed = 1};
    sk_err e = SK_ERR_INIT;
    eng_exec *one = NULL, *all = NULL;
    b.scratch = sk_alloc(SK_MEM_MISC, eng_attn_scratch_bytes(HEAD));
    for (size_t i = 0; i < N_BUFS; i++) {
        b.f[i] = sk_alloc(SK_MEM_MISC, N_FLOATS * sizeof(float));
        if (!b.f[i] || !b.scratch) goto drop;
        for (size_t j = 0; j < N_FLOATS; j++)
            b.f[i][j] = ck_rand(&values, i == 4 ? 0.1f : -1.0f, 1.0f);
    }
    if (eng_exec_open(1, &one, &e) || eng_exec_open(0, &all, &e) ||
        eng_limits_measure(one, 200, &b.one, &e) || eng_limits_measure(all, 200, &b.all, &e)) {
        (void)fprintf(stderr, "checkkern: %s\n", e.text);
        goto drop;
    }
    bench_slots(&b, best, only);
    if (!only || !strncmp(only, "gemm", 4)) bench_gemm(all, &b.all);
    rc = 0;
    if (!only || !strncmp(only, "wmat", 4)) rc = ck_bench_wmat(all, &b.all);
drop:
    eng_exec_close(one);
    eng_exec_close(all);
    for (size_t i = 0; i < N_BUFS; i++)
        sk_free(b.f[i]);
    sk_free(b.scratch);
    return rc;
}
