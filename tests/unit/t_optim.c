/* t_optim.c - initial weights, the learning rate's course, AdamW over a layout. */
#include "tests/unit/fixture_model.h"
#include "tests/unit/unit.h"

#include "engine/train/optim.h"

#include <math.h>

static eng_train_opts options(uint64_t steps, double warmup, double decay)
{
    eng_train_opts o;
    eng_train_opts_default(&o);
    o.steps = steps;
    o.lr = 2.0;
    o.warmup_frac = warmup;
    o.decay_frac = decay;
    o.min_lr_frac = 0.1;
    return o;
}

static void the_rate_rises_holds_and_falls(void **state)
{
    (void)state;
    eng_train_opts o = options(100, 0.1, 0.4);
    for (uint64_t s = 1; s < 100; s++) {
        double d = eng_lr_at(&o, s) - eng_lr_at(&o, s - 1);
        if (s <= 10) assert_true(d > 0);
        if (s > 10 && s < 60) assert_true(d == 0 && eng_lr_at(&o, s) == 2.0);
        if (s > 60) assert_true(d < 0);
    }
    assert_true(eng_lr_at(&o, 0) > 0);
    assert_true(eng_lr_at(&o, 99) >= 0.2 && eng_lr_at(&o, 99) < 0.3);
    o.cosine = true;
    for (uint64_t s = 11; s < 100; s++)
        assert_true(eng_lr_at(&o, s) < eng_lr_at(&o, s - 1));
    assert_true(eng_lr_at(&o, 99) >= 0.2 && eng_lr_at(&o, 99) < 0.21);
}

/* Never zero, never above --lr, also where the parts are all or nothing. */
static void the_rate_stays_in_its_bounds(void **state)
{
    (void)state;
    const double parts[][2] = {{0, 0}, {1, 0}, {0, 1}, {0.5, 0.5}, {0.02, 0.3}};
    for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++)
        for (uint64_t steps = 1; steps < 40; steps += 1 + steps / 3)
            for (int cosine = 0; cosine < 2; cosine++) {
                eng_train_opts o = options(steps, parts[i][0], parts[i][1]);
                o.cosine = cosine;
                o.min_lr_frac = 0;
                for (uint64_t s = 0; s < steps; s++) {
                    double lr = eng_lr_at(&o, s);
                    assert_true(lr > 0 && lr <= 2.0);
                }
            }
}

static void weights_are_a_function_of_the_seed(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_config c = fixture_config("qwen3");
    eng_layout l;
    assert_status_ok(eng_layout_build(&c, mem, &l, &e), e);
    float *w[3];
    for (size_t i = 0; i < 3; i++) {
        eng_exec *x;
        w[i] = sk_new_n(mem, float, l.n_floats);
        assert_status_ok(eng_exec_open(1 + i, &x, &e), e);
        eng_init_params(x, &c, &l, i < 2 ? 3 : 4, w[i]);
        eng_exec_close(x);
    }
    assert_memory_equal(w[0], w[1], l.n_floats * sizeof(float));
    assert_memory_not_equal(w[0], w[2], l.n_floats * sizeof(float));
    for (size_t i = 0; i < l.n_params; i++) {
        const eng_param *p = &l.param[i];
        size_t n = p->rows * p->cols;
        double sum = 0, sq = 0;
        for (size_t k = 0; k < n; k++) {
            sum += (double)w[0][p->offset + k];
            sq += (double)w[0][p->offset + k] * (double)w[0][p->offset + k];
        }
        double mean = sum / (double)n, std = sqrt(sq / (double)n);
        if (!p->is_matrix) {
            assert_true(mean == 1.0 && std == 1.0);
            continue;
        }
        double want = p->kind == ENG_P_EMBD ? 0.02 : 1 / sqrt((double)p->cols);
        if (p->kind == ENG_P_O || p->kind == ENG_P_DOWN) want /= sqrt(2.0 * c.n_layer);
        assert_true(fabs(mean) < 4 * want / sqrt((double)n));
        assert_true(fabs(std - want) < 0.1 * want);
    }
    sk_arena_free(mem);
}

/* One update by hand, in double; vectors must not decay. */
static void a_step_is_adamw(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_config c = fixture_config("llama");
    eng_layout l;
    eng_exec *x;
    assert_status_ok(eng_layout_build(&c, mem, &l, &e), e);
    assert_status_ok(eng_exec_open(2, &x, &e), e);
    float *p = sk_new_n(mem, float, l.n_floats), *g = sk_new_n(mem, float, l.n_floats);
    float *m = sk_new_n(mem, float, l.n_floats), *v = sk_new_n(mem, float, l.n_floats);
    float *was = sk_new_n(mem, float, l.n_floats);
    eng_init_params(x, &c, &l, 1, p);
    eng_init_params(x, &c, &l, 2, g);
    memcpy(was, p, l.n_floats * sizeof(float));
    eng_train_opts o = options(10, 0, 0);
    o.weight_decay = 0.5;
    eng_optim *op;
    assert_status_ok(eng_optim_open(x, &o, &c, &l, ENG_PREC_F32, &op, &e), e);
    assert_int_equal(eng_optim_needs(&o, &c, &l).v_floats, l.n_floats);
    eng_optim_step(op, &(eng_update){1, 0.01, 0.5}, p, g, m, v);
    eng_optim_close(op);
    for (size_t i = 0; i < l.n_params; i++) {
        const eng_param *q = &l.param[i];
        for (size_t k = q->offset; k < q->offset + q->rows * q->cols; k++) {
            double gk = 0.5 * (double)g[k], decay = q->is_matrix ? 0.5 : 0;
            double want = (double)was[k] - 0.01 * (gk / (fabs(gk) + 1e-8) + decay * (double)was[k]);
            assert_true(fabs((double)p[k] - want) < 1e-6);
            assert_true(fabs((double)m[k] - 0.1 * gk) < 1e-7);
        }
    }
    eng_exec_close(x);
    sk_arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_rises_holds_and_falls),
        cmocka_unit_test(the_rate_stays_in_its_bounds),
        cmocka_unit_test(weights_are_a_function_of_the_seed),
        cmocka_unit_test(a_step_is_adamw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
