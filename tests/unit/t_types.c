/* t_types.c - the lists of types: values and tensors of a GGUF, element types, mixes.  They are
 * read by other programs, so their numbers and sizes are written out here a second time. */
#include "tests/unit/unit.h"

#include "engine/format/gguf.h"
#include "engine/format/gguf_type.h"
#include "engine/format/mix.h"

#include <ctype.h>
#include <stdio.h>

/* ggml's docs/gguf.md: number, name here, bytes. */
static void value_types(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const char *name;
        size_t bytes, least;
    } row[] = {{0, "u8", 1, 1},   {1, "i8", 1, 1},   {2, "u16", 2, 2},       {3, "i16", 2, 2},
               {4, "u32", 4, 4},  {5, "i32", 4, 4},  {6, "f32", 4, 4},       {7, "bool", 1, 1},
               {8, "str", 0, 8},  {9, "arr", 0, 12}, {10, "u64", 8, 8},      {11, "i64", 8, 8},
               {12, "f64", 8, 8}, {13, "?", 0, 0},   {UINT32_MAX, "?", 0, 0}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        assert_string_equal(eng_gguf_value_name(row[i].type), row[i].name);
        assert_int_equal(eng_gguf_value_bytes(row[i].type), row[i].bytes);
        assert_int_equal(eng_gguf_value_least(row[i].type), row[i].least);
    }
}

/* ggml.h's enum ggml_type with the sizes of ggml-common.h's blocks. */
static void tensor_types(void **state)
{
    (void)state;
    static const struct {
        uint32_t type, elements, bytes;
        const char *name;
    } row[] = {
        {0, 1, 4, "F32"},         {1, 1, 2, "F16"},         {2, 32, 18, "Q4_0"},
        {3, 32, 20, "Q4_1"},      {6, 32, 22, "Q5_0"},      {7, 32, 24, "Q5_1"},
        {8, 32, 34, "Q8_0"},      {9, 32, 36, "Q8_1"},      {10, 256, 84, "Q2_K"},
        {11, 256, 110, "Q3_K"},   {12, 256, 144, "Q4_K"},   {13, 256, 176, "Q5_K"},
        {14, 256, 210, "Q6_K"},   {15, 256, 292, "Q8_K"},   {16, 256, 66, "IQ2_XXS"},
        {17, 256, 74, "IQ2_XS"},  {18, 256, 98, "IQ3_XXS"}, {19, 256, 50, "IQ1_S"},
        {20, 32, 18, "IQ4_NL"},   {21, 256, 110, "IQ3_S"},  {22, 256, 82, "IQ2_S"},
        {23, 256, 136, "IQ4_XS"}, {24, 1, 1, "I8"},         {25, 1, 2, "I16"},
        {26, 1, 4, "I32"},        {27, 1, 8, "I64"},        {28, 1, 8, "F64"},
        {29, 256, 56, "IQ1_M"},   {30, 1, 2, "BF16"},       {34, 256, 54, "TQ1_0"},
        {35, 256, 66, "TQ2_0"},   {39, 32, 17, "MXFP4"},    {4, 0, 0, "?"},
        {5, 0, 0, "?"},           {31, 0, 0, "?"},          {33, 0, 0, "?"},
        {36, 0, 0, "?"},          {1000, 0, 0, "?"},        {UINT32_MAX, 0, 0, "?"},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        uint32_t elements = 7, bytes = 7;
        eng_gguf_block(row[i].type, &elements, &bytes);
        if (elements != row[i].elements || bytes != row[i].bytes)
            fail_msg("type %u: blocks of %u elements in %u bytes", row[i].type, elements, bytes);
        assert_string_equal(eng_gguf_type_name(row[i].type), row[i].name);
    }
}

