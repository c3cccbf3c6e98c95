/* t_bytemap.c - GPT-2's writing of bytes: known characters, all bytes there and back, bad forms. */
#include "tests/unit/unit.h"

#include "engine/token/bytemap.h"

/* The written form of one byte. */
static void written(unsigned byte, sk_buf *b)
{
    char c = (char)byte;
    sk_buf_reset(b);
    eng_bytemap_write(&c, 1, b);
    assert_true(sk_buf_ok(b));
}

/* Characters anyone can look up in a GPT-2 vocabulary. */
static void known_characters(void **state)
{
    (void)state;
    static const struct {
        unsigned byte;
        const char *text;
    } known[] = {{'a', "a"},  {'!', "!"},  {'~', "~"},  {' ', "Ġ"},  {'\n', "Ċ"}, {'\t', "ĉ"},
                 {0x00, "Ā"}, {0x1f, "ğ"}, {0x7f, "ġ"}, {0x80, "Ģ"}, {0xa0, "ł"}, {0xa1, "¡"},
                 {0xac, "¬"}, {0xad, "Ń"}, {0xae, "®"}, {0xff, "ÿ"}, {0xc3, "Ã"}, {'\r', "č"}};
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        written(known[i].byte, &b);
        assert_string_equal(b.p, known[i].text);
    }
    sk_buf_fini(&b);
}

/* Every byte has a form of its own, and it reads back. */
static void all_bytes_both_ways(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    char forms[256][4] = {{0}}, out[4];
    for (unsigned i = 0; i < 256; i++) {
        written(i, &b);
        assert_in_range(b.len, 1, 2);
        memcpy(forms[i], b.p, b.len);
        size_t n = 0;
        assert_true(eng_bytemap_read(b.p, b.len, out, &n));
        assert_int_equal(n, 1);
        assert_int_equal((unsigned char)out[0], i);
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(forms[i], forms[k], sizeof forms[i]);
    }
    sk_buf_fini(&b);
}

static void strings_both_ways(void **state)
{
    (void)state;
    char bytes[512], out[1024];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 7);
    sk_buf b = SK_BUF_INIT;
    eng_bytemap_write(bytes, sizeof bytes, &b);
    size_t n = 0;
    assert_true(b.len <= sizeof out);
    assert_true(eng_bytemap_read(b.p, b.len, out, &n));
    assert_int_equal(n, sizeof bytes);
    assert_memory_equal(out, bytes, n);
    assert_true(eng_bytemap_read("", 0, out, &n));
    assert_int_equal(n, 0);
    sk_buf_fini(&b);
}

/* Strings that stand for no bytes: raw blanks, characters past the map, broken UTF-8. */
static void refuses_other_strings(void **state)
{
    (void)state;
    static const char *const bad[] = {
        " ",        "a b",      "\n",       "\x7f",      "ń\xc5\x84", "\xc2\xad",
        "\xc2\xa0", "\xc2\x80", "\xc5",     "\xc4",      "\xc4\x41",  "\x80",
        "\xff",     "\xc0\xa1", "\xc1\x81", "<｜end｜>", "日",        "\xf0\x9f\x9a\xa2"};
    char out[32];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        size_t n = 99;
        assert_false(eng_bytemap_read(bad[i], strlen(bad[i]), out, &n));
        assert_int_equal(n, 99);
    }
    size_t n;
    assert_false(eng_bytemap_read("\0", 1, out, &n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_characters),
        cmocka_unit_test(all_bytes_both_ways),
        cmocka_unit_test(strings_both_ways),
        cmocka_unit_test(refuses_other_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
