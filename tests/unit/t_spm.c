/* t_spm.c - SentencePiece's BPE and merges on characters: against the rule spelled out, byte
 * fallback, spaces, special tokens, long texts, failures. */
#include "tests/unit/tiny_kinds.h"
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/rng.h"

#include <math.h>

/* <unk> 0, <s> 1, </s> 2, bytes 3..258, then words. */
enum { FIRST_WORD = 259 };
static const char *const words[] = {" ",  "a",  "b",  "c",   "\xc3\xa9", "ab", "bc",  "abc", " a",
                                    "ca", "aa", "bb", " ab", "  ",       "b ", "c a", "aab", "cc"};
enum { N_WORDS = sizeof words / sizeof words[0] };

/* Tokens over a small alphabet, with scores of few values, so that there are ties; `apart` leaves
 * out those with a space behind another character. */
static void start(tiny_kind *k, uint64_t seed, bool apart)
{
    tiny_kind_start(k, ENG_VOCAB_SPM);
    tiny_kind_add(k, "<unk>", ENG_TOKEN_UNKNOWN, 0);
    tiny_kind_add(k, "<s>", ENG_TOKEN_CONTROL, 0);
    tiny_kind_add(k, "</s>", ENG_TOKEN_CONTROL, 0);
    tiny_kind_bytes(k);
    for (size_t i = 0; i < N_WORDS; i++) {
        float score = -(float)(sk_rng_u64(seed, SK_RNG_TEST, i) % 8);
        bool skip = apart && strchr(words[i] + 1, ' ') && words[i][0] != ' ';
        tiny_kind_add(k, words[i], skip ? ENG_TOKEN_CONTROL : ENG_TOKEN_NORMAL, score);
    }
    k->parts.role[ENG_ROLE_UNKNOWN] = 0;
    k->parts.role[ENG_ROLE_BOS] = 1;
    k->parts.role[ENG_ROLE_EOS] = 2;
}

static int32_t word_id(const tiny_kind *k, const char *p, size_t n)
{
    for (size_t i = FIRST_WORD; i < k->parts.n; i++)
        if (k->type[i] == ENG_TOKEN_NORMAL && k->text[i].n == n && memcmp(k->text[i].p, p, n) == 0)
            return (int32_t)i;
    return -1;
}

/* The rule itself, with no cleverness: join the best pair until there is none. */
static void by_the_rule(const tiny_kind *k, const char *text, size_t n, sk_buf *out)
{
    size_t at[512], len[512], m = 0;
    for (size_t i = 0; i < n; i += len[m++]) {
        at[m] = i;
        len[m] = (unsigned char)text[i] == 0xc3 && i + 1 < n ? 2 : 1;
    }
    for (;;) {
        size_t best = m;
        float score = -INFINITY;
        for (size_t i = 0; i + 1 < m; i++) {
            int32_t id = word_id(k, text + at[i], len[i] + len[i + 1]);
            if (id < 0 || k->score[id] <= score) continue;
            score = k->score[id];
            best = i;
        }
        if (best == m) break;
        len[best] += len[best + 1];
        m--;
        memmove(at + best + 1, at + best + 2, (m - best - 1) * sizeof *at);
        memmove(len + best + 1, len + best + 2, (m - best - 1) * sizeof *len);
    }
    sk_buf_reset(out);
    sk_buf_adds(out, "");
    for (size_t i = 0; i < m; i++) {
        int32_t id = word_id(k, text + at[i], len[i]);
        for (size_t b = 0; b < (id < 0 ? len[i] : 1); b++)
            sk_buf_addf(out, "%s%d", out->len ? " " : "",
                        id < 0 ? 3 + (unsigned char)text[at[i] + b] : id);
    }
}

