/* pyspec.c - laying out one value. */
#include "engine/jinja/pyspec.h"

#include "engine/jinja/num.h"
#include "engine/jinja/ops.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Digits behind the point that are honoured, and room for the longest number: 309 digits of the
 * largest double, 102 separators, MAX_DIGITS behind the point, and the signs around them. */
enum { MAX_DIGITS = 100, NUM_TEXT = 520 };

/* Fills up to the width around text of `chars` characters. */
static void pad(jn_sb *b, uint32_t fill, int64_t n, uint8_t mark)
{
    for (int64_t i = 0; i < n && !b->st; i++)
        eng_jn_sb_char(b, fill, mark);
}

/* Appends s, padded; the first `lead` bytes (a sign) stay in front of the filling where align is
 * '='.  The filling gets the mark of the text's first byte: it is made for that value. */
static void put_padded(jn_sb *b, const jn_str *s, size_t lead, const jn_spec *sp, char own)
{
    jn_str copy = *s;
    int64_t need = sp->width - (int64_t)eng_jn_str_chars(&copy);
    char align = sp->align ? sp->align : own;
    assert(lead <= s->n);
    uint8_t mark = s->mk ? s->mk[0] : s->mark;
    if (need < 0) need = 0;
    int64_t before = align == '>' ? need : align == '^' ? need / 2 : 0;
    pad(b, sp->fill, before, mark);
    if (align == '=') {
        eng_jn_sb_part(b, s, 0, lead);
        pad(b, sp->fill, need, mark);
        eng_jn_sb_part(b, s, lead, s->n - lead);
        return;
    }
    eng_jn_sb_str(b, s);
    pad(b, sp->fill, need - before, mark);
}

/* As of 'd' for a text. */
static sk_status bad_code(jn_run *r, const jn_spec *s, jn_val v)
{
    return eng_jn_fail(r, SK_E_INVALID, "unknown format code '%c' for object of type '%s'", s->type,
                       eng_jn_type_name(v));
}

/* Sets a separator between the thousands of the whole part of text. */
static void group_digits(char *text, char sep)
{
    char out[NUM_TEXT];
    size_t lead = text[0] == '-' || text[0] == '+' || text[0] == ' ', k = 0;
    size_t n = strspn(text + lead, "0123456789");
    memcpy(out, text, lead);
    k = lead;
    for (size_t i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0) out[k++] = sep;
        out[k++] = text[lead + i];
    }
    int tail = snprintf(out + k, sizeof out - k, "%s", text + lead + n);
    assert(tail >= 0 && (size_t)tail < sizeof out - k);
    (void)tail;
    memcpy(text, out, sizeof out);
}

/* The digits of v in the kind's base, the last first; returns how many. */
static size_t reversed_digits(uint64_t v, char type, char digits[80])
{
    char t = type | 32;
    unsigned base = t == 'x' ? 16 : t == 'o' ? 8 : t == 'b' ? 2 : 10;
    const char *set = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    size_t n = 0;
    do {
        digits[n++] = set[v % base];
        v /= base;
    } while (v);
    return n;
}

/* A whole number in its base, with the sign asked for.  In unsigned arithmetic, as the least int64
 * has no positive twin. */
static void int_text(int64_t i, const jn_spec *s, char out[NUM_TEXT])
{
    char digits[80], t = s->type | 32;
    size_t n = reversed_digits(i < 0 ? 0 - (uint64_t)i : (uint64_t)i, s->type, digits), k = 0;
    while (s->percent && (int64_t)n < s->prec && n < MAX_DIGITS / 2)
        digits[n++] = '0';
    if (i < 0 || s->sign) out[k++] = i < 0 ? '-' : s->sign;
    if (s->alt && (t == 'x' || t == 'o' || t == 'b')) {
        out[k++] = '0';
        out[k++] = s->type == 'X' ? 'X' : t;
    }
    while (n)
        out[k++] = digits[--n];
    out[k] = 0;
}

/* A float in one of the forms of printf; without a kind as repr() has it, or with `prec` digits.
 * printf rounds the exact binary value half to even, which is what Python's format does, too. */
