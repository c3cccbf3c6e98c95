/* ck_gemm.c - checks of matrix multiplication: the exact order of sums, and that a row does not
 * depend on its company.
 *
 * In float (and bf16 multiplied in float) every level promises the same bits as the sums written
 * out here.  vdpbf16ps rounds its two products in a way of its own: within 1e-5 of the sum of
 * magnitudes, which covers 2^-24 for each of up to some hundred steps.
 */
#include "base/mem.h"
#include "engine/kernel/exec.h"
#include "engine/kernel/gemm.h"
#include "engine/kernel/par.h"
#include "engine/tensor/dtype.h"
#include "tests/kernel/ck.h"

#include <math.h>
#include <string.h>

typedef struct shape {
    size_t m, n, k;
} shape;

/* Round the tiles (6x16, 14x32), the block of k (512) and the block of rows (112). */
static const shape shapes[] = {
    {1, 1, 1},      {1, 33, 5},     {2, 15, 2},   {3, 16, 511},  {5, 17, 512},
    {6, 31, 513},   {7, 32, 1},     {13, 33, 63}, {14, 64, 64},  {15, 65, 65},
    {27, 47, 1025}, {28, 1, 100},   {29, 96, 7},  {64, 8, 600},  {111, 34, 33},
    {112, 40, 40},  {113, 70, 129}, {150, 5, 17}, {230, 33, 16}, {1, 300, 1024},
};
enum { N_SHAPES = sizeof shapes / sizeof shapes[0] };

/* How an operand lies in memory. */
enum { ROWS, COLS, SPACED, LAYOUTS };

/* Room i for a rows x cols matrix in some layout, filled. */
static eng_mat matrix(ck *k, size_t i, size_t rows, size_t cols, int layout)
{
    size_t ld = (layout == COLS ? rows : cols) + ck_below(k, 3), wide = layout == SPACED ? 2 : 1;
    size_t lines = layout == COLS ? cols : rows, len = lines * ld * wide;
    float *p = ck_room(k, i, len, ck_below(k, 2));
    ck_fill(k, p, len, CK_USUAL);
    if (layout == COLS) return (eng_mat){p, 1, ld};
    return (eng_mat){p, ld * wide, wide};
}

/* Element (i, j), rounded as the precision says. */
static float at(eng_mat a, size_t i, size_t j, eng_prec prec)
{
    float x = a.p[i * a.rs + j * a.cs];
    return prec == ENG_PREC_F32 ? x : eng_bf16_to(eng_bf16_of(x));
}

/* The definition: one chain a block of k, blocks added in order.  *size gets the sum of magnitudes.
 */
static float element(eng_mat a, eng_mat b, size_t i, size_t j, size_t n_k, eng_prec prec, float c,
                     bool add, double *size)
{
    *size = add ? fabs((double)c) : 0;
    for (size_t k0 = 0; k0 < n_k; k0 += ENG_GEMM_KC) {
        float sum = 0;
        for (size_t k = k0; k < n_k && k < k0 + ENG_GEMM_KC; k++) {
            float x = at(a, i, k, prec), y = at(b, k, j, prec);
            sum = fmaf(x, y, sum);
            *size += fabs((double)x * (double)y);
        }
        c = add || k0 ? c + sum : sum;
    }
    return c;
}

typedef struct problem {
    shape s;
    eng_prec prec;
    eng_mat a, b;
    float *c0, *c; /* before and after */
    size_t ldc;
    bool add;
} problem;

/* Compares c with the definition, and that nothing between its rows was written. */
static void compare(ck *k, const problem *p)
{
    bool exact = p->prec == ENG_PREC_F32 || !sk_cpu_includes(k->kern->level, SK_CPU_AVX512BF16);
    for (size_t i = 0; i < p->s.m; i++)
        for (size_t j = 0; j < p->ldc; j++) {
            size_t at_c = i * p->ldc + j;
            if (j >= p->s.n) {
                ck_same(k, "between rows", &p->c[at_c], &p->c0[at_c], 4);
                continue;
            }
            double size = 0;
            float want = element(p->a, p->b, i, j, p->s.k, p->prec, p->c0[at_c], p->add, &size);
            if (exact)
                ck_near(k, "c", &p->c[at_c], &want, 1, 0, 0);
            else
                ck_near(k, "c", &p->c[at_c], &want, 1, 0, 1e-5 * size + 1e-37);
        }
}

/* A worker set for the level that is being checked. */
static eng_exec *exec_of(ck *k, size_t threads)
{
    sk_err e = SK_ERR_INIT;
    eng_exec *x = NULL;
    if (eng_exec_open(threads, &x, &e)) ck_fail(k, "%s", e.text);
    return x;
}

