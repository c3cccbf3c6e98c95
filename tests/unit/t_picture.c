/* t_picture.c - the picture of a timeline: what is drawn of whole, cut and odd files. */
#include "tests/unit/unit.h"

#include "up/picture.h"

#include <stdio.h>

static void put(const char *name, const char *text)
{
    unit_write(unit_path(unit_dir, name), text, strlen(text));
}

static void pictures(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT;
    assert_status(up_picture(unit_dir, &b, &e), SK_E_NOTFOUND, e, "no timeline");
    put("timeline.jsonl", "");
    assert_status_ok(up_picture(unit_dir, &b, &e), e);
    assert_contains(b.p, "no points");
    /* A minute each: a core of the server and one of the trainer, then two of the gate; no line. */
    put("timeline.1.jsonl",
        "{\"at\":0,\"server\":9}\n{\"at\":60000,\"server\":60,\"trainer\":60}\n");
    put("timeline.jsonl", "no line\n[]\n{\"at\":120000,\"gate\":120}\n{\"at\":180");
    sk_buf_reset(&b);
    assert_status_ok(up_picture(unit_dir, &b, &e), e);
    assert_contains(b.p, ">training</text>");
    assert_contains(b.p, "<path class=\"b2\" d=\"M64.0 312V40.0H384.0H704.0V312Z\"/>");
    assert_contains(b.p, "<path class=\"b1\" d=\"M64.0 312V176.0H384.0V40.0H704.0V312Z\"/>");
    assert_contains(b.p, "<path class=\"b0\" d=\"M64.0 312V176.0H384.0V312.0H704.0V312Z\"/>");
    sk_buf_fini(&b);
}

/* A clock that is set back, a stretch in which nobody looked, very many lines. */
static void odd_times(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_buf b = SK_BUF_INIT, text = SK_BUF_INIT;
    put("timeline.jsonl",
        "{\"at\":600000}\n{\"at\":0,\"server\":60}\n{\"at\":60000,\"server\":60}\n"
        "{\"at\":3660000,\"trainer\":60}\n");
    assert_status_ok(up_picture(unit_dir, &b, &e), e);
    assert_contains(b.p, ">60</text>");
    for (int i = 0; i < 50000; i++)
        sk_buf_addf(&text, "{\"at\":%d0000,\"server\":%d,\"trainer\":5}\n", i, i % 7);
    put("timeline.jsonl", text.p);
    sk_buf_reset(&b);
    assert_status_ok(up_picture(unit_dir, &b, &e), e);
    assert_in_range(b.len, 10000, 200000);
    sk_buf_fini(&b);
    sk_buf_fini(&text);
}

static sk_status attempt(void *arg, sk_err *e)
{
    sk_buf b = SK_BUF_INIT;
    (void)arg;
    sk_status st = up_picture(unit_dir, &b, e);
    sk_buf_fini(&b);
    return st;
}

static void want_of_memory(void **state)
{
    (void)state;
    put("timeline.jsonl", "{\"at\":0,\"server\":9}\n{\"at\":60000,\"server\":60,\"trainer\":60}\n");
    unit_starve(attempt, NULL, 1000, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pictures, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(odd_times, unit_dir_make, unit_dir_remove),
        cmocka_unit_test_setup_teardown(want_of_memory, unit_dir_make, unit_dir_remove),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
