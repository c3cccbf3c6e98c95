/* json_text.c - the writing of JSON strings and numbers, and UTF-8 (without jansson). */
#include "base/json.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes a UTF-8 character takes that starts with c; 0 for a byte that can start none. */
static size_t utf8_need(unsigned char c)
{
    if (c < 0x80) return 1;
    if (c >= 0xC2 && c <= 0xDF) return 2;
    if (c >= 0xE0 && c <= 0xEF) return 3;
    return c >= 0xF0 && c <= 0xF4 ? 4 : 0;
}

/* True when byte number i > 0 of a character that starts with first may be c (RFC 3629, section 4:
 * no overlong forms, no surrogates, nothing above U+10FFFF). */
static bool utf8_follows(unsigned char first, size_t i, unsigned char c)
{
    unsigned char low = 0x80, high = 0xBF;
    assert(i > 0 && i < 4);
    if (i == 1 && first == 0xE0) low = 0xA0;
    if (i == 1 && first == 0xED) high = 0x9F;
    if (i == 1 && first == 0xF0) low = 0x90;
    if (i == 1 && first == 0xF4) high = 0x8F;
    return c >= low && c <= high;
}

/* How many bytes at the start of s[0..n) belong to its first character, valid so far; *whole is
 * true when that is all of it.  0 for a byte that can start none. */
static size_t utf8_span(const char *s, size_t n, bool *whole)
{
    const unsigned char *u = (const unsigned char *)s;
    assert(n > 0);
    size_t need = utf8_need(u[0]), i = need > 0;
    while (i < need && i < n && utf8_follows(u[0], i, u[i]))
        i++;
    *whole = need && i == need;
    return i;
}

/* Appends a character below 0x20, '"' or '\\' in its escaped form. */
static void add_escaped(sk_buf *b, unsigned char c)
{
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f',
                                   ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\'};
    assert(c <= '\\');
    if (letters[c])
        sk_buf_addf(b, "\\%c", letters[c]);
    else
        sk_buf_addf(b, "\\u%04x", c);
}

/* Appends s[0..n) as a JSON string.  Each byte that belongs to no whole character becomes U+FFFD;
 * runs of plain text are copied at once. */
void sk_json_add_str(sk_buf *b, const char *s, size_t n)
{
    sk_buf_addc(b, '"');
    size_t from = 0, i = 0;
    while (i < n) {
        unsigned char c = (unsigned char)s[i];
        bool whole = true;
        size_t span = c < 0x80 ? 1 : utf8_span(s + i, n - i, &whole);
        if (whole && c >= 0x20 && c != '"' && c != '\\') {
            i += span;
            continue;
        }
        sk_buf_add(b, s + from, i - from);
        if (c < 0x80)
            add_escaped(b, c);
        else
            sk_buf_adds(b, "\xEF\xBF\xBD");
        from = ++i;
    }
    if (from < n) sk_buf_add(b, s + from, n - from);
    sk_buf_addc(b, '"');
}

/* Writes v with `digits` significant digits and a point for the decimal sign, whatever the locale.
 */
static void print_number(char *text, size_t n, int digits, double v)
{
    assert(n >= 32 && digits > 0 && digits <= 17); /* sign, point and exponent beside the digits */
    (void)snprintf(text, n, "%.*g", digits, v);
    const char *sign = localeconv()->decimal_point;
    char *at = *sign && strcmp(sign, ".") != 0 ? strstr(text, sign) : NULL;
    if (!at) return;
    size_t len = strlen(sign);
    *at = '.';
    memmove(at + 1, at + len, strlen(at + len) + 1);
}

/* Appends a number in the shortest of 15 to 17 digits that reads back the same. */
void sk_json_add_num(sk_buf *b, double v)
{
    char text[40];
    if (!isfinite(v)) {
        sk_buf_adds(b, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        char probe[40];
        (void)snprintf(probe, sizeof probe, "%.*g", digits, v);
        print_number(text, sizeof text, digits, v);
        if (strtod(probe, NULL) == v) break;
    }
    sk_buf_adds(b, text);
}

/* Length of the longest prefix that does not end inside a character that may still become valid. */
size_t sk_utf8_complete(const char *s, size_t n)
{
    size_t back = n < 3 ? n : 3;
    for (size_t i = n - back; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c < 0xC2) continue;
        bool whole;
        if (utf8_span(s + i, n - i, &whole) == n - i && !whole) return i;
    }
    return n;
}

/* True when s[0..n) is valid UTF-8. */
bool sk_utf8_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n;) {
        bool whole;
        size_t span = utf8_span(s + i, n - i, &whole);
        if (!whole) return false;
        i += span;
    }
    return true;
}
