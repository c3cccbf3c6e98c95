/* t_blocks.c - lists in blocks: each in one piece, whatever their lengths, and cut off again. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"
#include "engine/grammar/blocks.h"

enum { LISTS = 300 };

/* A list of n numbers that begins with `first`. */
static uint32_t *numbers(uint32_t first, size_t n)
{
    uint32_t *v = sk_alloc(SK_MEM_REQUEST, (n + 1) * sizeof *v);
    assert_non_null(v);
    for (size_t i = 0; i < n; i++)
        v[i] = first + (uint32_t)i;
    return v;
}

static void check(const eng_blocks *b, uint32_t at, uint32_t first, size_t n)
{
    const uint32_t *v = eng_blocks_at(b, at);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(v[i], first + i);
}

/* Lengths of all sizes, among them some of more than a block. */
static size_t length(uint32_t i)
{
    size_t n = (i * 2654435761u) >> 16;
    return i % 50 == 7 ? ENG_BLOCK + n : i % 3 ? n % 50 : n % 5000;
}

static void lists(void **state)
{
    (void)state;
    eng_blocks b = {0};
    uint32_t at[LISTS];
    size_t half = 0;
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = round ? LISTS / 2 : 0; i < LISTS; i++) {
            uint32_t *v = numbers(i * 1000, length(i));
            if (i == LISTS / 2) half = b.len;
            assert_true(eng_blocks_add(&b, v, length(i), &at[i]));
            sk_free(v);
        }
        for (uint32_t i = 0; i < LISTS; i++)
            check(&b, at[i], i * 1000, length(i));
        assert_true(eng_blocks_bytes(&b) >= (b.len - ENG_BLOCK) * sizeof(uint32_t));
        eng_blocks_cut(&b, half);
        for (uint32_t i = 0; i < LISTS / 2; i++)
            check(&b, at[i], i * 1000, length(i));
    }
    eng_blocks_cut(&b, 0);
    assert_true(eng_blocks_bytes(&b) < 4 * ENG_BLOCK * sizeof(uint32_t));
    eng_blocks_fini(&b);
    assert_int_equal(eng_blocks_bytes(&b), 0);
}

/* Without memory a list is refused and those before it stay. */
static void out_of_memory(void **state)
{
    (void)state;
    eng_blocks b = {0};
    uint32_t at = 0, first = 0, *v = numbers(5, 2 * ENG_BLOCK);
    static const size_t more[] = {100, ENG_BLOCK, 2 * ENG_BLOCK};
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    assert_false(eng_blocks_add(&b, v, 10, &at));
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    assert_true(eng_blocks_add(&b, v, 10, &first));
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        sk_fault_plan(SK_FAULT_ALLOC, 1, false);
        assert_false(eng_blocks_add(&b, v, more[i], &at));
        sk_fault_plan(SK_FAULT_ALLOC, 0, false);
        check(&b, first, 5, 10);
        assert_int_equal(b.len, 10);
    }
    assert_true(eng_blocks_add(&b, v, 2 * ENG_BLOCK, &at));
    check(&b, at, 5, 2 * ENG_BLOCK);
    sk_free(v);
    eng_blocks_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
