/* t_wpm.c - WordPiece: words and signs, the normaliser, longest tokens, unknown words, failures;
 * and what it asks of Unicode. */
#include "tests/unit/tiny_kinds.h"
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/token/unidata.h"

/* [UNK] 0, [CLS] 1, [SEP] 2, words from 3 on: with a space in front those that begin a word. */
static const char *const words[] = {
    " un", "aff",           "able",          " a",   "f", "b",  " ,",    " e", " the",
    "s",   " \xe4\xb8\xad", " \xe1\x84\x92", " una", "a", " b", " naive"};
enum { N_WORDS = sizeof words / sizeof words[0] };

static void start(tiny_kind *k)
{
    tiny_kind_start(k, ENG_VOCAB_WPM);
    k->parts.role[ENG_ROLE_UNKNOWN] = tiny_kind_add(k, "[UNK]", ENG_TOKEN_UNKNOWN, 0);
    k->parts.role[ENG_ROLE_BOS] = tiny_kind_add(k, "[CLS]", ENG_TOKEN_CONTROL, 0);
    k->parts.role[ENG_ROLE_SEPARATOR] = tiny_kind_add(k, "[SEP]", ENG_TOKEN_CONTROL, 0);
    for (size_t i = 0; i < N_WORDS; i++)
        tiny_kind_add(k, words[i], ENG_TOKEN_NORMAL, 0);
}

static void texts(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k);
    eng_vocab *v = tiny_kind_build(&k);
    tiny_encodes(v, "", 0, "");
    tiny_encodes(v, "", ENG_TOK_ADD, "1 2");
    tiny_encodes(v, "the  a", ENG_TOK_ADD, "1 11 6 2");
    eng_vocab_close(v);
}

/* Longest first is greedy: " una" leaves "ble", whose "l" has no token, so the word is unknown as a
 * whole, though " un" and "able" would do. */
static void greedy(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k);
    eng_vocab *v = tiny_kind_build(&k);
    tiny_encodes(v, "unaffable", 0, "15 7 7 5");
    tiny_encodes(v, "unable", 0, "0");
    tiny_encodes(v, "unaffb", 0, "15 7 7 8");
    tiny_encodes(v, "bable", 0, "17 5");
    tiny_encodes(v, "zzz the", 0, "0 11");
    eng_vocab_close(v);
}

/* Case, accents, signs, ideographs, Hangul, what is left out. */
static void normaliser(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k);
    eng_vocab *v = tiny_kind_build(&k);
    tiny_encodes(v, "THE,A", 0, "11 9 6");
    tiny_encodes(v, "na\xc3\xafve NAI\xcc\x88VE", 0, "18 18");
    tiny_encodes(v, "\xc3\x89", 0, "10");
    tiny_encodes(v, "a\xe4\xb8\xad\xe4\xb8\xad", 0, "6 13 13");
    tiny_encodes(v, "\xed\x95\x9c", 0, "14");        /* U+D55C begins with U+1112 */
    tiny_encodes(v, "t\xe2\x80\x8bhe\x01", 0, "11"); /* U+200B and U+0001 are no characters */
    tiny_encodes(v,
                 "th\xff"
                 "e",
                 0, "11");
    tiny_encodes(v,
                 "the\xe3\x80\x80"
                 "a\nb",
                 0, "11 6 17");
    eng_vocab_close(v);
    k.parts.lower = k.parts.strip_accents = false;
    v = tiny_kind_build(&k);
    tiny_encodes(v, "the THE na\xc3\xafve", 0, "11 0 0");
    eng_vocab_close(v);
}

static void special(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k);
    eng_vocab *v = tiny_kind_build(&k);
    tiny_encodes(v, "[SEP]", 0, "0 0 0");
    tiny_encodes(v, "the [SEP] a", ENG_TOK_SPECIAL, "11 2 6");
    size_t n;
    assert_string_equal(eng_vocab_piece(v, 11, false, &n), " the");
    eng_vocab_close(v);
}

