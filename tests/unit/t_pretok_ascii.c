/* t_pretok_ascii.c - pieces found by hand against the regular expressions; and where texts may be
 * cut. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/token/pretok.h"
#include "engine/token/pretok_ascii.h"

/* The models' own patterns, with white space spelled out as in pretok.c. */
#define WS "\\t-\\r\\x{85}\\p{Z}"
#define GPT4(digits)                                                                               \
    "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"     \
    "\\p{N}" digits "| ?[^" WS "\\p{L}\\p{N}]+[\\r\\n]*|[" WS "]*[\\r\\n]+|[" WS "]+(?![^" WS "])" \
    "|[" WS "]+"

static const struct {
    const char *name, *pattern;
    eng_ascii_form form;
} forms[] = {{"gpt-2",
              "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WS "\\p{L}\\p{N}]+|[" WS
              "]+(?![^" WS "])|[" WS "]+",
              ENG_ASCII_GPT2},
             {"qwen2", GPT4(""), ENG_ASCII_GPT4},
             {"llama-bpe", GPT4("{1,3}"), ENG_ASCII_GPT4_3}};
enum { N_FORMS = 3, LONGEST = 60 };

static pcre2_code *compile(const char *pattern)
{
    int error;
    size_t at;
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP,
                                  &error, &at, NULL);
    assert_non_null(c);
    return c;
}

/* A text over few characters, so that their combinations come up; some beyond ASCII if `far`. */
static size_t few_letters(char *p, uint64_t seed, bool far)
{
    static const char *const unit[] = {
        " ",        " ",        "\n",          "\r",       "\t",
        "a",        "s",        "L",           "l",        "re",
        "'",        "'S",       "1",           "23",       "!",
        "-",        "\v",       "\f",          "\0",       "'ve",
        "Z",        "_",        "\xc2\x85",    "\xc3\xa9", "\xe2\x80\x99",
        "\xd9\xa3", "\xcc\x81", "\xe3\x80\x80"};
    size_t n = 0, some = 1 + sk_rng_below(seed, SK_RNG_TEST, 0, 20);
    for (size_t i = 1; i <= some; i++) {
        const char *u = unit[sk_rng_below(seed, SK_RNG_TEST, i, far ? 28 : 22)];
        size_t len = *u ? strlen(u) : 1;
        memcpy(p + n, u, len);
        n += len;
    }
    return n;
}

/* Every piece that is known by hand is the expression's; in ASCII every piece is known. */
static void equals_the_expression(void **state)
{
    (void)state;
    for (size_t f = 0; f < N_FORMS; f++) {
        pcre2_code *code = compile(forms[f].pattern);
        pcre2_match_data *md = pcre2_match_data_create(1, NULL);
        size_t known = 0;
        for (uint64_t seed = 0; seed < 60000; seed++) {
            char text[4 * LONGEST];
            size_t n = few_letters(text, seed, seed % 2);
            for (size_t at = 0; at < n;) {
                int rc = pcre2_match(code, (PCRE2_SPTR)text, n, at, PCRE2_ANCHORED, md, NULL);
                assert_int_equal(rc, 1);
                size_t want = pcre2_get_ovector_pointer(md)[1] - at;
                size_t got = eng_ascii_piece(forms[f].form, text + at, n - at);
                if (got != want && (got || seed % 2 == 0))
                    fail_msg("%s, text %zu, byte %zu: %zu, not %zu", forms[f].name, (size_t)seed,
                             at, got, want);
                known += got > 0;
                at += want;
            }
        }
        assert_true(known > 200000);
        pcre2_match_data_free(md);
        pcre2_code_free(code);
    }
}

/* Pieces with bars between. */
static sk_status add_piece(void *arg, const char *p, size_t n)
{
    sk_buf_add(arg, p, n);
    sk_buf_addc(arg, '|');
    return SK_OK;
}

/* At every place that is said to be harmless the pieces of both halves are those of the whole. */
static void cuts_are_harmless(void **state)
{
    (void)state;
    static const char *const names[] = {"gpt-2", "qwen2", "qwen35", "llama-bpe", "dbrx"};
    for (size_t f = 0; f < sizeof names / sizeof names[0]; f++) {
        sk_err e = SK_ERR_INIT;
        eng_pretok *pt = NULL;
        sk_buf whole = SK_BUF_INIT, parts = SK_BUF_INIT;
        size_t cuts = 0;
        assert_status_ok(eng_pretok_open(names[f], &pt, &e), e);
        for (uint64_t seed = 0; seed < 2000; seed++) {
            char text[500];
            size_t n = seed % 3 ? 200 + seed % 300 : few_letters(text, seed, true);
            if (seed % 3) tiny_random(text, n, seed);
            sk_buf_reset(&whole);
            assert_status_ok(eng_pretok_split(pt, text, n, add_piece, &whole, &e), e);
            size_t last = 0;
            for (size_t k = 0; (k = eng_pretok_cut_after(pt, text, n, k)) < n; k++) {
                sk_buf_reset(&parts);
                assert_status_ok(eng_pretok_split(pt, text, k, add_piece, &parts, &e), e);
                assert_status_ok(eng_pretok_split(pt, text + k, n - k, add_piece, &parts, &e), e);
                assert_int_equal(parts.len, whole.len);
                assert_memory_equal(parts.p, whole.p, whole.len);
                last = k;
                cuts++;
            }
            assert_int_equal(eng_pretok_cut_before(pt, text, n), last);
        }
        assert_true(cuts > 100);
        eng_pretok_close(pt);
        sk_buf_fini(&whole);
        sk_buf_fini(&parts);
    }
}

/* Where nothing is known of a pre-tokenizer no cut is harmless. */
static void others_are_not_cut(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    eng_pretok *pt = NULL;
    assert_status_ok(eng_pretok_open("falcon", &pt, &e), e);
    assert_int_equal(eng_pretok_cut_after(pt, "a b c", 5, 0), 5);
    assert_int_equal(eng_pretok_cut_before(pt, "a b c", 5), 0);
    eng_pretok_close(pt);
    assert_int_equal(eng_ascii_piece(ENG_ASCII_NONE, "abc", 3), 0);
    assert_int_equal(eng_ascii_cut_after(ENG_ASCII_GPT2, "", 0, 0), 0);
    assert_int_equal(eng_ascii_cut_before(ENG_ASCII_GPT2, "", 0), 0);
    assert_int_equal(eng_ascii_cut_before(ENG_ASCII_GPT2, " b", 2), 0);
    assert_int_equal(eng_ascii_cut_before(ENG_ASCII_GPT2, "a ", 2), 0);
    assert_int_equal(eng_ascii_cut_before(ENG_ASCII_GPT2, "a b", 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_expression),
        cmocka_unit_test(cuts_are_harmless),
        cmocka_unit_test(others_are_not_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
