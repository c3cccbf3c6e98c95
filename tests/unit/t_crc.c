/* t_crc.c - CRC-32C: known vectors (RFC 3720, B.4), both ways of computing it, and what it must
 * notice. */
#include "tests/unit/unit.h"

#include "base/crc.h"

static void known_vectors(void **state)
{
    (void)state;
    unsigned char b[32];
    assert_int_equal(sk_crc32c(0, "", 0), 0);
    assert_int_equal(sk_crc32c(0, NULL, 0), 0);
    assert_int_equal(sk_crc32c(0, "123456789", 9), 0xE3069283);
    memset(b, 0, 32);
    assert_int_equal(sk_crc32c(0, b, 32), 0x8A9136AA);
    memset(b, 0xFF, 32);
    assert_int_equal(sk_crc32c(0, b, 32), 0x62A8AB43);
    for (int i = 0; i < 32; i++)
        b[i] = (unsigned char)i;
    assert_int_equal(sk_crc32c(0, b, 32), 0x46DD794E);
    for (int i = 0; i < 32; i++)
        b[i] = (unsigned char)(31 - i);
    assert_int_equal(sk_crc32c(0, b, 32), 0x113FDB5C);
}

/* Instruction and table agree for every length and alignment, from any start value. */
static void both_ways_agree(void **state)
{
    (void)state;
    unsigned char b[600];
    for (size_t i = 0; i < sizeof b; i++)
        b[i] = (unsigned char)(i * 2654435761u >> 13);
    for (size_t at = 0; at < 16; at++)
        for (size_t n = 0; n + at < sizeof b; n += 1 + n / 40) {
            uint32_t start = (uint32_t)(n * 0x9E3779B9u);
            assert_int_equal(sk_crc32c(start, b + at, n), sk_crc32c_table(start, b + at, n));
        }
}

/* A sum over parts is the sum over the whole. */
static void continues(void **state)
{
    (void)state;
    const char *s = "The quick brown fox jumps over the lazy dog";
    size_t n = strlen(s);
    uint32_t whole = sk_crc32c(0, s, n);
    assert_int_equal(whole, 0x22620404);
    for (size_t cut = 0; cut <= n; cut++) {
        assert_int_equal(sk_crc32c(sk_crc32c(0, s, cut), s + cut, n - cut), whole);
        assert_int_equal(sk_crc32c_table(sk_crc32c_table(0, s, cut), s + cut, n - cut), whole);
    }
}

/* Every single flipped bit changes the sum. */
static void notices_a_bit(void **state)
{
    (void)state;
    unsigned char b[100] = "some section of some file";
    uint32_t good = sk_crc32c(0, b, sizeof b);
    for (size_t bit = 0; bit < 8 * sizeof b; bit++) {
        b[bit / 8] ^= (unsigned char)(1 << bit % 8);
        assert_int_not_equal(sk_crc32c(0, b, sizeof b), good);
        b[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_vectors),
        cmocka_unit_test(both_ways_agree),
        cmocka_unit_test(continues),
        cmocka_unit_test(notices_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
