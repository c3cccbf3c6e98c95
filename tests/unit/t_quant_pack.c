/* t_quant_pack.c - packing: the bytes of ggml's packers where they define a format, an error no
 * greater than theirs where the search is ours, the same bytes for any number of threads, and
 * numbers that are none.
 *
 * The figures of ggml are from its quantize_* functions (August 2026, built with -ffp-contract=off)
 * over the same numbers. */
#include "engine/quant/blocks.h"
#include "engine/quant/quant.h"
#include "tests/unit/unit.h"

#include "base/crc.h"
#include "base/rng.h"

#include <float.h>
#include <math.h>

enum { ROWS = 16, COLS = 512, N = ROWS * COLS };

/* Kinds of numbers; made with exact arithmetic only, so that they are the same everywhere. */
typedef enum kind { BELL, TAILS, MIXED, KINDS } kind;

/* A number out of (seed, i): a sum of four uniforms is near a bell curve. */
static float number(kind k, uint64_t i)
{
    uint64_t r = sk_rng_u64((uint64_t)k, SK_RNG_TEST, i);
    float sum = -2;
    for (int j = 0; j < 4; j++)
        sum += (float)(r >> (16 * j) & 0xffff) * 0x1p-16f;
    if (k == TAILS) sum /= 0.05f + (float)(r >> 7 & 0xff) * 0x1p-8f;
    if (k == MIXED) sum = i / 32 % 5 == 0 ? 0 : i / 32 % 5 == 1 ? sum * 0x1p-9f : sum + 0.5f;
    return sum * 0x1p-5f;
}

static void numbers(kind k, float *x)
{
    for (size_t i = 0; i < N; i++)
        x[i] = number(k, i);
}

/* Importance of the columns: from 1/64 to 64. */
static void importance(float *w)
{
    for (size_t i = 0; i < COLS; i++) {
        uint64_t r = sk_rng_u64(99, SK_RNG_TEST, i);
        w[i] = (1 + (float)(r & 255) * 0x1p-8f) * (float)(1 << (r >> 8) % 12) * 0x1p-6f;
    }
}

/* What the packed bytes of each kind of numbers, one after the other, have for a checksum. */
static const struct pack_case {
    eng_dtype type;
    bool weighed;
    uint32_t crc;
} same_bytes[] = {
    {ENG_Q4_0, false, 0x7db565a0},   {ENG_Q4_1, false, 0x8ec35e09},
    {ENG_Q5_0, false, 0xa2c1f33a},   {ENG_Q5_1, false, 0xed5cdad9},
    {ENG_Q8_0, false, 0x4ea23b77},   {ENG_Q8_0, true, 0x4ea23b77},
    {ENG_IQ4_NL, false, 0x072f5c1c}, {ENG_IQ4_NL, true, 0xbe3d9fb4},
    {ENG_IQ4_XS, false, 0xaec4968f}, {ENG_IQ4_XS, true, 0x34e6588b},
    {ENG_MXFP4, false, 0x472f573c},  {ENG_MXFP4, true, 0x472f573c},
};

/* The formats that are defined by ggml's packer. */
static void bytes_of_ggml(void **state)
{
    (void)state;
    static float x[N], w[COLS];
    _Alignas(8) static uint8_t packed[N * 2];
    importance(w);
    for (size_t i = 0; i < sizeof same_bytes / sizeof same_bytes[0]; i++) {
        const struct pack_case *c = &same_bytes[i];
        uint32_t crc = 0;
        for (kind k = BELL; k < KINDS; k++) {
            numbers(k, x);
            eng_quant_pack(c->type, x, packed, ROWS, COLS, c->weighed ? w : NULL);
            crc = sk_crc32c(crc, packed, eng_dtype_bytes(c->type, N));
        }
        if (crc != c->crc) fail_msg("%s %d: 0x%08x", eng_dtype_name(c->type), c->weighed, crc);
    }
}

/* The formats packed by a search: checksum of our bytes (they are the same with every compiler),
 * and the sums of squares of ggml's errors for each kind of numbers, weighed by importance where it
 * was used. */