/* B packed, or NULL. */
static eng_bpack *pack_of(ck *k, eng_exec *x, const problem *p)
{
    sk_err e = SK_ERR_INIT;
    eng_bpack *b = NULL;
    if (eng_bpack_new(p->prec, p->s.k, p->s.n, &b, &e)) {
        ck_fail(k, "%s", e.text);
        return NULL;
    }
    eng_bpack_fill(x, b, p->b);
    return b;
}

static problem draw(ck *k, shape s, eng_prec prec, int layout_a, int layout_b)
{
    problem p = {.s = s, .prec = prec, .ldc = s.n + ck_below(k, 3), .add = ck_below(k, 2)};
    p.a = matrix(k, 0, s.m, s.k, layout_a);
    p.b = matrix(k, 1, s.k, s.n, layout_b);
    p.c0 = ck_room(k, 2, s.m * p.ldc, 0);
    p.c = ck_room(k, 3, s.m * p.ldc, 1);
    if (p.add) ck_fill(k, p.c0, s.m * p.ldc, CK_USUAL);
    memcpy(p.c, p.c0, s.m * p.ldc * 4);
    ck_case(k, "m %zu n %zu k %zu %s layouts %d %d add %d", s.m, s.n, s.k,
            prec == ENG_PREC_F32 ? "f32" : "bf16", layout_a, layout_b, (int)p.add);
    return p;
}

static void check_gemm(ck *k)
{
    eng_exec *x = exec_of(k, 2);
    for (size_t i = 0; x && i < N_SHAPES * 2; i++)
        for (int layout_a = 0; layout_a < LAYOUTS; layout_a++) {
            int layout_b = (int)ck_below(k, LAYOUTS);
            eng_prec prec = i % 2 ? ENG_PREC_BF16 : ENG_PREC_F32;
            problem p = draw(k, shapes[i / 2], prec, layout_a, layout_b);
            eng_bpack *b = pack_of(k, x, &p);
            if (!b) break;
            eng_gemm(x, p.s.m, p.a, b, p.c, p.ldc, p.add);
            compare(k, &p);
            memcpy(p.c, p.c0, p.s.m * p.ldc * 4);
            eng_gemm_raw(x, p.prec, p.s.m, p.s.n, p.s.k, p.a, p.b, p.c, p.ldc, p.add);
            compare(k, &p);
            ck_guards(k);
            eng_bpack_free(b);
        }
    eng_exec_close(x);
}

/* A shape of eng_gemm_raw that needs several pieces of the shared scratch in k and in n; only some
 * elements are compared. */
static void check_raw_pieces(ck *k)
{
    static const shape big[] = {{3, 2500, 1100}, {5, 40, 30000}, {530, 300, 5000}};
    eng_exec *x = exec_of(k, 2);
    for (size_t i = 0; x && i < 2 * sizeof big / sizeof big[0]; i++) {
        problem p = draw(k, big[i / 2], i % 2 ? ENG_PREC_BF16 : ENG_PREC_F32, COLS, ROWS);
        eng_bpack *b = pack_of(k, x, &p);
        if (!b) break;
        float *want = ck_room(k, 4, p.s.m * p.ldc, 0);
        memcpy(want, p.c0, p.s.m * p.ldc * 4);
        eng_gemm(x, p.s.m, p.a, b, want, p.ldc, p.add);
        eng_gemm_raw(x, p.prec, p.s.m, p.s.n, p.s.k, p.a, p.b, p.c, p.ldc, p.add);
        ck_same(k, "raw and packed", p.c, want, p.s.m * p.ldc * 4);
        for (int r = 0; r < 20; r++) {
            size_t row = ck_below(k, p.s.m), col = ck_below(k, p.s.n), at_c = row * p.ldc + col;
            double size = 0;
            float w = element(p.a, p.b, row, col, p.s.k, p.prec, p.c0[at_c], p.add, &size);
            bool exact =
                p.prec == ENG_PREC_F32 || !sk_cpu_includes(k->kern->level, SK_CPU_AVX512BF16);
            ck_near(k, "c", &p.c[at_c], &w, 1, 0, exact ? 0 : 1e-5 * size);
        }
        ck_guards(k);
        eng_bpack_free(b);
    }
    eng_exec_close(x);
}

