/* unidata.c - binary search in ranges; UTF-8 there and back. */
#include "engine/token/unidata.h"

#include "engine/token/unidata_tables.h"

#include <assert.h>

/* The place of the last of n rows whose first character is not above c; n when there is none.  The
 * rows are sorted; `first` is that of the first row, `step` how many numbers a row takes. */
static size_t row_of(const uint32_t *first, size_t n, size_t step, uint32_t c)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (first[mid * step] <= c)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo ? lo - 1 : n;
}

#define COUNT(table) (sizeof(table) / sizeof *(table))
#define ROW_OF(table, c)                                                                           \
    row_of(&(table)[0].first, COUNT(table), sizeof *(table) / sizeof(uint32_t), (c))

eng_uniclass eng_uni_class(uint32_t c)
{
    size_t i = ROW_OF(class_rows, c);
    if (i == COUNT(class_rows) || c > class_rows[i].last) return ENG_UNI_OTHER;
    return (eng_uniclass)class_rows[i].is;
}

uint32_t eng_uni_lower(uint32_t c)
{
    size_t i = ROW_OF(lower_rows, c);
    if (i == COUNT(lower_rows) || c > lower_rows[i].last) return c;
    uint32_t far = c - lower_rows[i].first;
    return far % lower_rows[i].step ? c : lower_rows[i].to + far;
}

/* Hangul syllables are taken apart by arithmetic (Unicode, section 3.12). */
uint32_t eng_uni_base(uint32_t c)
{
    enum { SYLLABLE = 0xac00, LAST_SYLLABLE = 0xd7a3, LEAD = 0x1100, VOWELS_TAILS = 588 };
    if (c >= SYLLABLE && c <= LAST_SYLLABLE) return LEAD + (c - SYLLABLE) / VOWELS_TAILS;
    size_t i = ROW_OF(base_runs, c);
    if (i == COUNT(base_runs) || c > base_runs[i].last) return c;
    return bases[base_runs[i].at + c - base_runs[i].first];
}

/* Bytes of the UTF-8 sequence at p.  Only the second byte's range depends on the first, so two
 * bounds say all of RFC 3629's table. */
size_t eng_utf8_sequence(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    if (c < 0x80) return 1;
    size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || len > n) return 0;
    /* the second byte's range keeps out long forms, surrogates and what is past U+10FFFF */
    uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return len;
}

uint32_t eng_utf8_char(const uint8_t *p, size_t len)
{
    static const uint8_t lead[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    assert(len >= 1 && len <= 4);
    uint32_t c = p[0] & lead[len];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3f);
    return c;
}

size_t eng_utf8_put(uint32_t c, char *p)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    assert(c <= 0x10ffff);
    if (c < 0x80) {
        p[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n; i-- > 1; c >>= 6)
        p[i] = (char)(0x80 | (c & 0x3f));
    p[0] = (char)(lead[n] | c);
    return n;
}
