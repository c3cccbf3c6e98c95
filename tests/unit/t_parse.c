/* t_parse.c - HTTP request heads and chunked bodies: what is read, and all that is refused. */
#include "tests/unit/unit.h"

#include "serve/http/parse.h"

#include <stdio.h>

/* Scans and parses `text` as one head. */
static sk_status parse(const char *text, char *copy, size_t cap, srv_head *h, srv_fault *f)
{
    srv_scan s = {0};
    size_t n = strlen(text);
    assert_true(n < cap);
    memcpy(copy, text, n + 1);
    sk_status st = srv_head_scan(&s, copy, n, f);
    return st ? st : srv_head_parse(copy, s.at, h, f);
}

static void reads_a_head(void **state)
{
    (void)state;
    char b[1024];
    srv_head h = {0};
    srv_fault f = {0};
    assert_int_equal(parse("POST /a%20b/c?x=%41&y HTTP/1.1\r\nHost: h\r\nX-Two:  a b \t\r\n"
                           "content-LENGTH: 12\r\nX-Empty:\r\n\r\n",
                           b, sizeof b, &h, &f),
                     SK_OK);
    assert_string_equal(h.method, "POST");
    assert_string_equal(h.path, "/a b/c");
    assert_string_equal(h.query, "x=%41&y");
    assert_int_equal(h.content_length, 12);
    assert_int_equal(h.n_headers, 4);
    assert_string_equal(srv_head_find(&h, "x-two"), "a b");
    assert_string_equal(srv_head_find(&h, "x-empty"), "");
    assert_null(srv_head_find(&h, "x-three"));
    assert_true(h.keep_alive && !h.chunked && !h.expect_continue);
}

typedef struct keep_case {
    const char *version, *connection;
    bool keep;
} keep_case;

static void knows_when_the_connection_stays(void **state)
{
    (void)state;
    static const keep_case cases[] = {
        {"1.1", "x", true},      {"1.1", "close", false},     {"1.1", "Upgrade, CLOSE", false},
        {"1.0", "x", false},     {"1.0", "keep-alive", true}, {"1.0", "Keep-Alive, x", true},
        {"1.1", "closer", true}, {"1.1", "keep-alive", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], b[256];
        srv_head h = {0};
        srv_fault f = {0};
        snprintf(text, sizeof text, "GET / HTTP/%s\r\nHost: h\r\nConnection: %s\r\n\r\n",
                 cases[i].version, cases[i].connection);
        assert_int_equal(parse(text, b, sizeof b, &h, &f), SK_OK);
        assert_int_equal(h.keep_alive, cases[i].keep);
    }
}

typedef struct bad_case {
    const char *text;
    srv_code code;
} bad_case;

#define HOST "Host: h\r\n"
#define BAD SRV_BAD_HTTP

/* Each of these is read differently by some program, or by none. */
static const bad_case bad_heads[] = {
    {"\r\nGET / HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET / HTTP/1.1\n" HOST "\r\n", BAD},
    {"GET / HTTP/1.1\r\nHost: h\n\r\n", BAD},
    {"GET / HTTP/1.1\r\n" HOST "\n", BAD},
    {"GET  / HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET /\r\n" HOST "\r\n", BAD},
    {"GET\r\n" HOST "\r\n", BAD},
    {"GET / \r\n" HOST "\r\n", BAD},
    {" GET / HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET / HTTP/1.1 \r\n" HOST "\r\n", SRV_BAD_VERSION},
    {"GET / HTTP/2.0\r\n" HOST "\r\n", SRV_BAD_VERSION},
    {"GET / HTTP/1.2\r\n" HOST "\r\n", SRV_BAD_VERSION},
    {"GET / http/1.1\r\n" HOST "\r\n", BAD},
    {"G@T / HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET x HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET http://h HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET /%4 HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET /%zz HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET /%00 HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET /%0d%0aX: HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET /a#b HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET /\x01 HTTP/1.1\r\n" HOST "\r\n", BAD},
    {"GET / HTTP/1.1\r\n\r\n", BAD},
    {"GET / HTTP/1.1\r\n" HOST HOST "\r\n", BAD},
    {"GET / HTTP/1.1\r\n" HOST "X\r\n\r\n", BAD},
    {"GET / HTTP/1.1\r\n" HOST "X : y\r\n\r\n", BAD},
    {"GET / HTTP/1.1\r\n" HOST ": y\r\n\r\n", BAD},
    {"GET / HTTP/1.1\r\n" HOST "X: y\r\n folded\r\n\r\n", BAD},
    {"GET / HTTP/1.1\r\n folded: x\r\n" HOST "\r\n", BAD},
    {"GET / HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", BAD},
    {"GET / HTTP/1.1\r\n" HOST "X: a\x01\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 0x1\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1 1\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1, 1\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\n", SRV_BIG_BODY},
    {"POST / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
     BAD},
    {"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", BAD},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", SRV_BAD_CODING},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked\r\n\r\n", SRV_BAD_CODING},
    {"POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: \x0b"
     "chunked\r\n\r\n",
     BAD},
    {"POST / HTTP/1.1\r\n" HOST "Expect: 200-ok\r\n\r\n", SRV_BAD_EXPECT},
};

