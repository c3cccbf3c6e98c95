/* t_quant.c - block formats: what the blocks stand for, against checksums of ggml's results.
 *
 * The expected checksums are those of ggml's dequantize_row_* (August 2026, built with
 * -ffp-contract=off) over the same random blocks. */
#include "engine/quant/blocks.h"
#include "engine/quant/quant.h"
#include "tests/unit/unit.h"

#include "base/crc.h"
#include "base/rng.h"

enum { BLOCKS = 64 };

/* A type, where the half floats of its block lie (-1: none), and the checksum of the floats that
 * BLOCKS random blocks unpack to. */
static const struct unpack_case {
    eng_dtype type;
    int half[2];
    uint32_t crc;
} cases[] = {
    {ENG_Q4_0, {0, -1}, 0xe64c3a4f},   {ENG_Q4_1, {0, 2}, 0x2f3e5e3f},
    {ENG_Q5_0, {0, -1}, 0xd35c4de7},   {ENG_Q5_1, {0, 2}, 0x8718e0e3},
    {ENG_Q8_0, {0, -1}, 0x560242d1},   {ENG_Q2_K, {80, 82}, 0x9000358c},
    {ENG_Q3_K, {108, -1}, 0xe61407f7}, {ENG_Q4_K, {0, 2}, 0x22d3ee88},
    {ENG_Q5_K, {0, 2}, 0xcc6dfb5a},    {ENG_Q6_K, {208, -1}, 0xc5230e39},
    {ENG_IQ4_NL, {0, -1}, 0x4fba692f}, {ENG_IQ4_XS, {0, -1}, 0xbc7708c5},
    {ENG_MXFP4, {-1, -1}, 0x0ddfd530},
};

/* Random blocks whose scales are finite: an exponent's bit is cleared in each half float. */
static void random_blocks(const struct unpack_case *c, uint8_t *p)
{
    size_t size = eng_dtype_block_bytes(c->type);
    for (size_t i = 0; i < BLOCKS * size; i++) {
        p[i] = (uint8_t)sk_rng_below((uint64_t)c->type, SK_RNG_TEST, i, 256);
        if ((int)(i % size) - 1 == c->half[0] || (int)(i % size) - 1 == c->half[1]) p[i] &= 0xbf;
    }
}

/* Every block format unpacks to what ggml makes of the same bytes. */
static void unpack_as_ggml(void **state)
{
    (void)state;
    _Alignas(8) static uint8_t block[BLOCKS * 256];
    static float x[BLOCKS * ENG_QK];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct unpack_case *c = &cases[i];
        size_t n = BLOCKS * eng_dtype_block(c->type);
        random_blocks(c, block);
        eng_quant_unpack(c->type, block, x, n);
        if (sk_crc32c(0, x, n * sizeof *x) != c->crc)
            fail_msg("%s: 0x%08x", eng_dtype_name(c->type), sk_crc32c(0, x, n * sizeof *x));
    }
}

/* The plain types go through the same door; nothing to do is nothing done. */
static void plain_types(void **state)
{
    (void)state;
    const float x[3] = {1.5f, -2, 0.25f};
    uint16_t h[3];
    float y[3] = {0};
    eng_quant_unpack(ENG_F32, x, y, 3);
    assert_memory_equal(x, y, sizeof x);
    eng_dtype_of_f32(ENG_F16, x, h, 3);
    eng_quant_unpack(ENG_F16, h, y, 3);
    assert_memory_equal(x, y, sizeof x);
    eng_dtype_of_f32(ENG_BF16, x, h, 3);
    eng_quant_unpack(ENG_BF16, h, y, 3);
    assert_memory_equal(x, y, sizeof x);
    eng_quant_unpack(ENG_Q4_K, NULL, NULL, 0);
}

/* Blocks written by hand: one of each layout that is easy to get wrong. */
static void by_hand(void **state)
{
    (void)state;
    float x[ENG_QK];
    eng_q4_0 a = {.d = eng_f16_of(0.5f), .qs = {0xf0}};
    eng_quant_unpack(ENG_Q4_0, &a, x, ENG_QB);
    assert_true(x[0] == -4 && x[16] == 3.5f && x[1] == -4);
    eng_q5_1 b = {.d = eng_f16_of(1), .m = eng_f16_of(-3), .qh = {0, 0, 1, 0}, .qs = {0x21}};
    eng_quant_unpack(ENG_Q5_1, &b, x, ENG_QB);
    assert_true(x[0] == -2 && x[16] == 15 && x[2] == -3);
    eng_mxfp4 m = {.e = 127, .qs = {0xf1}};
    eng_quant_unpack(ENG_MXFP4, &m, x, ENG_QB);
    assert_true(x[0] == 0.5f && x[16] == -6);
    eng_q6_k s = {.d = eng_f16_of(1)};
    s.scales[0] = 1, s.scales[15] = -2; /* groups 0 and 15 */
    s.ql[0] = 0xf, s.qh[0] = 3;         /* element 0: 63 */
    eng_quant_unpack(ENG_Q6_K, &s, x, ENG_QK);
    assert_true(x[0] == 31 && x[1] == -32 && x[16] == 0 && x[255] == 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unpack_as_ggml),
        cmocka_unit_test(plain_types),
        cmocka_unit_test(by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
