/* t_bpe.c - merging: against a plain restatement of the rule, short and long, and without memory.
 */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/rng.h"
#include "engine/token/bpe.h"

enum { LETTERS = 4, MERGES = 60 };

/* The rule as it is said: while some pair has a rank, merge the leftmost of the lowest. */
static size_t merge_plainly(const eng_bpe_merge *m, size_t n_merges, uint32_t *s, size_t n)
{
    for (;;) {
        size_t best = n_merges, at = 0;
        for (size_t i = 0; i + 1 < n; i++)
            for (size_t r = 0; r < best; r++)
                if (m[r].a == s[i] && m[r].b == s[i + 1]) {
                    best = r;
                    at = i;
                }
        if (best == n_merges) return n;
        s[at] = m[best].c;
        memmove(s + at + 1, s + at + 2, (n - at - 2) * sizeof *s);
        n--;
    }
}

/* Random merges over what exists so far; some pairs come twice, some products are old symbols. */
static void random_merges(eng_bpe_merge *m, uint64_t seed)
{
    uint32_t known = LETTERS;
    for (uint64_t i = 0; i < MERGES; i++) {
        m[i].a = (uint32_t)sk_rng_below(seed, SK_RNG_TEST, 3 * i, known);
        m[i].b = (uint32_t)sk_rng_below(seed, SK_RNG_TEST, 3 * i + 1, known);
        bool old = sk_rng_below(seed, SK_RNG_TEST, 3 * i + 2, 8) == 0;
        m[i].c = old ? known - 1 : known;
        known += !old;
    }
}

static void equals_the_rule(void **state)
{
    (void)state;
    enum { LONGEST = 200 };
    uint32_t want[LONGEST], got[LONGEST];
    eng_bpe_merge m[MERGES];
    eng_bpe_work work = {NULL, 0};
    for (uint64_t seed = 0; seed < 300; seed++) {
        random_merges(m, seed);
        sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
        eng_bpe t;
        assert_true(eng_bpe_init(&t, mem, m, MERGES));
        for (size_t len = 0; len <= LONGEST; len += len < 40 ? 1 : 40) {
            for (size_t i = 0; i < len; i++)
                got[i] = want[i] =
                    (uint32_t)sk_rng_below(seed, SK_RNG_TEST, 1000 * (len + 1) + i, LETTERS);
            size_t n = len, k = merge_plainly(m, MERGES, want, len);
            assert_true(eng_bpe_run(&t, &work, got, &n));
            assert_int_equal(n, k);
            assert_memory_equal(got, want, n * sizeof *got);
        }
        sk_arena_free(mem);
    }
    eng_bpe_work_fini(&work);
}

/* Overlapping pairs go from the left: "aaaaa" is aa aa a, whatever way was taken. */
static void overlaps_go_left_first(void **state)
{
    (void)state;
    const eng_bpe_merge m[] = {{0, 0, 1}, {1, 1, 2}};
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_bpe t;
    eng_bpe_work work = {NULL, 0};
    assert_true(eng_bpe_init(&t, mem, m, 2));
    for (size_t len = 1; len < 100; len++) {
        uint32_t s[100] = {0};
        size_t n = len;
        assert_true(eng_bpe_run(&t, &work, s, &n));
        assert_int_equal(n, len / 4 + len % 4 / 2 + len % 2);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(s[i], i < len / 4 ? 2 : i == len / 4 && len % 4 >= 2 ? 1 : 0);
    }
    eng_bpe_work_fini(&work);
    sk_arena_free(mem);
}

/* A million symbols: done, and quickly enough that a square would be noticed. */
static void a_million_symbols(void **state)
{
    (void)state;
    enum { N = 1 << 20, DEPTH = 12 };
    eng_bpe_merge m[DEPTH];
    for (uint32_t i = 0; i < DEPTH; i++)
        m[i] = (eng_bpe_merge){i, i, i + 1};
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_bpe t;
    eng_bpe_work work = {NULL, 0};
    assert_true(eng_bpe_init(&t, mem, m, DEPTH));
    uint32_t *s = sk_calloc(SK_MEM_TOKEN, N, sizeof *s);
    assert_non_null(s);
    size_t n = N;
    assert_true(eng_bpe_run(&t, &work, s, &n));
    assert_int_equal(n, N >> DEPTH);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(s[i], DEPTH);
    sk_free(s);
    eng_bpe_work_fini(&work);
    sk_arena_free(mem);
}

static void no_merges_at_all(void **state)
{
    (void)state;
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_bpe t;
    eng_bpe_work work = {NULL, 0};
    assert_true(eng_bpe_init(&t, mem, NULL, 0));
    uint32_t s[64];
    for (uint32_t i = 0; i < 64; i++)
        s[i] = i % 3 ? UINT32_MAX : i; /* what has no token takes part in nothing */
    for (size_t len = 0; len <= 64; len++) {
        size_t n = len;
        assert_true(eng_bpe_run(&t, &work, s, &n));
        assert_int_equal(n, len);
    }
    eng_bpe_work_fini(&work);
    sk_arena_free(mem);
}

static void without_memory(void **state)
{
    (void)state;
    const eng_bpe_merge m[] = {{0, 0, 1}};
    sk_arena *mem = sk_arena_new(SK_MEM_TOKEN);
    eng_bpe t;
    eng_bpe_work work = {NULL, 0};
    uint32_t s[100] = {0};
    size_t n = 100;
    sk_fault_plan(SK_FAULT_ALLOC, 1, true);
    assert_false(eng_bpe_init(&t, mem, m, 1));
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    assert_true(eng_bpe_init(&t, mem, m, 1));
    sk_fault_plan(SK_FAULT_ALLOC, 1, true);
    assert_false(eng_bpe_run(&t, &work, s, &n));
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    eng_bpe_work_fini(&work);
    sk_arena_free(mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_rule),   cmocka_unit_test(overlaps_go_left_first),
        cmocka_unit_test(a_million_symbols), cmocka_unit_test(no_merges_at_all),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
