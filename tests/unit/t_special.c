/* t_special.c - the string index and the search for special tokens. */
#include "tests/unit/unit.h"

#include "engine/token/special.h"

#define S(text)                                                                                    \
    {                                                                                              \
        text, sizeof text - 1                                                                      \
    }

static void index_finds_what_is_in(void **state)
{
    (void)state;
    enum { N = 5000 };
    static char text[N][12];
    static eng_str str[N];
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_strindex ix;
    assert_true(eng_strindex_init(&ix, mem, str, N));
    for (uint32_t i = 0; i < N; i++) {
        memcpy(text[i], "abcdefghijkl", 12);
        memcpy(text[i], &i, sizeof i);
        str[i] = (eng_str){text[i], 4 + i % 9};
        assert_int_equal(eng_strindex_find(&ix, text[i], str[i].n), ENG_STRINDEX_NONE);
        eng_strindex_put(&ix, i);
    }
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(eng_strindex_find(&ix, text[i], str[i].n), i);
        assert_int_equal(eng_strindex_find(&ix, text[i], 3), ENG_STRINDEX_NONE);
    }
    assert_int_equal(eng_strindex_find(&ix, "", 0), ENG_STRINDEX_NONE);
    sk_arena_free(mem);
}

/* The last of equal strings counts; the empty string is one like any other. */
static void index_of_equals_and_empty(void **state)
{
    (void)state;
    const eng_str str[] = {S("twin"), S(""), S("twin"), S("twi\0n")};
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_strindex ix;
    assert_true(eng_strindex_init(&ix, mem, str, 4));
    for (uint32_t i = 0; i < 4; i++)
        eng_strindex_put(&ix, i);
    assert_int_equal(eng_strindex_find(&ix, "twin", 4), 2);
    assert_int_equal(eng_strindex_find(&ix, "", 0), 1);
    assert_int_equal(eng_strindex_find(&ix, "twi\0n", 5), 3);
    sk_arena_free(mem);
}

static void empty_index(void **state)
{
    (void)state;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_strindex ix;
    assert_true(eng_strindex_init(&ix, mem, NULL, 0));
    assert_int_equal(eng_strindex_find(&ix, "x", 1), ENG_STRINDEX_NONE);
    sk_arena_free(mem);
}

/* Marks every hit with its number in brackets. */
static const char *mark(const eng_special *s, const eng_str *str, const char *text, sk_buf *b)
{
    size_t n = strlen(text), at;
    sk_buf_reset(b);
    sk_buf_adds(b, "");
    while (n) {
        uint32_t id = eng_special_next(s, text, n, &at);
        assert_true(at <= n);
        sk_buf_add(b, text, at);
        if (id == ENG_STRINDEX_NONE) {
            assert_int_equal(at, n);
            break;
        }
        sk_buf_addf(b, "[%u]", id);
        text += at + str[id].n;
        n -= at + str[id].n;
    }
    return b->p;
}

static void leftmost_then_longest(void **state)
{
    (void)state;
    const eng_str str[] = {S("<|a|>"), S("<|a|>b"), S("<"),  S("xyz"),
                           S("yzw!"),  S(""),       S("  "), S("    ")};
    const uint32_t all[] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const char *const c[][2] = {
        {"", ""},           {"plain", "plain"},   {"<|a|>", "[0]"},
        {"<|a|>b", "[1]"},  {"<|a|", "[2]|a|"},   {"<|a|><|a|>bc", "[0][1]c"},
        {"xyzw!", "[3]w!"}, {"wxyzw!", "w[3]w!"}, {"yzw!", "[4]"},
        {"yzw", "yzw"},     {"a   b", "a[6] b"},  {"a      b", "a[7][6]b"},
        {"xy", "xy"},
    };
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_special s;
    sk_buf b = SK_BUF_INIT;
    assert_true(eng_special_init(&s, mem, str, all, 8));
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++)
        assert_string_equal(mark(&s, str, c[i][0], &b), c[i][1]);
    /* a part of the list finds only its own */
    const uint32_t some[] = {0, 3};
    assert_true(eng_special_init(&s, mem, str, some, 2));
    assert_string_equal(mark(&s, str, "<|a|>b < yzw!", &b), "[0]b < yzw!");
    assert_true(eng_special_init(&s, mem, str, some, 0));
    assert_string_equal(mark(&s, str, "<|a|>", &b), "<|a|>");
    sk_buf_fini(&b);
    sk_arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(index_finds_what_is_in),
        cmocka_unit_test(index_of_equals_and_empty),
        cmocka_unit_test(empty_index),
        cmocka_unit_test(leftmost_then_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
