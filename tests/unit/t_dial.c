/* t_dial.c - a model from one number, what a run takes, and what is advised where it is too much.
 */
#include "tests/unit/tiny_run.h"
#include "tests/unit/unit.h"

#include "engine/kernel/exec.h"

#include <math.h>

/* Shapes of known sizes, and what holds for all. */
static void a_depth_makes_a_model(void **state)
{
    (void)state;
    const struct {
        uint32_t depth, dim, heads, kv_heads, ffn;
    } known[] = {
        {4, 192, 3, 1, 512}, {5, 256, 4, 2, 640}, {7, 384, 6, 2, 1024}, {12, 640, 10, 2, 1664}};
    eng_train_opts o;
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        eng_train_opts_default(&o);
        eng_dial_shape(known[i].depth, &o);
        assert_int_equal(o.dim, known[i].dim);
        assert_int_equal(o.heads, known[i].heads);
        assert_int_equal(o.kv_heads, known[i].kv_heads);
        assert_int_equal(o.ffn, known[i].ffn);
        assert_int_equal(eng_dial_depth(eng_dial_params(&o)), known[i].depth);
    }
    double last = 0;
    for (uint32_t depth = 1; depth <= 96; depth++) {
        eng_dial_shape(depth, &o);
        assert_true(o.heads % o.kv_heads == 0 && o.dim == 64 * o.heads && o.ffn % 64 == 0);
        double n = eng_dial_params(&o);
        assert_true(n > last);
        last = n;
    }
    assert_int_equal(eng_dial_depth(5e6), 5);
    assert_int_equal(eng_dial_depth(15e6), 7);
    assert_int_equal(eng_dial_depth(60e6), 12);
}

static void pace_follows_from_the_size(void **state)
{
    (void)state;
    eng_train_opts small, large;
    assert_int_equal(eng_dial_batch(1e3, 256), 2048);
    assert_int_equal(eng_dial_batch(4e6, 256), 2048);
    assert_int_equal(eng_dial_batch(1e6, 3000), 3000);
    double tokens = 1e6;
    for (int i = 0; i < 13; i++) {
        assert_true(eng_dial_batch(3 * tokens, 512) >= eng_dial_batch(tokens, 512));
        tokens *= 3;
    }
    eng_train_opts_default(&small);
    large = small;
    eng_dial_shape(4, &small);
    eng_dial_shape(20, &large);
    assert_true(eng_dial_lr(&large) < eng_dial_lr(&small));
}

/* The plan's parts are its whole, and its parameters are the model's. */
static void a_plan_adds_up(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r;
    eng_exec *x;
    eng_train_plan p, again;
    tiny_run_init(&r);
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    r.list[0] = r.data;
    r.o.data = r.list;
    r.o.n_data = 1;
    r.o.layers = 3;
    r.o.batch_tokens = 240;
    assert_status_ok(eng_train_plan_of(x, &r.o, &p, &e), e);
    assert_int_equal(p.bytes, p.bytes_params + p.bytes_grads + p.bytes_optim + p.bytes_packs +
                                  p.bytes_activations + p.bytes_batch + p.bytes_data +
                                  p.bytes_saver);
    assert_true(p.seconds > 0 && p.bytes_allowed > p.bytes);
    assert_int_equal(p.step_tokens, 240);
    assert_int_equal(p.steps, r.o.steps);
    assert_true(fabs(eng_dial_params(&r.o) / (double)p.params - 1) < 0.01);
    r.o.recompute = true;
    r.o.micro_rows = 1;
    assert_status_ok(eng_train_plan_of(x, &r.o, &again, &e), e);
    assert_true(again.bytes_activations < p.bytes_activations &&
                again.bytes_optim == p.bytes_optim);
    assert_int_equal(again.micro_tokens, r.o.context);
    r.o.ema = 0.9;
    assert_status_ok(eng_train_plan_of(x, &r.o, &p, &e), e);
    assert_int_equal(p.bytes_params, 2 * again.bytes_params);
    eng_exec_close(x);
    tiny_run_fini(&r);
}

/* Far too long a context, and far too large a model. */
static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    tiny_run r;
    eng_exec *x;
    eng_train_plan p;
    tiny_run_init(&r);
    assert_status_ok(eng_exec_open(1, &x, &e), e);
    r.list[0] = r.data;
    r.o.data = r.list;
    r.o.n_data = 1;
    r.o.context = 1u << 22;
    r.o.layers = 400;
    assert_status(eng_train_plan_of(x, &r.o, &p, &e), SK_E_NOMEM, e, "would fit");
    assert_non_null(strstr(e.text, "--recompute"));
    r.o.context = 256;
    r.o.dim = 1 << 16;
    r.o.heads = r.o.kv_heads = 64;
    r.o.layers = 100;
    sk_err too = SK_ERR_INIT;
    assert_status(eng_train_plan_of(x, &r.o, &p, &too), SK_E_NOMEM, too, "make the model smaller");
    eng_exec_close(x);
    tiny_run_fini(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_depth_makes_a_model),
        cmocka_unit_test(pace_follows_from_the_size),
        cmocka_unit_test(a_plan_adds_up),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
