/* ck_wmat.c - checks of weight matrices: every type against what its blocks stand for, every level
 * against the definition to the bit, a row alone against the row in company.
 *
 * Blocks are random bytes with scales made finite: every code and every 6-bit scale occurs.
 */
#include "base/mem.h"
#include "engine/kernel/exec.h"
#include "engine/kernel/wmat.h"
#include "engine/quant/blocks.h"
#include "engine/quant/quant.h"
#include "tests/kernel/ck.h"

#include <math.h>
#include <string.h>

static const eng_dtype types[] = {ENG_Q8_0,  ENG_Q4_0, ENG_Q4_1, ENG_Q5_0, ENG_Q5_1,   ENG_Q2_K,
                                  ENG_Q3_K,  ENG_Q4_K, ENG_Q5_K, ENG_Q6_K, ENG_IQ4_NL, ENG_IQ4_XS,
                                  ENG_MXFP4, ENG_F32,  ENG_F16,  ENG_BF16};
enum { N_TYPES = sizeof types / sizeof types[0] };

/* Rows, columns, blocks of 256: round the panels (32), tiles (8, 4, 16), the few rows that are
 * multiplied without tiles (16), and chunks (512). */
typedef struct shape {
    size_t m, n, k256;
} shape;

static const shape shapes[] = {{1, 1, 1},  {2, 31, 2}, {3, 33, 3},  {4, 64, 1},  {5, 40, 5},
                               {7, 65, 2}, {8, 32, 3}, {13, 32, 3}, {16, 70, 2}, {40, 97, 2}};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

/* A half float of usual size. */
static uint16_t half(ck *k)
{
    return eng_f16_of(ck_rand(k, -0.02f, 0.02f));
}

/* Makes the scales of one block of random bytes finite. */
static void tame(ck *k, eng_dtype t, void *block)
{
    static const uint8_t d_at[][2] = {
        [ENG_Q4_0] = {0, 0},     [ENG_Q4_1] = {0, 2},   [ENG_Q5_0] = {0, 0},
        [ENG_Q5_1] = {0, 2},     [ENG_Q8_0] = {0, 0},   [ENG_Q2_K] = {80, 82},
        [ENG_Q3_K] = {108, 108}, [ENG_Q4_K] = {0, 2},   [ENG_Q5_K] = {0, 2},
        [ENG_Q6_K] = {208, 208}, [ENG_IQ4_NL] = {0, 0}, [ENG_IQ4_XS] = {0, 0},
        [ENG_BF16] = {0, 0}};
    uint8_t *p = block;
    if (t == ENG_MXFP4) {
        p[0] = (uint8_t)(110 + ck_below(k, 20));
        return;
    }
    for (size_t i = 0; i < 2; i++) {
        uint16_t h = half(k);
        memcpy(p + d_at[t][i], &h, 2);
    }
}

/* n rows of k elements of type t in room i. */
static const void *weights(ck *k, size_t i, eng_dtype t, size_t n, size_t n_k)
{
    size_t bytes = eng_dtype_bytes(t, n_k) * n, block = eng_dtype_block_bytes(t);
    uint8_t *p = (uint8_t *)ck_room(k, i, (bytes + 3) / 4, 0);
    if (eng_dtype_block(t) == 1) {
        for (size_t j = 0; j < n * n_k; j++) {
            float x = ck_rand(k, -1.0f, 1.0f);
            eng_dtype_of_f32(t, &x, p + j * block, 1);
        }
        return p;
    }
    for (size_t j = 0; j < bytes; j++)
        p[j] = (uint8_t)ck_below(k, 256);
    for (size_t j = 0; j < bytes; j += block)
        tame(k, t, p + j);
    return p;
}

typedef struct problem {
    shape s;
    eng_dtype type;
    size_t n_k, lda, ldc;
    const void *w;
    float *a, *c0, *c;
    bool add;
} problem;