static void equals_the_rule(void **state)
{
    (void)state;
    static tiny_kind k;
    static const char *const letters[] = {"a", "b", "c", " ", "\xc3\xa9", "x", "a", " "};
    sk_buf text = SK_BUF_INIT, want = SK_BUF_INIT;
    for (uint64_t seed = 0; seed < 600; seed++) {
        start(&k, seed, seed % 2);
        k.parts.space_prefix = seed % 3 == 0;
        eng_vocab *v = tiny_kind_build(&k);
        sk_buf_reset(&text);
        sk_buf_adds(&text, k.parts.space_prefix ? " " : "");
        size_t n = sk_rng_u64(seed, SK_RNG_TEST, 99) % 120;
        for (size_t i = 0; i < n; i++)
            sk_buf_adds(&text, letters[sk_rng_u64(seed, SK_RNG_TEST, 100 + i) % 8]);
        by_the_rule(&k, text.p, n ? text.len : 0, &want);
        const char *given = text.p + k.parts.space_prefix;
        tiny_encodes(v, n ? given : "", 0, want.p);
        eng_vocab_close(v);
    }
    sk_buf_fini(&text);
    sk_buf_fini(&want);
}

/* U+2581 is a space; what has no token is bytes; control tokens only when asked for. */
static void texts(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k, 1, true);
    for (size_t i = FIRST_WORD; i < k.parts.n; i++)
        k.score[i] = -(float)i;
    eng_vocab *v = tiny_kind_build(&k);
    tiny_encodes(v, "", 0, "");
    tiny_encodes(v, "", ENG_TOK_ADD, "1");
    tiny_encodes(v, "ab", ENG_TOK_ADD, "1 271");
    tiny_encodes(v, "x", 0, "259 123");
    tiny_encodes(v,
                 "a\xe2\x96\x81"
                 "b",
                 0, "267 259 261");
    tiny_encodes(v, "<s>", 0, "259 63 118 65");
    tiny_encodes(v, "<s>a</s>b", ENG_TOK_SPECIAL, "1 267 2 259 261");
    tiny_encodes(v, "\xff", 0, "259 258");
    size_t n;
    assert_string_equal(eng_vocab_piece(v, 3 + 'x', false, &n), "x");
    assert_int_equal(n, 1);
    assert_string_equal(eng_vocab_piece(v, 267, false, &n), " a");
    assert_int_equal(eng_vocab_bos(v), 1);
    assert_true(eng_vocab_is_end(v, 2));
    eng_vocab_close(v);
    k.parts.add_bos = 0;
    k.parts.add_eos = 1;
    k.parts.space_prefix = 0;
    v = tiny_kind_build(&k);
    tiny_encodes(v, "ab", ENG_TOK_ADD, "264 2");
    eng_vocab_close(v);
}

/* Without byte tokens a run of unknown characters is one unknown token. */
static void without_bytes(void **state)
{
    (void)state;
    static tiny_kind k;
    tiny_kind_start(&k, ENG_VOCAB_SPM);
    k.parts.role[ENG_ROLE_UNKNOWN] = tiny_kind_add(&k, "<unk>", ENG_TOKEN_UNKNOWN, 0);
    tiny_kind_add(&k, "a", ENG_TOKEN_NORMAL, 0);
    tiny_kind_add(&k, " ", ENG_TOKEN_NORMAL, 0);
    eng_vocab *v = tiny_kind_build(&k);
    tiny_encodes(v,
                 "a\xc3\xa9"
                 "a",
                 0, "2 1 0 1");
    eng_vocab_close(v);
}

static void any_bytes_come_back(void **state)
{
    (void)state;
    static tiny_kind k;
    char text[400];
    for (int prefix = 0; prefix < 2; prefix++) {
        start(&k, 5, true);
        k.parts.space_prefix = prefix;
        eng_vocab *v = tiny_kind_build(&k);
        for (uint64_t seed = 0; seed < 300; seed++) {
            size_t n = seed * 11 % sizeof text;
            tiny_random(text, n, seed);
            tiny_round_trip(v, text, n);
        }
        tiny_round_trip(v, "   a", 4);
        tiny_round_trip(v, " ", 1);
        eng_vocab_close(v);
    }
}

