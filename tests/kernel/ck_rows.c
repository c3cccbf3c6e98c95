/* ck_rows.c - checks of norms, activations, losses, elementwise slots and conversions.
 *
 * Tolerances: sums are taken in another order than in the definition, which sums in double: a few
 * units in the last place (6e-8) times a factor that covers the rows used here.  exp is within 2
 * units, and expf within 1.  Elementwise slots promise the same bits.
 */
#include "engine/tensor/dtype.h"
#include "tests/kernel/ck.h"

#include <math.h>
#include <string.h>

static const size_t sizes[] = CK_SIZES;
enum { N_SIZES = sizeof sizes / sizeof sizes[0] };

/* ---- RMSNorm ---- */

static void check_rmsnorm(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++)
        for (ck_kind kind = 0; kind < CK_KINDS; kind++) {
            size_t n = sizes[s], rows = 1 + ck_below(k, 4), ld = n + ck_below(k, 3);
            size_t len = (rows - 1) * ld + n;
            float *x = ck_room(k, 0, len, 1), *w = ck_room(k, 1, n, ck_below(k, 2));
            float *y = ck_room(k, 2, rows * n, 1), *want = ck_room(k, 3, rows * n, 0);
            float *rstd = ck_room(k, 4, rows, 1), *rwant = ck_room(k, 5, rows, 0);
            ck_case(k, "n %zu rows %zu ld %zu kind %d", n, rows, ld, (int)kind);
            ck_fill(k, x, len, kind);
            ck_fill(k, w, n, CK_USUAL);
            k->kern->rmsnorm_f32(y, n, rstd, x, ld, w, rows, n, 1e-6f);
            k->ref->rmsnorm_f32(want, n, rwant, x, ld, w, rows, n, 1e-6f);
            ck_near(k, "y", y, want, rows * n, 1e-6, 1e-37);
            ck_near(k, "rstd", rstd, rwant, rows, 1e-6, 0);
            size_t r = ck_below(k, rows);
            k->kern->rmsnorm_f32(want, n, NULL, x + r * ld, n, w, 1, n, 1e-6f);
            ck_same(k, "a row alone", y + r * n, want, n * 4);
            k->kern->rmsnorm_f32(x, ld, NULL, x, ld, w, rows, n, 1e-6f);
            ck_same(k, "in place", x + r * ld, y + r * n, n * 4);
            ck_guards(k);
        }
}

static void check_rmsnorm_bwd(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s], rows = 1 + ck_below(k, 5), ld = n + 1;
        float *x = ck_room(k, 0, rows * ld, 1), *w = ck_room(k, 1, n, 1);
        float *dy = ck_room(k, 2, rows * n, 1), *rstd = ck_room(k, 3, rows, 0);
        float *dx = ck_room(k, 4, rows * ld, 1), *dx2 = ck_room(k, 5, rows * ld, 0);
        float *dw = ck_room(k, 6, n, 1), *dw2 = ck_room(k, 7, n, 0);
        ck_case(k, "n %zu rows %zu", n, rows);
        ck_fill(k, x, rows * ld, CK_USUAL);
        ck_fill(k, w, n, CK_USUAL);
        ck_fill(k, dy, rows * n, CK_USUAL);
        ck_fill(k, dx, rows * ld, CK_USUAL);
        ck_fill(k, dw, n, CK_USUAL);
        for (size_t r = 0; r < rows; r++)
            rstd[r] = ck_rand(k, 0.5f, 2.0f);
        memcpy(dx2, dx, rows * ld * 4);
        memcpy(dw2, dw, n * 4);
        k->kern->rmsnorm_bwd_f32(dx, ld, dw, dy, n, x, ld, w, rstd, rows, n);
        k->ref->rmsnorm_bwd_f32(dx2, ld, dw2, dy, n, x, ld, w, rstd, rows, n);
        ck_near(k, "dx", dx, dx2, rows * ld, 1e-6, 1e-5);
        ck_near(k, "dw", dw, dw2, n, 1e-6, 1e-5);
        ck_guards(k);
    }
}

