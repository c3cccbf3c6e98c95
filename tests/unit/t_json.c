/* t_json.c - hostile JSON, typed members, strings and numbers out, pieces of UTF-8. */
#include "tests/unit/unit.h"

#include "base/json.h"
#include "base/mem.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

/* Parses a C string, depth 8. */
static sk_status parse(const char *s, json_t **v, sk_err *e)
{
    return sk_json_parse(s, strlen(s), 8, v, e);
}

static void valid_values(void **state)
{
    (void)state;
    static const char *const good[] = {
        "0",
        "-1.5e-3",
        "\"\"",
        "null",
        "true",
        " [ ] ",
        "{\"a\":[1,{\"b\":null}]}",
        "\"\\u0000\"",
        "\"\\ud83d\\ude00\"",
        "9223372036854775807",
        "[[[[[[[[]]]]]]]]",
        "\"[[[[[[[[[[{{{{{\"",
        "\"\\\"[[[[[[[[[[[[[\"",
        "\"\\\\\"",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        sk_err e = SK_ERR_INIT;
        json_t *v = NULL;
        assert_status_ok(parse(good[i], &v, &e), e);
        assert_non_null(v);
        json_decref(v);
    }
}

static void invalid_values(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\":1,\"a\":2}",
        "nul",
        "tru",
        "01",
        "+1",
        ".5",
        "1.",
        "1e",
        "NaN",
        "Infinity",
        "-",
        "'a'",
        "\"\\x41\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "\"a",
        "\"\n\"",
        "\"\x01\"",
        "\"\x80\"",
        "\"\xC0\xAF\"",
        "\"\xED\xA0\x80\"",
        "\"\xF4\x90\x80\x80\"",
        "\"\xE2\x82\"",
        "{\"a\" 1}",
        "{1:2}",
        "[1 2]",
        "1 2",
        "[] []",
        "/**/1",
        "\xEF\xBB\xBF{}",
        "1e999",
        "92233720368547758080",
        "{\"\\u0000\":1}",
        "]",
        "[}",
        "{\"a\":1,\"\\u0061\":2}",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sk_err e = SK_ERR_INIT;
        json_t *v = (json_t *)&e;
        sk_status st = parse(bad[i], &v, &e);
        if (st != SK_E_INVALID) fail_msg("case %zu: %s", i, bad[i]);
        assert_status(st, SK_E_INVALID, e, "JSON line ");
        assert_true(sk_utf8_valid(e.text, strlen(e.text)));
        assert_ptr_equal(v, &e);
        assert_int_equal(parse(bad[i], &v, NULL), SK_E_INVALID);
    }
}

/* A NUL between is text like any other byte, and no end. */
static void embedded_nul(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    json_t *v = NULL;
    assert_status(sk_json_parse("1\0 ", 3, 8, &v, &e), SK_E_INVALID, e, "JSON");
    assert_status(sk_json_parse("\"a\0b\"", 5, 8, &v, &e), SK_E_INVALID, e, "JSON");
    assert_status(sk_json_parse("\0", 1, 8, &v, &e), SK_E_INVALID, e, "JSON");
    assert_status(sk_json_parse(NULL, 0, 8, &v, &e), SK_E_INVALID, e, "JSON");
}

static void errors_name_the_place(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    json_t *v;
    assert_status(parse("{\n  \"a\": 1,\n  \"b\" 2\n}", &v, &e), SK_E_INVALID, e, "line 3");
    assert_status(sk_json_parse("[\n [[1]]]", 9, 2, &v, &e), SK_E_INVALID, e, "line 2 column 3");
}

/* Depth is counted before the parser recurses: a million brackets cost no stack. */
static void depth_bomb(void **state)
{
    (void)state;
    size_t n = 1000000;
    char *s = malloc(2 * n);
    static const char opens[] = "[{";
    for (int k = 0; k < 2; k++) {
        sk_err e = SK_ERR_INIT;
        json_t *v;
        memset(s, opens[k], n);
        memset(s + n, ']', n);
        assert_status(sk_json_parse(s, 2 * n, 100, &v, &e), SK_E_INVALID, e, "100 deep");
    }
    for (int depth = 1; depth <= 20; depth++) {
        sk_err e = SK_ERR_INIT;
        json_t *v = NULL;
        memset(s, '[', (size_t)depth);
        memset(s + depth, ']', (size_t)depth);
        sk_status st = sk_json_parse(s, 2 * (size_t)depth, 10, &v, &e);
        assert_int_equal(st, depth <= 10 ? SK_OK : SK_E_INVALID);
        json_decref(v);
        v = NULL;
    }
    free(s);
}

