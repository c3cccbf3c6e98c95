/* t_pretok.c - the cutting of text: nothing lost, known cuts, long runs, names, failures. */
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/json.h"
#include "engine/token/pretok.h"

#include <stdio.h>

static const char *const names[] = {
    "gpt-2",     "qwen2",        "qwen35",     "llama-bpe",  "dbrx",           "falcon",
    "starcoder", "deepseek-llm", "default",    "refact",     "deepseek-coder", "deepseek-v3",
    "gpt-4o",    "tekken",       "kimi-k2",    "youtu",      "superbpe",       "tiny_aya",
    "afmoe",     "bailingmoe",   "seed-coder", "exaone-moe", "laguna",         "minicpm5",
    "jais-2",    "bloom",        "viking",     "chameleon",  "gemma4"};
enum { N_NAMES = sizeof names / sizeof names[0] };

static eng_pretok *open_pretok(const char *name)
{
    sk_err e = SK_ERR_INIT;
    eng_pretok *p = NULL;
    assert_status_ok(eng_pretok_open(name, &p, &e), e);
    assert_string_equal(eng_pretok_name(p), name);
    return p;
}

/* Writes the pieces with bars between. */
static sk_status add_piece(void *arg, const char *p, size_t n)
{
    assert_true(n > 0);
    sk_buf *b = arg;
    if (b->len) sk_buf_addc(b, '|');
    sk_buf_add(b, p, n);
    return SK_OK;
}

static void cuts(const char *name, const char *text, const char *want)
{
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "");
    eng_pretok *p = open_pretok(name);
    assert_status_ok(eng_pretok_split(p, text, strlen(text), add_piece, &b, &e), e);
    assert_string_equal(b.p, want);
    eng_pretok_close(p);
    sk_buf_fini(&b);
}

/* Cuts that follow from the patterns by hand. */
static void known_cuts(void **state)
{
    (void)state;
    cuts("gpt-2", "Hello world", "Hello| world");
    cuts("gpt-2", "I'll be  there's", "I|'ll| be| | there|'s");
    cuts("gpt-2", "I'LL", "I|'|LL");
    cuts("gpt-2", "a1234 b", "a|1234| b");
    cuts("gpt-2", "x\n\n  y", "x|\n\n | y");
    cuts("gpt-2", "end   ", "end|   ");
    cuts("qwen2", "Hello world", "Hello| world");
    cuts("qwen2", "I'LL be", "I|'LL| be");
    cuts("qwen2", "a1234 b", "a|1|2|3|4| b");
    cuts("qwen2", "(word)", "(word|)");
    cuts("qwen2", "x;\n\n  y", "x|;\n\n| | y");
    cuts("qwen2", "x  \n\n  y", "x|  \n\n| | y");
    cuts("qwen2", "!!!\r\n", "!!!\r\n");
    cuts("qwen2", "船は 12", "船は| |1|2");
    cuts("llama-bpe", "a1234567 b", "a|123|456|7| b");
    cuts("qwen2", "e\xcc\x81t", "e|\xcc\x81t"); /* a mark is no letter ... */
    cuts("qwen35", "e\xcc\x81t", "e\xcc\x81t"); /* ... but here it is part of the word */
    cuts("starcoder", "v12.5", "v|1|2|.|5");
    cuts("falcon", "12345", "123|45");
    cuts("deepseek-llm", "a\r\nb 中文", "a|\r|\n|b| |中文");
    cuts("qwen2", "", "");
}

/* U+180E is no white space; U+0085, U+00A0, U+2028 and U+3000 are. */
static void white_space(void **state)
{
    (void)state;
    cuts("gpt-2", "a\xe1\xa0\x8e!", "a|\xe1\xa0\x8e!");
    cuts("gpt-2", "a\xe3\x80\x80!", "a|\xe3\x80\x80|!");
    cuts("gpt-2", "a\xc2\x85!", "a|\xc2\x85|!");
    cuts("gpt-2", "a\xc2\xa0!", "a|\xc2\xa0|!");
    cuts("gpt-2", "a\xe2\x80\xa8!", "a|\xe2\x80\xa8|!");
}