static void float_text(double f, const jn_spec *s, char out[NUM_TEXT])
{
    char form[16] = "%";
    size_t k = 1;
    char t = s->type ? s->type : 'r';
    int prec = s->prec < 0 ? 6 : (int)(s->prec > MAX_DIGITS ? MAX_DIGITS : s->prec);
    if (s->sign) form[k++] = s->sign;
    if (s->alt) form[k++] = '#';
    memcpy(form + k, ".*", 2);
    k += 2;
    if (t == '%') f *= 100;
    form[k++] = t == '%' ? 'f' : t == 'r' || t == 'n' ? 'g' : t;
    form[k] = 0;
    if (t == 'r' && s->prec < 0) {
        out[0] = s->sign;
        eng_jn_num_repr(f, out + (s->sign && !signbit(f)));
        return;
    }
    /* The form is made of what was checked above. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(out, NUM_TEXT, form, prec, f);
#pragma GCC diagnostic pop
    if (t == '%') memcpy(out + strlen(out), "%", 2);
}

/* True for the kinds that want a whole number.  (i and u are C's names of d.) */
static bool is_whole(char type)
{
    return type && strchr("dxXobiu", type) != NULL;
}

/* Bytes at the front of a number that stay before the filling: its sign, and a 0x that was asked
 * for. */
static size_t lead_of(const char *text, bool prefixed)
{
    size_t lead = text[0] == '-' || text[0] == '+' || text[0] == ' ';
    if (!prefixed || text[lead] != '0' || !text[lead + 1]) return lead;
    return strchr("xXob", text[lead + 1]) ? lead + 2 : lead;
}

/* %d cuts floats, {:d} refuses them; so do x, o and b of either. */
static sk_status put_number(jn_run *r, jn_sb *b, jn_val v, const jn_spec *s)
{
    char text[NUM_TEXT] = "";
    char t = s->type ? s->type : jn_is_int(v) ? 'd' : 0;
    if (is_whole(t) && v.type == JN_FLOAT) {
        if (!s->percent || strchr("xXo", t)) return bad_code(r, s, v);
        sk_status st = eng_jn_num_trunc(r, v.u.f, &v);
        if (st) return st;
    }
    if (is_whole(t))
        int_text(jn_to_int(v), s, text);
    else if (t == 0 || strchr("eEfFgG%n", t))
        float_text(jn_to_float(v), s, text);
    else
        return bad_code(r, s, v);
    if (s->group) group_digits(text, s->group);
    jn_str n = {.p = text, .n = strlen(text), .chars = SIZE_MAX, .mark = v.mark};
    put_padded(b, &n, lead_of(text, s->alt), s, '>');
    return b->st;
}

/* str(v), cut to the precision. */
static sk_status put_text(jn_run *r, jn_sb *b, jn_val v, const jn_spec *s)
{
    jn_val text = jn_none();
    sk_status st = eng_jn_str_of(r, v, &text);
    if (st) return st;
    size_t chars = eng_jn_str_chars(text.u.s);
    if (s->prec >= 0 && (size_t)s->prec < chars)
        st = eng_jn_str_sub(r, text.u.s, 0, eng_jn_str_offset(text.u.s, (size_t)s->prec), &text);
    if (st) return st;
    put_padded(b, text.u.s, 0, s, s->percent ? '>' : '<');
    return b->st;
}

/* The character of a code point. */
static sk_status put_code_point(jn_run *r, jn_sb *b, jn_val v)
{
    int64_t c = jn_to_int(v);
    if (c < 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        return eng_jn_fail(r, SK_E_INVALID, "%%c arg not in range(0x110000)");
    eng_jn_sb_char(b, (uint32_t)c, v.mark);
    return b->st;
}

/* True for a spec that asks for nothing: "{}". */
static bool is_empty(const jn_spec *s)
{
    return !s->type && !s->align && !s->sign && !s->alt && !s->group && s->width < 0 && s->prec < 0;
}

/* Booleans are words in "{}" only: as soon as a spec asks for anything, they are the numbers 1 and
 * 0, as in Python. */
sk_status eng_jn_spec_put(jn_run *r, jn_sb *b, jn_val v, const jn_spec *s)
{
    if (s->width > (int64_t)r->max_output)
        return eng_jn_fail(r, SK_E_TOOBIG, "a text of more than %llu bytes",
                           (unsigned long long)r->max_output);
    if (s->type == 'c') {
        if (jn_is_int(v)) return put_code_point(r, b, v);
        return v.type == JN_STR ? put_text(r, b, v, s) : bad_code(r, s, v);
    }
    if (jn_is_num(v) && s->type != 's' && !(v.type == JN_BOOL && is_empty(s)))
        return put_number(r, b, v, s);
    if (s->type && s->type != 's') return bad_code(r, s, v);
    return put_text(r, b, v, s);
}

/* Digits at *p; -1 if there are none. */
static int64_t read_int(const char **p, const char *end)
{
    int64_t v = -1;
    for (; *p < end && **p >= '0' && **p <= '9'; ++*p)
        if (v < 1000000000) v = (v < 0 ? 0 : v * 10) + (**p - '0');
    return v;
}

/* [[fill]align]: a character counts as filling only if an alignment follows it. */
static const char *read_align(const char *p, const char *end, jn_spec *s)
{
    size_t len = 0;
    uint32_t c = p < end ? eng_jn_utf8_get(p, &len) : 0;
    if (len && p + len < end && strchr("<>^=", p[len])) {
        s->fill = c;
        s->align = p[len];
        return p + len + 1;
    }
    if (p < end && strchr("<>^=", *p)) s->align = *p++;
    return p;
}

/* [sign][#][0]: the zero fills behind the sign, unless an alignment was given. */
static const char *read_flags(const char *p, const char *end, jn_spec *s)
{
    if (p < end && strchr("+- ", *p)) {
        s->sign = *p == '-' ? 0 : *p;
        p++;
    }
    if (p < end && *p == '#') {
        s->alt = true;
        p++;
    }
    if (p == end || *p != '0') return p;
    if (!s->align) {
        s->fill = '0';
        s->align = '=';
    }
    return p + 1;
}

/* [[fill]align][sign][#][0][width][group][.precision][type] */
sk_status eng_jn_spec_read(jn_run *r, const char *p, size_t n, jn_spec *out)
{
    const char *end = p + n;
    jn_spec s = {.fill = ' ', .width = -1, .prec = -1};
    p = read_flags(read_align(p, end, &s), end, &s);
    s.width = read_int(&p, end);
    if (p < end && (*p == ',' || *p == '_')) s.group = *p++;
    if (p < end && *p == '.') {
        p++;
        s.prec = read_int(&p, end);
    }
    if (p < end) s.type = *p++;
    if (p != end || (s.type && !strchr("sdfFeEgGxXobcn%", s.type)))
        return eng_jn_fail(r, SK_E_INVALID, "invalid format specifier");
    *out = s;
    return SK_OK;
}
