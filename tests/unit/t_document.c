/* t_document.c - cutting a training text at its separator lines. */
#include "tests/unit/unit.h"

#include "engine/token/document.h"

#define M "<|endoftext|>"

/* Puts all documents of the text together, each in brackets. */
static const char *cut(const char *text, size_t n, sk_buf *b)
{
    const char *doc;
    size_t pos = 0, len;
    sk_buf_reset(b);
    sk_buf_adds(b, "");
    while (eng_document_next(text, n, &pos, &doc, &len)) {
        assert_true(doc >= text && doc + len <= text + n && len > 0);
        sk_buf_addc(b, '[');
        sk_buf_add(b, doc, len);
        sk_buf_addc(b, ']');
    }
    assert_int_equal(pos, n);
    assert_false(eng_document_next(text, n, &pos, &doc, &len));
    return b->p;
}

static void cases(void **state)
{
    (void)state;

    static const char *const c[][2] = {
        {"", ""},
        {"a", "[a]"},
        {"a\n", "[a\n]"},
        {"a\n" M "\nb\n", "[a\n][b\n]"},
        {"a\n" M, "[a\n]"},
        {"a\n" M "\n", "[a\n]"},
        {M "\na", "[a]"},
        {M, ""},
        {M "\n" M "\n\n" M "\n", "[\n]"},
        {"a\r\n" M "\r\nb", "[a\r\n][b]"},
        /* not lines of their own: text like any other */
        {"a" M "\nb", "[a" M "\nb]"},
        {"a\n" M "b", "[a\n" M "b]"},
        {"a\n " M "\nb", "[a\n " M "\nb]"},
        {"a\n" M " \nb", "[a\n" M " \nb]"},
        {"a\n<|endoftext|\nb", "[a\n<|endoftext|\nb]"},
        {"a\n" M "\rb", "[a\n" M "\rb]"},
    };
    sk_buf b = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++)
        assert_string_equal(cut(c[i][0], strlen(c[i][0]), &b), c[i][1]);
    sk_buf_fini(&b);
}

/* Every prefix of a text: never past its end, and NULs are text. */
static void every_prefix(void **state)
{
    (void)state;
    static const char text[] = "one\0\n<|endoftext|>\ntwo\n<|endoftext|>\r\n\n<|endoftext|>";
    sk_buf b = SK_BUF_INIT;
    for (size_t n = 0; n < sizeof text; n++) {
        char *copy = malloc(n + 1); /* so that a sanitizer sees a read past n */
        assert_non_null(copy);
        memcpy(copy, text, n);
        char *exact = realloc(copy, n ? n : 1);
        assert_non_null(exact);
        (void)cut(exact, n, &b);
        free(exact);
    }
    sk_buf_fini(&b);
}

/* What follows the last whole separator line: the text is cut there as if it ended. */
static void the_last_one(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t want;
    } c[] = {{"", 0},
             {"a\nb", 0},
             {M "\n", 14},
             {M "\na\nb\n", 14},
             {M "\r\na\nb", 15},
             {"a\n" M "\nb\n" M "\n", 32},
             {"a\n" M "\nb\n" M, 16}, /* more of its line may come */
             {"a\n" M "\nb\n" M "\r", 16},
             {"a" M "\nb", 0},
             {" " M "\nb", 0},
             {M "x\nb", 0}};
    for (size_t i = 0; i < sizeof c / sizeof c[0]; i++)
        assert_int_equal(eng_document_last(c[i].text, strlen(c[i].text)), c[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases),
        cmocka_unit_test(every_prefix),
        cmocka_unit_test(the_last_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
