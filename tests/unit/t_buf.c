/* t_buf.c - the growable buffer: NUL behind the text, growth, sticky failure. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/mem.h"

/* The invariants of buf.h. */
static void check(const sk_buf *b)
{
    assert_int_equal(b->p == NULL, b->cap == 0);
    if (!b->p) return;
    assert_true(b->len < b->cap);
    assert_int_equal(b->p[b->len], 0);
}

static void grows_byte_by_byte(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    check(&b);
    for (int i = 0; i < 5000; i++) {
        sk_buf_addc(&b, (char)i);
        check(&b);
    }
    assert_true(sk_buf_ok(&b));
    assert_int_equal(b.len, 5000);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(b.p[i], (char)i);
    sk_buf_fini(&b);
    check(&b);
}

/* Formatted text of every length around the growth steps. */
static void printf_at_every_length(void **state)
{
    (void)state;
    char text[300];
    for (int n = 0; n < 290; n++) {
        memset(text, 'x', (size_t)n);
        text[n] = 0;
        sk_buf b = SK_BUF_INIT;
        sk_buf_addf(&b, "%s", text);
        check(&b);
        assert_string_equal(b.p, text);
        sk_buf_addf(&b, "|%d|%s", n, text);
        check(&b);
        assert_int_equal(b.len, strlen(b.p));
        sk_buf_fini(&b);
    }
}

static void empty_appends(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_buf_add(&b, NULL, 0);
    check(&b);
    sk_buf_adds(&b, "");
    sk_buf_addf(&b, "%s", "");
    check(&b);
    assert_int_equal(b.len, 0);
    assert_true(sk_buf_ok(&b));
    assert_null(sk_buf_detach(&b, NULL));
    sk_buf_fini(&b);
}

/* A failed growth keeps what was there, stops all later appends and clears with a reset. */
static void failure_sticks(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "kept");
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    char big[4096] = {0};
    sk_buf_add(&b, big, sizeof big);
    assert_false(sk_buf_ok(&b));
    check(&b);
    sk_buf_adds(&b, "not this");
    sk_buf_addc(&b, 'x');
    sk_buf_addf(&b, "%d", 5);
    assert_false(sk_buf_reserve(&b, 1));
    assert_string_equal(b.p, "kept");
    sk_buf_reset(&b);
    assert_true(sk_buf_ok(&b));
    sk_buf_adds(&b, "again");
    assert_string_equal(b.p, "again");
    sk_buf_fini(&b);
}

/* An append that fails from empty, and a format that fails in its second try. */
static void failure_from_empty(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_fault_plan(SK_FAULT_ALLOC, 1, false);
    sk_buf_addf(&b, "%d", 1);
    assert_false(sk_buf_ok(&b));
    check(&b);
    assert_null(sk_buf_detach(&b, NULL));
    assert_true(sk_buf_ok(&b));
    sk_fault_plan(SK_FAULT_ALLOC, 2, false);
    sk_buf_addf(&b, "%0500d", 1);
    assert_false(sk_buf_ok(&b));
    check(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.p, "");
    sk_buf_fini(&b);
}

static void impossible_reserve(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "abc");
    assert_false(sk_buf_reserve(&b, SIZE_MAX));
    assert_false(sk_buf_ok(&b));
    sk_buf_reset(&b);
    assert_false(sk_buf_reserve(&b, SIZE_MAX - 3));
    sk_buf_reset(&b);
    assert_false(sk_buf_reserve(&b, (size_t)PTRDIFF_MAX));
    check(&b);
    sk_buf_fini(&b);
}

static void detach_hands_over(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    size_t len = 0;
    sk_buf_add(&b, "a\0b", 3);
    char *p = sk_buf_detach(&b, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(p, "a\0b", 4);
    check(&b);
    sk_buf_adds(&b, "new");
    assert_memory_equal(p, "a\0b", 4);
    sk_free(p);
    sk_buf_fini(&b);
    sk_buf_fini(&b);
}

static int no_faults(void **state)
{
    (void)state;
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_byte_by_byte),
        cmocka_unit_test(printf_at_every_length),
        cmocka_unit_test(empty_appends),
        cmocka_unit_test_teardown(failure_sticks, no_faults),
        cmocka_unit_test_teardown(failure_from_empty, no_faults),
        cmocka_unit_test(impossible_reserve),
        cmocka_unit_test(detach_hands_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
