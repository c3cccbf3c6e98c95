/* t_penalty.c - mask, bias, repetition, frequency and presence. */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/infer/penalty.h"

#include <float.h>
#include <math.h>

enum { N_VOCAB = 40, N_IDS = 100 };

static void repeats(void **state)
{
    (void)state;
    uint32_t count[N_VOCAB] = {0};
    int32_t seen[N_VOCAB], ids[N_IDS];
    for (uint64_t round = 0; round < 500; round++) {
        float x[N_VOCAB], was[N_VOCAB];
        for (size_t i = 0; i < N_VOCAB; i++)
            was[i] = x[i] = (float)(4 * sk_rng_normal(round, SK_RNG_TEST, i));
        x[7] = was[7] = -INFINITY;
        for (size_t i = 0; i < N_IDS; i++)
            ids[i] = (int32_t)sk_rng_below(2, SK_RNG_TEST, round * N_IDS + i, N_VOCAB);
        eng_sample_opts o = {.repeat_penalty = 0.5 + (double)(round % 4) * 0.25,
                             .frequency_penalty = (double)(round % 3) * 0.5 - 0.5,
                             .presence_penalty = (double)(round % 5) * 0.3,
                             .penalty_last_n = (int64_t)(round % 120) - 1};
        assert_true(eng_penalty_on(&o) ==
                    (o.penalty_last_n != 0 && (o.repeat_penalty != 1 || o.frequency_penalty != 0 ||
                                               o.presence_penalty != 0)));
        eng_penalty_repeats(x, N_VOCAB, &o, ids, N_IDS, count, seen);
        size_t window =
            o.penalty_last_n < 0 || o.penalty_last_n > N_IDS ? N_IDS : (size_t)o.penalty_last_n;
        for (int32_t id = 0; id < N_VOCAB; id++) {
            double times = 0, want = (double)was[id];
            for (size_t i = N_IDS - window; i < N_IDS; i++)
                times += ids[i] == id;
            if (times > 0) {
                want = want > 0 ? want / o.repeat_penalty : want * o.repeat_penalty;
                want -= times * o.frequency_penalty + o.presence_penalty;
            }
            if (isinf(was[id]))
                assert_true(x[id] == was[id]);
            else
                assert_true(fabs((double)x[id] - want) <= 1e-5);
            assert_int_equal(count[id], 0);
        }
    }
}

/* Strange ids and huge numbers do no harm. */
static void hostile(void **state)
{
    (void)state;
    uint32_t count[4] = {0};
    int32_t seen[4];
    const int32_t ids[] = {-1, 4, INT32_MAX, INT32_MIN, 0, 1, 2};
    float x[4] = {3e38f, -3e38f, NAN, 1};
    eng_sample_opts o = {.repeat_penalty = 100, .frequency_penalty = -100, .penalty_last_n = -1};
    eng_penalty_repeats(x, 4, &o, ids, 7, count, seen);
    assert_true(isfinite(x[0]) && x[1] == -FLT_MAX && isnan(x[2]) && x[3] == 1);
    o = (eng_sample_opts){.repeat_penalty = 1e-300, .penalty_last_n = -1};
    eng_penalty_repeats(x, 4, &o, ids, 7, count, seen);
    assert_true(x[0] == FLT_MAX);
    eng_penalty_repeats(x, 4, &o, ids, 0, count, seen);
}

static void mask_and_bias(void **state)
{
    (void)state;
    float x[130];
    uint64_t allowed[3] = {UINT64_MAX, 0, 2};
    for (size_t i = 0; i < 130; i++)
        x[i] = (float)i;
    eng_penalty_mask(x, 130, allowed);
    for (size_t i = 0; i < 130; i++)
        assert_true(i < 64 || i == 129 ? x[i] == (float)i : x[i] == -INFINITY);
    const eng_logit_bias bias[] = {{3, 2.5f},      {3, 1},  {5, -INFINITY}, {129, FLT_MAX},
                                   {129, FLT_MAX}, {-1, 1}, {130, 1}};
    eng_sample_opts o = {.bias = bias, .n_bias = 7};
    eng_penalty_bias(x, 130, &o);
    assert_true(x[3] == 6.5f && x[5] == -INFINITY && x[129] == FLT_MAX && x[4] == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repeats),
        cmocka_unit_test(hostile),
        cmocka_unit_test(mask_and_bias),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
