/* t_plan_serve.c - plans of services: nodes, memory, peaks, money. */
#include "unit.h"

#include "fleet/plan/serve.h"

#include <math.h>

#define near(a, b, tol) assert_true(fabs((a) - (double)(b)) <= (tol)*fabs((double)(b)))

static flt_serve_plan_in some(void)
{
    return (flt_serve_plan_in){.input_tokens_per_day = 86400e3,
                               .output_tokens_per_day = 86400e2,
                               .rate_cached = -1,
                               .prefill_rate = 500,
                               .decode_rate = 25,
                               .chips_per_node = 8,
                               .price_micros = 3000000};
}

static flt_serve_plan make(const flt_serve_plan_in *in)
{
    sk_err e = SK_ERR_INIT;
    flt_serve_plan p;
    assert_status_ok(flt_serve_plan_make(in, &p, &e), e);
    return p;
}

static void nodes_and_money(void **state)
{
    (void)state;
    flt_serve_plan_in in = some();
    flt_serve_plan p = make(&in);
    near(p.prefill_nodes, 2, 1e-12);
    near(p.decode_nodes, 4, 1e-12);
    near(p.nodes, 6, 1e-12);
    assert_true(p.cost_per_day_micros == INT64_C(6) * 8 * 24 * 3000000);
    near((double)p.cost_per_million_micros, 6 * 8 * 24 * 3 / 95.04 * 1e6, 1e-6);
    near((double)p.cost_per_million_out_micros, 6 * 8 * 24 * 3 / 8.64 * 1e6, 1e-6);
    assert_true(p.peak_nodes == 0 && p.revenue_per_day_micros == -1);
    in.price_micros = -1;
    assert_true(make(&in).cost_per_day_micros == -1);
}

/* The same in people: a thousand million prompts of 1155 tokens and answers of 211 at DeepSeek's
 * rates; 2.5 of those a day are 866 nodes. */
static void users(void **state)
{
    (void)state;
    flt_serve_plan_in in = {.users = 1e9,
                            .prompts_per_day = 2.5,
                            .input_tokens = 1155,
                            .output_tokens = 211,
                            .rate_cached = -1,
                            .prefill_rate = 73700,
                            .decode_rate = 14800,
                            .chips_per_node = 8,
                            .price_micros = -1};
    near(make(&in).nodes, 866, 1e-3);
}

/* A rate counts cached tokens: with fewer hits than it was measured with a node reads fewer. */
static void hits(void **state)
{
    (void)state;
    flt_serve_plan_in in = some();
    in.cached = 0.5;
    near(make(&in).prefill_nodes, 2, 1e-12); /* as measured */
    in.rate_cached = 0.5;
    near(make(&in).prefill_nodes, 2, 1e-12);
    in.cached = 0;
    near(make(&in).prefill_nodes, 4, 1e-12);
    near(make(&in).prefill_rate, 250, 1e-12);
    in.cached = 1;
    assert_true(make(&in).prefill_nodes == 0);
}

static void peaks(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_serve_plan p;
    flt_serve_plan_in in = some();
    in.peak_to_mean = 1.5;
    in.headroom = 0.2;
    p = make(&in);
    assert_true(p.peak_nodes == 11); /* 6 * 1.5 * 1.2 = 10.8 */
    near(p.training_share, 5.0 / 11, 1e-12);
    near(p.node_hours_left, 120, 1e-12);
    assert_true(p.peak_cost_per_day_micros == INT64_C(11) * 8 * 24 * 3000000);
    in.peak_nodes = 5;
    assert_status(flt_serve_plan_make(&in, &p, &e), SK_E_INVALID, e, "fewer than");
    in.peak_nodes = 0;
    in.peak_to_mean = 0.9;
    assert_status(flt_serve_plan_make(&in, &p, &e), SK_E_INVALID, e, "peak over the mean");
}

/* DeepSeek-V3: 61 layers of 576 latent elements, 4,989 tokens an answer; and a model whose memory
 * decides how many nodes there have to be. */
static void memory(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_serve_plan p;
    flt_kv_shape mla = {.layers = 61, .latent = 576, .bytes_per_element = 2};
    flt_kv_shape gqa = {.layers = 80, .kv_heads = 8, .head_dim = 128, .bytes_per_element = 2};
    near(flt_kv_bytes_per_token(&mla), 70272, 1e-12);
    near(flt_kv_bytes_per_token(&gqa), 327680, 1e-12);
    flt_serve_plan_in in = some();
    in.kv = gqa;
    in.mean_context = 1000;
    in.tpot_s = 0.05;
    in.node_memory_bytes = 641e9;
    in.weights_bytes = 141e9;
    p = make(&in);
    near(p.answers_under_way, 5, 1e-12);
    near(p.kv_bytes, 5 * 327.68e6, 1e-12);
    near(p.nodes, 6, 1e-12);
    in.tpot_s = 500; /* very patient users: 50,000 answers under way */
    p = make(&in);
    near(p.kv_nodes, 50000 * 327.68e6 / 500e9, 1e-12);
    near(p.nodes, 2 + p.kv_nodes, 1e-12);
    in.weights_bytes = 700e9;
    assert_status(flt_serve_plan_make(&in, &p, &e), SK_E_INVALID, e, "leave no room");
}

static void revenue(void **state)
{
    (void)state;
    flt_serve_plan_in in = some();
    in.cached = 0.25;
    in.ask_input_micros = 4000000;
    in.ask_cached_micros = 400000;
    in.ask_output_micros = 10000000;
    double v = 86.4 * (0.75 * 4 + 0.25 * 0.4) + 8.64 * 10;
    near((double)make(&in).revenue_per_day_micros, v * 1e6, 1e-9);
    near(make(&in).margin, v / (6 * 8 * 24 * 3) - 1, 1e-9);
}

static void no_plans(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    flt_serve_plan p;
    flt_serve_plan_in in = some();
    in.cached = 1.5;
    assert_status(flt_serve_plan_make(&in, &p, &e), SK_E_INVALID, e, "from 0 to 1");
    in = some();
    in.decode_rate = 0;
    assert_status(flt_serve_plan_make(&in, &p, &e), SK_E_INVALID, e, "decode rate");
    in = some();
    in.input_tokens_per_day = NAN;
    assert_status(flt_serve_plan_make(&in, &p, &e), SK_E_INVALID, e, "input tokens");
    in = some();
    in.input_tokens_per_day = in.output_tokens_per_day = 0;
    assert_status(flt_serve_plan_make(&in, &p, &e), SK_E_INVALID, e, "no demand");
    in = some();
    in.rate_cached = 1;
    assert_status(flt_serve_plan_make(&in, &p, &e), SK_E_INVALID, e, "every token cached");
    in = some();
    in.ask_output_micros = -1;
    assert_status(flt_serve_plan_make(&in, &p, &e), SK_E_INVALID, e, "negative");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_and_money), cmocka_unit_test(users),  cmocka_unit_test(hits),
        cmocka_unit_test(peaks),           cmocka_unit_test(memory), cmocka_unit_test(revenue),
        cmocka_unit_test(no_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
