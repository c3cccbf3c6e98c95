/* t_log.c - lines as text and JSON, levels, hostile text, no memory. */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"

#include <pthread.h>
#include <stdio.h>

static FILE *out;
static char *text;
static size_t len;

static int open_sink(void **state)
{
    (void)state;
    out = open_memstream(&text, &len);
    sk_clock_virtual(1700000000ull * 1000000);
    return out ? 0 : -1;
}

static int close_sink(void **state)
{
    (void)state;
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    sk_log_open(NULL, SK_LOG_ERROR, false);
    sk_clock_real();
    (void)fclose(out);
    free(text);
    return 0;
}

static void text_lines(void **state)
{
    (void)state;
    sk_log_open(out, SK_LOG_INFO, false);
    sk_log(SK_LOG_ERROR, "request %d failed: %s", 7, "no memory");
    sk_log(SK_LOG_INFO, "start");
    sk_log(SK_LOG_DEBUG, "not this");
    assert_string_equal(text, "2023-11-14T22:13:20Z error request 7 failed: no memory\n"
                              "2023-11-14T22:13:20Z info  start\n");
}

static void json_lines(void **state)
{
    (void)state;
    sk_log_open(out, SK_LOG_TRACE, true);
    sk_log(SK_LOG_WARN, "a \"quote\" and\na line %s", "\xFF");
    sk_log(SK_LOG_TRACE, "%s", "");
    char *newline = strchr(text, '\n');
    assert_non_null(newline);
    json_t *v = NULL;
    sk_err e = SK_ERR_INIT;
    const char *s = NULL;
    assert_status_ok(sk_json_parse(text, (size_t)(newline - text), 2, &v, &e), e);
    assert_status_ok(sk_json_get_str(v, "level", &s, &e), e);
    assert_string_equal(s, "warn");
    assert_status_ok(sk_json_get_str(v, "time", &s, &e), e);
    assert_string_equal(s, "2023-11-14T22:13:20Z");
    assert_status_ok(sk_json_get_str(v, "text", &s, &e), e);
    assert_string_equal(s, "a \"quote\" and\na line \xEF\xBF\xBD");
    json_decref(v);
    assert_string_equal(newline + 1,
                        "{\"time\":\"2023-11-14T22:13:20Z\",\"level\":\"trace\",\"text\":\"\"}\n");
}

/* Control characters, also those of C1 in UTF-8, and broken UTF-8 can't reach a terminal. */
static void hostile_text(void **state)
{
    (void)state;
    sk_log_open(out, SK_LOG_ERROR, false);
    sk_log(SK_LOG_ERROR, "%s",
           "a\x1b[2J\r\nb\tc\x7f\xC2\x9B"
           "d\xFF\xC3 \xC3\xBC \xF0\x9F\x98\x80 \xE2\x82");
    assert_contains(text, "a\\x1b[2J\\x0d\\nb\\x09c\\x7f\\xc2\\x9bd\\xff\\xc3 \xC3\xBC "
                          "\xF0\x9F\x98\x80 \\xe2\\x82\n");
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
}

static void levels(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warn", "info", "debug", "trace"};
    for (int on = 0; on <= (int)SK_LOG_TRACE; on++) {
        sk_log_level level = SK_LOG_ERROR;
        assert_true(sk_log_level_parse(names[on], &level));
        assert_int_equal(level, on);
        (void)fseek(out, 0, SEEK_SET);
        sk_log_open(out, level, false);
        for (int l = 0; l <= (int)SK_LOG_TRACE; l++)
            sk_log((sk_log_level)l, "x");
        (void)fflush(out);
        int lines = 0;
        for (size_t i = 0; i < len; i++)
            lines += text[i] == '\n';
        assert_int_equal(lines, on + 1);
    }
    sk_log_level kept = SK_LOG_DEBUG;
    assert_false(sk_log_level_parse("verbose", &kept));
    assert_false(sk_log_level_parse("", &kept));
    assert_false(sk_log_level_parse("Error", &kept));
    assert_int_equal(kept, SK_LOG_DEBUG);
}

/* Without a sink nothing is printed and nothing breaks. */
static void no_sink(void **state)
{
    (void)state;
    sk_log_open(NULL, SK_LOG_TRACE, true);
    sk_log(SK_LOG_ERROR, "x %d", 1);
    (void)fflush(out);
    assert_int_equal(len, 0);
}

/* Text beyond the limit is cut and says so; the worst case of escaping has room. */
static void long_text(void **state)
{
    (void)state;
    char big[10000];
    for (int as_json = 0; as_json < 2; as_json++) {
        memset(big, 1, sizeof big - 1);
        big[sizeof big - 1] = 0;
        (void)fseek(out, 0, SEEK_SET);
        sk_log_open(out, SK_LOG_ERROR, as_json);
        sk_log(SK_LOG_ERROR, "%s", big);
        (void)fflush(out);
        assert_true(len > 16000 && len < 25000);
        assert_contains(text, as_json ? "\\u0001...\"}\n" : "\\x01...\n");
    }
}

/* "Out of memory" can still be said: a line takes none. */
static void no_memory(void **state)
{
    (void)state;
    sk_log_open(out, SK_LOG_ERROR, true);
    sk_fault_plan(SK_FAULT_ALLOC, 1, true);
    sk_log(SK_LOG_ERROR, "out of memory");
    assert_contains(text, "out of memory");
    assert_int_equal(sk_fault_count(SK_FAULT_ALLOC), 0);
    sk_log_open(out, SK_LOG_ERROR, true);
    sk_log(SK_LOG_ERROR, "no sink without memory, and no crash");
}

static void *shout(void *arg)
{
    for (int i = 0; i < 300; i++)
        sk_log(SK_LOG_INFO, "thread %s says %d", (const char *)arg, i);
    return NULL;
}

/* Lines of several threads don't mix. */
static void threads(void **state)
{
    (void)state;
    pthread_t t[3];
    static char names[3][2] = {"a", "b", "c"};
    sk_log_open(out, SK_LOG_INFO, false);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&t[i], NULL, shout, names[i]), 0);
    for (int i = 0; i < 3; i++)
        (void)pthread_join(t[i], NULL);
    int lines = 0;
    for (char *s = text, *end; (end = strchr(s, '\n')); s = end + 1, lines++)
        assert_memory_equal(s, "2023-11-14T22:13:20Z info  thread ", 34);
    assert_int_equal(lines, 900);
}

#define WITH_SINK(f) cmocka_unit_test_setup_teardown(f, open_sink, close_sink)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SINK(text_lines), WITH_SINK(json_lines), WITH_SINK(hostile_text), WITH_SINK(levels),
        WITH_SINK(no_sink),    WITH_SINK(long_text),  WITH_SINK(no_memory),    WITH_SINK(threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
