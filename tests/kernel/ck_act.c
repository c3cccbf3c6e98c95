/* ck_act.c - checks of the slots that inference alone uses: activations, LayerNorm, partial RoPE,
 * bias rows.
 *
 * Tolerances: exp is within 2 units in the last place and erfc's polynomial within 4e-7; a norm is
 * that of ck_rows.c.  Elementwise slots promise the same bits.
 */
#include "engine/tensor/dtype.h"
#include "tests/kernel/ck.h"

#include <math.h>
#include <string.h>

static const size_t sizes[] = CK_SIZES;
enum { N_SIZES = sizeof sizes / sizeof sizes[0] };

/* The definitions in double. */
static double activated(double x, eng_act act)
{
    switch (act) {
    case ENG_ACT_SILU:
        return x / (1 + exp(-x));
    case ENG_ACT_GELU_TANH:
        return x / (1 + exp(-2 * sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x)));
    case ENG_ACT_GELU_ERF:
        return x / 2 * erfc(-x / sqrt(2.0));
    case ENG_ACT_GELU_QUICK:
        return x / (1 + exp(-1.702 * x));
    case ENG_ACT_RELU:
        return x > 0 ? x : 0;
    case ENG_ACT_RELU2:
        return x > 0 ? x * x : 0;
    default:
        return NAN;
    }
}

static double gated(double g, double u, eng_act act)
{
    if (act != ENG_ACT_SWIGLU_OAI) return activated(g, act) * u;
    g = fmin(g, 7);
    return g / (1 + exp(-1.702 * g)) * (fmax(fmin(u, 7), -7) + 1);
}

static void check_act(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++)
        for (eng_act act = 0; act < ENG_ACT_N; act++) {
            size_t n = sizes[s];
            float *g = ck_room(k, 0, n, 1), *u = ck_room(k, 1, n, 1);
            float *y = ck_room(k, 2, n, 1), *want = ck_room(k, 3, n, 0);
            ck_case(k, "n %zu act %d", n, (int)act);
            ck_fill(k, u, n, CK_USUAL);
            for (size_t i = 0; i < n; i++)
                g[i] = ck_below(k, 2) ? ck_rand(k, -8.0f, 8.0f) : ck_rand(k, -110.0f, 110.0f);
            for (size_t i = 0; i < n; i++)
                want[i] = (float)gated((double)g[i], (double)u[i], act);
            k->kern->glu_f32(y, g, u, n, act);
            /* x of a few tens is squared in an exponent: 6e-8 of up to 100 */
            ck_near(k, "glu", y, want, n, 1e-5, 1e-6);
            if (act != ENG_ACT_SWIGLU_OAI) {
                for (size_t i = 0; i < n; i++)
                    want[i] = (float)activated((double)g[i], act);
                k->kern->act_f32(y, g, n, act);
                ck_near(k, "act", y, want, n, 1e-5, 1e-6);
                k->kern->act_f32(u, g, n, act);
                k->kern->act_f32(g, g, n, act);
                ck_same(k, "in place", g, u, n * 4);
            }
            ck_guards(k);
        }
}

static void check_softcap(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float *x = ck_room(k, 0, n, 1), *want = ck_room(k, 1, n, 0), cap = ck_rand(k, 1, 50);
        ck_case(k, "n %zu cap %g", n, (double)cap);
        for (size_t i = 0; i < n; i++) {
            x[i] = ck_below(k, 2) ? ck_rand(k, -1, 1) : ck_rand(k, -1e3f, 1e3f);
            want[i] = (float)((double)cap * tanh((double)x[i] / (double)cap));
        }
        k->kern->softcap_f32(x, cap, n);
        ck_near(k, "x", x, want, n, 1e-6, 1e-37);
        ck_guards(k);
    }
}

/* How far a row of n may be off: the mean is known to an ulp of the largest element, and what is
 * left of a row of nearly equal elements is multiplied by 1 / spread. */
static double layernorm_slack(const float *x, size_t n, const float *w)
{
    double mean = 0, var = 0, big = 0, weight = 1;
    for (size_t i = 0; i < n; i++) {
        mean += x[i] / (double)n;
        big = fmax(big, fabs((double)x[i]));
        weight = w ? fmax(weight, fabs((double)w[i])) : 1;
    }
    for (size_t i = 0; i < n; i++)
        var += (x[i] - mean) * (x[i] - mean) / (double)n;
    return weight * (3e-6 + 3e-7 * big / sqrt(var + 1e-5));
}