/* ---- rope ---- */

static void check_rope(ck *k)
{
    for (size_t half = 1; half <= 70; half += half < 34 ? 1 : 9)
        for (int form = ENG_ROPE_HALF; form <= ENG_ROPE_PAIRS; form++) {
            size_t heads = 1 + ck_below(k, 3), n = heads * 2 * half;
            float *x = ck_room(k, 0, n, 1), *want = ck_room(k, 1, n, 0);
            float *c = ck_room(k, 2, half, 1), *s = ck_room(k, 3, half, 1);
            ck_case(k, "head_dim %zu heads %zu form %d", 2 * half, heads, form);
            ck_fill(k, x, n, CK_USUAL);
            memcpy(want, x, n * 4);
            for (size_t i = 0; i < half; i++) {
                float angle = ck_rand(k, -3.1f, 3.1f);
                c[i] = cosf(angle);
                s[i] = sinf(angle);
            }
            k->kern->rope_f32(x, c, s, heads, 2 * half, (eng_rope_form)form);
            k->ref->rope_f32(want, c, s, heads, 2 * half, (eng_rope_form)form);
            ck_same(k, "x", x, want, n * 4);
            ck_guards(k);
        }
}

/* ---- SwiGLU ---- */

/* Gates from -110 to 110 reach every branch of exp; values there are compared on their own scale.
 */
static void check_swiglu(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float *g = ck_room(k, 0, n, 1), *u = ck_room(k, 1, n, 1);
        float *y = ck_room(k, 2, n, 1), *want = ck_room(k, 3, n, 0);
        ck_case(k, "n %zu", n);
        ck_fill(k, u, n, CK_USUAL);
        for (size_t i = 0; i < n; i++)
            g[i] = ck_below(k, 2) ? ck_rand(k, -8.0f, 8.0f) : ck_rand(k, -110.0f, 110.0f);
        k->kern->swiglu_f32(y, g, u, n);
        k->ref->swiglu_f32(want, g, u, n);
        ck_near(k, "out", y, want, n, 5e-7, 1e-36);
        k->kern->swiglu_f32(g, g, u, n);
        ck_same(k, "onto gate", g, y, n * 4);
        ck_guards(k);
    }
}

static void check_swiglu_bwd(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float *g = ck_room(k, 0, n, 1), *u = ck_room(k, 1, n, 1), *d = ck_room(k, 2, n, 0);
        float *dg = ck_room(k, 3, n, 1), *du = ck_room(k, 4, n, 1);
        float *wg = ck_room(k, 5, n, 0), *wu = ck_room(k, 6, n, 0);
        ck_case(k, "n %zu", n);
        ck_fill(k, u, n, CK_USUAL);
        ck_fill(k, d, n, CK_USUAL);
        for (size_t i = 0; i < n; i++)
            g[i] = ck_below(k, 4) ? ck_rand(k, -8.0f, 8.0f) : ck_rand(k, -110.0f, 110.0f);
        k->kern->swiglu_bwd_f32(dg, du, d, g, u, n);
        k->ref->swiglu_bwd_f32(wg, wu, d, g, u, n);
        ck_near(k, "dgate", dg, wg, n, 1e-6, 1e-6);
        ck_near(k, "dup", du, wu, n, 1e-6, 1e-36);
        k->kern->swiglu_bwd_f32(g, u, d, g, u, n);
        ck_same(k, "onto gate", g, dg, n * 4);
        ck_same(k, "onto up", u, du, n * 4);
        ck_guards(k);
    }
}

/* ---- softmax and cross-entropy ---- */

static void check_softmax(ck *k)
{
    static const float spread[] = {0, 1, 30, 1e30f};
    for (size_t s = 0; s < N_SIZES; s++)
        for (size_t c = 0; c < 4; c++) {
            size_t n = sizes[s];
            float *x = ck_room(k, 0, n, 1), *want = ck_room(k, 1, n, 0);
            ck_case(k, "n %zu spread %g", n, (double)spread[c]);
            for (size_t i = 0; i < n; i++)
                x[i] = ck_rand(k, -spread[c], spread[c]);
            memcpy(want, x, n * 4);
            k->kern->softmax_f32(x, n);
            k->ref->softmax_f32(want, n);
            ck_near(k, "x", x, want, n, 1e-6, 1e-37);
            ck_guards(k);
        }
}

