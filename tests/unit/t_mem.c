/* t_mem.c - alignment, counting, failure of every allocation, and arenas. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"

#include <pthread.h>

static int no_faults(void **state)
{
    (void)state;
    for (int k = 0; k < SK_FAULT_N; k++)
        sk_fault_plan((sk_fault_kind)k, 0, false);
    return 0;
}

/* Every size around the limits is aligned, writable to its last byte and counted exactly. */
static void sizes_and_alignment(void **state)
{
    (void)state;
    const size_t mb = 1u << 20;
    const size_t sizes[] = {0,    1,  63,         64,     65,         4095,
                            4096, mb, 4 * mb - 1, 4 * mb, 4 * mb + 1, 9 * mb};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint64_t before = sk_mem_bytes(SK_MEM_KV);
        unsigned char *p = sk_alloc(SK_MEM_KV, sizes[i]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        if (sizes[i] >= 4 * mb) assert_int_equal((uintptr_t)p % (2 * mb), 0);
        if (sizes[i]) p[0] = p[sizes[i] - 1] = 1;
        assert_int_equal(sk_mem_bytes(SK_MEM_KV), before + sizes[i]);
        sk_free(p);
        assert_int_equal(sk_mem_bytes(SK_MEM_KV), before);
    }
    sk_free(NULL);
}

/* Small pieces are aligned to 16, counted, freed and resized like all others. */
static void small_pieces(void **state)
{
    (void)state;
    for (size_t n = 0; n < 200; n++) {
        uint64_t before = sk_mem_bytes(SK_MEM_REQUEST);
        unsigned char *p = sk_alloc_small(SK_MEM_REQUEST, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 7, n);
        assert_int_equal(sk_mem_bytes(SK_MEM_REQUEST), before + n);
        p = sk_realloc(SK_MEM_REQUEST, p, n + 100);
        assert_non_null(p);
        assert_true(!n || p[n - 1] == 7);
        sk_free(p);
        assert_int_equal(sk_mem_bytes(SK_MEM_REQUEST), before);
    }
    assert_null(sk_alloc_small(SK_MEM_MISC, SIZE_MAX));
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    assert_null(sk_alloc_small(SK_MEM_MISC, 8));
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
}

static void calloc_clears(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        unsigned char *p = sk_calloc(SK_MEM_MISC, 100, 7);
        assert_non_null(p);
        for (size_t i = 0; i < 700; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xEE, 700);
        sk_free(p);
    }
}

/* Sizes that overflow anywhere on the way to the C library are refused, not wrapped. */
static void impossible_sizes(void **state)
{
    (void)state;
    assert_null(sk_alloc(SK_MEM_MISC, SIZE_MAX));
    assert_null(sk_alloc(SK_MEM_MISC, SIZE_MAX - 63));
    assert_null(sk_alloc(SK_MEM_MISC, (size_t)PTRDIFF_MAX));
    assert_null(sk_alloc(SK_MEM_MISC, (size_t)PTRDIFF_MAX - 64));
    assert_null(sk_calloc(SK_MEM_MISC, SIZE_MAX / 2 + 1, 2));
    assert_null(sk_calloc(SK_MEM_MISC, SIZE_MAX, SIZE_MAX));
    size_t n = 42;
    assert_false(sk_mul_size(SIZE_MAX, 2, &n));
    assert_int_equal(n, 42);
    assert_true(sk_mul_size(SIZE_MAX, 1, &n));
    assert_true(n == SIZE_MAX);
    assert_true(sk_mul_size(0, SIZE_MAX, &n));
    assert_int_equal(n, 0);
}