/* A value of which a part was not had is no value. */
static sk_status parse_starved(void *text, sk_err *e)
{
    uint64_t before = sk_mem_bytes(SK_MEM_REQUEST);
    json_t *v = NULL;
    sk_status st = parse(text, &v, e);
    assert_int_equal(st == SK_OK, v != NULL);
    if (v) assert_true(sk_mem_bytes(SK_MEM_REQUEST) > before);
    json_decref(v);
    return st;
}

/* jansson's memory is ours: counted, and each allocation can fail without harm: also where the
 * buffer of a token can't grow at its first, a middle and its last byte. */
static void out_of_memory(void **state)
{
    (void)state;
    char text[] =
        "{\"a\":[1,2.5,\"x\\u00e9\",{\"b\":null}],\"c\":\"long enough to grow a buffer\"}";
    unit_starve(parse_starved, text, 200, UNIT_TOLD);
    unit_starve(parse_starved, text, 200, UNIT_TOLD | UNIT_LATER);
    for (int n = 1; n < 80; n++) {
        char word[100];
        (void)snprintf(word, sizeof word, "\"%0*d\"", n, 7);
        unit_starve(parse_starved, word, 20, UNIT_TOLD);
        unit_starve(parse_starved, word, 20, UNIT_TOLD | UNIT_LATER);
        (void)snprintf(word, sizeof word, "1.%0*d", n, 7);
        unit_starve(parse_starved, word, 20, UNIT_TOLD | UNIT_LATER);
    }
}

/* An object that has one member of each type. */
static json_t *sample(void)
{
    sk_err e = SK_ERR_INIT;
    json_t *v = NULL;
    assert_status_ok(parse("{\"i\":7,\"r\":2.5,\"w\":3.0,\"t\":true,\"f\":false,\"s\":\"text\","
                           "\"n\":null,\"z\":\"a\\u0000b\","
                           "\"big\":9223372036854775807,\"e\":1e300,\"a\":[],\"neg\":-4}",
                           &v, &e),
                     e);
    return v;
}

static void whole_numbers(void **state)
{
    (void)state;
    json_t *v = sample();
    sk_err e = SK_ERR_INIT;
    int64_t i = 99;
    assert_status_ok(sk_json_get_int(v, "none", 0, 10, &i, &e), e);
    assert_status_ok(sk_json_get_int(v, "n", 0, 10, &i, &e), e);
    assert_int_equal(i, 99);
    assert_status_ok(sk_json_get_int(v, "i", 7, 7, &i, &e), e);
    assert_int_equal(i, 7);
    assert_status_ok(sk_json_get_int(v, "w", 0, 10, &i, &e), e);
    assert_int_equal(i, 3);
    assert_status_ok(sk_json_get_int(v, "big", 0, INT64_MAX, &i, &e), e);
    assert_true(i == INT64_MAX);
    static const char *const wrong[] = {"r", "t", "s", "a", "e"};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++)
        assert_status(sk_json_get_int(v, wrong[k], INT64_MIN, INT64_MAX, &i, &e), SK_E_INVALID, e,
                      "whole number");
    assert_status(sk_json_get_int(v, "i", 8, 9, &i, &e), SK_E_INVALID, e,
                  "'i' must be from 8 to 9");
    assert_status(sk_json_get_int(v, "i", 5, 6, &i, &e), SK_E_INVALID, e, "it is 7");
    assert_true(i == INT64_MAX);
    json_decref(v);
}