/* exp itself, seen through the gradient of cross-entropy with lse 0 and scale 1: within 2 units of
 * the double. */
static void check_exp(ck *k)
{
    enum { N = 4096 };
    float *x = ck_room(k, 0, N + 1, 1), *y = ck_room(k, 1, N + 1, 1);
    for (int round = 0; round < 100; round++) {
        float lo = -105.0f + 2.0f * (float)round;
        ck_case(k, "from %g", (double)lo);
        for (size_t i = 0; i < N; i++)
            x[i] = ck_rand(k, lo, lo + 2.0f);
        x[N] = 0;
        memcpy(y, x, (N + 1) * 4);
        k->kern->xent_bwd_f32(y, N + 1, N, 0, 1);
        for (size_t i = 0; i < N; i++) {
            double want = exp((double)x[i]), unit = want * 0x1p-23;
            if (unit < 0x1p-149) unit = 0x1p-149;
            if ((float)want == INFINITY ? y[i] != INFINITY : fabs(y[i] - want) > 2 * unit) {
                ck_fail(k, "exp(%.9g) = %.9g, not %.9g", (double)x[i], (double)y[i], want);
                return;
            }
        }
        if (y[N] != 0) ck_fail(k, "exp(0) is not 1");
    }
}

static void check_xent(ck *k)
{
    static const float spread[] = {0, 5, 60, 1e30f};
    for (size_t s = 0; s < N_SIZES; s++)
        for (size_t c = 0; c < 4; c++) {
            size_t n = sizes[s], target = ck_below(k, n);
            float *x = ck_room(k, 0, n, 1), *y = ck_room(k, 1, n, 0), lse = 0, want_lse = 0;
            ck_case(k, "n %zu spread %g target %zu", n, (double)spread[c], target);
            for (size_t i = 0; i < n; i++)
                x[i] = ck_rand(k, -spread[c], spread[c]);
            memcpy(y, x, n * 4);
            float loss = k->kern->xent_f32(x, n, target, &lse);
            float want = k->ref->xent_f32(x, n, target, &want_lse);
            ck_near(k, "loss", &loss, &want, 1, 1e-6, 1e-6 + 2e-7 * (double)spread[c]);
            ck_near(k, "lse", &lse, &want_lse, 1, 1e-6, 1e-6);
            k->kern->xent_bwd_f32(x, n, target, lse, 0.125f);
            k->ref->xent_bwd_f32(y, n, target, lse, 0.125f);
            ck_near(k, "gradient", x, y, n, 1e-6, 3e-8);
            x[ck_below(k, n)] = NAN;
            loss = k->kern->xent_f32(x, n, target, &lse);
            if (!isnan(loss)) ck_fail(k, "a NaN among the logits gives %g", (double)loss);
            ck_guards(k);
        }
}

/* ---- elementwise ---- */

static void check_adamw(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++)
        for (ck_kind kind = 0; kind < CK_KINDS; kind++) {
            size_t n = sizes[s];
            float *a[4], *b[4];
            ck_case(k, "n %zu kind %d", n, (int)kind);
            for (size_t i = 0; i < 4; i++) {
                a[i] = ck_room(k, i, n, 1);
                b[i] = ck_room(k, 4 + i, n, 0);
                ck_fill(k, a[i], n, kind);
                for (size_t j = 0; j < n && i == 3; j++)
                    a[i][j] = fabsf(a[i][j]);
                memcpy(b[i], a[i], n * 4);
            }
            eng_adamw o = {1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.7f, 10.0f, 20.0f};
            k->kern->adamw_f32(a[0], a[1], a[2], a[3], n, &o);
            k->ref->adamw_f32(b[0], b[1], b[2], b[3], n, &o);
            ck_same(k, "p", a[0], b[0], n * 4);
            ck_same(k, "m", a[2], b[2], n * 4);
            ck_same(k, "v", a[3], b[3], n * 4);
            ck_guards(k);
        }
}