/* Each row alone, and all rows with 1, 2 and 3 threads: the same bytes. */
static void check_company(ck *k)
{
    for (size_t i = 0; i < N_SHAPES * 2; i++) {
        eng_prec prec = i % 2 ? ENG_PREC_BF16 : ENG_PREC_F32;
        problem p = draw(k, shapes[i / 2], prec, (int)ck_below(k, LAYOUTS), ROWS);
        float *other = ck_room(k, 4, p.s.m * p.ldc, 0);
        for (size_t threads = 1; threads <= 3; threads++) {
            eng_exec *x = exec_of(k, threads);
            eng_bpack *b = x ? pack_of(k, x, &p) : NULL;
            if (!b) return;
            float *c = threads == 1 ? p.c : other;
            memcpy(c, p.c0, p.s.m * p.ldc * 4);
            eng_gemm(x, p.s.m, p.a, b, c, p.ldc, p.add);
            ck_same(k, "threads", c, p.c, p.s.m * p.ldc * 4);
            memcpy(other, p.c0, p.s.m * p.ldc * 4);
            for (size_t r = 0, n; r < p.s.m; r += n) {
                n = 1 + (ck_below(k, 2) ? 0 : ck_below(k, p.s.m - r));
                eng_mat a = {p.a.p + r * p.a.rs, p.a.rs, p.a.cs};
                eng_gemm(x, n, a, b, other + r * p.ldc, p.ldc, p.add);
            }
            ck_same(k, "rows apart", other, p.c, p.s.m * p.ldc * 4);
            eng_bpack_free(b);
            eng_exec_close(x);
        }
        ck_guards(k);
    }
}

/* Packs of W^T from float, half and bf16 weights give what a pack of the same floats gives. */
static void check_weights(ck *k)
{
    static const eng_dtype types[] = {ENG_F32, ENG_F16, ENG_BF16};
    eng_exec *x = exec_of(k, 2);
    for (size_t i = 0; x && i < N_SHAPES * 6; i++) {
        eng_dtype t = types[i % 3];
        problem p = draw(k, shapes[i / 6], i / 3 % 2 ? ENG_PREC_BF16 : ENG_PREC_F32, ROWS, ROWS);
        size_t n_w = p.s.n * p.s.k;
        void *w = ck_room(k, 5, n_w, 0);
        float *src = ck_room(k, 6, n_w, 0), *want = ck_room(k, 4, p.s.m * p.ldc, 0);
        ck_fill(k, src, n_w, CK_USUAL);
        eng_dtype_of_f32(t, src, w, n_w);
        eng_dtype_to_f32(t, w, src, n_w);
        p.b = (eng_mat){src, 1, p.s.k};
        memcpy(want, p.c0, p.s.m * p.ldc * 4);
        eng_bpack *b = pack_of(k, x, &p);
        if (!b) break;
        eng_gemm(x, p.s.m, p.a, b, want, p.ldc, p.add);
        eng_bpack_fill_weight(x, b, t, w);
        eng_gemm(x, p.s.m, p.a, b, p.c, p.ldc, p.add);
        ck_same(k, eng_dtype_name(t), p.c, want, p.s.m * p.ldc * 4);
        ck_guards(k);
        eng_bpack_free(b);
    }
    eng_exec_close(x);
}

/* The product of one row of a with packs one and two: the same bytes. */
static void same_product(ck *k, eng_exec *x, const float *a, const eng_bpack *one,
                         const eng_bpack *two)
{
    size_t n = eng_bpack_n(one);
    float *c1 = ck_room(k, 3, n, 0), *c2 = ck_room(k, 4, n, 1);
    eng_mat row = {a, eng_bpack_k(one), 1};
    eng_gemm(x, 1, row, one, c1, n, false);
    eng_gemm(x, 1, row, two, c2, n, false);
    ck_same(k, "packed at once", c2, c1, n * sizeof *c1);
    ck_guards(k);
}

/* Both packs of a weight matrix made at once give what packs made apart give. */
static void check_both(ck *k)
{
    eng_exec *x = exec_of(k, 2);
    for (size_t i = 0; x && i < N_SHAPES * 2; i++) {
        size_t in = shapes[i / 2].k, out = shapes[i / 2].n + i % 3 * 100;
        eng_prec prec = i % 2 ? ENG_PREC_BF16 : ENG_PREC_F32;
        ck_case(k, "out %zu in %zu %s", out, in, prec == ENG_PREC_F32 ? "f32" : "bf16");
        float *w = ck_room(k, 0, in * out, ck_below(k, 2));
        float *a = ck_room(k, 1, in + out, 0);
        ck_fill(k, w, in * out, CK_USUAL);
        ck_fill(k, a, in + out, CK_USUAL);
        sk_err e = SK_ERR_INIT;
        eng_bpack *p[4] = {NULL};
        bool ok = true;
        for (size_t b = 0; b < 4; b++)
            ok = ok && !eng_bpack_new(prec, b % 2 ? out : in, b % 2 ? in : out, &p[b], &e);
        if (ok) {
            eng_bpack_fill(x, p[0], (eng_mat){w, 1, in});
            eng_bpack_fill(x, p[1], (eng_mat){w, in, 1});
            eng_bpack_fill_both(x, p[2], p[3], w);
            same_product(k, x, a, p[0], p[2]);
            same_product(k, x, a, p[1], p[3]);
        } else {
            ck_fail(k, "%s", e.text);
        }
        for (size_t b = 0; b < 4; b++)
            eng_bpack_free(p[b]);
    }
    eng_exec_close(x);
}