static void check_layernorm(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++)
        for (unsigned with = 0; with < 4; with++) {
            size_t n = sizes[s], rows = 1 + ck_below(k, 4), ld = n + ck_below(k, 3);
            size_t len = (rows - 1) * ld + n;
            float *x = ck_room(k, 0, len, 1), *w = ck_room(k, 1, n, ck_below(k, 2));
            float *b = ck_room(k, 2, n, 1), *y = ck_room(k, 3, rows * n, 1);
            float *want = ck_room(k, 4, rows * n, 0);
            ck_case(k, "n %zu rows %zu ld %zu with %u", n, rows, ld, with);
            ck_fill(k, x, len, CK_USUAL);
            ck_fill(k, w, n, CK_USUAL);
            ck_fill(k, b, n, CK_USUAL);
            const float *wp = with & 1 ? w : NULL, *bp = with & 2 ? b : NULL;
            k->kern->layernorm_f32(y, n, x, ld, wp, bp, rows, n, 1e-5f);
            k->ref->layernorm_f32(want, n, x, ld, wp, bp, rows, n, 1e-5f);
            for (size_t i = 0; i < rows; i++)
                ck_near(k, "y", y + i * n, want + i * n, n, 2e-6,
                        n == 1 ? 1e-3 : layernorm_slack(x + i * ld, n, wp));
            size_t r = ck_below(k, rows);
            k->kern->layernorm_f32(want, n, x + r * ld, n, wp, bp, 1, n, 1e-5f);
            ck_same(k, "a row alone", y + r * n, want, n * 4);
            k->kern->layernorm_f32(x, ld, x, ld, wp, bp, rows, n, 1e-5f);
            ck_same(k, "in place", x + r * ld, y + r * n, n * 4);
            ck_guards(k);
        }
}

/* The slope of an activation, by a difference of the definition in double. */
static double slope(double x, eng_act act)
{
    const double h = 1e-4;
    if (act == ENG_ACT_RELU) return x > 0;
    if (act == ENG_ACT_RELU2) return x > 0 ? 2 * x : 0;
    return (activated(x - 2 * h, act) - activated(x + 2 * h, act) +
            8 * (activated(x + h, act) - activated(x - h, act))) /
           (12 * h);
}

static void check_glu_bwd(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++)
        for (eng_act act = 0; act < ENG_ACT_SWIGLU_OAI; act++) {
            size_t n = sizes[s];
            float *g = ck_room(k, 0, n, 1), *u = ck_room(k, 1, n, 1), *d = ck_room(k, 2, n, 0);
            float *dg = ck_room(k, 3, n, 1), *du = ck_room(k, 4, n, 1);
            float *wg = ck_room(k, 5, n, 0), *wu = ck_room(k, 6, n, 0);
            ck_case(k, "n %zu act %d", n, (int)act);
            ck_fill(k, u, n, CK_USUAL);
            ck_fill(k, d, n, CK_USUAL);
            for (size_t i = 0; i < n; i++) {
                g[i] = ck_below(k, 4) ? ck_rand(k, -8.0f, 8.0f) : ck_rand(k, -110.0f, 110.0f);
                wg[i] = (float)(slope((double)g[i], act) * (double)d[i] * (double)u[i]);
                wu[i] = (float)(activated((double)g[i], act) * (double)d[i]);
            }
            k->kern->glu_bwd_f32(dg, du, d, g, u, n, act);
            ck_near(k, "dgate", dg, wg, n, 1e-5, 2e-5);
            ck_near(k, "dup", du, wu, n, 1e-5, 2e-6);
            for (size_t i = 0; i < n; i++)
                wg[i] = (float)(slope((double)g[i], act) * (double)d[i]);
            k->kern->glu_bwd_f32(wu, NULL, d, g, NULL, n, act);
            ck_near(k, "without gate", wu, wg, n, 1e-5, 2e-5);
            k->kern->glu_bwd_f32(g, u, d, g, u, n, act);
            ck_same(k, "onto gate", g, dg, n * 4);
            ck_same(k, "onto up", u, du, n * 4);
            ck_guards(k);
        }
}

static void check_layernorm_bwd(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s], rows = 1 + ck_below(k, 5), ld = n + 1, with = ck_below(k, 2);
        float *x = ck_room(k, 0, rows * ld, 1), *w = ck_room(k, 1, n, 1);
        float *dy = ck_room(k, 2, rows * n, 1), *db = ck_room(k, 3, n, 1);
        float *dx = ck_room(k, 4, rows * ld, 1), *dx2 = ck_room(k, 5, rows * ld, 0);
        float *dw = ck_room(k, 6, n, 1), *dw2 = ck_room(k, 7, 2 * n, 0);
        ck_case(k, "n %zu rows %zu", n, rows);
        ck_fill(k, x, rows * ld, CK_USUAL);
        ck_fill(k, w, n, CK_USUAL);
        ck_fill(k, dy, rows * n, CK_USUAL);
        ck_fill(k, dx, rows * ld, CK_USUAL);
        ck_fill(k, dw, n, CK_USUAL);
        ck_fill(k, db, n, CK_USUAL);
        memcpy(dx2, dx, rows * ld * 4);
        memcpy(dw2, dw, n * 4);
        memcpy(dw2 + n, db, n * 4);
        k->kern->layernorm_bwd_f32(dx, ld, dw, with ? db : NULL, dy, n, x, ld, w, rows, n, 0.1f);
        k->ref->layernorm_bwd_f32(dx2, ld, dw2, with ? dw2 + n : NULL, dy, n, x, ld, w, rows, n,
                                  0.1f);
        ck_near(k, "dx", dx, dx2, rows * ld, 2e-6, 2e-5);
        ck_near(k, "dw", dw, dw2, n, 2e-6, 2e-5);
        ck_near(k, "db", db, dw2 + n, n, 1e-6, 1e-6);
        ck_guards(k);
    }
}

