/* t_base64.c - RFC 4648's base64 in both directions: its vectors, every length, every bad byte. */
#include "tests/unit/unit.h"

#include "engine/token/base64.h"

/* The vectors of RFC 4648, section 10. */
static const struct {
    const char *plain, *coded;
} vector[] = {{"", ""},
              {"f", "Zg=="},
              {"fo", "Zm8="},
              {"foo", "Zm9v"},
              {"foob", "Zm9vYg=="},
              {"fooba", "Zm9vYmE="},
              {"foobar", "Zm9vYmFy"}};

static void vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vector / sizeof vector[0]; i++) {
        char out[16];
        size_t len = 99, n = strlen(vector[i].coded);
        sk_buf b = SK_BUF_INIT;
        assert_true(eng_base64_read(vector[i].coded, n, out, &len));
        assert_int_equal(len, strlen(vector[i].plain));
        assert_memory_equal(out, vector[i].plain, len);
        eng_base64_write(vector[i].plain, strlen(vector[i].plain), &b);
        assert_int_equal(b.len, n);
        if (n) assert_memory_equal(b.p, vector[i].coded, n);
        sk_buf_fini(&b);
    }
}

/* Bytes of all values come back, whatever the length leaves over. */
static void round_trip(void **state)
{
    (void)state;
    char data[300], back[400];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (char)(i * 37 + 11);
    for (size_t n = 0; n <= sizeof data; n++) {
        sk_buf b = SK_BUF_INIT;
        size_t len = 0;
        eng_base64_write(data, n, &b);
        assert_true(sk_buf_ok(&b));
        assert_int_equal(b.len, (n + 2) / 3 * 4);
        memset(back, 0x55, sizeof back);
        assert_true(eng_base64_read(b.p ? b.p : "", b.len, back, &len));
        assert_int_equal(len, n);
        assert_memory_equal(back, data, n);
        sk_buf_fini(&b);
    }
}

/* Appending goes behind what is there. */
static void appends(void **state)
{
    (void)state;
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "x:");
    eng_base64_write("foo", 3, &b);
    sk_buf_adds(&b, "");
    assert_string_equal(b.p, "x:Zm9v");
    sk_buf_fini(&b);
}

/* Lengths that are no fours, characters outside the alphabet, padding anywhere but at the end. */
static void refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",        "Zg",   "Zg=",  "Zm9vY", "=Zg=", "Z=g=", "Zg==Zg==",
        "Zm9=Zm9v", "====", "Z===", "Zm-v",  "Zm_v", "Zm v", "Zm9v\n\n\n\n"};
    char out[32];
    size_t len = 77;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(eng_base64_read(bad[i], strlen(bad[i]), out, &len));
    assert_int_equal(len, 77); /* set on success only */
    for (unsigned c = 0; c < 256; c++) {
        char text[4] = {'Z', (char)c, '9', 'v'};
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      c == '+' || c == '/';
        assert_int_equal(eng_base64_read(text, 4, out, &len), letter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(round_trip),
        cmocka_unit_test(appends),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