static const struct search_case {
    eng_dtype type;
    bool weighed;
    uint32_t crc;
    double error[KINDS];
} searched[] = {
    {ENG_Q2_K, false, 0x40c4f622, {0.225836622, 7.11509815, 0.124614536}},
    {ENG_Q2_K, true, 0x5ef41154, {0.759543441, 20.6720459, 0.467392235}},
    {ENG_Q3_K, false, 0x392dccf9, {0.0566270787, 2.1195315, 0.0527143988}},
    {ENG_Q3_K, true, 0xde23e76f, {0.281046288, 10.8269499, 0.23320625}},
    {ENG_Q4_K, false, 0xe3c8b1ed, {0.0127760765, 0.487156749, 0.00749067778}},
    {ENG_Q4_K, true, 0xa016d3a9, {0.0598631534, 2.42871941, 0.035730171}},
    {ENG_Q5_K, false, 0x14a847cf, {0.00325202313, 0.12426392, 0.00186257034}},
    {ENG_Q5_K, true, 0x7f257670, {0.0168401942, 0.734683787, 0.00902370757}},
    {ENG_Q6_K, false, 0xdd7ebc33, {0.000763055485, 0.0388159943, 0.000758020914}},
    {ENG_Q6_K, true, 0xc1b3ea7e, {0.00397917426, 0.227526018, 0.00405056881}},
    {ENG_Q4_0, true, 0x7fedf1ed, {0.0895422577, 5.84814961, 0.0913398127}},
    {ENG_Q4_1, true, 0xb42aea1f, {0.0572125287, 2.20955889, 0.0352371915}},
    {ENG_Q5_0, true, 0xfa69c889, {0.0231530138, 1.59955869, 0.02160252}},
    {ENG_Q5_1, true, 0x5d94b49e, {0.0141663641, 0.525951828, 0.00807378775}},
};

/* Sum of squared errors of packed numbers. */
static double error_of(eng_dtype t, const void *packed, const float *x, const float *w)
{
    static float y[N];
    double sum = 0;
    eng_quant_unpack(t, packed, y, N);
    for (size_t i = 0; i < N; i++) {
        double e = (double)y[i] - (double)x[i];
        sum += e * e * (w ? (double)w[i % COLS] : 1);
    }
    return sum;
}

static void no_worse_than_ggml(void **state)
{
    (void)state;
    static float x[N], w[COLS];
    _Alignas(8) static uint8_t packed[N * 2];
    importance(w);
    for (size_t i = 0; i < sizeof searched / sizeof searched[0]; i++) {
        const struct search_case *c = &searched[i];
        uint32_t crc = 0;
        for (kind k = BELL; k < KINDS; k++) {
            numbers(k, x);
            eng_quant_pack(c->type, x, packed, ROWS, COLS, c->weighed ? w : NULL);
            crc = sk_crc32c(crc, packed, eng_dtype_bytes(c->type, N));
            double error = error_of(c->type, packed, x, c->weighed ? w : NULL);
            if (!(error <= c->error[k]))
                fail_msg("%s %d kind %d: error %.9g, ggml's %.9g", eng_dtype_name(c->type),
                         c->weighed, (int)k, error, c->error[k]);
        }
        if (crc != c->crc) fail_msg("%s %d: 0x%08x", eng_dtype_name(c->type), c->weighed, crc);
    }
}

#define TYPE(id, n, block, bytes) ENG_##id,
static const eng_dtype types[] = {ENG_DTYPE_TABLE(TYPE)};
#undef TYPE
enum { N_TYPES = sizeof types / sizeof types[0] };

