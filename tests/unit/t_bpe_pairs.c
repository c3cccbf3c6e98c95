/* t_bpe_pairs.c - the queue of pairs against counting anew each time. */
#include "tests/unit/unit.h"

#include "engine/token/bpe_pairs.h"

enum { SYMBOLS = 6, WORDS = 40, STEPS = 4000 };

/* Symbols whose byte strings are not in the order of their numbers: ties go by the bytes. */
static const eng_str text[SYMBOLS] = {{"b", 1}, {"a", 1},    {"ab", 2},
                                      {"c", 1}, {"\xff", 1}, {"a\0", 2}};

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* The pair that should come first: the greatest count above 1, then the smaller bytes. */
static bool should_be(uint64_t count[SYMBOLS][SYMBOLS], uint32_t *a, uint32_t *b)
{
    uint64_t most = 1;
    for (uint32_t i = 0; i < SYMBOLS; i++)
        for (uint32_t j = 0; j < SYMBOLS; j++) {
            if (count[i][j] < most || count[i][j] < 2) continue;
            int d = count[i][j] > most ? -1 : eng_str_cmp(text[i], text[*a]);
            if (!d) d = eng_str_cmp(text[j], text[*b]);
            if (d >= 0) continue;
            most = count[i][j];
            *a = i;
            *b = j;
        }
    return most > 1;
}

/* Counts go up and down at random; now and then the best pair is taken, and must be the right one.
 */
static void best_is_the_best(void **state)
{
    (void)state;
    static uint64_t count[SYMBOLS][SYMBOLS];
    uint64_t x = 42424242;
    eng_pairs p;
    eng_pairs_init(&p, text);
    memset(count, 0, sizeof count);
    for (size_t step = 0; step < STEPS; step++) {
        uint32_t a = next_random(&x) % SYMBOLS, b = next_random(&x) % SYMBOLS;
        uint64_t n = next_random(&x) % 5;
        if (next_random(&x) % 3) {
            eng_pairs_add(&p, a, b, n, (uint32_t)(step % WORDS));
            count[a][b] += n;
        } else if (count[a][b]) {
            n %= count[a][b] + 1;
            eng_pairs_sub(&p, a, b, n);
            count[a][b] -= n;
        }
        if (step % 16) continue;
        eng_pairs_settle(&p);
        uint32_t want_a = 0, want_b = 0, got = eng_pairs_best(&p);
        bool some = should_be(count, &want_a, &want_b);
        assert_false(p.oom);
        assert_int_equal(got != ENG_PAIR_NONE, some);
        if (!some) continue;
        assert_int_equal(p.pair[got].count, count[want_a][want_b]);
        assert_int_equal(p.pair[got].a, want_a);
        assert_int_equal(p.pair[got].b, want_b);
        /* what was taken is out of the queue until its count grows again */
        eng_pairs_sub(&p, want_a, want_b, count[want_a][want_b]);
        count[want_a][want_b] = 0;
    }
    eng_pairs_fini(&p);
    eng_pairs_fini(&p); /* as after init */
}

/* A pair that occurs once is never the best: a merge of it would save nothing. */
static void once_is_none(void **state)
{
    (void)state;
    eng_pairs p;
    eng_pairs_init(&p, text);
    eng_pairs_settle(&p);
    assert_int_equal(eng_pairs_best(&p), ENG_PAIR_NONE);
    eng_pairs_add(&p, 0, 1, 1, 0);
    eng_pairs_add(&p, 1, 0, 1, 0);
    eng_pairs_settle(&p);
    assert_int_equal(eng_pairs_best(&p), ENG_PAIR_NONE);
    eng_pairs_add(&p, 1, 0, 1, 3);
    eng_pairs_settle(&p);
    uint32_t k = eng_pairs_best(&p);
    assert_int_not_equal(k, ENG_PAIR_NONE);
    assert_int_equal(p.pair[k].a, 1);
    assert_int_equal(eng_pairs_best(&p), ENG_PAIR_NONE);
    eng_pairs_fini(&p);
}

/* The words of a pair come out once each, the last first, and their nodes are used again. */
static void words_of_a_pair(void **state)
{
    (void)state;
    eng_pairs p;
    eng_pairs_init(&p, text);
    static const uint32_t word[] = {5, 5, 7, 7, 7, 2};
    for (size_t i = 0; i < sizeof word / sizeof word[0]; i++)
        eng_pairs_add(&p, 2, 3, 1, word[i]);
    uint32_t k = 0;
    assert_int_equal(p.pair[k].count, 6);
    assert_int_equal(eng_pairs_take_word(&p, k), 2);
    assert_int_equal(eng_pairs_take_word(&p, k), 7);
    assert_int_equal(eng_pairs_take_word(&p, k), 5);
    assert_int_equal(eng_pairs_take_word(&p, k), ENG_PAIR_NONE);
    size_t nodes = p.n_place;
    for (uint32_t w = 0; w < 3; w++)
        eng_pairs_add(&p, 0, 0, 1, w);
    assert_int_equal(p.n_place, nodes);
    eng_pairs_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_is_the_best),
        cmocka_unit_test(once_is_none),
        cmocka_unit_test(words_of_a_pair),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
