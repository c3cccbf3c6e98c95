/* t_sha256.c - SHA-256 against the examples of FIPS 180-4 and in pieces of every length. */
#include "tests/unit/unit.h"

#include "base/sha256.h"

static void known(const void *p, size_t n, const char *want)
{
    uint8_t h[SK_SHA256_BYTES], back[SK_SHA256_BYTES];
    char hex[SK_SHA256_HEX];
    sk_sha256_of(p, n, h);
    sk_sha256_hex(h, hex);
    assert_string_equal(hex, want);
    assert_true(sk_sha256_parse(hex, back));
    assert_memory_equal(h, back, sizeof h);
}

static void examples(void **state)
{
    (void)state;
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    known("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    known("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    known("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    known(million, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

static void pieces_make_the_whole(void **state)
{
    (void)state;
    uint8_t text[300], whole[SK_SHA256_BYTES], parts[SK_SHA256_BYTES];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7);
    for (size_t n = 0; n < sizeof text; n++) {
        sk_sha256 s;
        sk_sha256_of(text, n, whole);
        sk_sha256_init(&s);
        sk_sha256_add(&s, text, n / 3);
        sk_sha256_add(&s, text + n / 3, n - n / 3);
        sk_sha256_end(&s, parts);
        assert_memory_equal(whole, parts, sizeof whole);
    }
}

static void other_text_is_no_hash(void **state)
{
    (void)state;
    uint8_t h[SK_SHA256_BYTES];
    char hex[SK_SHA256_HEX + 1];
    memset(hex, 'a', sizeof hex);
    hex[65] = 0;
    assert_false(sk_sha256_parse(hex, h));
    hex[63] = 0;
    assert_false(sk_sha256_parse(hex, h));
    memset(hex, 'A', 64);
    hex[64] = 0;
    assert_false(sk_sha256_parse(hex, h));
    assert_false(sk_sha256_parse("", h));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples),
        cmocka_unit_test(pieces_make_the_whole),
        cmocka_unit_test(other_text_is_no_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