static void refuses_what_can_be_read_in_two_ways(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_heads / sizeof *bad_heads; i++) {
        char b[1024];
        srv_head h = {0};
        srv_fault f = {0};
        sk_status st = parse(bad_heads[i].text, b, sizeof b, &h, &f);
        if (st != SK_E_INVALID && st != SK_E_INTERNAL) fail_msg("accepted: %s", bad_heads[i].text);
        if (f.code != bad_heads[i].code)
            fail_msg("code %d instead of %d: %s", (int)f.code, (int)bad_heads[i].code,
                     bad_heads[i].text);
        assert_true(f.text[0] != 0);
    }
}

/* An answer is written even to a head that could not be read: its strings must be there. */
static void leaves_strings_in_a_bad_head(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_heads / sizeof *bad_heads; i++) {
        char b[1024];
        srv_fault f = {0};
        srv_scan s = {0};
        size_t n = strlen(bad_heads[i].text);
        srv_head h = {0};
        memcpy(b, bad_heads[i].text, n + 1);
        if (srv_head_scan(&s, b, n, &f)) continue;
        b[s.at / 2] = 0;
        assert_int_not_equal(srv_head_parse(b, s.at, &h, &f), SK_OK);
        assert_true(h.method && h.path && h.query);
    }
}

static void reads_what_is_rare_but_right(void **state)
{
    (void)state;
    static const char *const good[] = {
        "GET http://example.org/x HTTP/1.1\r\nHost: example.org\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 000012\r\n\r\n",
        "M-SEARCH / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: caf\xc3\xa9\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char b[512];
        srv_head h = {0};
        srv_fault f = {0};
        if (parse(good[i], b, sizeof b, &h, &f)) fail_msg("%s: %s", f.text, good[i]);
    }
}

/* A head that comes one byte at a time is found at the same place, and never before its end. */
static void scans_byte_by_byte(void **state)
{
    (void)state;
    static const char text[] = "GET / HTTP/1.1\r\nHost: h\r\n\r\nbody";
    size_t whole = sizeof text - 1 - 4;
    srv_scan s = {0};
    srv_fault f = {0};
    for (size_t n = 0; n < whole; n++)
        assert_int_equal(srv_head_scan(&s, text, n, &f), SK_E_AGAIN);
    assert_int_equal(srv_head_scan(&s, text, sizeof text - 1, &f), SK_OK);
    assert_int_equal(s.at, whole);
}

static void bounds_a_head(void **state)
{
    (void)state;
    static char big[SRV_MAX_HEAD_BYTES + 64];
    memset(big, 'a', sizeof big);
    srv_fault f = {0};
    srv_scan s = {0};
    assert_int_not_equal(srv_head_scan(&s, big, sizeof big, &f), SK_E_AGAIN);
    assert_int_equal(f.code, SRV_LONG_URI);
    memcpy(big, "GET / HTTP/1.1\r\n", 16);
    s = (srv_scan){0};
    assert_int_equal(srv_head_scan(&s, big, SRV_MAX_HEAD_BYTES, &f), SK_E_AGAIN);
    assert_int_not_equal(srv_head_scan(&s, big, sizeof big, &f), SK_E_AGAIN);
    assert_int_equal(f.code, SRV_BIG_HEAD);

    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "GET / HTTP/1.1\r\nHost: h\r\n");
    for (unsigned i = 1; i < SRV_MAX_HEADERS; i++)
        sk_buf_addf(&b, "x%u: 1\r\n", i);
    static char copy[4096];
    srv_head h = {0};
    size_t fits = b.len;
    sk_buf_adds(&b, "\r\n");
    assert_int_equal(parse(b.p, copy, sizeof copy, &h, &f), SK_OK);
    b.len = fits;
    sk_buf_adds(&b, "one-more: 1\r\n\r\n");
    assert_int_not_equal(parse(b.p, copy, sizeof copy, &h, &f), SK_OK);
    assert_int_equal(f.code, SRV_BIG_HEAD);
    sk_buf_fini(&b);
}

static void refuses_a_nul(void **state)
{
    (void)state;
    char text[] = "GET / HTTP/1.1\r\nHost: h\r\nX: a_b\r\n\r\n";
    *strchr(text, '_') = 0;
    srv_head h = {0};
    srv_fault f = {0};
    assert_int_not_equal(srv_head_parse(text, sizeof text - 1, &h, &f), SK_OK);
}

