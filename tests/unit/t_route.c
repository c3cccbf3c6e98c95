/* t_route.c - which experts a token goes to: every kind of router, groups, ties, odd values. */
#include "tests/unit/unit.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "engine/model/route.h"

#include <math.h>

enum { N = 8 };

static const eng_kernels *kern(void)
{
    return eng_kernels_at(SK_CPU_C);
}

static eng_config config(eng_gating gating, uint32_t used)
{
    return (eng_config){.n_expert = N, .n_expert_used = used, .gating = gating};
}

/* Routes v and checks the chosen and their weights. */
static void expect(const eng_config *c, const float *v, const float *bias, const uint32_t *expert,
                   const double *weight)
{
    float logits[N], scratch[N];
    eng_choice out[N];
    memcpy(logits, v, sizeof logits);
    eng_route(kern(), c, logits, bias, scratch, out);
    for (uint32_t i = 0; i < c->n_expert_used; i++) {
        assert_int_equal(out[i].expert, expert[i]);
        assert_true(fabs((double)out[i].weight - weight[i]) < 1e-6);
    }
}

static const float some[N] = {0.5f, -1, 2, 0, 1.5f, -3, 1, 0.25f};

static double softmax_sum(void)
{
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += exp((double)some[i]);
    return sum;
}

static void softmax(void **state)
{
    (void)state;
    eng_config c = config(ENG_GATE_SOFTMAX, 3);
    double sum = softmax_sum(), e[3] = {exp(2), exp(1.5), exp(1)}, three = e[0] + e[1] + e[2];
    const uint32_t who[] = {2, 4, 6};
    expect(&c, some, NULL, who, (double[]){e[0] / sum, e[1] / sum, e[2] / sum});
    c.expert_norm = true;
    expect(&c, some, NULL, who, (double[]){e[0] / three, e[1] / three, e[2] / three});
    c.expert_scale = 2.5f;
    expect(&c, some, NULL, who,
           (double[]){2.5 * e[0] / three, 2.5 * e[1] / three, 2.5 * e[2] / three});
    c = config(ENG_GATE_CHOSEN, 3);
    expect(&c, some, NULL, who, (double[]){e[0] / three, e[1] / three, e[2] / three});
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* A bias changes the choice, not the weights. */
static void biased(void **state)
{
    (void)state;
    eng_config c = config(ENG_GATE_SIGMOID, 2);
    const float bias[N] = {0, 0, -1, 0, 0, 1, 0, 0};
    expect(&c, some, bias, (uint32_t[]){4, 5}, (double[]){sigmoid(1.5), sigmoid(-3)});
    c.expert_norm = true;
    double s = sigmoid(1.5) + sigmoid(-3);
    expect(&c, some, bias, (uint32_t[]){4, 5}, (double[]){sigmoid(1.5) / s, sigmoid(-3) / s});
}

/* Groups {0, 1}, {2, 3}, {4, 5}, {6, 7} by the sum of their two best. */
static void groups(void **state)
{
    (void)state;
    eng_config c = config(ENG_GATE_SIGMOID, 2);
    c.n_group = 4;
    c.n_group_used = 1;
    const float v[N] = {9, -9, 1, 1, 3, -1, 2, 2};
    expect(&c, v, NULL, (uint32_t[]){6, 7}, (double[]){sigmoid(2), sigmoid(2)});
    c.n_group_used = 2;
    expect(&c, v, NULL, (uint32_t[]){6, 7}, (double[]){sigmoid(2), sigmoid(2)});
    c.n_group_used = 3;
    expect(&c, v, NULL, (uint32_t[]){4, 6}, (double[]){sigmoid(3), sigmoid(2)});
    c.n_group = 2; /* {0..3}, {4..7} */
    c.n_group_used = 1;
    expect(&c, v, NULL, (uint32_t[]){4, 6}, (double[]){sigmoid(3), sigmoid(2)});
}

/* Equal values: the smaller numbers; all experts; values that are no numbers end somewhere. */
static void edges(void **state)
{
    (void)state;
    eng_config c = config(ENG_GATE_SOFTMAX, 3);
    const float same[N] = {0};
    expect(&c, same, NULL, (uint32_t[]){0, 1, 2}, (double[]){0.125, 0.125, 0.125});
    c.n_expert_used = N;
    c.expert_norm = true;
    double w[N];
    for (int i = 0; i < N; i++)
        w[i] = exp((double)some[i]) / softmax_sum();
    expect(&c, some, NULL, (uint32_t[]){0, 1, 2, 3, 4, 5, 6, 7}, w);
    for (int gating = ENG_GATE_SOFTMAX; gating <= ENG_GATE_CHOSEN; gating++)
        for (uint32_t round = 0; round < 200; round++) {
            const float odd[] = {NAN, INFINITY, -INFINITY, 0, 1, 3e38f, -3e38f};
            float v[N], scratch[N];
            eng_choice out[N];
            c = config((eng_gating)gating, 1 + round % N);
            if (round % 3 == 1 && c.n_expert_used <= 4) c.n_group = 4, c.n_group_used = 2;
            for (uint32_t i = 0; i < N; i++)
                v[i] = odd[sk_rng_below(round, SK_RNG_TEST, i, sizeof odd / sizeof *odd)];
            eng_route(kern(), &c, v, NULL, scratch, out);
            for (uint32_t i = 0; i < c.n_expert_used; i++)
                assert_true(out[i].expert < N && (!i || out[i].expert > out[i - 1].expert));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softmax),
        cmocka_unit_test(biased),
        cmocka_unit_test(groups),
        cmocka_unit_test(edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