/* Bytes that are no UTF-8 are pieces of their own, between which the patterns see whole texts. */
static void invalid_utf8(void **state)
{
    (void)state;
    cuts("gpt-2",
         "ab\xff"
         "cd",
         "ab|\xff|cd");
    cuts("gpt-2", "a \xc3 b", "a| |\xc3| b");
    cuts("gpt-2", "\xc0\xaf\xed\xa0\x80", "\xc0\xaf\xed\xa0\x80"); /* long form, surrogate */
    cuts("gpt-2", "\xf4\x90\x80\x80x", "\xf4\x90\x80\x80|x");      /* past U+10FFFF */
    cuts("gpt-2", "\xe4\xb8", "\xe4\xb8");                         /* cut short */
    cuts("gpt-2", "\xe4\xb8\xad\xe4", "中|\xe4");
    cuts("qwen2", "  \xff", "  |\xff");
}

/* The lengths of the pieces, as the vectors have them. */
static sk_status add_length(void *arg, const char *p, size_t n)
{
    (void)p;
    sk_buf_addf(arg, " %zu", n);
    return SK_OK;
}

/* The cuts of every text by one pre-tokenizer against those of its row. */
static void check_row(const char *name, json_t *texts, json_t *cuts)
{
    sk_err e = SK_ERR_INIT;
    sk_buf got = SK_BUF_INIT, want = SK_BUF_INIT;
    json_t *text, *length;
    size_t i, k, wrong = 0;
    eng_pretok *p = open_pretok(name);
    json_array_foreach(texts, i, text)
    {
        const char *t = json_string_value(text);
        sk_buf_reset(&got);
        sk_buf_reset(&want);
        assert_status_ok(eng_pretok_split(p, t, json_string_length(text), add_length, &got, &e), e);
        json_array_foreach(json_array_get(cuts, i), k, length)
            sk_buf_addf(&want, " %d", (int)json_integer_value(length));
        if (got.len == want.len && (!got.len || memcmp(got.p, want.p, got.len) == 0)) continue;
        print_error("%s, text %zu: \"%s\"\n  want%s\n  got %s\n", name, i, t, want.p, got.p);
        wrong++;
    }
    assert_int_equal(wrong, 0);
    eng_pretok_close(p);
    sk_buf_fini(&got);
    sk_buf_fini(&want);
}

/* Cuts of an independent engine (tests/golden/pretok.json says which). */
static void cuts_of_another_engine(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    json_t *all = NULL, *row, *name;
    size_t i, k;
    assert_true(unit_read("tests/golden/pretok.json", &b));
    assert_status_ok(sk_json_parse(b.p, b.len, 8, &all, &e), e);
    json_t *texts = json_object_get(all, "texts");
    assert_true(json_array_size(texts) > 50);
    json_array_foreach(json_object_get(all, "rows"), i, row)
        json_array_foreach(json_object_get(row, "names"), k, name)
            check_row(json_string_value(name), texts, json_object_get(row, "cuts"));
    assert_true(i > 20);
    json_decref(all);
    sk_buf_fini(&b);
}

/* The pieces put together. */
static sk_status join_piece(void *arg, const char *p, size_t n)
{
    sk_buf_add(arg, p, n);
    return SK_OK;
}

static void nothing_is_lost(void **state)
{
    (void)state;
    char text[300];
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    for (size_t k = 0; k < N_NAMES; k++) {
        eng_pretok *p = open_pretok(names[k]);
        for (uint64_t seed = 0; seed < 400; seed++) {
            size_t n = seed * 7 % sizeof text;
            tiny_random(text, n, seed);
            sk_buf_reset(&b);
            assert_status_ok(eng_pretok_split(p, text, n, join_piece, &b, &e), e);
            assert_int_equal(b.len, n);
            assert_memory_equal(b.p ? b.p : "", text, n);
        }
        eng_pretok_close(p);
    }
    sk_buf_fini(&b);
}

