/* t_ugm.c - the unigram model: against all ways to cut a text, its rules for spaces, the character
 * map, unknown characters, failures. */
#include "tests/unit/tiny_kinds.h"
#include "tests/unit/tiny_vocab.h"
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/token/charsmap.h"

#include <math.h>

/* <pad> 0, </s> 1, <unk> 2, words from 3 on. */
static const char *const words[] = {" ", "a", "b", "ab", "ba", " a", "aba", "bb", " b", "abab"};
enum { N_WORDS = sizeof words / sizeof words[0] };

static void start(tiny_kind *k, uint64_t seed)
{
    tiny_kind_start(k, ENG_VOCAB_UGM);
    k->parts.role[ENG_ROLE_PADDING] = tiny_kind_add(k, "<pad>", ENG_TOKEN_CONTROL, 0);
    k->parts.role[ENG_ROLE_EOS] = tiny_kind_add(k, "</s>", ENG_TOKEN_CONTROL, 0);
    k->parts.role[ENG_ROLE_UNKNOWN] = tiny_kind_add(k, "<unk>", ENG_TOKEN_UNKNOWN, 0);
    for (size_t i = 0; i < N_WORDS; i++)
        tiny_kind_add(k, words[i], ENG_TOKEN_NORMAL,
                      -1 - (float)(sk_rng_u64(seed, SK_RNG_TEST, i) % 64));
}

/* The best sum over all ways to cover text[0..n); -inf when there is none. */
static double best_sum(const tiny_kind *k, const char *text, size_t n)
{
    double best = n ? -INFINITY : 0;
    for (size_t i = 3; i < k->parts.n; i++) {
        size_t len = k->text[i].n;
        if (len > n || memcmp(k->text[i].p, text, len) != 0) continue;
        double sum = (double)k->score[i] + best_sum(k, text + len, n - len);
        if (sum > best) best = sum;
    }
    return best;
}

static void equals_the_best(void **state)
{
    (void)state;
    static tiny_kind k;
    for (uint64_t seed = 0; seed < 400; seed++) {
        char text[13];
        size_t n = sk_rng_u64(seed, SK_RNG_TEST, 50) % 13;
        for (size_t i = 0; i < n; i++)
            text[i] = "ab "[sk_rng_u64(seed, SK_RNG_TEST, 60 + i) % 3];
        start(&k, seed);
        eng_vocab *v = tiny_kind_build(&k);
        sk_err e = SK_ERR_INIT;
        eng_ids ids = {NULL, 0, 0};
        assert_status_ok(eng_vocab_encode(v, text, n, 0, &ids, &e), e);
        double sum = 0;
        size_t at = 0;
        for (size_t i = 0; i < ids.n; i++) {
            eng_str t = k.text[ids.id[i]];
            assert_true(at + t.n <= n);
            assert_memory_equal(t.p, text + at, t.n);
            at += t.n;
            sum += (double)k.score[ids.id[i]];
        }
        assert_int_equal(at, n);
        assert_true(sum == best_sum(&k, text, n));
        eng_ids_fini(&ids);
        eng_vocab_close(v);
    }
}

/* The usual rules (T5): a space in front, runs of spaces as one, the end token. */
static void texts(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k, 0);
    for (size_t i = 3; i < k.parts.n; i++)
        k.score[i] = -(float)(20 - k.text[i].n);
    int32_t sp = 3, a = 4, b = 5, sa = 8, ab = 6, sb = 11;
    (void)a, (void)b, (void)ab;
    k.parts.space_prefix = 1;
    k.parts.merge_spaces = true;
    eng_vocab *v = tiny_kind_build(&k);
    assert_true(sp == 3 && sa == 8 && sb == 11);
    tiny_encodes(v, "a  b", 0, "8 11");
    tiny_encodes(v, "  a  ", ENG_TOK_ADD, "8 1");
    tiny_encodes(v, "", ENG_TOK_ADD, "1");
    tiny_encodes(v, "xyz a", 0, "3 2 8");
    tiny_encodes(v, "a</s>b", ENG_TOK_SPECIAL, "8 1 11");
    tiny_encodes(v, "a\xff", 0, "8 2");
    eng_vocab_close(v);
    k.parts.merge_spaces = false;
    k.parts.add_eos = 0;
    v = tiny_kind_build(&k);
    tiny_encodes(v, "a  b", ENG_TOK_ADD, "8 3 11");
    eng_vocab_close(v);
    k.parts.space_prefix = 0;
    v = tiny_kind_build(&k);
    tiny_encodes(v, "b a", 0, "5 8");
    eng_vocab_close(v);
}