/* Without weight: as with ones. */
static void check_rmsnorm_bare(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float *x = ck_room(k, 0, n, 1), *w = ck_room(k, 1, n, 0);
        float *y = ck_room(k, 2, n, 1), *want = ck_room(k, 3, n, 0);
        ck_case(k, "n %zu", n);
        ck_fill(k, x, n, CK_USUAL);
        for (size_t i = 0; i < n; i++)
            w[i] = 1;
        k->kern->rmsnorm_f32(y, n, NULL, x, n, NULL, 1, n, 1e-6f);
        k->kern->rmsnorm_f32(want, n, NULL, x, n, w, 1, n, 1e-6f);
        ck_same(k, "y", y, want, n * 4);
        ck_guards(k);
    }
}

/* Only the rotated part changes, as rope_f32 changes a head of that size. */
static void check_rope_part(ck *k)
{
    for (size_t half = 1; half <= 40; half += half < 18 ? 1 : 11)
        for (int form = ENG_ROPE_HALF; form <= ENG_ROPE_PAIRS; form++) {
            size_t heads = 1 + ck_below(k, 3), ld = 2 * half + ck_below(k, 20), n = heads * ld;
            float *x = ck_room(k, 0, n, 1), *want = ck_room(k, 1, n, 0);
            float *c = ck_room(k, 2, half, 1), *s = ck_room(k, 3, half, 1);
            ck_case(k, "n_rot %zu of %zu heads %zu form %d", 2 * half, ld, heads, form);
            ck_fill(k, x, n, CK_USUAL);
            memcpy(want, x, n * 4);
            ck_fill(k, c, half, CK_USUAL);
            ck_fill(k, s, half, CK_USUAL);
            k->kern->rope_part_f32(x, ld, c, s, heads, 2 * half, (eng_rope_form)form);
            for (size_t h = 0; h < heads; h++)
                k->ref->rope_f32(want + h * ld, c, s, 1, 2 * half, (eng_rope_form)form);
            ck_same(k, "x", x, want, n * 4);
            ck_guards(k);
        }
}

static void check_add_rows(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s], rows = 1 + ck_below(k, 3), ld = n + ck_below(k, 3), len = rows * ld;
        float *y = ck_room(k, 0, len, 1), *b = ck_room(k, 1, n, 1), *want = ck_room(k, 2, len, 0);
        ck_case(k, "n %zu rows %zu", n, rows);
        ck_fill(k, y, len, CK_USUAL);
        ck_fill(k, b, n, CK_USUAL);
        memcpy(want, y, len * 4);
        k->kern->add_rows_f32(y, ld, b, rows, n);
        k->ref->add_rows_f32(want, ld, b, rows, n);
        ck_same(k, "y", y, want, len * 4);
        ck_guards(k);
    }
}

/* Bit patterns at random: NaNs, infinities, denormals, ties among them. */
static void check_f16_of(ck *k)
{
    for (size_t s = 0; s < N_SIZES; s++) {
        size_t n = sizes[s];
        float *x = ck_room(k, 0, n, 1);
        uint16_t *y = ck_room16(k, 1, n, 1), *want = ck_room16(k, 2, n, 1);
        ck_case(k, "n %zu", n);
        for (size_t i = 0; i < n; i++) {
            uint32_t u = (uint32_t)ck_below(k, 65536) << 16 | (uint32_t)ck_below(k, 65536);
            if (ck_below(k, 2)) u = 0x32000000u + u % 0x16000000u; /* the range of halves */
            if (!ck_below(k, 4)) u &= 0xfffff000u;                 /* ties and exact ones */
            memcpy(&x[i], &u, 4);
        }
        k->kern->f16_of_f32(y, x, n);
        k->ref->f16_of_f32(want, x, n);
        ck_same(k, "y", y, want, n * 2);
        ck_guards(k);
    }
}

const ck_check ck_act_checks[] = {
    {"act_f32", check_act},
    {"softcap_f32", check_softcap},
    {"glu_bwd_f32", check_glu_bwd},
    {"layernorm_bwd_f32", check_layernorm_bwd},
    {"layernorm_f32", check_layernorm},
    {"rmsnorm_f32_bare", check_rmsnorm_bare},
    {"rope_part_f32", check_rope_part},
    {"add_rows_f32", check_add_rows},
    {"f16_of_f32", check_f16_of},
    {NULL, NULL},
};