static void check_elementwise(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++)
        for (ck_kind kind = 0; kind < CK_KINDS; kind++) {
            size_t n = sizes[s];
            float *x = ck_room(k, 0, n, 1), *y = ck_room(k, 1, n, 1), *want = ck_room(k, 2, n, 0);
            float a = ck_rand(k, -2.0f, 2.0f);
            ck_case(k, "n %zu kind %d", n, (int)kind);
            ck_fill(k, x, n, kind);
            ck_fill(k, y, n, kind);
            memcpy(want, y, n * 4);
            k->kern->add_f32(y, x, n);
            k->ref->add_f32(want, x, n);
            ck_same(k, "add", y, want, n * 4);
            k->kern->axpy_f32(y, a, x, n);
            k->ref->axpy_f32(want, a, x, n);
            ck_same(k, "axpy", y, want, n * 4);
            k->kern->scale_f32(y, a, n);
            k->ref->scale_f32(want, a, n);
            ck_same(k, "scale", y, want, n * 4);
            double got = k->kern->sumsq_f32(x, n), sum = k->ref->sumsq_f32(x, n);
            if (fabs(got - sum) > 1e-13 * sum) ck_fail(k, "sumsq %.17g, not %.17g", got, sum);
            ck_guards(k);
        }
}

/* ---- conversions ---- */

/* Every exponent, halves that round either way, infinities, NaNs. */
static float any_float(ck *k)
{
    uint32_t u = (uint32_t)ck_below(k, (size_t)1 << 32);
    if (!ck_below(k, 3)) u = (u & 0xffff0000u) | (uint32_t)(0x7fff + ck_below(k, 3));
    if (!ck_below(k, 8)) u |= 0x7f800000u;
    float x;
    memcpy(&x, &u, 4);
    return x;
}

static void check_conversions(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++)
        for (int round = 0; round < 8; round++) {
            size_t n = sizes[s];
            float *x = ck_room(k, 0, n, 1), *y = ck_room(k, 1, n, 1), *z = ck_room(k, 2, n, 0);
            uint16_t *h = ck_room16(k, 3, n, 1), *g = ck_room16(k, 4, n, 0);
            ck_case(k, "n %zu", n);
            for (size_t i = 0; i < n; i++)
                x[i] = any_float(k);
            k->kern->bf16_of_f32(h, x, n);
            k->ref->bf16_of_f32(g, x, n);
            ck_same(k, "bf16_of", h, g, n * 2);
            k->kern->f32_of_bf16(y, h, n);
            k->ref->f32_of_bf16(z, h, n);
            ck_same(k, "bf16_to", y, z, n * 4);
            ck_guards(k);
        }
    uint16_t *h = ck_room16(k, 0, 65536, 1);
    float *y = ck_room(k, 1, 65536, 1), *z = ck_room(k, 2, 65536, 0);
    for (size_t i = 0; i < 65536; i++)
        h[i] = (uint16_t)i;
    ck_case(k, "all half floats");
    k->kern->f32_of_f16(y, h, 65536);
    k->ref->f32_of_f16(z, h, 65536);
    ck_same(k, "f16_to", y, z, sizeof(float) * 65536);
}

const ck_check ck_rows_checks[] = {
    {"rmsnorm", check_rmsnorm},
    {"rmsnorm_bwd", check_rmsnorm_bwd},
    {"rope", check_rope},
    {"swiglu", check_swiglu},
    {"swiglu_bwd", check_swiglu_bwd},
    {"softmax", check_softmax},
    {"exp", check_exp},
    {"xent", check_xent},
    {"adamw", check_adamw},
    {"elementwise", check_elementwise},
    {"conversions", check_conversions},
    {NULL, NULL},
};
