/* t_muon.c - Muon against plain loops in double; what is orthogonal; threads; whose moments. */
#include "tests/unit/fixture_model.h"
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/train/muon.h"
#include "engine/train/optim.h"

#include <math.h>

enum { MAX = 72 * 130 };

/* Wide, tall, square, thin, a single row of blocks and more. */
static const size_t shape[][2] = {{24, 40}, {40, 24}, {32, 32}, {3, 65}, {72, 130}, {130, 72}};
enum { SHAPES = sizeof(shape) / sizeof(*shape) };

static void draw(float *v, size_t n, uint64_t seed, double scale)
{
    for (size_t i = 0; i < n; i++)
        v[i] = (float)(scale * sk_rng_normal(seed, SK_RNG_INIT, i));
}

/* to [r, c] = a [r, k] b [k, c], by rows; at: a is read as its transpose [k, r]. */
static void multiply(size_t r, size_t k, size_t c, const double *a, const double *b, double *to)
{
    for (size_t i = 0; i < r; i++)
        for (size_t j = 0; j < c; j++) {
            double sum = 0;
            for (size_t l = 0; l < k; l++)
                sum += a[i * k + l] * b[l * c + j];
            to[i * c + j] = sum;
        }
}

static void transpose(size_t r, size_t c, const double *a, double *to)
{
    for (size_t i = 0; i < r; i++)
        for (size_t j = 0; j < c; j++)
            to[j * r + i] = a[i * c + j];
}

/* The iteration as the paper writes it, on the wide form of x [r, c], r <= c. */
static void newton_schulz(size_t r, size_t c, double *x)
{
    static double t[MAX], a[MAX], b[MAX], y[MAX];
    double norm = 0;
    for (size_t i = 0; i < r * c; i++)
        norm += x[i] * x[i];
    norm = sqrt(norm) + 1e-7;
    for (size_t i = 0; i < r * c; i++)
        x[i] /= norm;
    for (int step = 0; step < 5; step++) {
        transpose(r, c, x, t);
        multiply(r, c, r, x, t, a);
        multiply(r, r, r, a, a, b);
        for (size_t i = 0; i < r * r; i++)
            b[i] = -4.7750 * a[i] + 2.0315 * b[i];
        multiply(r, r, c, b, x, y);
        for (size_t i = 0; i < r * c; i++)
            x[i] = 3.4445 * x[i] + y[i];
    }
}

static void orthogonal_ref(size_t rows, size_t cols, double *u)
{
    static double t[MAX];
    if (rows <= cols) {
        newton_schulz(rows, cols, u);
        return;
    }
    transpose(rows, cols, u, t);
    newton_schulz(cols, rows, t);
    transpose(cols, rows, t, u);
}

static eng_exec *exec_of(size_t threads)
{
    sk_err e = SK_ERR_INIT;
    eng_exec *x;
    assert_status_ok(eng_exec_open(threads, &x, &e), e);
    return x;
}

/* Two steps, so that momentum counts; with clipping and decay. */
static void a_step_is_the_paper_s(void **state)
{
    (void)state;
    static float p[MAX], g[MAX], m[MAX];
    static double wp[MAX], wm[MAX], u[MAX];
    sk_err e = SK_ERR_INIT;
    eng_exec *x = exec_of(2);
    eng_muon *mu;
    assert_status_ok(eng_muon_open(x, ENG_PREC_F32, MAX, 72, &mu, &e), e);
    const eng_muon_rule r = {.lr = 0.02f, .decay = 0.1f, .momentum = 0.9f, .grad_scale = 0.5f};
    for (size_t s = 0; s < SHAPES; s++) {
        size_t rows = shape[s][0], cols = shape[s][1], n = rows * cols;
        draw(p, n, s, 0.1);
        memset(m, 0, sizeof(m));
        for (size_t i = 0; i < n; i++) {
            wp[i] = (double)p[i];
            wm[i] = 0;
        }
        for (uint64_t t = 0; t < 2; t++) {
            draw(g, n, 100 + 2 * s + t, 3);
            eng_muon_step(mu, &r, rows, cols, p, g, m);
            for (size_t i = 0; i < n; i++) {
                double gi = 0.1 * 0.5 * (double)g[i];
                wm[i] = 0.9 * wm[i] + gi;
                u[i] = 0.9 * wm[i] + gi;
            }
            orthogonal_ref(rows, cols, u);
            double scale = 0.2 * sqrt((double)(rows > cols ? rows : cols));
            for (size_t i = 0; i < n; i++)
                wp[i] -= 0.02 * (scale * u[i] + 0.1 * wp[i]);
        }
        for (size_t i = 0; i < n; i++) {
            assert_true(fabs((double)p[i] - wp[i]) < 2e-6);
            assert_true(fabs((double)m[i] - wm[i]) < 1e-6);
        }
    }
    eng_muon_close(mu);
    eng_exec_close(x);
}

