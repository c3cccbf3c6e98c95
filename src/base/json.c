/* json.c - strict parsing over jansson, and the writing of strings and numbers. */
#include "base/json.h"

#include "base/mem.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks for jansson; its own allocator is replaced before main runs, hence before it has made any
 * block, so that its memory is counted and can be made to fail like all other. */
static void *json_block(size_t n)
{
    return sk_alloc(SK_MEM_REQUEST, n);
}

__attribute__((constructor)) static void use_our_memory(void)
{
    json_set_alloc_funcs(json_block, sk_free);
}

/* Place of byte `at` of p: line and column, both from 1. */
static void place_of(const char *p, size_t at, int *line, int *column)
{
    *line = 1;
    *column = 1;
    for (size_t i = 0; i < at; i++) {
        bool end = p[i] == '\n';
        *line += end;
        *column = end ? 1 : *column + 1;
    }
}

/* Refuses text nested too deep before the parser recurses into it.  Brackets within strings don't
 * count; text that is no JSON at all is left for the parser to refuse. */
static sk_status check_depth(const char *p, size_t n, int max_depth, sk_err *e)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < n; i++) {
        if (in_string) {
            if (p[i] == '\\')
                i++;
            else if (p[i] == '"')
                in_string = false;
            continue;
        }
        if (p[i] == '"') in_string = true;
        if (p[i] == ']' || p[i] == '}') depth--;
        if (p[i] != '[' && p[i] != '{') continue;
        if (++depth <= max_depth) continue;
        int line, column;
        place_of(p, i, &line, &column);
        return sk_fail(e, SK_E_INVALID, "JSON line %d column %d: nested more than %d deep", line,
                       column, max_depth);
    }
    return SK_OK;
}

/* Refuses a NUL byte, which JSON has no place for and jansson passes over behind a number. */
static sk_status check_nul(const char *p, size_t n, sk_err *e)
{
    const char *nul = n ? memchr(p, 0, n) : NULL;
    if (!nul) return SK_OK;
    int line, column;
    place_of(p, (size_t)(nul - p), &line, &column);
    return sk_fail(e, SK_E_INVALID, "JSON line %d column %d: a NUL byte", line, column);
}

/* Parses n bytes as one JSON value. */
sk_status sk_json_parse(const char *p, size_t n, int max_depth, json_t **out, sk_err *e)
{
    sk_status st = check_nul(p, n, e);
    if (!st) st = check_depth(p, n, max_depth, e);
    if (st) return st;
    json_error_t err;
    json_t *v = json_loadb(p, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &err);
    if (v) {
        *out = v;
        return SK_OK;
    }
    if (json_error_code(&err) == json_error_out_of_memory)
        return sk_fail(e, SK_E_NOMEM, "no memory to read %zu bytes of JSON", n);
    /* The parser quotes what it choked on, and that may be anything: only its own words are passed
     * on. */
    char *near = strstr(err.text, " near '");
    if (near) *near = 0;
    return sk_fail(e, SK_E_INVALID, "JSON line %d column %d: %s", err.line > 0 ? err.line : 1,
                   err.column > 0 ? err.column : 1, err.text);
}

/* The member of obj, NULL when absent or null.  Anything else than an object has no members. */
static json_t *member(json_t *obj, const char *key)
{
    assert(obj && key);
    json_t *v = json_object_get(obj, key);
    return json_is_null(v) ? NULL : v;
}

/* Integer member within [min, max]; 3.0 counts as 3, as some clients send it. */
sk_status sk_json_get_int(json_t *obj, const char *key, int64_t min, int64_t max, int64_t *out,
                          sk_err *e)
{
    json_t *v = member(obj, key);
    if (!v) return SK_OK;
    double d = json_is_real(v) ? json_real_value(v) : 0.5;
    bool whole = d == floor(d) && fabs(d) <= 0x1p53;
    if (!json_is_integer(v) && !whole)
        return sk_fail(e, SK_E_INVALID, "'%s' must be a whole number", key);
    int64_t i = json_is_integer(v) ? (int64_t)json_integer_value(v) : (int64_t)d;
    if (i < min || i > max)
        return sk_fail(e, SK_E_INVALID, "'%s' must be from %lld to %lld, it is %lld", key,
                       (long long)min, (long long)max, (long long)i);
    *out = i;
    return SK_OK;
}

/* Number member within [min, max]. */
sk_status sk_json_get_num(json_t *obj, const char *key, double min, double max, double *out,
                          sk_err *e)
{
    json_t *v = member(obj, key);
    if (!v) return SK_OK;
    if (!json_is_number(v)) return sk_fail(e, SK_E_INVALID, "'%s' must be a number", key);
    double d = json_number_value(v);
    if (!(d >= min && d <= max))
        return sk_fail(e, SK_E_INVALID, "'%s' must be from %g to %g, it is %g", key, min, max, d);
    *out = d;
    return SK_OK;
}

/* Boolean member. */
sk_status sk_json_get_bool(json_t *obj, const char *key, bool *out, sk_err *e)
{
    json_t *v = member(obj, key);
    if (!v) return SK_OK;
    if (!json_is_boolean(v)) return sk_fail(e, SK_E_INVALID, "'%s' must be true or false", key);
    *out = json_is_true(v);
    return SK_OK;
}

/* String member, borrowed; one with a NUL inside is refused, since it would end there. */
sk_status sk_json_get_str(json_t *obj, const char *key, const char **out, sk_err *e)
{
    json_t *v = member(obj, key);
    if (!v) return SK_OK;
    if (!json_is_string(v)) return sk_fail(e, SK_E_INVALID, "'%s' must be a string", key);
    const char *s = json_string_value(v);
    if (strlen(s) != json_string_length(v))
        return sk_fail(e, SK_E_INVALID, "'%s' must not contain \\u0000", key);
    *out = s;
    return SK_OK;
}

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