/* Growing and shrinking keeps the bytes, moves the count between kinds, and survives failure. */
static void realloc_keeps_bytes(void **state)
{
    (void)state;
    uint64_t kv = sk_mem_bytes(SK_MEM_KV), train = sk_mem_bytes(SK_MEM_TRAIN);
    unsigned char *p = sk_realloc(SK_MEM_KV, NULL, 10);
    assert_non_null(p);
    for (int i = 0; i < 10; i++)
        p[i] = (unsigned char)i;
    p = sk_realloc(SK_MEM_TRAIN, p, 5u << 20);
    assert_non_null(p);
    assert_int_equal(sk_mem_bytes(SK_MEM_KV), kv);
    assert_int_equal(sk_mem_bytes(SK_MEM_TRAIN), train + (5u << 20));
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    assert_null(sk_realloc(SK_MEM_KV, p, 6u << 20));
    assert_int_equal(sk_mem_bytes(SK_MEM_TRAIN), train + (5u << 20));
    p = sk_realloc(SK_MEM_KV, p, 3);
    assert_non_null(p);
    for (int i = 0; i < 3; i++)
        assert_int_equal(p[i], i);
    sk_free(p);
    assert_int_equal(sk_mem_bytes(SK_MEM_TRAIN), train);
    assert_int_equal(sk_mem_bytes(SK_MEM_KV), kv);
}

static void kinds_have_names(void **state)
{
    (void)state;
    for (int k = 0; k < SK_MEM_N; k++)
        for (int j = 0; j < k; j++)
            assert_string_not_equal(sk_mem_kind_name((sk_mem_kind)k),
                                    sk_mem_kind_name((sk_mem_kind)j));
    assert_string_equal(sk_mem_kind_name(SK_MEM_N), "unknown");
}

/* Blocks of an arena never overlap, are aligned and keep what was written, whatever the sizes. */
static void arena_blocks_are_apart(void **state)
{
    (void)state;
    enum { N = 400 };
    sk_arena *a = sk_arena_new(SK_MEM_SCRATCH);
    unsigned char *p[N];
    size_t n[N];
    for (size_t i = 0; i < N; i++) {
        n[i] = i * i * 7 % 5000 + (i % 97 == 0 ? 200000 : 0);
        p[i] = sk_arena_alloc(a, n[i]);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 64, 0);
        if (n[i]) memset(p[i], (int)(i % 251), n[i]);
    }
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < n[i]; j++)
            if (p[i][j] != i % 251) fail_msg("block %zu byte %zu was overwritten", i, j);
    sk_arena_free(a);
    assert_int_equal(sk_mem_bytes(SK_MEM_SCRATCH), 0);
    sk_arena_free(NULL);
}

/* The same work round after round takes no new memory from the third round on. */
static void arena_reset_settles(void **state)
{
    (void)state;
    sk_arena *a = sk_arena_new(SK_MEM_SCRATCH);
    uint64_t held = 0;
    for (int round = 0; round < 6; round++) {
        for (size_t i = 0; i < 300; i++)
            assert_non_null(sk_arena_calloc(a, i, 13));
        if (round == 2) {
            held = sk_mem_bytes(SK_MEM_SCRATCH);
            sk_fault_plan(SK_FAULT_ALLOC, 1, true);
        }
        if (round > 2) assert_int_equal(sk_mem_bytes(SK_MEM_SCRATCH), held);
        sk_arena_reset(a);
    }
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    sk_arena_free(a);
}

/* Rounds of ever different work do not pile up memory. */
static void arena_does_not_pile_up(void **state)
{
    (void)state;
    sk_arena *a = sk_arena_new(SK_MEM_SCRATCH);
    for (size_t round = 0; round < 200; round++) {
        for (size_t i = 0; i < 20; i++)
            assert_non_null(sk_arena_alloc(a, (round * 7919 + i * 104729) % 100000));
        sk_arena_reset(a);
        assert_true(sk_mem_bytes(SK_MEM_SCRATCH) < 16u << 20);
    }
    sk_arena_free(a);
}

static void arena_impossible_sizes(void **state)
{
    (void)state;
    sk_arena *a = sk_arena_new(SK_MEM_SCRATCH);
    assert_null(sk_arena_alloc(a, SIZE_MAX));
    assert_null(sk_arena_alloc(a, SIZE_MAX - 64));
    assert_null(sk_arena_alloc(a, (size_t)PTRDIFF_MAX - 100));
    assert_null(sk_arena_calloc(a, SIZE_MAX / 8, 9));
    assert_null(sk_arena_strndup(a, "x", SIZE_MAX));
    assert_non_null(sk_arena_alloc(a, 0));
    assert_non_null(sk_new_n(a, double, 3));
    sk_arena_free(a);
}