/* Largest share by which |u^T v| for a random unit v leaves [lo, hi], on the smaller side. */
static void singular_values_in(size_t rows, size_t cols, const float *u, double lo, double hi)
{
    for (uint64_t k = 0; k < 16; k++) {
        size_t small = rows < cols ? rows : cols, big = rows < cols ? cols : rows;
        double len = 0, out = 0;
        float v[130];
        draw(v, small, 1000 + k, 1);
        for (size_t i = 0; i < small; i++)
            len += (double)v[i] * (double)v[i];
        for (size_t j = 0; j < big; j++) {
            double sum = 0;
            for (size_t i = 0; i < small; i++)
                sum += (double)v[i] * (double)(rows < cols ? u[i * cols + j] : u[j * cols + i]);
            out += sum * sum;
        }
        double ratio = sqrt(out / len);
        assert_true(ratio > lo && ratio < hi);
    }
}

/* Singular values of a random matrix spread over a wide range; afterwards all are near 1, in either
 * precision.  A zero gradient moves nothing. */
static void all_directions_get_the_same(void **state)
{
    (void)state;
    static float u[MAX];
    sk_err e = SK_ERR_INIT;
    eng_exec *x = exec_of(1);
    for (int bf16 = 0; bf16 < 2; bf16++) {
        eng_muon *mu;
        eng_prec prec = bf16 ? ENG_PREC_BF16 : ENG_PREC_F32;
        assert_status_ok(eng_muon_open(x, prec, MAX, 72, &mu, &e), e);
        for (size_t s = 0; s < SHAPES; s++) {
            size_t rows = shape[s][0], cols = shape[s][1];
            draw(u, rows * cols, s, 1e-3);
            for (size_t i = 0; i < rows * cols; i++)
                u[i] *= (float)(1 + i % cols);
            eng_muon_orthogonal(mu, rows, cols, u);
            singular_values_in(rows, cols, u, 0.6, 1.25);
        }
        memset(u, 0, sizeof(u));
        eng_muon_orthogonal(mu, 24, 40, u);
        for (size_t i = 0; i < 24 * 40; i++)
            assert_true(u[i] == 0.0f);
        eng_muon_close(mu);
    }
    eng_exec_close(x);
}

/* A model's step with 1, 2 and 3 threads; embedding and norms as AdamW has them, and no second
 * moment for the others. */
static void threads_do_not_count(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_config c = fixture_config("qwen3");
    eng_layout l;
    eng_train_opts o;
    float *p[4];
    assert_status_ok(eng_layout_build(&c, mem, &l, &e), e);
    eng_train_opts_default(&o);
    o.muon_lr = 0.01;
    size_t v_adamw = eng_optim_needs(&o, &c, &l).v_floats;
    assert_int_equal(v_adamw, l.n_floats);
    for (size_t i = 0; i < 4; i++) {
        eng_exec *x = exec_of(i < 3 ? 1 + i : 1);
        eng_optim *op;
        o.optimizer = i < 3 ? ENG_MUON : ENG_ADAMW;
        size_t n = l.n_floats, v_floats = eng_optim_needs(&o, &c, &l).v_floats;
        assert_true(i == 3 || v_floats < v_adamw);
        float *g = sk_new_n(mem, float, n), *m = sk_new_n(mem, float, n);
        float *v = sk_new_n(mem, float, v_floats);
        p[i] = sk_new_n(mem, float, n);
        eng_init_params(x, &c, &l, 1, p[i]);
        eng_init_params(x, &c, &l, 2, g);
        assert_status_ok(eng_optim_open(x, &o, &c, &l, ENG_PREC_BF16, &op, &e), e);
        for (uint64_t t = 1; t <= 3; t++)
            eng_optim_step(op, &(eng_update){t, 0.01, 0.5}, p[i], g, m, v);
        eng_optim_close(op);
        eng_exec_close(x);
    }
    assert_memory_equal(p[0], p[1], l.n_floats * sizeof(float));
    assert_memory_equal(p[0], p[2], l.n_floats * sizeof(float));
    for (size_t i = 0; i < l.n_params; i++) {
        const eng_param *q = &l.param[i];
        size_t bytes = q->rows * q->cols * sizeof(float);
        bool adamw = q->kind == ENG_P_EMBD || q->kind == ENG_P_HEAD || !q->is_matrix;
        bool same = memcmp(p[0] + q->offset, p[3] + q->offset, bytes) == 0;
        assert_int_equal(same, adamw);
    }
    sk_arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_the_paper_s),
        cmocka_unit_test(all_directions_get_the_same),
        cmocka_unit_test(threads_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