static void put_unit(sk_buf *b, size_t at, uint32_t unit)
{
    while (b->len < 4 * at + 4)
        sk_buf_addc(b, 0);
    memcpy(b->p + 4 * at, &unit, 4);
}

/* A map made by hand: "x" becomes "ab", "xy" becomes " ".  Units: the root's children from 256 on.
 */
static void make_map(sk_buf *blob)
{
    sk_buf units = SK_BUF_INIT;
    const uint32_t value = 1u << 8, text_at = 1u << 31;
    put_unit(&units, 0, 256 << 10);                        /* root: children at 256 ^ c */
    put_unit(&units, 256 ^ 'x', 'x' | value | 512u << 10); /* its children at (256 ^ x) ^ 512 ^ c */
    put_unit(&units, 256 ^ 'x' ^ 512, text_at | 0);
    put_unit(&units, 256 ^ 'x' ^ 512 ^ 'y', 'y' | value | 768u << 10);
    put_unit(&units, 256 ^ 'x' ^ 512 ^ 'y' ^ 768, text_at | 3);
    put_unit(&units, 1100, 0);
    uint32_t n = (uint32_t)units.len;
    sk_buf_add(blob, &n, 4);
    sk_buf_add(blob, units.p, units.len);
    sk_buf_add(blob, "ab\0 \0", 5);
    sk_buf_fini(&units);
}

static void character_map(void **state)
{
    (void)state;
    static tiny_kind k;
    sk_buf blob = SK_BUF_INIT;
    make_map(&blob);
    start(&k, 0);
    for (size_t i = 3; i < k.parts.n; i++)
        k.score[i] = -(float)(20 - k.text[i].n);
    k.parts.charsmap = (eng_str){blob.p, blob.len};
    eng_vocab *v = tiny_kind_build(&k);
    tiny_encodes(v, "x", 0, "6");
    tiny_encodes(v, "bxya", 0, "5 8");
    tiny_encodes(v, "y", 0, "2");
    eng_vocab_close(v);
    /* cut short or bent, it is refused or finds less, but reads nothing outside */
    for (size_t n = 0; n < blob.len; n += 3) {
        sk_err e = SK_ERR_INIT;
        char *copy = malloc(n + 1);
        assert_non_null(copy);
        memcpy(copy, blob.p, n);
        k.parts.charsmap = (eng_str){copy, n};
        v = NULL;
        if (!eng_vocab_new(&k.parts, &v, &e)) tiny_encodes(v, "b", 0, "5");
        eng_vocab_close(v);
        free(copy);
    }
    for (uint64_t seed = 0; seed < 2000; seed++) {
        size_t at = 4 + sk_rng_u64(seed, SK_RNG_TEST, 0) % (blob.len - 5);
        char was = blob.p[at];
        eng_charsmap m;
        eng_str to;
        sk_err e = SK_ERR_INIT;
        blob.p[at] = (char)sk_rng_u64(seed, SK_RNG_TEST, 1);
        if (!eng_charsmap_init(&m, (eng_str){blob.p, blob.len}, &e))
            (void)eng_charsmap_find(&m, "xyxy", 4, &to);
        blob.p[at] = was;
    }
    sk_buf_fini(&blob);
}

/* Scores at the ends of float: still an answer. */
static void wild_scores(void **state)
{
    (void)state;
    static tiny_kind k;
    const float wild[] = {INFINITY, -INFINITY, 3e38f, -3e38f, 0};
    for (uint64_t seed = 0; seed < 200; seed++) {
        start(&k, seed);
        for (size_t i = 3; i < k.parts.n; i++)
            k.score[i] = wild[sk_rng_u64(seed, SK_RNG_TEST, i) % 5];
        eng_vocab *v = tiny_kind_build(&k);
        sk_err e = SK_ERR_INIT;
        eng_ids ids = {NULL, 0, 0};
        assert_status_ok(eng_vocab_encode(v, "ab ab xab", 9, 0, &ids, &e), e);
        eng_ids_fini(&ids);
        eng_vocab_close(v);
    }
}

static void endless_text(void **state)
{
    (void)state;
    static tiny_kind k;
    enum { N = 1 << 20 };
    start(&k, 3);
    eng_vocab *v = tiny_kind_build(&k);
    char *text = malloc(N);
    assert_non_null(text);
    memset(text, 'a', N);
    tiny_round_trip(v, text, N);
    free(text);
    eng_vocab_close(v);
}

static void without_memory(void **state)
{
    (void)state;
    static tiny_kind k;
    start(&k, 2);
    tiny_kind_starve(&k, "ab abab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_best), cmocka_unit_test(texts),
        cmocka_unit_test(character_map),   cmocka_unit_test(wild_scores),
        cmocka_unit_test(endless_text),    cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
