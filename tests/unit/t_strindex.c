/* t_strindex.c - the hash index of strings and the heap of merges, against plain walks. */
#include "tests/unit/unit.h"

#include "base/mem.h"
#include "engine/token/heap.h"
#include "engine/token/strindex.h"

#include <stdio.h>

enum { MANY = 2000 };

/* Strings with equal beginnings, equal lengths and NULs among them. */
static void make(char text[MANY][24], eng_str str[MANY])
{
    for (size_t i = 0; i < MANY; i++) {
        int n = snprintf(text[i], sizeof text[i], "t%zu.%zu", i % 7, i / 7);
        if (i % 11 == 0) text[i][1] = 0;
        str[i] = (eng_str){text[i], (size_t)n};
    }
}

static void finds_what_was_put(void **state)
{
    (void)state;
    static char text[MANY][24];
    static eng_str str[MANY];
    make(text, str);
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_strindex ix;
    assert_true(eng_strindex_init(&ix, mem, str, MANY));
    for (uint32_t i = 0; i < MANY; i++) {
        eng_strindex_put(&ix, i);
        assert_int_equal(eng_strindex_find(&ix, str[i].p, str[i].n), i);
    }
    for (uint32_t i = 0; i < MANY; i++) { /* of equal strings the last one put */
        uint32_t last = i;
        for (uint32_t j = i + 1; j < MANY; j++)
            if (str[j].n == str[i].n && memcmp(str[j].p, str[i].p, str[i].n) == 0) last = j;
        assert_int_equal(eng_strindex_find(&ix, str[i].p, str[i].n), last);
        assert_int_equal(eng_strindex_find(&ix, str[i].p, str[i].n - 1) == i, 0);
    }
    assert_int_equal(eng_strindex_find(&ix, "", 0), ENG_STRINDEX_NONE);
    assert_int_equal(eng_strindex_find(&ix, "nothing", 7), ENG_STRINDEX_NONE);
    sk_arena_free(mem);
}

/* An index of no strings, and of the empty string. */
static void small_ones(void **state)
{
    (void)state;
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_strindex ix;
    const eng_str one = {"", 0};
    assert_true(eng_strindex_init(&ix, mem, NULL, 0));
    assert_int_equal(eng_strindex_find(&ix, "a", 1), ENG_STRINDEX_NONE);
    assert_true(eng_strindex_init(&ix, mem, &one, 1));
    eng_strindex_put(&ix, 0);
    assert_int_equal(eng_strindex_find(&ix, "", 0), 0);
    assert_int_equal(eng_strindex_find(&ix, "a", 1), ENG_STRINDEX_NONE);
    sk_arena_free(mem);
}

/* Numbers come out in ascending order, equal ones as often as they went in, whatever is mixed. */
static void heap_sorts(void **state)
{
    (void)state;
    static uint64_t room[MANY];
    static unsigned count[256];
    eng_heap h = {room, 0};
    uint64_t x = 88172645463325252u;
    memset(count, 0, sizeof count);
    for (size_t i = 0; i < MANY; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        eng_heap_push(&h, x % 256);
        count[x % 256]++;
    }
    uint64_t before = 0;
    for (size_t i = 0; i < MANY; i++) {
        uint64_t v = eng_heap_pop(&h);
        assert_true(v >= before);
        assert_true(count[v]-- > 0);
        before = v;
    }
    assert_int_equal(h.n, 0);
    for (uint64_t i = 0; i < 100; i++) { /* push and pop in turn: always the smallest so far */
        eng_heap_push(&h, 1000 - i);
        eng_heap_push(&h, 2000 + i);
        assert_int_equal(eng_heap_pop(&h), 1000 - i);
    }
    assert_int_equal(h.n, 100);
    assert_int_equal(eng_heap_pop(&h), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put),
        cmocka_unit_test(small_ones),
        cmocka_unit_test(heap_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