static problem draw(ck *k, shape s, eng_dtype type, ck_kind kind)
{
    size_t block = eng_dtype_block(type), n_k = s.k256 * 256;
    if (block == 1) n_k -= ck_below(k, 40);
    if (block == 32 && ck_below(k, 2)) n_k -= 32 * ck_below(k, 7);
    problem p = {.s = s, .type = type, .n_k = n_k, .lda = n_k + ck_below(k, 3)};
    p.ldc = s.n + ck_below(k, 3);
    p.add = ck_below(k, 2);
    p.w = weights(k, 0, type, s.n, n_k);
    p.a = ck_room(k, 1, s.m * p.lda, ck_below(k, 2));
    ck_fill(k, p.a, s.m * p.lda, kind);
    p.c0 = ck_room(k, 2, s.m * p.ldc, 0);
    p.c = ck_room(k, 3, s.m * p.ldc, 1);
    if (p.add) ck_fill(k, p.c0, s.m * p.ldc, CK_USUAL);
    memcpy(p.c, p.c0, s.m * p.ldc * 4);
    ck_case(k, "%s m %zu n %zu k %zu kind %d add %d", eng_dtype_name(type), s.m, s.n, n_k,
            (int)kind, (int)p.add);
    return p;
}

/* What 32 activations are quantised to. */
static void as_codes(const float *a, float *out)
{
    float top = 0;
    for (size_t i = 0; i < 32; i++)
        top = fmaxf(top, fabsf(a[i]));
    for (size_t i = 0; i < 32; i++)
        out[i] = top < 0x1p-100f ? 0 : rintf(a[i] * (127 / top)) * (top / 127);
}

/* Against products in double of what the operands stand for. */
static void compare(ck *k, const problem *p)
{
    float *w = ck_room(k, 4, p->n_k, 0), *a = ck_room(k, 5, p->n_k, 0);
    size_t row_bytes = eng_dtype_bytes(p->type, p->n_k);
    bool plain = eng_dtype_block(p->type) == 1;
    for (size_t i = 0; i < p->s.m; i++) {
        memcpy(a, p->a + i * p->lda, p->n_k * 4);
        for (size_t j = 0; j < p->n_k && !plain; j += 32)
            as_codes(p->a + i * p->lda + j, a + j);
        for (size_t j = 0; j < p->n_k && p->type == ENG_BF16; j++)
            a[j] = eng_bf16_to(eng_bf16_of(a[j]));
        for (size_t j = 0; j < p->ldc; j++) {
            const float *c0 = &p->c0[i * p->ldc + j], *c = &p->c[i * p->ldc + j];
            if (j >= p->s.n) {
                ck_same(k, "between rows", c, c0, 4);
                continue;
            }
            double want = p->add ? (double)*c0 : 0, size = fabs(want);
            eng_quant_unpack(p->type, (const char *)p->w + j * row_bytes, w, p->n_k);
            for (size_t x = 0; x < p->n_k; x++) {
                want += (double)w[x] * (double)a[x];
                size += fabs((double)w[x] * (double)a[x]);
            }
            float f = (float)want;
            ck_near(k, "c", c, &f, 1, 0, 1e-5 * size + 1e-30);
        }
    }
}

/* A matrix of the problem for the level of x; NULL after noting a fault. */
static eng_wmat *matrix(ck *k, eng_exec *x, const problem *p, unsigned flags)
{
    sk_err e = SK_ERR_INIT;
    eng_wmat *w = NULL;
    eng_wpart part = {p->type, p->w, p->s.n};
    if (sk_cpu_mask(sk_cpu_name(eng_exec_kernels(x)->level), &e) ||
        eng_wmat_new(x, p->n_k, &part, 1, flags, &w, &e))
        ck_fail(k, "%s", e.text);
    return w;
}

/* Workers for a level; NULL after noting a fault. */
static eng_exec *exec_at(ck *k, sk_cpu_level level, size_t threads)
{
    sk_err e = SK_ERR_INIT;
    eng_exec *x = NULL;
    if (sk_cpu_mask(sk_cpu_name(level), &e) || eng_exec_open(threads, &x, &e))
        ck_fail(k, "%s", e.text);
    return x;
}

