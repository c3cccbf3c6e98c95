/* t_ids.c - the array of token ids: growth, and failures that change nothing. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"
#include "engine/token/ids.h"

static void pushes_and_adds(void **state)
{
    (void)state;
    eng_ids a = {NULL, 0, 0};
    int32_t three[3] = {7, -1, INT32_MAX};
    for (int32_t i = 0; i < 1000; i++) {
        assert_true(eng_ids_push(&a, i));
        assert_true(eng_ids_add(&a, three, 3));
        assert_true(a.n <= a.cap);
    }
    assert_int_equal(a.n, 4000);
    for (int32_t i = 0; i < 1000; i++) {
        assert_int_equal(a.id[4 * i], i);
        assert_memory_equal(a.id + 4 * i + 1, three, sizeof three);
    }
    eng_ids_fini(&a);
    assert_null(a.id);
    assert_int_equal(a.n, 0);
    assert_int_equal(a.cap, 0);
    eng_ids_fini(&a);
}

static void adds_nothing(void **state)
{
    (void)state;
    eng_ids a = {NULL, 0, 0};
    assert_true(eng_ids_add(&a, NULL, 0));
    assert_int_equal(a.n, 0);
    eng_ids_fini(&a);
}

/* An add as large as the room, one larger, and one far larger. */
static void adds_around_the_room(void **state)
{
    (void)state;
    static int32_t many[1000];
    for (int32_t i = 0; i < 1000; i++)
        many[i] = 3 * i;
    for (size_t n = 60; n < 70; n++) {
        eng_ids a = {NULL, 0, 0};
        assert_true(eng_ids_add(&a, many, n));
        assert_true(eng_ids_add(&a, many, 1000));
        assert_int_equal(a.n, n + 1000);
        assert_memory_equal(a.id, many, n * sizeof *many);
        assert_memory_equal(a.id + n, many, sizeof many);
        eng_ids_fini(&a);
    }
}

/* No memory: false, and what was there is as it was. */
static void failure_changes_nothing(void **state)
{
    (void)state;
    eng_ids a = {NULL, 0, 0};
    int32_t two[2] = {1, 2};
    sk_fault_plan(SK_FAULT_ALLOC, 1, true);
    assert_false(eng_ids_push(&a, 5));
    assert_false(eng_ids_add(&a, two, 2));
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    assert_null(a.id);
    assert_true(eng_ids_push(&a, 5));
    while (a.n < a.cap)
        assert_true(eng_ids_push(&a, 6));
    size_t n = a.n;
    const int32_t *p = a.id;
    sk_fault_plan(SK_FAULT_ALLOC, 1, true);
    assert_false(eng_ids_push(&a, 7));
    assert_false(eng_ids_add(&a, two, 2));
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    assert_int_equal(a.n, n);
    assert_ptr_equal(a.id, p);
    assert_int_equal(a.id[0], 5);
    assert_true(eng_ids_push(&a, 7));
    assert_int_equal(a.id[n], 7);
    eng_ids_fini(&a);
}

/* A length that cannot be: refused, not wrapped round. */
static void impossible_length(void **state)
{
    (void)state;
    eng_ids a = {NULL, 0, 0};
    int32_t one = 1;
    assert_true(eng_ids_push(&a, one));
    assert_false(eng_ids_add(&a, &one, SIZE_MAX));
    assert_false(eng_ids_add(&a, &one, SIZE_MAX / 4));
    assert_int_equal(a.n, 1);
    eng_ids_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pushes_and_adds),      cmocka_unit_test(adds_nothing),
        cmocka_unit_test(adds_around_the_room), cmocka_unit_test(failure_changes_nothing),
        cmocka_unit_test(impossible_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