/* Any number of threads gives the same bytes, and writes no more than it should. */
static void same_for_any_threads(void **state)
{
    (void)state;
    enum { R = 37, C = 8192 };
    static float x[R * C], w[C];
    static uint8_t one[R * C * 4 + 16], many[R * C * 4 + 16];
    for (size_t i = 0; i < R * C; i++)
        x[i] = number(BELL, i);
    for (size_t i = 0; i < C; i++)
        w[i] = number(TAILS, i);
    for (size_t t = 0; t < N_TYPES; t += 5) { /* three of them: all take the same way */
        size_t bytes = eng_dtype_bytes(types[t], R * C);
        memset(one, 0xab, sizeof one);
        eng_quant_pack(types[t], x, one, R, C, w);
        for (size_t threads = 1; threads <= 3; threads++) {
            sk_pool *pool = NULL;
            sk_err e = SK_ERR_INIT;
            assert_status_ok(sk_pool_open(threads, &pool, &e), e);
            memset(many, 0xab, sizeof many);
            eng_quant_pack_on(pool, types[t], x, many, R, C, w);
            sk_pool_close(pool);
            assert_memory_equal(one, many, sizeof one);
            assert_int_equal(many[bytes], 0xab);
        }
    }
}

/* Numbers at the edges: every type packs them, and what comes back is as near as the type can be
 * where the numbers are usual ones. */
static void odd_numbers(void **state)
{
    (void)state;
    static const float odd[] = {NAN,     INFINITY, -INFINITY, FLT_MAX,    -FLT_MAX,
                                FLT_MIN, -1e-40f,  0,         -0.0f,      1e9f,
                                65504,   0x1p-24f, 1,         -0x1p-126f, 3e38f};
    enum { ODD = sizeof odd / sizeof odd[0] };
    float x[ENG_QK], w[ENG_QK], y[ENG_QK];
    _Alignas(8) uint8_t packed[ENG_QK * 4];
    for (size_t t = 0; t < N_TYPES; t++)
        for (unsigned i = 0; i < 4 * ODD; i++) {
            for (unsigned j = 0; j < ENG_QK; j++) {
                x[j] = i < ODD       ? odd[i]
                       : i < 2 * ODD ? (j % 16 ? 0.5f : odd[i - ODD])
                                     : odd[(j * 7 + i) % ODD];
                w[j] = odd[(j * 5 + i) % ODD];
            }
            eng_quant_pack(types[t], x, packed, 1, ENG_QK, i % 2 ? w : NULL);
            eng_quant_unpack(types[t], packed, y, ENG_QK);
        }
    /* NaN is packed as 0, beside usual numbers that stay what they are */
    for (size_t t = 0; t < N_TYPES; t++) {
        if (eng_dtype_block(types[t]) == 1) continue;
        for (unsigned j = 0; j < ENG_QK; j++)
            x[j] = j % 3 == 0 ? NAN : j % 3 == 1 ? 0.25f : -0.5f;
        eng_quant_pack(types[t], x, packed, 1, ENG_QK, NULL);
        eng_quant_unpack(types[t], packed, y, ENG_QK);
        for (unsigned j = 0; j < ENG_QK; j++)
            assert_true(fabsf(y[j] - (j % 3 ? x[j] : 0)) < 0.1f);
    }
    /* all zero gives all zero */
    memset(x, 0, sizeof x);
    for (size_t t = 0; t < N_TYPES; t++) {
        eng_quant_pack(types[t], x, packed, 1, ENG_QK, NULL);
        eng_quant_unpack(types[t], packed, y, ENG_QK);
        for (unsigned j = 0; j < ENG_QK; j++)
            assert_true(y[j] == 0);
    }
}

/* What is on a format's grid already comes back as it was: packed, unpacked, packed again. */
static void grid_points_stay(void **state)
{
    (void)state;
    static const eng_dtype exact[] = {ENG_F32, ENG_Q8_0, ENG_Q4_0, ENG_MXFP4};
    static float x[N], y[N], z[N];
    _Alignas(8) static uint8_t packed[N * 4];
    numbers(BELL, x);
    for (size_t t = 0; t < sizeof exact / sizeof exact[0]; t++) {
        eng_quant_pack(exact[t], x, packed, ROWS, COLS, NULL);
        eng_quant_unpack(exact[t], packed, y, N);
        eng_quant_pack(exact[t], y, packed, ROWS, COLS, NULL);
        eng_quant_unpack(exact[t], packed, z, N);
        unit_close(z, y, N, 1e-3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_ggml),        cmocka_unit_test(no_worse_than_ggml),
        cmocka_unit_test(same_for_any_threads), cmocka_unit_test(odd_numbers),
        cmocka_unit_test(grid_points_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