/* White space beside a special token that takes it. */
static void stripped(void **state)
{
    (void)state;
    static tiny_kind k;
    static uint8_t strip[1024];
    start(&k, 1, true);
    k.parts.space_prefix = 0;
    strip[1] = ENG_STRIP_RIGHT;
    strip[2] = ENG_STRIP_LEFT;
    k.parts.strip = strip;
    eng_vocab *v = tiny_kind_build(&k);
    tiny_encodes(v, "x \n<s>\n x", ENG_TOK_SPECIAL, "123 259 13 1 123");
    tiny_encodes(v, "x \n</s>\n", ENG_TOK_SPECIAL, "123 2 13");
    tiny_encodes(v, " </s><s> ", ENG_TOK_SPECIAL, "2 1");
    eng_vocab_close(v);
}

/* A megabyte of one letter, with tokens of every length that merges may reach. */
static void endless_word(void **state)
{
    (void)state;
    static tiny_kind k;
    enum { N = 1 << 20, LONGEST = 512 };
    static char run[LONGEST + 1];
    memset(run, 'a', LONGEST);
    tiny_kind_start(&k, ENG_VOCAB_SPM);
    for (size_t i = 1; i <= LONGEST; i++)
        tiny_kind_add(&k, run + LONGEST - i, ENG_TOKEN_NORMAL, (float)(i % 7));
    k.parts.space_prefix = 0;
    eng_vocab *v = tiny_kind_build(&k);
    char *text = malloc(N);
    assert_non_null(text);
    memset(text, 'a', N);
    tiny_round_trip(v, text, N);
    free(text);
    eng_vocab_close(v);
}

/* Merges on characters (Gemma 4): spaces, runs of line feeds, bytes. */
static void merges_on_characters(void **state)
{
    (void)state;
    static tiny_kind k;
    tiny_kind_start(&k, ENG_VOCAB_BPE);
    tiny_kind_bytes(&k);
    int32_t a = tiny_kind_add(&k, "a", ENG_TOKEN_NORMAL, 0);
    int32_t sp = tiny_kind_add(&k, " ", ENG_TOKEN_NORMAL, 0);
    int32_t sa = tiny_kind_add(&k, " a", ENG_TOKEN_NORMAL, 0);
    int32_t nl = tiny_kind_add(&k, "\n\n", ENG_TOKEN_NORMAL, 0);
    int32_t e = tiny_kind_add(&k, "\xc3\xa9", ENG_TOKEN_NORMAL, 0);
    int32_t ea = tiny_kind_add(&k,
                               "\xc3\xa9"
                               "a",
                               ENG_TOKEN_NORMAL, 0);
    const eng_bpe_merge merge[] = {{(uint32_t)sp, (uint32_t)a, (uint32_t)sa},
                                   {(uint32_t)e, (uint32_t)a, (uint32_t)ea}};
    k.parts.merge = merge;
    k.parts.n_merges = 2;
    assert_true(a == 256 && nl == 259 && ea == 261);
    eng_vocab *v = tiny_kind_build(&k);
    tiny_encodes(v, "a a", 0, "256 258");
    tiny_encodes(v,
                 "a\xe2\x96\x81"
                 "a",
                 0, "256 258");
    tiny_encodes(v,
                 "\xc3\xa9"
                 "a\n\na\n",
                 0, "261 259 256 10");
    tiny_encodes(v, "\n\n\nx\xc3", 0, "10 10 10 120 195");
    char text[200];
    for (uint64_t seed = 0; seed < 100; seed++) {
        tiny_random(text, seed * 2, seed);
        tiny_round_trip(v, text, seed * 2);
    }
    eng_vocab_close(v);
}

static void without_memory(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k, 2, true);
    tiny_kind_starve(&k, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa bbb\xe2\x96\x81x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_rule),
        cmocka_unit_test(texts),
        cmocka_unit_test(without_bytes),
        cmocka_unit_test(any_bytes_come_back),
        cmocka_unit_test(stripped),
        cmocka_unit_test(endless_word),
        cmocka_unit_test(merges_on_characters),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