static void numbers(void **state)
{
    (void)state;
    json_t *v = sample();
    sk_err e = SK_ERR_INIT;
    double d = 99;
    assert_status_ok(sk_json_get_num(v, "none", 0, 1, &d, &e), e);
    assert_true(d == 99);
    assert_status_ok(sk_json_get_num(v, "r", 2.5, 2.5, &d, &e), e);
    assert_true(d == 2.5);
    assert_status_ok(sk_json_get_num(v, "neg", -10, 0, &d, &e), e);
    assert_true(d == -4);
    assert_status(sk_json_get_num(v, "s", 0, 1, &d, &e), SK_E_INVALID, e, "'s' must be a number");
    assert_status(sk_json_get_num(v, "t", 0, 1, &d, &e), SK_E_INVALID, e, "'t'");
    assert_status(sk_json_get_num(v, "r", 0, 2, &d, &e), SK_E_INVALID, e, "from 0 to 2, it is 2.5");
    assert_true(d == -4);
    json_decref(v);
}

static void truths_and_strings(void **state)
{
    (void)state;
    json_t *v = sample();
    sk_err e = SK_ERR_INIT;
    bool t = false;
    const char *s = "default";
    assert_status_ok(sk_json_get_bool(v, "t", &t, &e), e);
    assert_true(t);
    assert_status_ok(sk_json_get_bool(v, "n", &t, &e), e);
    assert_true(t);
    assert_status_ok(sk_json_get_bool(v, "f", &t, &e), e);
    assert_false(t);
    assert_status(sk_json_get_bool(v, "i", &t, &e), SK_E_INVALID, e, "'i' must be true or false");
    assert_status_ok(sk_json_get_str(v, "none", &s, &e), e);
    assert_string_equal(s, "default");
    assert_status(sk_json_get_str(v, "i", &s, &e), SK_E_INVALID, e, "'i' must be a string");
    assert_status(sk_json_get_str(v, "z", &s, &e), SK_E_INVALID, e, "u0000");
    assert_string_equal(s, "default");
    assert_status_ok(sk_json_get_str(v, "s", &s, &e), e);
    assert_string_equal(s, "text");
    json_decref(v);
    json_t *array = json_array();
    assert_status_ok(sk_json_get_str(array, "s", &s, &e), e);
    json_decref(array);
}

/* What a string becomes. */
static void string_becomes(const char *s, size_t n, const char *want)
{
    sk_buf b = SK_BUF_INIT;
    sk_json_add_str(&b, s, n);
    assert_string_equal(b.p, want);
    sk_buf_fini(&b);
}

#define LIT(s) s, sizeof(s) - 1