static void reads_lists(void **state)
{
    (void)state;
    assert_true(srv_list_has("gzip", "gzip"));
    assert_true(srv_list_has("br, GZIP;q=0.5", "gzip"));
    assert_true(srv_list_has("deflate ,\tgzip , br", "gzip"));
    assert_false(srv_list_has("gzipx, xgzip", "gzip"));
    assert_false(srv_list_has("gzip;q=0", "gzip"));
    assert_false(srv_list_has("br, gzip; q=0.00 , x", "gzip"));
    assert_true(srv_list_has("gzip;q=0.01", "gzip"));
    assert_false(srv_list_has("", "gzip"));
    assert_false(srv_list_has(NULL, "gzip"));
    assert_false(srv_list_has(",,,", "gzip"));
}

/* Feeds text in pieces of `step` bytes; the status of the last feed, and how much was left. */
static sk_status feed(const char *text, size_t n, size_t step, size_t max, sk_buf *body,
                      size_t *left, srv_fault *f)
{
    srv_chunks c = {0};
    sk_status st = SK_E_AGAIN;
    size_t at = 0;
    while (at < n && st == SK_E_AGAIN) {
        size_t used = 0, take = n - at < step ? n - at : step;
        st = srv_chunks_feed(&c, text + at, take, max, &used, body, f);
        assert_true(used <= take && (st || used > 0));
        assert_true(st != SK_E_AGAIN || used == take);
        at += used;
    }
    *left = n - at;
    return st;
}

static void reads_chunks_however_they_are_cut(void **state)
{
    (void)state;
    static const char text[] = "5\r\nhello\r\n0001;ext=\"x\"\r\n \r\nA\r\nworld 0123\r\n0\r\n"
                               "Trailer: x\r\nOther: y\r\n\r\nNEXT";
    for (size_t step = 1; step < sizeof text; step++) {
        sk_buf body = SK_BUF_INIT;
        srv_fault f = {0};
        size_t left;
        assert_int_equal(feed(text, sizeof text - 1, step, 100, &body, &left, &f), SK_OK);
        assert_string_equal(body.p, "hello world 0123");
        assert_int_equal(left, 4);
        sk_buf_fini(&body);
    }
}

static void refuses_bad_chunks(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\r\n",          "g\r\n",           " 5\r\nhello",      "5 \r\nhello",   "-5\r\n",
        "+5\r\n",        "0x5\r\n",         "5\nhello",         "5\r\nhelloX",   "5\r\nhello\n",
        "5\r\nhello\rX", "0\r\nA\rB",       "0\r\n\rX",         "0000000000005", "5;a\x01",
        "0\r\nA: b\n",   "5\r\nhello\r\n;", "ffffffffffff\r\n", "65\r\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        for (size_t step = 1; step < 8; step++) {
            sk_buf body = SK_BUF_INIT;
            srv_fault f = {0};
            size_t left;
            sk_status st = feed(bad[i], strlen(bad[i]), step, 100, &body, &left, &f);
            if (!st || st == SK_E_AGAIN) fail_msg("accepted chunks: %s", bad[i]);
            sk_buf_fini(&body);
        }
    }
}

static void bounds_a_chunked_body(void **state)
{
    (void)state;
    sk_buf body = SK_BUF_INIT;
    srv_fault f = {0};
    size_t left;
    assert_int_equal(feed("4\r\nabcd\r\n0\r\n\r\n", 14, 3, 4, &body, &left, &f), SK_OK);
    sk_buf_reset(&body);
    assert_int_not_equal(feed("4\r\nabcd\r\n1\r\ne\r\n", 15, 3, 4, &body, &left, &f), SK_OK);
    assert_int_equal(f.code, SRV_BIG_BODY);
    assert_int_equal(body.len, 4);
    sk_buf_reset(&body);
    static char ext[9000] = "1;";
    memset(ext + 2, 'x', sizeof ext - 2);
    assert_int_not_equal(feed(ext, sizeof ext, 100, 4, &body, &left, &f), SK_E_AGAIN);
    assert_int_equal(f.code, SRV_BIG_HEAD);
    sk_buf_fini(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_head),
        cmocka_unit_test(knows_when_the_connection_stays),
        cmocka_unit_test(refuses_what_can_be_read_in_two_ways),
        cmocka_unit_test(leaves_strings_in_a_bad_head),
        cmocka_unit_test(reads_what_is_rare_but_right),
        cmocka_unit_test(scans_byte_by_byte),
        cmocka_unit_test(bounds_a_head),
        cmocka_unit_test(refuses_a_nul),
        cmocka_unit_test(reads_lists),
        cmocka_unit_test(reads_chunks_however_they_are_cut),
        cmocka_unit_test(refuses_bad_chunks),
        cmocka_unit_test(bounds_a_chunked_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