/* m, n or k of zero: nothing, or the empty sum. */
static void check_empty(ck *k)
{
    eng_exec *x = exec_of(k, 2);
    sk_err e = SK_ERR_INIT;
    eng_bpack *b = NULL;
    float a[4] = {1, 2, 3, 4}, c[4] = {5, 6, 7, 8}, same[4] = {5, 6, 7, 8}, zero[4] = {0};
    ck_case(k, "empty");
    if (!x || eng_bpack_new(ENG_PREC_F32, 0, 2, &b, &e)) {
        ck_fail(k, "%s", e.text);
        return;
    }
    eng_bpack_fill(x, b, (eng_mat){a, 2, 1});
    eng_gemm(x, 0, (eng_mat){a, 2, 1}, b, c, 2, false);
    eng_gemm(x, 2, (eng_mat){a, 2, 1}, b, c, 2, true);
    eng_gemm_raw(x, ENG_PREC_BF16, 2, 0, 2, (eng_mat){a, 2, 1}, (eng_mat){a, 2, 1}, c, 2, false);
    ck_same(k, "untouched", c, same, sizeof c);
    eng_gemm(x, 2, (eng_mat){a, 2, 1}, b, c, 2, false);
    ck_same(k, "empty sum", c, zero, sizeof c);
    eng_bpack_free(b);
    eng_exec_close(x);
}

/* Infinities and NaNs stay in their rows and columns. */
static void check_special(ck *k)
{
    eng_exec *x = exec_of(k, 1);
    for (size_t i = 0; x && i < 20; i++) {
        problem p = draw(k, (shape){20, 40, 70}, i % 2 ? ENG_PREC_BF16 : ENG_PREC_F32, ROWS, ROWS);
        size_t row = ck_below(k, 20), col = ck_below(k, 40);
        p.add = false;
        ((float *)(uintptr_t)p.a.p)[row * p.a.rs + ck_below(k, 70)] = i < 10 ? NAN : INFINITY;
        ((float *)(uintptr_t)p.b.p)[col + ck_below(k, 70) * p.b.rs] = NAN;
        eng_gemm_raw(x, p.prec, 20, 40, 70, p.a, p.b, p.c, p.ldc, false);
        for (size_t r = 0; r < 20; r++)
            for (size_t c = 0; c < 40; c++)
                if (isfinite(p.c[r * p.ldc + c]) != (r != row && c != col))
                    ck_fail(k, "c[%zu][%zu] = %g", r, c, (double)p.c[r * p.ldc + c]);
        ck_guards(k);
    }
    eng_exec_close(x);
}

/* Flat drivers: 1, 2 and 3 threads, the same bytes. */
static void check_par_flat(ck *k)
{
    enum { N = 300001 };
    float *g = ck_room(k, 0, N, 1), *first = ck_room(k, 1, N, 0);
    double sum1 = 0;
    eng_adamw o = {1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 1.0f, 10.0f, 20.0f};
    ck_fill(k, g, N, CK_USUAL);
    for (size_t threads = 1; threads <= 3; threads++) {
        eng_exec *x = exec_of(k, threads);
        if (!x) return;
        float *p = ck_room(k, 2, N, 1), *m = ck_room(k, 3, N, 1), *v = ck_room(k, 4, N, 1);
        ck_case(k, "%zu threads", threads);
        for (size_t i = 0; i < N; i++)
            p[i] = m[i] = v[i] = 0.5f;
        eng_par_adamw(x, p, g, m, v, N, &o);
        double sum = eng_par_sumsq(x, g, N);
        if (threads == 1) {
            memcpy(first, p, N * sizeof *p);
            sum1 = sum;
        }
        ck_same(k, "adamw", p, first, N * sizeof *p);
        ck_same(k, "sumsq", &sum, &sum1, sizeof sum);
        eng_exec_close(x);
        ck_guards(k);
    }
}

const ck_check ck_gemm_checks[] = {
    {"gemm", check_gemm},
    {"gemm_raw_pieces", check_raw_pieces},
    {"gemm_company", check_company},
    {"gemm_weights", check_weights},
    {"gemm_both", check_both},
    {"gemm_empty", check_empty},
    {"gemm_special", check_special},
    {"par_flat", check_par_flat},
    {NULL, NULL},
};