/* The rule itself over random words of the tokens' letters. */
static void equals_the_rule(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k);
    eng_vocab *v = tiny_kind_build(&k);
    for (uint64_t seed = 0; seed < 2000; seed++) {
        char word[16] = " ";
        size_t n = 1 + 1 + sk_rng_u64(seed, SK_RNG_TEST, 0) % 10;
        for (size_t i = 1; i < n; i++)
            word[i] = "abfunleseth"[sk_rng_u64(seed, SK_RNG_TEST, i) % 11];
        sk_buf want = SK_BUF_INIT;
        size_t at = 0;
        while (at < n) {
            size_t best = 0, id = 0;
            for (size_t i = 3; i < k.parts.n; i++)
                if (k.text[i].n > best && k.text[i].n <= n - at &&
                    memcmp(k.text[i].p, word + at, k.text[i].n) == 0)
                    best = k.text[i].n, id = i;
            if (!best) break;
            sk_buf_addf(&want, "%s%zu", at ? " " : "", id);
            at += best;
        }
        word[n] = 0;
        tiny_encodes(v, word, 0, at < n ? "0" : want.p);
        sk_buf_fini(&want);
    }
    eng_vocab_close(v);
}

static void unicode(void **state)
{
    (void)state;
    assert_int_equal(eng_uni_class('a'), ENG_UNI_OTHER);
    assert_int_equal(eng_uni_class(0), ENG_UNI_CONTROL);
    assert_int_equal(eng_uni_class('\n'), ENG_UNI_SPACE);
    assert_int_equal(eng_uni_class(0x85), ENG_UNI_SPACE);
    assert_int_equal(eng_uni_class(0x3000), ENG_UNI_SPACE);
    assert_int_equal(eng_uni_class(0x200d), ENG_UNI_CONTROL);
    assert_int_equal(eng_uni_class(0x301), ENG_UNI_MARK);
    assert_int_equal(eng_uni_class('$'), ENG_UNI_PUNCT);
    assert_int_equal(eng_uni_class(0x20ac), ENG_UNI_OTHER); /* a symbol, not ASCII */
    assert_int_equal(eng_uni_class(0x3002), ENG_UNI_PUNCT);
    assert_int_equal(eng_uni_class(0x10ffff), ENG_UNI_OTHER);
    assert_int_equal(eng_uni_class(UINT32_MAX), ENG_UNI_OTHER);
    assert_int_equal(eng_uni_lower('Z'), 'z');
    assert_int_equal(eng_uni_lower('z'), 'z');
    assert_int_equal(eng_uni_lower(0x100), 0x101);
    assert_int_equal(eng_uni_lower(0x101), 0x101);
    assert_int_equal(eng_uni_lower(0x410), 0x430);
    assert_int_equal(eng_uni_lower(0x130), 0x130); /* two characters in lower case */
    assert_int_equal(eng_uni_base(0xe9), 'e');
    assert_int_equal(eng_uni_base(0x1ead), 'a');
    assert_int_equal(eng_uni_base('e'), 'e');
    assert_int_equal(eng_uni_base(0xac00), 0x1100);
    assert_int_equal(eng_uni_base(0xd7a3), 0x1112);
    assert_int_equal(eng_uni_base(0xf900), 0x8c48);
    for (uint32_t c = 0; c <= 0x10ffff; c += c < 0x3000 ? 1 : 97) {
        char b[4];
        if (c >= 0xd800 && c < 0xe000) continue;
        size_t n = eng_utf8_put(c, b);
        assert_int_equal(eng_utf8_sequence((const uint8_t *)b, n), n);
        assert_int_equal(eng_utf8_char((const uint8_t *)b, n), c);
    }
}

static void without_memory(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k);
    tiny_kind_starve(&k, "the a zz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts),          cmocka_unit_test(greedy),
        cmocka_unit_test(normaliser),     cmocka_unit_test(special),
        cmocka_unit_test(unicode),        cmocka_unit_test(equals_the_rule),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