static void strings_out(void **state)
{
    (void)state;
    string_becomes(NULL, 0, "\"\"");
    string_becomes(LIT("plain"), "\"plain\"");
    string_becomes(LIT("\"\\/"), "\"\\\"\\\\/\"");
    string_becomes(LIT("\b\t\n\f\r"), "\"\\b\\t\\n\\f\\r\"");
    string_becomes(LIT("\0\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"");
    string_becomes(LIT("gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80"),
                   "\"gr\xC3\xBC\xC3\x9F \xF0\x9F\x98\x80\"");
    string_becomes(LIT("a\xFF"
                       "b"),
                   "\"a\xEF\xBF\xBD"
                   "b\"");
    string_becomes(LIT("\xC3"), "\"\xEF\xBF\xBD\"");
    string_becomes(LIT("\xC3\""), "\"\xEF\xBF\xBD\\\"\"");
    string_becomes(LIT("\xE2\x82"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
    string_becomes(LIT("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    string_becomes(LIT("\xC0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\"");
}

/* Whatever the bytes, the result is JSON that reads back; valid text comes back byte for byte. */
static void any_bytes_make_json(void **state)
{
    (void)state;
    uint32_t x = 12345;
    for (int round = 0; round < 3000; round++) {
        static const unsigned char favourites[] = {0,    '"',  '\\', 0x7F, 0x80, 0xBF,
                                                   0xC2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF};
        char s[24];
        size_t n = (size_t)round % sizeof s;
        for (size_t i = 0; i < n; i++) {
            x = x * 1664525u + 1013904223u;
            s[i] = (char)(x >> 31 ? favourites[(x >> 20) % sizeof favourites] : x >> 16);
        }
        sk_buf b = SK_BUF_INIT;
        sk_err e = SK_ERR_INIT;
        json_t *v = NULL;
        sk_json_add_str(&b, s, n);
        assert_true(sk_utf8_valid(b.p, b.len));
        assert_status_ok(sk_json_parse(b.p, b.len, 1, &v, &e), e);
        if (sk_utf8_valid(s, n)) {
            assert_int_equal(json_string_length(v), n);
            assert_memory_equal(json_string_value(v), s, n);
        }
        json_decref(v);
        sk_buf_fini(&b);
    }
}

/* What a number becomes. */
static void number_becomes(double v, const char *want)
{
    sk_buf b = SK_BUF_INIT;
    sk_json_add_num(&b, v);
    assert_string_equal(b.p, want);
    sk_buf_fini(&b);
}

static void numbers_out(void **state)
{
    (void)state;
    number_becomes(0, "0");
    number_becomes(1, "1");
    number_becomes(-2.5, "-2.5");
    number_becomes(0.1, "0.1");
    number_becomes(1e21, "1e+21");
    number_becomes(1.0 / 3, "0.3333333333333333");
    number_becomes(0.1 + 0.2, "0.30000000000000004");
    number_becomes(NAN, "null");
    number_becomes(INFINITY, "null");
    number_becomes(-INFINITY, "null");
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 20000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        double v;
        memcpy(&v, &x, sizeof v);
        if (!isfinite(v)) continue;
        sk_buf b = SK_BUF_INIT;
        sk_json_add_num(&b, v);
        double back = strtod(b.p, NULL);
        assert_memory_equal(&back, &v, sizeof v);
        sk_buf_fini(&b);
    }
    number_becomes(DBL_MIN, "2.2250738585072014e-308");
    number_becomes(5e-324, "4.94065645841247e-324");
}

/* A locale with a decimal comma changes nothing, where the system has one. */
static void comma_locale(void **state)
{
    (void)state;
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE"};
    bool any = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !any; i++)
        any = setlocale(LC_NUMERIC, names[i]) != NULL;
    if (!any) skip();
    number_becomes(-2.5, "-2.5");
    number_becomes(0.30000000000000004, "0.30000000000000004");
    json_t *v = sample();
    double d = 0;
    assert_int_equal(sk_json_get_num(v, "r", 0, 10, &d, NULL), SK_OK);
    assert_true(d == 2.5);
    json_decref(v);
    (void)setlocale(LC_NUMERIC, "C");
}

/* Valid is exactly what RFC 3629 allows: every scalar value, no surrogate, no overlong form. */
static void utf8_validity(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x110000; c += c < 0x3000 || (c >= 0xD700 && c < 0xE100) ? 1 : 61) {
        char s[4];
        size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
        static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
        uint32_t rest = c;
        for (size_t i = n - 1; i > 0; i--, rest >>= 6)
            s[i] = (char)(0x80 | (rest & 0x3F));
        s[0] = (char)(lead[n] | rest);
        bool surrogate = c >= 0xD800 && c < 0xE000;
        if (sk_utf8_valid(s, n) == surrogate) fail_msg("U+%04X", c);
        for (size_t cut = 1; cut < n; cut++)
            assert_false(sk_utf8_valid(s, cut));
    }
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xC3(",
                                      "\xE2\x28\xA1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sk_utf8_valid(bad[i], strlen(bad[i])));
    assert_true(sk_utf8_valid(NULL, 0));
}

/* Streaming text cut anywhere: what is held back is the start of one character, and nothing else.
 */
static void utf8_pieces(void **state)
{
    (void)state;
    static const char text[] = "a\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80z";
    static const size_t keep[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t n = 0; n <= 11; n++)
        assert_int_equal(sk_utf8_complete(text, n), keep[n]);
    static const struct {
        const char *s;
        size_t n, keep;
    } odd[] = {
        {"\x80\x80\x80\x80", 4, 4}, {"\xFF", 1, 1},     {"\xC0", 1, 1},
        {"\xED\xA0", 2, 2},         {"\xE2\x28", 2, 2}, {"\xF0\x9F\x98", 3, 0},
        {"\xF0\x9F\x98(", 4, 4},    {"\xE2\xC3", 2, 1}, {"\xF4\x90", 2, 2},
        {"\xC3\xC3", 2, 1},
    };
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        assert_int_equal(sk_utf8_complete(odd[i].s, odd[i].n), odd[i].keep);
}

/* What a line function was given: how often, the last number, and when it refuses. */
typedef struct given {
    size_t n, last, refuse_at;
} given;

static sk_status take_line(void *arg, json_t *value, size_t number, sk_err *e)
{
    given *g = arg;
    assert_true(json_is_object(value));
    g->n++;
    g->last = number;
    return number == g->refuse_at ? sk_fail(e, SK_E_KEEP, "not this one") : SK_OK;
}

static sk_status lines_of(const char *text, given *g, sk_err *e)
{
    return sk_json_lines("x.jsonl", text, strlen(text), 4, take_line, g, e);
}

/* Numbers count all lines, blank ones too; the first failure ends it, whoever's it is. */
static void lines(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    given g = {0};
    assert_status_ok(lines_of("", &g, &e), e);
    assert_status_ok(lines_of("\n \t\r\n\n", &g, &e), e);
    assert_int_equal(g.n, 0);
    assert_status_ok(lines_of("{}\r\n\n{\"a\":1}\n  {}", &g, &e), e);
    assert_int_equal(g.n, 3);
    assert_int_equal(g.last, 4);
    g = (given){.refuse_at = 2};
    assert_status(lines_of("{}\n{}\n{}\n", &g, &e), SK_E_KEEP, e, "x.jsonl:2: not this one");
    assert_int_equal(g.n, 2);
    g = (given){0};
    assert_status(lines_of("{}\n\n{\n}\n", &g, &e), SK_E_INVALID, e, "x.jsonl:3");
    assert_int_equal(g.n, 1);
    assert_status(lines_of("{}\n{\"a\":[[[[[]]]]]}", &g, &e), SK_E_INVALID, e, "x.jsonl:2");
    assert_status(sk_json_lines("x", "{}\n{\0}", 6, 4, take_line, &g, &e), SK_E_INVALID, e, "x:2");
}

static sk_status dump_starved(void *arg, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    bool ok = sk_json_dump(arg, JSON_INDENT(1), &b);
    if (ok) assert_string_equal(b.p, "{\n \"a\": [\n  1,\n  \"\u00e9\"\n ]\n}");
    sk_buf_fini(&b);
    return ok ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
}

static sk_status str_starved(void *arg, sk_err *e)
{
    json_t *v = sk_json_str(arg, 6);
    if (v) assert_string_equal(json_string_value(v), "a\"\xEF\xBF\xBD\\\n\t");
    bool ok = v != NULL;
    json_decref(v);
    return ok ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory");
}

/* A text is whole or there is none: nothing may be left out of it unsaid. */
static void texts_without_memory(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    json_t *v = NULL;
    char odd[] = "a\"\x80\\\n\t";
    assert_status_ok(parse("{\"a\":[1,\"\\u00e9\"]}", &v, &e), e);
    unit_starve(dump_starved, v, 100, UNIT_TOLD);
    unit_starve(dump_starved, v, 100, UNIT_TOLD | UNIT_LATER);
    json_decref(v);
    unit_starve(str_starved, odd, 100, UNIT_TOLD);
    unit_starve(str_starved, odd, 100, UNIT_TOLD | UNIT_LATER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_values),         cmocka_unit_test(invalid_values),
        cmocka_unit_test(embedded_nul),         cmocka_unit_test(errors_name_the_place),
        cmocka_unit_test(depth_bomb),           cmocka_unit_test(out_of_memory),
        cmocka_unit_test(whole_numbers),        cmocka_unit_test(numbers),
        cmocka_unit_test(truths_and_strings),   cmocka_unit_test(strings_out),
        cmocka_unit_test(any_bytes_make_json),  cmocka_unit_test(numbers_out),
        cmocka_unit_test(comma_locale),         cmocka_unit_test(utf8_validity),
        cmocka_unit_test(utf8_pieces),          cmocka_unit_test(lines),
        cmocka_unit_test(texts_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