/* Each row of the product alone, and up to MOST together: both sides of what counts as few. */
static void rows_alone(ck *k, eng_exec *x, const eng_wmat *w, const problem *p)
{
    enum { MOST = 20 };
    float *one = ck_room(k, 6, MOST * p->ldc, 0);
    for (size_t i = 0, n; i < p->s.m; i += n) {
        n = 1 + ck_below(k, ck_below(k, 2) ? 4 : MOST);
        if (n > p->s.m - i) n = p->s.m - i;
        memcpy(one, p->c0 + i * p->ldc, n * p->ldc * 4);
        eng_wmat_mul(x, n, p->a + i * p->lda, p->lda, w, one, p->ldc, p->add);
        ck_same(k, "rows alone", one, p->c + i * p->ldc, n * p->ldc * 4);
    }
}

static void run(ck *k, eng_exec *x, eng_exec *ref, const problem *p)
{
    eng_wmat *w = matrix(k, x, p, 0), *in_place = matrix(k, x, p, ENG_WMAT_IN_PLACE);
    if (w && in_place) {
        eng_wmat_mul(x, p->s.m, p->a, p->lda, w, p->c, p->ldc, p->add);
        compare(k, p);
        rows_alone(k, x, w, p);
        float *other = ck_room(k, 7, p->s.m * p->ldc, 1);
        memcpy(other, p->c0, p->s.m * p->ldc * 4);
        eng_wmat_mul(x, p->s.m, p->a, p->lda, in_place, other, p->ldc, p->add);
        ck_same(k, "in place", other, p->c, p->s.m * p->ldc * 4);
        bool exact = p->type != ENG_BF16 || !sk_cpu_includes(k->kern->level, SK_CPU_AVX512BF16);
        eng_wmat *plain = exact ? matrix(k, ref, p, ENG_WMAT_IN_PLACE) : NULL;
        if (plain) {
            memcpy(other, p->c0, p->s.m * p->ldc * 4);
            eng_wmat_mul(ref, p->s.m, p->a, p->lda, plain, other, p->ldc, p->add);
            ck_same(k, "as in C", p->c, other, p->s.m * p->ldc * 4);
        }
        eng_wmat_free(plain);
    }
    eng_wmat_free(w);
    eng_wmat_free(in_place);
    ck_guards(k);
}

static void check_wmat(ck *k)
{
    eng_exec *ref = exec_at(k, SK_CPU_C, 1), *x = exec_at(k, k->kern->level, 2);
    for (size_t t = 0; x && ref && t < N_TYPES; t++)
        for (size_t i = 0; i < N_SHAPES; i++) {
            problem p = draw(k, shapes[i], types[t], (ck_kind)(i < 6 ? CK_USUAL : i % CK_KINDS));
            run(k, x, ref, &p);
        }
    eng_exec_close(x);
    eng_exec_close(ref);
}

/* A NaN or an infinity among the activations makes its own row NaN, and no other. */
static void check_not_finite(ck *k)
{
    eng_exec *x = exec_at(k, k->kern->level, 2);
    for (size_t t = 0; x && t < N_TYPES; t++) {
        problem p = draw(k, (shape){7, 33, 2}, types[t], CK_USUAL);
        size_t bad = ck_below(k, 7);
        p.a[bad * p.lda + ck_below(k, p.n_k)] = t % 2 ? NAN : INFINITY;
        eng_wmat *w = eng_dtype_block(types[t]) > 1 ? matrix(k, x, &p, 0) : NULL;
        if (w) eng_wmat_mul(x, 7, p.a, p.lda, w, p.c, p.ldc, false);
        for (size_t i = 0; w && i < 7 * p.ldc; i++)
            if (i % p.ldc < 33 && isnan(p.c[i]) != (i / p.ldc == bad))
                ck_fail(k, "row %zu, the bad one being %zu", i / p.ldc, bad);
        eng_wmat_free(w);
    }
    eng_exec_close(x);
}

const ck_check ck_wmat_checks[] = {
    {"wmat", check_wmat}, {"wmat not finite", check_not_finite}, {NULL, NULL}};
