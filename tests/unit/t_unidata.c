/* t_unidata.c - UTF-8 sequences against the table of RFC 3629, and the classes BERT goes by. */
#include "tests/unit/unit.h"

#include "engine/token/unidata.h"

/* Length of the sequence at p by Table 3-7 of the Unicode standard, written out row by row. */
static size_t by_table(const uint8_t *p, size_t n)
{
    static const struct {
        uint8_t first_low, first_high, second_low, second_high, len;
    } row[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        if (p[0] < row[i].first_low || p[0] > row[i].first_high) continue;
        size_t len = row[i].len;
        if (len > n) return 0;
        if (len > 1 && (p[1] < row[i].second_low || p[1] > row[i].second_high)) return 0;
        for (size_t k = 2; k < len; k++)
            if (p[k] < 0x80 || p[k] > 0xbf) return 0;
        return len;
    }
    return 0;
}

/* All pairs of first bytes, with continuations at their bounds behind, cut at every length. */
static void sequences(void **state)
{
    (void)state;
    static const uint8_t tail[] = {0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff};
    for (unsigned a = 0; a < 256; a++)
        for (unsigned b = 0; b < 256; b++)
            for (size_t c = 0; c < sizeof tail; c++)
                for (size_t d = 0; d < sizeof tail; d++) {
                    const uint8_t p[4] = {(uint8_t)a, (uint8_t)b, tail[c], tail[d]};
                    for (size_t n = 1; n <= 4; n++)
                        if (eng_utf8_sequence(p, n) != by_table(p, n))
                            fail_msg("%02x %02x %02x %02x of %zu bytes", a, b, p[2], p[3], n);
                }
}

/* Every character there is, written and read back; a surrogate written is none when read. */
static void characters(void **state)
{
    (void)state;
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        char p[4];
        size_t n = eng_utf8_put(c, p);
        const uint8_t *u = (const uint8_t *)p;
        bool surrogate = c >= 0xd800 && c < 0xe000;
        if (n != (c < 0x80 ? 1u : c < 0x800 ? 2u : c < 0x10000 ? 3u : 4u))
            fail_msg("%x: %zu", c, n);
        if (eng_utf8_sequence(u, n) != (surrogate ? 0 : n)) fail_msg("%x is not read", c);
        if (!surrogate && eng_utf8_char(u, n) != c) fail_msg("%x is read as another", c);
    }
}

static void classes(void **state)
{
    (void)state;
    static const struct {
        uint32_t c;
        eng_uniclass is;
    } row[] = {
        {' ', ENG_UNI_SPACE},      {'\t', ENG_UNI_SPACE},     {'\n', ENG_UNI_SPACE},
        {0xa0, ENG_UNI_SPACE},     {0x3000, ENG_UNI_SPACE},   {0x2028, ENG_UNI_SPACE},
        {0, ENG_UNI_CONTROL},      {7, ENG_UNI_CONTROL},      {0x7f, ENG_UNI_CONTROL},
        {0xad, ENG_UNI_CONTROL},   {0x200b, ENG_UNI_CONTROL}, {0xfeff, ENG_UNI_CONTROL},
        {0xe000, ENG_UNI_CONTROL}, {0x301, ENG_UNI_MARK},     {0x903, ENG_UNI_MARK},
        {0x20dd, ENG_UNI_MARK},    {'!', ENG_UNI_PUNCT},      {'$', ENG_UNI_PUNCT},
        {'+', ENG_UNI_PUNCT},      {'^', ENG_UNI_PUNCT},      {'`', ENG_UNI_PUNCT},
        {'~', ENG_UNI_PUNCT},      {0x2014, ENG_UNI_PUNCT},   {0x3002, ENG_UNI_PUNCT},
        {'a', ENG_UNI_OTHER},      {'7', ENG_UNI_OTHER},      {0xe9, ENG_UNI_OTHER},
        {0x20ac, ENG_UNI_OTHER},   {0x4e2d, ENG_UNI_OTHER},   {0x1f600, ENG_UNI_OTHER},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++)
        if (eng_uni_class(row[i].c) != row[i].is)
            fail_msg("U+%04X is %d", row[i].c, (int)eng_uni_class(row[i].c));
    for (uint32_t c = 0x21; c < 0x7f; c++) { /* ASCII: letters and digits, all else is a sign */
        bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        assert_int_equal(eng_uni_class(c), plain ? ENG_UNI_OTHER : ENG_UNI_PUNCT);
    }
}

/* Lower case is idempotent and the base letter has no base but itself. */
static void letters(void **state)
{
    (void)state;
    assert_int_equal(eng_uni_lower('A'), 'a');
    assert_int_equal(eng_uni_lower('Z'), 'z');
    assert_int_equal(eng_uni_lower('['), '[');
    assert_int_equal(eng_uni_lower(0xc9), 0xe9);
    assert_int_equal(eng_uni_lower(0x3a3), 0x3c3);
    assert_int_equal(eng_uni_lower(0x416), 0x436);
    assert_int_equal(eng_uni_base(0xe9), 'e');
    assert_int_equal(eng_uni_base(0xc5), 'A');
    assert_int_equal(eng_uni_base(0x1ea4), 'A'); /* two accents */
    assert_int_equal(eng_uni_base('e'), 'e');
    assert_int_equal(eng_uni_base(0x4e2d), 0x4e2d);
    for (uint32_t c = 0; c <= 0x10ffff; c++) {
        if (eng_uni_lower(eng_uni_lower(c)) != eng_uni_lower(c)) fail_msg("lower of U+%04X", c);
        if (eng_uni_base(eng_uni_base(c)) != eng_uni_base(c)) fail_msg("base of U+%04X", c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sequences),
        cmocka_unit_test(characters),
        cmocka_unit_test(classes),
        cmocka_unit_test(letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
