/* jscan.c - a pull parser: nothing is kept but a place. */
#include "engine/token/jscan.h"

#include "base/json.h"
#include "engine/token/unidata.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void eng_jscan_init(eng_jscan *s, const char *text, size_t n, const char *what, sk_err *e)
{
    *s = (eng_jscan){text, text, text + n, what, SK_OK, e};
}

/* Fails with a sentence that has the line. */
bool eng_jscan_fail(eng_jscan *s, const char *why)
{
    size_t line = 1;
    if (s->st) return false;
    for (const char *p = s->start; p < s->p; p++)
        line += *p == '\n';
    s->st = sk_fail(s->e, SK_E_FORMAT, "%s, line %zu: %s", s->what, line, why);
    return false;
}

static bool no_memory(eng_jscan *s)
{
    if (!s->st) s->st = sk_fail(s->e, SK_E_NOMEM, "no memory to read %s", s->what);
    return false;
}

/* The first byte of the next value. */
char eng_jscan_peek(eng_jscan *s)
{
    while (s->p < s->end && (*s->p == ' ' || (*s->p >= '\t' && *s->p <= '\n') || *s->p == '\r'))
        s->p++;
    return s->p < s->end && !s->st ? *s->p : 0;
}

/* Passes the byte, which must come next. */
static bool expect(eng_jscan *s, char c)
{
    char what[] = "'?' expected";
    if (eng_jscan_peek(s) == c && c) {
        s->p++;
        return true;
    }
    what[1] = c;
    return eng_jscan_fail(s, what);
}

bool eng_jscan_open(eng_jscan *s, char bracket)
{
    return expect(s, bracket);
}

/* Before a member or an element: a comma, or the end. */
static bool next(eng_jscan *s, bool *first, char close)
{
    char c = eng_jscan_peek(s);
    if (s->st) return false;
    if (c == close) {
        s->p++;
        return false;
    }
    if (!*first && !expect(s, ',')) return false;
    *first = false;
    return true;
}

/* The next member of the object. */
bool eng_jscan_member(eng_jscan *s, bool *first, sk_buf *key)
{
    if (!next(s, first, '}')) return false;
    sk_buf_reset(key);
    return eng_jscan_string(s, key) && expect(s, ':');
}

bool eng_jscan_element(eng_jscan *s, bool *first)
{
    return next(s, first, ']');
}

/* Four hexadecimal digits behind \u. */
static bool hex4(eng_jscan *s, uint32_t *out)
{
    uint32_t v = 0;
    if (s->end - s->p < 4) return eng_jscan_fail(s, "a string without end");
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef", c = *s->p++;
        const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;
        if (!at) return eng_jscan_fail(s, "\\u without four hexadecimal digits");
        v = v << 4 | (uint32_t)(at - digits);
    }
    *out = v;
    return true;
}

/* The character of "\uXXXX", the u having been taken; one beyond U+FFFF is a pair of surrogates
 * (RFC 8259, section 7), of which a half alone stands for nothing. */