/* A quarter of a megabyte of one character: no stack, no match limit, no square of the length. */
static void endless_runs(void **state)
{
    (void)state;
    static const char *const unit[] = {"a",    " ",   "\n", "1", "!", "\xe4\xb8\xad",
                                       "\xff", "\t ", "' "};
    enum { N = 1 << 18 };
    sk_err e = SK_ERR_INIT;
    sk_buf text = SK_BUF_INIT, b = SK_BUF_INIT;
    for (size_t u = 0; u < sizeof unit / sizeof unit[0]; u++) {
        sk_buf_reset(&text);
        while (text.len < N)
            sk_buf_adds(&text, unit[u]);
        for (size_t k = 0; k < N_NAMES; k++) {
            eng_pretok *p = open_pretok(names[k]);
            sk_buf_reset(&b);
            assert_status_ok(eng_pretok_split(p, text.p, text.len, join_piece, &b, &e), e);
            assert_int_equal(b.len, text.len);
            eng_pretok_close(p);
        }
    }
    sk_buf_fini(&text);
    sk_buf_fini(&b);
}

static void names_and_traits(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_pretok *p = NULL;
    static const char *const unknown[] = {"",          " ",        "qwen", "qwen2 ", " qwen2",
                                          "gpt-2 mpt", "nonesuch", "wen2", "bpe"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_status(eng_pretok_open(unknown[i], &p, &e), SK_E_UNSUPPORTED, e, unknown[i]);
        assert_null(p);
    }
    static const char *const alias[] = {"llama3",  "llama-v3",   "deepseek-r1-qwen", "mpt",
                                        "a.x-4.0", "jina-v2-de", "smaug-bpe",        "command-r"};
    for (size_t i = 0; i < sizeof alias / sizeof alias[0]; i++)
        eng_pretok_close(open_pretok(alias[i]));
    p = open_pretok("llama-bpe");
    assert_true(eng_pretok_get_traits(p).add_bos && eng_pretok_get_traits(p).whole);
    eng_pretok_close(p);
    p = open_pretok("qwen2");
    assert_false(eng_pretok_get_traits(p).add_bos || eng_pretok_get_traits(p).whole);
    eng_pretok_close(p);
    eng_pretok_close(NULL);
}

/* The caller ends the cutting with a status of its own. */
static sk_status stop_at_third(void *arg, const char *p, size_t n)
{
    (void)p;
    (void)n;
    int *seen = arg;
    return ++*seen == 3 ? SK_E_STOPPED : SK_OK;
}

static void callback_ends_it(void **state)
{
    (void)state;
    for (size_t k = 0; k < 11; k++) { /* those that cut this text often enough */
        sk_err e = SK_ERR_INIT;
        int seen = 0;
        eng_pretok *p = open_pretok(names[k]);
        const char text[] = "one two three four five 6 7 8";
        assert_int_equal(eng_pretok_split(p, text, strlen(text), stop_at_third, &seen, &e),
                         SK_E_STOPPED);
        assert_int_equal(seen, 3);
        assert_int_equal(e.status, SK_OK);
        eng_pretok_close(p);
    }
}

static sk_status split_starved(void *pieces, sk_err *e)
{
    static const char want[] = "it's 1 fine";
    sk_buf *b = pieces;
    eng_pretok *p = NULL;
    sk_buf_reset(b);
    sk_status st = eng_pretok_open("falcon", &p, e);
    if (!st) st = eng_pretok_split(p, want, strlen(want), join_piece, b, e);
    if (!st) assert_string_equal(b->p, want);
    eng_pretok_close(p);
    return st;
}

/* Every allocation fails once: a clean error or, where PCRE2 can do without, the same pieces. */
static void without_memory(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    assert_true(sk_buf_reserve(&b, 64)); /* the test's own buffer never grows */
    unit_starve(split_starved, &b, 200, 0);
    sk_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_cuts),
        cmocka_unit_test(white_space),
        cmocka_unit_test(invalid_utf8),
        cmocka_unit_test(nothing_is_lost),
        cmocka_unit_test(endless_runs),
        cmocka_unit_test(names_and_traits),
        cmocka_unit_test(callback_ends_it),
        cmocka_unit_test(without_memory),
        cmocka_unit_test(cuts_of_another_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
