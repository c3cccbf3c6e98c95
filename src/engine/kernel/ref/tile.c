/* tile.c - the inner matrix kernels, the definition: layouts and the order of sums. */
#include "engine/kernel/slots.h"
#include "engine/tensor/dtype.h"

#include <assert.h>
#include <math.h>

enum { MR = 4, NR = 16, LDA = ENG_GEMM_ROW_BYTES / 4 };

/* Element (i, j) of a. */
static float at(eng_mat a, size_t i, size_t j)
{
    return a.p[i * a.rs + j * a.cs];
}

/* Rows of floats. */
static void pack_a_f32(void *dst, eng_mat a, size_t m, size_t kc)
{
    float *d = dst;
    assert(m <= ENG_GEMM_MC && kc <= ENG_GEMM_KC);
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < kc; k++)
            d[i * LDA + k] = at(a, i, k);
}

/* Rows of floats that have been rounded to bf16. */
static void pack_a_bf16(void *dst, eng_mat a, size_t m, size_t kc)
{
    float *d = dst;
    assert(m <= ENG_GEMM_MC && kc <= ENG_GEMM_KC);
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < kc; k++)
            d[i * LDA + k] = eng_bf16_to(eng_bf16_of(at(a, i, k)));
}

static void pack_b_f32(void *dst, eng_mat b, size_t kc, size_t n)
{
    float *d = dst;
    assert(n <= NR);
    for (size_t k = 0; k < kc; k++)
        for (size_t j = 0; j < NR; j++)
            d[k * NR + j] = j < n ? at(b, k, j) : 0.0f;
}

static void pack_b_bf16(void *dst, eng_mat b, size_t kc, size_t n)
{
    uint16_t *d = dst;
    assert(n <= NR);
    for (size_t k = 0; k < kc + (kc & 1); k++)
        for (size_t j = 0; j < NR; j++)
            d[(k / 2 * NR + j) * 2 + (k & 1)] = j < n && k < kc ? eng_bf16_of(at(b, k, j)) : 0;
}

static void pack_w_bf16(void *dst, const uint16_t *w, size_t ldw, size_t kc, size_t n)
{
    uint16_t *d = dst;
    assert(n <= NR);
    for (size_t k = 0; k < kc + (kc & 1); k++)
        for (size_t j = 0; j < NR; j++)
            d[(k / 2 * NR + j) * 2 + (k & 1)] = j < n && k < kc ? w[j * ldw + k] : 0;
}

/* One chain of fused multiply-adds an element. */
static void tile_f32(size_t m, size_t n, size_t kc, const void *a, const void *b, float *c,
                     size_t ldc, bool add)
{
    assert(m <= MR && n <= NR && kc <= ENG_GEMM_KC);
    for (size_t i = 0; i < m; i++) {
        const float *ai = (const float *)a + i * LDA;
        for (size_t j = 0; j < n; j++) {
            const float *bj = (const float *)b + j;
            float sum = 0;
            for (size_t k = 0; k < kc; k++)
                sum = fmaf(ai[k], bj[k * NR], sum);
            c[i * ldc + j] = add ? c[i * ldc + j] + sum : sum;
        }
    }
}

/* The same over bf16 values: their products are exact in float. */
static void tile_bf16(size_t m, size_t n, size_t kc, const void *a, const void *b, float *c,
                      size_t ldc, bool add)
{
    assert(m <= MR && n <= NR && kc <= ENG_GEMM_KC);
    for (size_t i = 0; i < m; i++) {
        const float *ai = (const float *)a + i * LDA;
        for (size_t j = 0; j < n; j++) {
            const uint16_t *bj = (const uint16_t *)b + 2 * j;
            float sum = 0;
            for (size_t k = 0; k < kc; k++)
                sum = fmaf(ai[k], eng_bf16_to(bj[k / 2 * NR * 2 + (k & 1)]), sum);
            c[i * ldc + j] = add ? c[i * ldc + j] + sum : sum;
        }
    }
}

/* Eight chains of fused multiply-adds. */
static float spin_f32(size_t n, double *ops)
{
    float s[8] = {0}, sum = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < 8; j++)
            s[j] = fmaf(s[j], 0.5f, 1.0f);
    for (size_t j = 0; j < 8; j++)
        sum += s[j];
    *ops += 16.0 * (double)n;
    return sum;
}

/* Four sums side by side, so that the additions do not wait for each other. */
static float read_all(const void *p, size_t n_bytes)
{
    const float *x = p;
    float s[4] = {0};
    for (size_t i = 0; i < n_bytes / 4; i += 4)
        for (size_t j = 0; j < 4; j++)
            s[j] += x[i + j];
    return s[0] + s[1] + s[2] + s[3];
}

const eng_gemm_slots eng_gemm_slots_c = {
    .nr = NR,
    .op = {[ENG_PREC_F32] = {MR, LDA * 4, pack_a_f32, pack_b_f32, NULL, tile_f32, NULL, NULL},
           [ENG_PREC_BF16] = {MR, LDA * 4, pack_a_bf16, pack_b_bf16, pack_w_bf16, tile_bf16, NULL,
                              NULL}},
    .spin = {spin_f32, spin_f32},
    .read = read_all,
};