static void arena_strings(void **state)
{
    (void)state;
    sk_arena *a = sk_arena_new(SK_MEM_TOKEN);
    char *one = sk_arena_strndup(a, "abcdef", 3), *two = sk_arena_strndup(a, "", 0);
    char *three = sk_arena_strndup(a, NULL, 0), *four = sk_arena_strndup(a, "a\0b", 3);
    assert_string_equal(one, "abc");
    assert_string_equal(two, "");
    assert_string_equal(three, "");
    assert_memory_equal(four, "a\0b", 4);
    int *n = sk_new(a, int);
    assert_int_equal((uintptr_t)n % 64, 0);
    assert_int_equal(*n, 0);
    assert_string_equal(one, "abc");
    sk_arena_free(a);
}

/* Each allocation on the way fails once; the arena stays usable and nothing leaks. */
static void arena_out_of_memory(void **state)
{
    (void)state;
    for (unsigned long nth = 1; nth <= 3; nth++) {
        sk_fault_plan(SK_FAULT_ALLOC, nth, false);
        sk_arena *a = sk_arena_new(SK_MEM_SCRATCH);
        if (nth == 1) {
            assert_null(a);
            continue;
        }
        char *p = sk_arena_alloc(a, 100), *q = sk_arena_alloc(a, 1u << 20);
        assert_int_equal(p == NULL, nth == 2);
        assert_int_equal(q == NULL, nth == 3);
        assert_non_null(sk_arena_alloc(a, 1u << 20));
        sk_arena_reset(a);
        assert_non_null(sk_arena_alloc(a, 10));
        sk_arena_free(a);
    }
    assert_int_equal(sk_mem_bytes(SK_MEM_SCRATCH), 0);
}

static void *churn(void *arg)
{
    (void)arg;
    for (size_t i = 0; i < 2000; i++) {
        char *p = sk_alloc(SK_MEM_REQUEST, i % 300);
        p = sk_realloc(SK_MEM_REQUEST, p, i % 700);
        sk_free(p);
    }
    return NULL;
}

/* Counters are right after threads have churned at the same time. */
static void threads_count_right(void **state)
{
    (void)state;
    pthread_t t[4];
    uint64_t before = sk_mem_bytes(SK_MEM_REQUEST);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, churn, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        (void)pthread_join(t[i], NULL);
    assert_int_equal(sk_mem_bytes(SK_MEM_REQUEST), before);
}

/* Cleared from any byte to any byte; those around it stay. */
static void rest_clears(void **state)
{
    (void)state;
    const size_t n = (size_t)3 << 20;
    unsigned char *p = sk_alloc(SK_MEM_MISC, n);
    assert_non_null(p);
    const size_t cases[][2] = {{0, 3u << 20}, {1, 5}, {4095, 2}, {100, 1u << 20}, {4096, 8192}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t from = cases[c][0], count = cases[c][1];
        memset(p, 7, n);
        sk_mem_rest(p + from, count);
        for (size_t i = 0; i < n; i++)
            if (p[i] != (i >= from && i < from + count ? 0 : 7)) fail_msg("%zu: byte %zu", c, i);
    }
    sk_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(sizes_and_alignment, no_faults),
        cmocka_unit_test_teardown(small_pieces, no_faults),
        cmocka_unit_test(calloc_clears),
        cmocka_unit_test(impossible_sizes),
        cmocka_unit_test_teardown(realloc_keeps_bytes, no_faults),
        cmocka_unit_test(kinds_have_names),
        cmocka_unit_test(arena_blocks_are_apart),
        cmocka_unit_test_teardown(arena_reset_settles, no_faults),
        cmocka_unit_test(arena_does_not_pile_up),
        cmocka_unit_test(arena_impossible_sizes),
        cmocka_unit_test(arena_strings),
        cmocka_unit_test_teardown(arena_out_of_memory, no_faults),
        cmocka_unit_test(threads_count_right),
        cmocka_unit_test(rest_clears),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
