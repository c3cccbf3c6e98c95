/* t_status.c - the status table, the error sentence and its limits. */
#include "tests/unit/unit.h"

#include <errno.h>

/* Every status has a text, an HTTP code that exists and an exit code a shell can tell from others.
 */
static void every_row_is_whole(void **state)
{
    (void)state;
    for (int i = 0; i < SK_STATUS_N; i++) {
        sk_status st = (sk_status)i;
        assert_non_null(sk_status_text(st));
        assert_true(sk_status_text(st)[0]);
        assert_in_range(sk_status_http(st), st ? 400 : 200, st ? 599 : 200);
        assert_in_range(sk_status_exit(st), st ? 1 : 0, st ? 130 : 0);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(sk_status_text(st), sk_status_text((sk_status)j));
    }
}

/* A value that is no status reads as a bug, without reading outside the table. */
static void unknown_status_is_internal(void **state)
{
    (void)state;
    const int bad[] = {-1, SK_STATUS_N, SK_STATUS_N + 1000, -2147483647 - 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_string_equal(sk_status_text((sk_status)bad[i]), sk_status_text(SK_E_INTERNAL));
        assert_int_equal(sk_status_http((sk_status)bad[i]), 500);
        assert_int_equal(sk_status_exit((sk_status)bad[i]), 70);
    }
}

static void errno_values_map(void **state)
{
    (void)state;
    assert_int_equal(sk_status_of_errno(0), SK_OK);
    assert_int_equal(sk_status_of_errno(ENOSPC), SK_E_NOSPACE);
    assert_int_equal(sk_status_of_errno(EFBIG), SK_E_NOSPACE);
    assert_int_equal(sk_status_of_errno(ENOENT), SK_E_NOTFOUND);
    assert_int_equal(sk_status_of_errno(EACCES), SK_E_PERM);
    assert_int_equal(sk_status_of_errno(EADDRINUSE), SK_E_INUSE);
    assert_int_equal(sk_status_of_errno(ENOMEM), SK_E_NOMEM);
    assert_int_equal(sk_status_of_errno(EIO), SK_E_IO);
    assert_int_equal(sk_status_of_errno(123456), SK_E_IO);
    assert_int_equal(sk_status_of_errno(-7), SK_E_IO);
}

static void fail_writes_the_sentence(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    assert_int_equal(sk_fail(&e, SK_E_TOOBIG, "%d is more than %s", 7, "six"), SK_E_TOOBIG);
    assert_int_equal(e.status, SK_E_TOOBIG);
    assert_string_equal(e.text, "7 is more than six");
    assert_int_equal(sk_fail_errno(&e, ENOENT, "cannot open %s", "x"), SK_E_NOTFOUND);
    assert_string_equal(e.text, "cannot open x: No such file or directory");
    assert_int_equal(sk_while(&e, "layer %d", 3), SK_E_NOTFOUND);
    assert_string_equal(e.text, "layer 3: cannot open x: No such file or directory");
}

/* e is optional everywhere; an errno of 0 must not turn a failure into success. */
static void null_error_and_zero_errno(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    assert_int_equal(sk_fail(NULL, SK_E_BUSY, "x"), SK_E_BUSY);
    assert_int_equal(sk_fail_errno(NULL, ENOSPC, "x"), SK_E_NOSPACE);
    assert_int_equal(sk_while(NULL, "x"), SK_E_INTERNAL);
    assert_int_equal(sk_fail_errno(&e, 0, "x"), SK_E_IO);
    assert_int_equal(sk_fail_errno(NULL, 0, "x"), SK_E_IO);
}

/* Texts around the size of the buffer: cut ones end in "...", and never inside a character. */
static void long_text_is_cut(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    char text[2000];
    for (size_t n = sizeof e.text - 8; n < sizeof e.text + 8; n++) {
        memset(text, 'a', n);
        text[n] = 0;
        (void)sk_fail(&e, SK_E_INVALID, "%s", text);
        size_t len = strlen(e.text);
        if (n < sizeof e.text) {
            assert_int_equal(len, n);
            assert_string_equal(e.text, text);
        } else {
            assert_int_equal(len, sizeof e.text - 1);
            assert_string_equal(e.text + len - 4, "a...");
        }
    }
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', shift);
        for (size_t i = shift; i + 4 < 1200; i += 4)
            memcpy(text + i, "\xF0\x9F\x98\x80", 5);
        (void)sk_fail(&e, SK_E_INVALID, "%s", text);
        size_t len = strlen(e.text);
        assert_string_equal(e.text + len - 3, "...");
        assert_int_equal((len - 3 - shift) % 4, 0);
    }
}

/* Prefixing again and again stays within the buffer and keeps the newest prefix. */
static void prefixes_pile_up(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    (void)sk_fail(&e, SK_E_FORMAT, "core");
    for (int i = 0; i < 300; i++)
        assert_int_equal(sk_while(&e, "level %d", i), SK_E_FORMAT);
    assert_memory_equal(e.text, "level 299: level 298: ", 22);
    size_t len = strlen(e.text);
    assert_true(len < sizeof e.text);
    assert_string_equal(e.text + len - 3, "...");
}

/* A sentence may be built from itself. */
static void sentence_of_itself(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    (void)sk_fail(&e, SK_E_IO, "inner");
    (void)sk_fail(&e, SK_E_INTERNAL, "outer (%s) %s", e.text, e.text);
    assert_string_equal(e.text, "outer (inner) inner");
    (void)sk_while(&e, "%s", e.text);
    assert_string_equal(e.text, "outer (inner) inner: outer (inner) inner");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_whole),        cmocka_unit_test(unknown_status_is_internal),
        cmocka_unit_test(errno_values_map),          cmocka_unit_test(fail_writes_the_sentence),
        cmocka_unit_test(null_error_and_zero_errno), cmocka_unit_test(long_text_is_cut),
        cmocka_unit_test(prefixes_pile_up),          cmocka_unit_test(sentence_of_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