static bool escape_unicode(eng_jscan *s, uint32_t *out)
{
    uint32_t u = 0, low = 0;
    if (!hex4(s, &u)) return false;
    if (u >= 0xd800 && u < 0xe000) {
        bool pair = u < 0xdc00 && s->end - s->p >= 6 && s->p[0] == '\\' && s->p[1] == 'u';
        if (pair) s->p += 2;
        if (!pair || !hex4(s, &low) || low < 0xdc00 || low > 0xdfff)
            return eng_jscan_fail(s, "half of a surrogate pair");
        u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = u;
    return true;
}

/* What stands behind a backslash. */
static bool escape(eng_jscan *s, sk_buf *out)
{
    static const char plain[] = "\"\\/bfnrt", stands[] = "\"\\/\b\f\n\r\t";
    char c = s->p < s->end ? *s->p++ : 0;
    const char *at = c ? strchr(plain, c) : NULL;
    if (at) {
        sk_buf_addc(out, stands[at - plain]);
        return true;
    }
    uint32_t u = 0;
    char utf8[4];
    if (c != 'u') return eng_jscan_fail(s, "an unknown escape");
    if (!escape_unicode(s, &u)) return false;
    sk_buf_add(out, utf8, eng_utf8_put(u, utf8));
    return true;
}

/* Appends a string's bytes.  Runs without escapes are copied as they are; each run is checked to
 * be UTF-8 by itself, which is enough, since a quote or backslash is never inside a character. */
bool eng_jscan_string(eng_jscan *s, sk_buf *out)
{
    if (!expect(s, '"')) return false;
    sk_buf_adds(out, "");
    while (s->p < s->end) {
        const char *from = s->p;
        while (s->p < s->end && *s->p != '"' && *s->p != '\\' && (unsigned char)*s->p >= 0x20)
            s->p++;
        if (!sk_utf8_valid(from, (size_t)(s->p - from)))
            return eng_jscan_fail(s, "a string that is no UTF-8");
        sk_buf_add(out, from, (size_t)(s->p - from));
        if (!sk_buf_ok(out)) return no_memory(s);
        if (s->p == s->end) break;
        char c = *s->p++;
        if (c == '"') return true;
        if (c != '\\') return eng_jscan_fail(s, "a control character in a string");
        if (!escape(s, out)) return false;
    }
    return eng_jscan_fail(s, "a string without end");
}

/* Any number, in JSON's form. strtod also reads what JSON has not (hexadecimal, inf), hence only
 * these characters. */
bool eng_jscan_num(eng_jscan *s, double *out)
{
    char text[64];
    size_t n = 0;
    char c = eng_jscan_peek(s);
    if (c != '-' && (c < '0' || c > '9')) return eng_jscan_fail(s, "a number expected");
    while (s->p + n < s->end && n + 1 < sizeof text && s->p[n] &&
           strchr("+-.eE0123456789", s->p[n]))
        n++;
    memcpy(text, s->p, n);
    text[n] = 0;
    char *stop;
    double v = strtod(text, &stop);
    if (*stop || !isfinite(v)) return eng_jscan_fail(s, "no number");
    s->p += n;
    *out = v;
    return true;
}

/* A whole number. */
bool eng_jscan_int(eng_jscan *s, int64_t *out)
{
    const double most = 9007199254740992.0;
    double v = 0;
    if (!eng_jscan_num(s, &v)) return false;
    if (v != floor(v) || fabs(v) > most) return eng_jscan_fail(s, "a whole number expected");
    *out = (int64_t)v;
    return true;
}

/* Passes a string without reading it. */
static bool skip_string(eng_jscan *s)
{
    s->p++;
    while (s->p < s->end && *s->p != '"')
        s->p += *s->p == '\\' ? 2 : 1;
    if (s->p >= s->end) {
        s->p = s->end;
        return eng_jscan_fail(s, "a string without end");
    }
    s->p++;
    return true;
}

/* Passes one mark of a value: a bracket, which is counted in *depth, a string, or a character of
 * anything else. */
static bool skip_mark(eng_jscan *s, size_t *depth)
{
    char c = *s->p;
    if (c == '"') return skip_string(s);
    bool closes = c == '}' || c == ']';
    if (closes && !*depth) return eng_jscan_fail(s, "a value expected");
    *depth += c == '{' || c == '[';
    *depth -= closes;
    s->p++;
    return true;
}

/* Passes one value of any kind.  Brackets are counted and not matched with each other: who wants
 * to know reads the value.  Outside all brackets a blank or a mark of what is around ends it;
 * inside, blanks are passed over. */
bool eng_jscan_skip(eng_jscan *s, eng_str *text)
{
    size_t depth = 0;
    bool any = false;
    (void)eng_jscan_peek(s);
    const char *from = s->p;
    while (!s->st) {
        char c = depth || !any ? eng_jscan_peek(s) : (s->p < s->end ? *s->p : 0);
        if (!depth && any && (!c || strchr(",]} \t\r\n", c))) break;
        if (!c) return eng_jscan_fail(s, "the text ends inside a value");
        any = true;
        if (!skip_mark(s, &depth)) return false;
    }
    if (text) *text = (eng_str){from, (size_t)(s->p - from)};
    return !s->st;
}

bool eng_jscan_end(eng_jscan *s)
{
    return !eng_jscan_peek(s) && s->p == s->end && !s->st;
}
