/* ck_bench_wmat.c - times products with weights of every type: few rows, which are bound by reading
 * the weights from memory, and many, bound by what the processor multiplies.
 *
 * Few rows go round a set of matrices far larger than the caches, as decoding does.
 */
#include "base/clock.h"
#include "base/mem.h"
#include "engine/kernel/exec.h"
#include "engine/kernel/wmat.h"
#include "tests/kernel/ck.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BUDGET_US = 200000, N_OUT = 4096, N_IN = 2048, MANY = 512, MAX_SET = 64 };

/* Bytes of a set of matrices. */
#define SET_BYTES ((size_t)256 << 20)

static const eng_dtype types[] = {ENG_BF16, ENG_F16,  ENG_Q8_0,   ENG_Q4_0,   ENG_Q4_1,
                                  ENG_Q5_0, ENG_Q5_1, ENG_Q2_K,   ENG_Q3_K,   ENG_Q4_K,
                                  ENG_Q5_K, ENG_Q6_K, ENG_IQ4_NL, ENG_IQ4_XS, ENG_MXFP4};

typedef struct set {
    eng_wmat *w[MAX_SET];
    size_t n;
    float *a, *c; /* [MANY, N_IN], [MANY, N_OUT] */
} set;

/* Matrices of type t, all of the same bytes; false without memory. */
static bool fill(set *s, eng_exec *x, eng_dtype t, double *pack_rate)
{
    size_t bytes = eng_dtype_bytes(t, N_IN) * N_OUT;
    sk_err e = SK_ERR_INIT;
    void *data = sk_calloc(SK_MEM_MISC, bytes, 1);
    if (!data) return false;
    memset(data, 0x3c, bytes); /* scales of usual size in every type */
    uint64_t us = sk_now_us();
    for (s->n = 0; s->n < MAX_SET && (s->n < 2 || s->n * bytes < SET_BYTES); s->n++) {
        eng_wpart part = {t, data, N_OUT};
        if (eng_wmat_new(x, N_IN, &part, 1, 0, &s->w[s->n], &e)) break;
    }
    us = sk_now_us() - us;
    *pack_rate = (double)(s->n * bytes) / (double)(us ? us : 1) / 1e3;
    sk_free(data);
    return s->n > 0;
}

/* Best microseconds of one product of m rows. */
static double time_rows(eng_exec *x, const set *s, size_t m)
{
    double best = INFINITY;
    uint64_t begin = sk_now_us();
    do {
        uint64_t t = sk_now_us();
        size_t n = m < 64 ? s->n : 1;
        for (size_t i = 0; i < n; i++)
            eng_wmat_mul(x, m, s->a, N_IN, s->w[i], s->c, N_OUT, false);
        double us = (double)(sk_now_us() - t) / (double)n;
        if (us < best) best = us;
    } while (sk_now_us() - begin < BUDGET_US);
    return best > 0.001 ? best : 0.001;
}

/* One line of the table. */
static void bench_type(eng_exec *x, const eng_limits *l, set *s, eng_dtype t)
{
    static const size_t rows[] = {1, 4, 8, 16, MANY};
    double pack = 0;
    if (!fill(s, x, t, &pack)) return;
    double limit = t == ENG_BF16 ? l->bf16_flops : t == ENG_F16 ? l->f32_flops : l->int8_ops;
    printf("%-7s %6.2f GB/s ", eng_dtype_name(t), pack);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        double us = time_rows(x, s, rows[i]), bytes = (double)eng_wmat_bytes(s->w[0]);
        double ops = 2.0 * (double)rows[i] * N_IN * N_OUT;
        double of_read = bytes / us * 1e6 / l->read_bytes, of_ops = ops / us * 1e6 / limit;
        printf(" %8.1f %3.0f%% %3.0f%%", ops / us / 1e3, 100 * of_read, 100 * of_ops);
    }
    printf("\n");
    (void)fflush(stdout);
    for (size_t i = 0; i < s->n; i++)
        eng_wmat_free(s->w[i]);
}

int ck_bench_wmat(eng_exec *x, const eng_limits *l)
{
    set s = {.a = sk_calloc(SK_MEM_MISC, (size_t)MANY * N_IN, 4),
             .c = sk_calloc(SK_MEM_MISC, (size_t)MANY * N_OUT, 4)};
    printf("\nweights of %d x %d, %zu threads, %s; limits %.1f GB/s, %.0f bf16, %.0f int8 GOP/s\n"
           "for 1, 4, 8, 16, %d rows: GOP/s, share of the read and of the operations limit\n"
           "type    packed at\n",
           N_OUT, N_IN, eng_exec_threads(x), sk_cpu_name(sk_cpu()), l->read_bytes / 1e9,
           l->bf16_flops / 1e9, l->int8_ops / 1e9, MANY);
    if (s.a && s.c) {
        for (size_t i = 0; i < (size_t)MANY * N_IN; i++)
            s.a[i] = (float)(i % 17) - 8.0f;
        for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
            bench_type(x, l, &s, types[i]);
    }
    int rc = s.a && s.c ? 0 : 1;
    sk_free(s.a);
    sk_free(s.c);
    return rc;
}
