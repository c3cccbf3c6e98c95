/* t_dtype.c - element types: the conversions over all 16-bit values and round every edge. */
#include "engine/tensor/dtype.h"
#include "tests/unit/unit.h"

#include "base/rng.h"

#include <math.h>

static float float_of(uint32_t u)
{
    float x;
    memcpy(&x, &u, sizeof x);
    return x;
}

static uint32_t bits_of(float x)
{
    uint32_t u;
    memcpy(&u, &x, sizeof u);
    return u;
}

/* The value of a half float by the definition of IEEE 754. */
static double half_value(uint16_t h)
{
    int e = h >> 10 & 31, frac = h & 0x3ff;
    double x = e ? ldexp(1024 + frac, e - 25) : ldexp(frac, -24);
    if (e == 31) x = frac ? NAN : INFINITY;
    return h & 0x8000 ? -x : x;
}

static void names_and_sizes(void **state)
{
    (void)state;
    assert_string_equal(eng_dtype_name(ENG_F32), "F32");
    assert_string_equal(eng_dtype_name(ENG_F16), "F16");
    assert_string_equal(eng_dtype_name(ENG_BF16), "BF16");
    assert_string_equal(eng_dtype_name((eng_dtype)2), "Q4_0");
    assert_null(eng_dtype_name((eng_dtype)4)); /* given up by ggml */
    assert_int_equal(eng_dtype_block(ENG_F16), 1);
    assert_int_equal(eng_dtype_block(ENG_MXFP4), 32);
    assert_int_equal(eng_dtype_block((eng_dtype)999), 0);
    assert_int_equal(eng_dtype_block_bytes(ENG_Q6_K), 210);
    assert_int_equal(eng_dtype_bytes(ENG_Q4_K, 512), 288);
    assert_int_equal(eng_dtype_bytes(ENG_Q4_K, 128), 0); /* half a block */
    eng_dtype t = ENG_F32;
    assert_true(eng_dtype_of_name("q4_k", &t) && t == ENG_Q4_K);
    assert_true(eng_dtype_of_name("BF16", &t) && t == ENG_BF16);
    assert_false(eng_dtype_of_name("q4_k_m", &t) || t != ENG_BF16);
    assert_int_equal(eng_dtype_bytes(ENG_F32, 3), 12);
    assert_int_equal(eng_dtype_bytes(ENG_F16, 3), 6);
    assert_int_equal(eng_dtype_bytes(ENG_BF16, 0), 0);
    assert_int_equal(eng_dtype_bytes((eng_dtype)999, 3), 0);
}

/* Every half float has its value, and comes back from it. */
static void all_halves(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t h = (uint16_t)i;
        float x = eng_f16_to(h);
        if (isnan(half_value(h))) {
            assert_true(isnan(x));
            assert_true(bits_of(x) & 0x400000); /* quiet */
            assert_int_equal(eng_f16_of(x), h | 0x200);
        } else {
            assert_true((double)x == half_value(h));
            assert_int_equal(signbit(x) != 0, h >> 15);
            assert_int_equal(eng_f16_of(x), h);
        }
    }
}

/* Between each two neighbours, up to infinity: the middle goes to the even one, and a little to
 * either side of it to the nearer one. */
static void halves_round_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7c00; i++) {
        double lo = half_value((uint16_t)i), hi = half_value((uint16_t)(i + 1));
        if (i == 0x7bff) hi = 65536; /* where infinity begins to be nearer */
        float middle = (float)((lo + hi) / 2);
        assert_true((double)middle == (lo + hi) / 2);
        assert_int_equal(eng_f16_of(middle), i % 2 ? i + 1 : i);
        assert_int_equal(eng_f16_of(nextafterf(middle, 0)), i);
        assert_int_equal(eng_f16_of(nextafterf(middle, INFINITY)), i + 1);
        assert_int_equal(eng_f16_of(-middle), 0x8000 | (i % 2 ? i + 1 : i));
    }
    assert_int_equal(eng_f16_of(3e38f), 0x7c00);
    assert_int_equal(eng_f16_of(-INFINITY), 0xfc00);
    assert_int_equal(eng_f16_of(float_of(1)), 0);
    assert_int_equal(eng_f16_of(-0.0f), 0x8000);
}

static void all_bf16(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 65536; i++) {
        float x = eng_bf16_to((uint16_t)i);
        assert_int_equal(bits_of(x), i << 16);
        if (isnan(x))
            assert_int_equal(eng_bf16_of(x), i | 0x40);
        else
            assert_int_equal(eng_bf16_of(x), i);
    }
}

static void bf16_rounds_to_nearest_even(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 0x7f80; i++) {
        uint32_t middle = i << 16 | 0x8000u;
        assert_int_equal(eng_bf16_of(float_of(middle)), i % 2 ? i + 1 : i);
        assert_int_equal(eng_bf16_of(float_of(middle - 1)), i);
        assert_int_equal(eng_bf16_of(float_of(middle + 1)), i + 1);
        assert_int_equal(eng_bf16_of(float_of(middle | 0x80000000u)), 0x8000 | (i % 2 ? i + 1 : i));
    }
    /* NaNs whose payload is only in the half that is dropped stay NaNs. */
    assert_true(isnan(eng_bf16_to(eng_bf16_of(float_of(0x7f800001u)))));
    assert_true(isnan(eng_bf16_to(eng_bf16_of(float_of(0xffbfffffu)))));
}

/* Arrays give what the scalars give; the element after the last is not touched. */
static void arrays(void **state)
{
    (void)state;
    enum { N = 37 };
    const eng_dtype types[] = {ENG_F32, ENG_F16, ENG_BF16};
    for (size_t t = 0; t < 3; t++) {
        float x[N], back[N + 1];
        uint16_t half[2 * N + 1];
        memset(half, 0xab, sizeof half);
        back[N] = 77;
        for (size_t i = 0; i < N; i++)
            x[i] = (float)sk_rng_normal(3, SK_RNG_TEST, t * N + i);
        eng_dtype_of_f32(types[t], x, half, N);
        assert_int_equal(half[eng_dtype_bytes(types[t], N) / 2], 0xabab);
        eng_dtype_to_f32(types[t], half, back, N);
        assert_true(back[N] == 77);
        for (size_t i = 0; i < N; i++) {
            float want = x[i];
            if (types[t] == ENG_F16) want = eng_f16_to(eng_f16_of(x[i]));
            if (types[t] == ENG_BF16) want = eng_bf16_to(eng_bf16_of(x[i]));
            assert_int_equal(bits_of(back[i]), bits_of(want));
        }
        eng_dtype_of_f32(types[t], NULL, NULL, 0);
        eng_dtype_to_f32(types[t], NULL, NULL, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_sizes),
        cmocka_unit_test(all_halves),
        cmocka_unit_test(halves_round_to_nearest_even),
        cmocka_unit_test(all_bf16),
        cmocka_unit_test(bf16_rounds_to_nearest_even),
        cmocka_unit_test(arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
