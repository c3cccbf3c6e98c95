/* t_rng.c - Philox against Random123's known answers, and the shape of what is drawn from it. */
#include "tests/unit/unit.h"

#include "base/rng.h"

#include <math.h>

/* Random123 1.14, tests/kat_vectors, "philox4x32 10". */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t ctr[4], key[2], out[4];
    } kat[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        uint32_t out[4];
        sk_philox4x32(kat[i].ctr, kat[i].key, out);
        assert_memory_equal(out, kat[i].out, sizeof out);
    }
}

/* The output may be the counter's own memory. */
static void output_over_input(void **state)
{
    (void)state;
    uint32_t w[4] = {0, 0, 0, 0};
    const uint32_t key[2] = {0, 0};
    sk_philox4x32(w, key, w);
    assert_int_equal(w[0], 0x6627e8d5);
    assert_int_equal(w[3], 0x9b00dbd8);
}

/* These values are part of checkpoints and of sampled texts: they must never change. */
static void values_are_frozen(void **state)
{
    (void)state;
    assert_true(sk_rng_u64(0, 0, 0) == 0xe169c58d6627e8d5u);
    assert_true(sk_rng_u64(1, SK_RNG_SAMPLE, 0) != sk_rng_u64(1, SK_RNG_DATA, 0));
    assert_true(sk_rng_u64(1, SK_RNG_SAMPLE, 0) != sk_rng_u64(2, SK_RNG_SAMPLE, 0));
    assert_true(sk_rng_u64(1, SK_RNG_SAMPLE, 0) != sk_rng_u64(1, SK_RNG_SAMPLE, 1));
    assert_true(sk_rng_u64(1, 2, 1ull << 32) != sk_rng_u64(1, 2, 0));
    assert_true(sk_rng_u64(1ull << 32, 2, 0) != sk_rng_u64(0, 2, 0));
}

/* Mean, variance and bins of 100,000 uniform numbers lie where 6 standard errors allow. */
static void uniform_is_uniform(void **state)
{
    (void)state;
    enum { N = 100000, BINS = 10 };
    double sum = 0, squares = 0;
    int bins[BINS] = {0};
    for (uint64_t i = 0; i < N; i++) {
        double u = sk_rng_uniform(7, SK_RNG_TEST, i);
        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += u * u;
        bins[(int)(u * BINS)]++;
    }
    double mean = sum / N;
    assert_true(fabs(mean - 0.5) < 6 * sqrt(1.0 / 12 / N));
    assert_true(fabs(squares / N - 1.0 / 3) < 6 * sqrt(4.0 / 45 / N));
    for (int b = 0; b < BINS; b++)
        assert_true(abs(bins[b] - N / BINS) < 6 * sqrt(N * 0.09));
}

static void normal_is_normal(void **state)
{
    (void)state;
    enum { N = 100000 };
    double sum = 0, squares = 0, fourth = 0;
    int beyond_two = 0;
    for (uint64_t i = 0; i < N; i++) {
        double z = sk_rng_normal(7, SK_RNG_TEST, i);
        assert_true(isfinite(z));
        sum += z;
        squares += z * z;
        fourth += z * z * z * z;
        beyond_two += fabs(z) > 2;
    }
    assert_true(fabs(sum / N) < 6 / sqrt(N));
    assert_true(fabs(squares / N - 1) < 6 * sqrt(2.0 / N));
    assert_true(fabs(fourth / N - 3) < 6 * sqrt(96.0 / N));
    assert_true(fabs(beyond_two / (double)N - 0.0455) < 6 * sqrt(0.0455 / N));
}

static void below_stays_below(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1, 2, 3, 10, 1u << 31, UINT64_MAX};
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++)
        for (uint64_t i = 0; i < 2000; i++)
            assert_true(sk_rng_below(3, SK_RNG_TEST, i, bounds[b]) < bounds[b]);
    int seen[10] = {0};
    for (uint64_t i = 0; i < 10000; i++)
        seen[sk_rng_below(3, SK_RNG_TEST, i, 10)]++;
    for (int k = 0; k < 10; k++)
        assert_in_range(seen[k], 820, 1180);
}

/* Every n up to 300 and some larger ones: each place is hit exactly once. */
static void permute_is_a_bijection(void **state)
{
    (void)state;
    static const uint64_t large[] = {1023, 1024, 1025, 4095, 4096, 4097, 65536, 65537, 100003};
    unsigned char *hit = malloc(200000);
    for (uint64_t k = 1; k <= 300 + sizeof large / sizeof *large; k++) {
        uint64_t n = k <= 300 ? k : large[k - 301];
        memset(hit, 0, n);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t to = sk_rng_permute(k, SK_RNG_DATA, n, i);
            assert_true(to < n);
            assert_int_equal(hit[to]++, 0);
        }
    }
    free(hit);
}

/* Neither the identity nor the same for every seed; each of the 24 orders of 4 turns up. */
static void permute_mixes(void **state)
{
    (void)state;
    enum { N = 10000 };
    int fixed = 0, same = 0, neighbours = 0;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t a = sk_rng_permute(1, SK_RNG_DATA, N, i), b = sk_rng_permute(2, SK_RNG_DATA, N, i);
        uint64_t c = sk_rng_permute(1, SK_RNG_DATA, N, (i + 1) % N);
        fixed += a == i;
        same += a == b;
        neighbours += c == a + 1;
    }
    assert_in_range(fixed, 0, 12);
    assert_in_range(same, 0, 12);
    assert_in_range(neighbours, 0, 12);
    bool seen[256] = {false};
    int orders = 0;
    for (uint64_t seed = 0; seed < 2000; seed++) {
        unsigned order = 0;
        for (uint64_t i = 0; i < 4; i++)
            order = order << 2 | (unsigned)sk_rng_permute(seed, SK_RNG_DATA, 4, i);
        orders += !seen[order];
        seen[order] = true;
    }
    assert_int_equal(orders, 24);
}

/* The largest domains end, and stay inside. */
static void permute_huge(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {1ull << 32, (1ull << 62) + 1, 1ull << 63, UINT64_MAX};
    for (size_t k = 0; k < 4; k++) {
        for (uint64_t i = 0; i < 50; i++) {
            assert_true(sk_rng_permute(5, SK_RNG_DATA, sizes[k], i) < sizes[k]);
            assert_true(sk_rng_permute(5, SK_RNG_DATA, sizes[k], sizes[k] - 1 - i) < sizes[k]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),          cmocka_unit_test(output_over_input),
        cmocka_unit_test(values_are_frozen),      cmocka_unit_test(uniform_is_uniform),
        cmocka_unit_test(normal_is_normal),       cmocka_unit_test(below_stays_below),
        cmocka_unit_test(permute_is_a_bijection), cmocka_unit_test(permute_mixes),
        cmocka_unit_test(permute_huge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
