/* t_prefix.c - sets of strings walked byte by byte: against looking at every string, hostile sets.
 */
#include "tests/unit/unit.h"

#include "base/rng.h"
#include "engine/token/prefix.h"

enum { N = 400, LONGEST = 6 };

static char text[N][LONGEST];
static eng_str str[N];
static uint32_t id[N];

/* Strings over three letters, so that there are many prefixes and equals. */
static void make(uint64_t seed)
{
    for (uint32_t i = 0; i < N; i++) {
        size_t n = sk_rng_u64(seed, SK_RNG_TEST, i) % (LONGEST + 1);
        for (size_t k = 0; k < n; k++)
            text[i][k] = "a\0\xff"[sk_rng_u64(seed, SK_RNG_TEST, 1000 + i * LONGEST + k) % 3];
        str[i] = (eng_str){text[i], n};
        id[i] = i;
    }
}

/* The last of the longest strings that p[0..n) begins with. */
static uint32_t by_looking(const char *p, size_t n)
{
    uint32_t best = ENG_PREFIX_NONE;
    for (uint32_t i = 0; i < N; i++)
        if (str[i].n && str[i].n <= n && memcmp(str[i].p, p, str[i].n) == 0 &&
            (best == ENG_PREFIX_NONE || str[i].n >= str[best].n))
            best = i;
    return best;
}

static void longest_is_the_longest(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
        eng_prefix s;
        char p[8];
        make(seed);
        assert_true(eng_prefix_init(&s, mem, str, id, N));
        for (uint64_t k = 0; k < 500; k++) {
            size_t n = k % 9;
            for (size_t i = 0; i < n; i++)
                p[i] = "a\0\xff"[sk_rng_u64(seed, SK_RNG_TEST, 9000 + k * 8 + i) % 3];
            assert_int_equal(eng_prefix_longest(&s, p, n), by_looking(p, n));
        }
        sk_arena_free(mem);
    }
}

static void steps(void **state)
{
    (void)state;
    static const eng_str some[] = {{"ab", 2}, {"abc", 3}, {"", 0}, {"b", 1}};
    static const uint32_t all[] = {0, 1, 2, 3};
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_prefix s;
    eng_prefix_walk w;
    assert_true(eng_prefix_init(&s, mem, some, all, 4));
    assert_true(eng_prefix_start(&s, &w, 'a'));
    assert_int_equal(eng_prefix_here(&s, &w), ENG_PREFIX_NONE);
    assert_true(eng_prefix_step(&s, &w, 'b'));
    assert_int_equal(eng_prefix_here(&s, &w), 0);
    assert_true(eng_prefix_step(&s, &w, 'c'));
    assert_int_equal(eng_prefix_here(&s, &w), 1);
    assert_false(eng_prefix_step(&s, &w, 'd'));
    assert_false(eng_prefix_start(&s, &w, 'c'));
    assert_int_equal(eng_prefix_longest(&s, "", 0), ENG_PREFIX_NONE);
    assert_true(eng_prefix_init(&s, mem, some, all, 0));
    assert_int_equal(eng_prefix_longest(&s, "ab", 2), ENG_PREFIX_NONE);
    sk_arena_free(mem);
}

/* A hundred thousand equal strings, and one too long to be a token. */
static void hostile_sets(void **state)
{
    (void)state;
    enum { MANY = 100000, LONG = 1 << 20 };
    eng_str *all = malloc(MANY * sizeof *all);
    uint32_t *number = malloc(MANY * sizeof *number);
    char *a = malloc(LONG);
    assert_true(all && number && a);
    memset(a, 'a', LONG);
    for (uint32_t i = 0; i < MANY; i++) {
        all[i] = (eng_str){a, 2};
        number[i] = i;
    }
    all[7] = (eng_str){a, LONG};
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_prefix s;
    assert_true(eng_prefix_init(&s, mem, all, number, MANY));
    for (size_t i = 0; i < LONG; i++)
        (void)eng_prefix_longest(&s, a + i, LONG - i);
    assert_int_equal(eng_prefix_longest(&s, a, LONG), MANY - 1);
    sk_arena_free(mem);
    free(all);
    free(number);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(longest_is_the_longest),
                                       cmocka_unit_test(steps), cmocka_unit_test(hostile_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