/* What the engine computes with is a part of what a file may hold, under the same name and size. */
static void element_types(void **state)
{
    (void)state;
    size_t known = 0;
    for (uint32_t t = 0; t < 256; t++) {
        uint32_t elements, bytes;
        const char *name = eng_dtype_name((eng_dtype)t);
        eng_gguf_block(t, &elements, &bytes);
        if (!name) {
            assert_int_equal(eng_dtype_block((eng_dtype)t), 0);
            assert_int_equal(eng_dtype_bytes((eng_dtype)t, 256), 0);
            continue;
        }
        known++;
        assert_string_equal(name, eng_gguf_type_name(t));
        assert_int_equal(eng_dtype_block((eng_dtype)t), elements);
        assert_int_equal(eng_dtype_block_bytes((eng_dtype)t), bytes);
        assert_int_equal(eng_dtype_bytes((eng_dtype)t, 512), 512 / elements * bytes);
        assert_int_equal(eng_dtype_bytes((eng_dtype)t, 0), 0);
        if (elements > 1) assert_int_equal(eng_dtype_bytes((eng_dtype)t, elements + 1), 0);
        char lower[16];
        eng_dtype back = (eng_dtype)99;
        for (size_t i = 0; i <= strlen(name); i++)
            lower[i] = (char)tolower((unsigned char)name[i]);
        assert_true(eng_dtype_of_name(lower, &back));
        assert_int_equal(back, t);
    }
    assert_int_equal(known, 16);
    eng_dtype same = ENG_Q4_K;
    static const char *const none[] = {"", "Q4", "Q4_K ", "F8", "IQ2_XS", "Q4_K_M"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(eng_dtype_of_name(none[i], &same));
    assert_int_equal(same, ENG_Q4_K);
}

/* Names with and without case, the short ones of the _M mixes, and llama.cpp's numbers. */
static void mixes(void **state)
{
    (void)state;
    static const struct {
        const char *name, *is;
        uint32_t number;
    } row[] = {{"F32", "F32", 0},
               {"f16", "F16", 1},
               {"BF16", "BF16", 32},
               {"q8_0", "Q8_0", 7},
               {"Q6_K", "Q6_K", 18},
               {"Q5_K", "Q5_K_M", 17},
               {"Q5_K_S", "Q5_K_S", 16},
               {"Q5_1", "Q5_1", 9},
               {"Q5_0", "Q5_0", 8},
               {"q4_k", "Q4_K_M", 15},
               {"Q4_K_M", "Q4_K_M", 15},
               {"Q4_K_s", "Q4_K_S", 14},
               {"Q4_1", "Q4_1", 3},
               {"Q4_0", "Q4_0", 2},
               {"iq4_nl", "IQ4_NL", 25},
               {"IQ4_XS", "IQ4_XS", 30},
               {"mxfp4_moe", "MXFP4_MOE", 38},
               {"Q3_K", "Q3_K_M", 12},
               {"Q3_K_L", "Q3_K_L", 13},
               {"Q3_K_S", "Q3_K_S", 11},
               {"Q2_K", "Q2_K", 10},
               {"Q2_K_S", "Q2_K_S", 21}};
    bool met[64] = {false};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        eng_mix m = ENG_MIXES;
        assert_true(eng_mix_of_name(row[i].name, &m));
        assert_string_equal(eng_mix_name(m), row[i].is);
        assert_int_equal(eng_mix_number(m), row[i].number);
        met[row[i].number] = true;
    }
    for (int i = 0; i < ENG_MIXES; i++)
        assert_true(met[eng_mix_number((eng_mix)i)]);
    static const char *const none[] = {
        "",   "Q4",     "Q6_K_M", "Q4_K_X",
        "Q2", "IQ2_XS", "_M",     "a_name_that_is_far_too_long_for_any_mix"};
    eng_mix m = ENG_MIX_Q4_0;
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++)
        assert_false(eng_mix_of_name(none[i], &m));
    assert_int_equal(m, ENG_MIX_Q4_0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(value_types),
        cmocka_unit_test(tensor_types),
        cmocka_unit_test(element_types),
        cmocka_unit_test(mixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
