/* t_stops.c - stop sequences and whole characters: the outcome must not depend on how the bytes
 * were cut into tokens. */
#include "tests/unit/unit.h"

#include "base/json.h"
#include "base/stops.h"

#include <stdio.h>

static sk_stops stops_of(const char *const *text)
{
    sk_stops s = {0};
    for (; *text; text++)
        assert_true(sk_stops_add(&s, *text, strlen(*text)));
    return s;
}

/* What a stream of `text` cut at the bits of `cuts` gives; *stopped says whether it was ended. */
static void run(const sk_stops *s, const char *text, unsigned cuts, sk_buf *out, bool *stopped)
{
    sk_tail t = {0};
    size_t n = strlen(text), from = 0;
    sk_buf_reset(out);
    *stopped = false;
    for (size_t i = 1; i <= n && !*stopped; i++) {
        if (i < n && !(cuts >> (i - 1) & 1)) continue;
        *stopped = sk_tail_feed(&t, s, text + from, i - from, out);
        from = i;
        if (out->len) assert_int_equal(sk_utf8_complete(out->p, out->len), out->len);
    }
    if (!*stopped) sk_tail_flush(&t, out);
    sk_tail_fini(&t);
}

typedef struct stop_case {
    const char *stops[5], *text, *want;
    bool stopped;
} stop_case;

static const stop_case cases[] = {
    {{NULL}, "hello", "hello", false},
    {{"x", NULL}, "hello", "hello", false},
    {{"l", NULL}, "hello", "he", true},
    {{"hello", NULL}, "hello", "", true},
    {{"lo", NULL}, "hello", "hel", true},
    {{"lox", NULL}, "hello", "hello", false},
    {{"aab", NULL}, "aaab", "a", true},
    {{"abab", NULL}, "abaabab", "aba", true},
    {{"abcd", "c", NULL}, "abcd", "ab", true},
    {{"bcd", "abcd", NULL}, "xabcd", "x", true},
    {{"\n\n", "END", NULL}, "a\nb\n\nc", "a\nb", true},
    {{"\xc3\xa9", NULL}, "caf\xc3\xa9s", "caf", true},
    {{NULL}, "\xf0\x9f\x94\xa5 \xe2\x82\xac", "\xf0\x9f\x94\xa5 \xe2\x82\xac", false},
    {{"\x94\xa5", NULL}, "a\xf0\x9f\x94", "a\xf0\x9f\x94", false},
    {{"aaa", "aa", "a", "b", NULL}, "caaa", "c", true},
};

static void ends_alike_for_every_cut(void **state)
{
    (void)state;
    sk_buf out = SK_BUF_INIT;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const stop_case *c = &cases[i];
        sk_stops s = stops_of(c->stops);
        for (unsigned cuts = 0; cuts < 1u << (strlen(c->text) - 1); cuts++) {
            bool stopped;
            run(&s, c->text, cuts, &out, &stopped);
            if (stopped != c->stopped || out.len != strlen(c->want) ||
                memcmp(out.len ? out.p : "", c->want, out.len) != 0)
                fail_msg("case %zu cuts %x: '%s' stopped %d", i, cuts, out.len ? out.p : "",
                         stopped);
        }
    }
    sk_buf_fini(&out);
}

/* Nothing that is safe to send is held back, or a stream would stutter. */
static void holds_back_no_more_than_needed(void **state)
{
    (void)state;
    static const char *const one[] = {"STOP", NULL};
    sk_stops s = stops_of(one);
    sk_tail t = {0};
    sk_buf out = SK_BUF_INIT;
    assert_false(sk_tail_feed(&t, &s, "abc", 3, &out));
    assert_string_equal(out.p, "abc");
    assert_false(sk_tail_feed(&t, &s, "ST", 2, &out));
    assert_string_equal(out.p, "abc");
    assert_false(sk_tail_feed(&t, &s, "ST", 2, &out));
    assert_string_equal(out.p, "abcST");
    assert_false(sk_tail_feed(&t, &s, "O\xe2\x82", 3, &out));
    assert_string_equal(out.p, "abcSTSTO");
    assert_false(sk_tail_feed(&t, &s, "\xac", 1, &out));
    assert_string_equal(out.p, "abcSTSTO\xe2\x82\xac");
    assert_false(sk_tail_feed(&t, &s, "", 0, &out));
    sk_tail_fini(&t);
    sk_buf_fini(&out);
}

static void bounds_the_sequences(void **state)
{
    (void)state;
    sk_stops s = {0};
    static char big[SK_MAX_STOP_BYTES + 1];
    memset(big, 'a', sizeof big);
    assert_false(sk_stops_add(&s, "", 0));
    assert_false(sk_stops_add(&s, big, sizeof big));
    assert_true(sk_stops_add(&s, big, SK_MAX_STOP_BYTES));
    for (unsigned i = 1; i < SK_MAX_STOPS; i++)
        assert_true(sk_stops_add(&s, "\0", 1));
    assert_false(sk_stops_add(&s, "x", 1));

    sk_tail t = {0};
    sk_buf out = SK_BUF_INIT;
    assert_false(sk_tail_feed(&t, &s, big, SK_MAX_STOP_BYTES - 1, &out));
    assert_int_equal(out.len, 0);
    assert_true(sk_tail_feed(&t, &s, "a", 1, &out));
    assert_int_equal(out.len, 0);
    sk_tail_fini(&t);
    sk_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_alike_for_every_cut),
        cmocka_unit_test(holds_back_no_more_than_needed),
        cmocka_unit_test(bounds_the_sequences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
