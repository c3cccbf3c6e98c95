/* pyfmt.c - the % operator and str.format. */
#include "engine/jinja/pyfmt.h"

#include "engine/jinja/dict.h"
#include "engine/jinja/num.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/pyspec.h"

#include <string.h>

/* A form being read, and the values that go in. */
typedef struct filling {
    jn_run *r;
    const jn_str *form;
    size_t at;
    jn_sb b;
    jn_seq values;       /* of % and positional ones of format */
    const jn_dict *dict; /* of %(name)s */
    const jn_args *args; /* of format */
    size_t used;
    bool numbered, automatic;
} filling;

/* The template is wrong, or the values are. */
static sk_status bad(filling *f, const char *what)
{
    return eng_jn_fail(f->r, SK_E_INVALID, "%s", what);
}

/* Text up to the next of the characters in `stop`, as it is. */
static bool copy_to(filling *f, const char *stop)
{
    size_t from = f->at;
    while (f->at < f->form->n && !strchr(stop, f->form->p[f->at]))
        f->at++;
    eng_jn_sb_part(&f->b, f->form, from, f->at - from);
    return f->at < f->form->n;
}

/* The next byte of the form, 0 at its end. */
static char peek(const filling *f)
{
    return f->at < f->form->n ? f->form->p[f->at] : 0;
}

/* ---- % ---- */

static sk_status next_value(filling *f, jn_val *out)
{
    if (f->used >= f->values.n) return bad(f, "not enough arguments for format string");
    *out = f->values.v[f->used++];
    return SK_OK;
}

/* A number, or * for the next value.  Numbers stop growing at 10^9, far beyond any limit,
 * instead of overflowing. */
static sk_status percent_number(filling *f, int64_t *out)
{
    jn_val v = jn_none();
    if (peek(f) == '*') {
        f->at++;
        sk_status st = next_value(f, &v);
        if (st) return st;
        if (!jn_is_int(v)) return bad(f, "* wants int");
        *out = jn_to_int(v);
        return SK_OK;
    }
    for (char c; (c = peek(f)) >= '0' && c <= '9'; f->at++)
        if (*out < 1000000000) *out = (*out < 0 ? 0 : *out * 10) + (c - '0');
    return SK_OK;
}

/* "(name)": the value of that key.  With a name all values count as used: "%(a)s" % {'a': 1,
 * 'b': 2} is no error. */
static sk_status percent_key(filling *f, jn_val *v)
{
    jn_val key = jn_none();
    jn_entry *e = NULL;
    size_t from = ++f->at;
    while (peek(f) && peek(f) != ')')
        f->at++;
    if (!peek(f)) return bad(f, "incomplete format key");
    sk_status st = eng_jn_str_sub(f->r, f->form, from, f->at++ - from, &key);
    if (st) return st;
    if (!f->dict) return bad(f, "format requires a mapping");
    st = eng_jn_dict_find(f->r, f->dict, key, &e);
    if (st) return st;
    if (!e) return bad(f, "a key of the format is not in the mapping");
    *v = e->val;
    f->used = f->values.n;
    return SK_OK;
}

/* What stands between % and the letter. '-' wins over '0', as in C.  h, l and L are read and
 * mean nothing, as in Python. */
static sk_status percent_flags(filling *f, jn_spec *s)
{
    for (; peek(f) && strchr("#0- +", peek(f)); f->at++) {
        char c = peek(f);
        if (c == '#') s->alt = true;
        if (c == '-') s->align = '<';
        if (c == '0' && s->align != '<') s->align = '=';
        if (c == '+' || (c == ' ' && !s->sign)) s->sign = c;
    }
    if (s->align == '=') s->fill = '0';
    sk_status st = percent_number(f, &s->width);
    if (!st && peek(f) == '.') {
        f->at++;
        s->prec = 0;
        st = percent_number(f, &s->prec);
    }
    while (peek(f) && strchr("hlL", peek(f)))
        f->at++;
    return st;
}

/* Checks that the letter and the value go together. */
static sk_status percent_check(filling *f, const jn_spec *s, jn_val v)
{
    if (strchr("diuoxX", s->type) && !jn_is_num(v))
        return eng_jn_fail(f->r, SK_E_INVALID, "%%%c format: a real number is required, not %s",
                           s->type, eng_jn_type_name(v));
    if (strchr("eEfFgG", s->type) && !jn_is_num(v))
        return eng_jn_fail(f->r, SK_E_INVALID, "must be real number, not %s", eng_jn_type_name(v));
    return SK_OK;
}

/* repr() of a value as a string value: %r, %a, {!r}, {!a}. */
static sk_status repr_of(jn_run *r, jn_val v, jn_val *out)
{
    jn_sb b;
    eng_jn_sb_init(&b, r);
    sk_status st = eng_jn_put_repr(r, &b, v);
    return st ? st : eng_jn_sb_done(&b, out);
}

/* Lays a value out by the letter of its conversion.  What is text is filled with blanks, whatever
 * the flags: "%05s" has no zeros. */
static sk_status percent_put(filling *f, jn_spec *s, jn_val v)
{
    sk_status st = percent_check(f, s, v);
    if (st) return st;
    if (s->type == 'i' || s->type == 'u') s->type = 'd';
    if (s->type == 'r' || s->type == 'a') {
        st = repr_of(f->r, v, &v);
        s->type = 's';
    }
    if (s->type == 's' || s->type == 'c') {
        s->fill = ' ';
        if (s->align == '=') s->align = '>';
    }
    return st ? st : eng_jn_spec_put(f->r, &f->b, v, s);
}

/* One conversion; % has been taken. */
static sk_status percent_one(filling *f)
{
    jn_spec s = {.fill = ' ', .width = -1, .prec = -1, .percent = true};
    jn_val v = {.type = JN_UNSET};
    sk_status st = peek(f) == '(' ? percent_key(f, &v) : SK_OK;
    if (!st) st = percent_flags(f, &s);
    if (st) return st;
    s.type = peek(f);
    if (!s.type) return bad(f, "incomplete format");
    f->at++;
    if (s.type == '%') {
        eng_jn_sb_addc(&f->b, '%', JN_TEMPLATE);
        return f->b.st;
    }
    if (!strchr("diouxXeEfFgGcrsa", s.type)) return bad(f, "unsupported format character");
    if (v.type == JN_UNSET) st = next_value(f, &v);
    return st ? st : percent_put(f, &s, v);
}

/* All values must be used, unless they can be read by name. */
sk_status eng_jn_percent(jn_run *r, jn_val form, jn_val values, jn_val *out)
{
    filling f = {.r = r, .form = form.u.s, .values = {&values, 1, 1}};
    eng_jn_sb_init(&f.b, r);
    if (values.type == JN_TUPLE) f.values = *values.u.seq;
    if (values.type == JN_DICT) f.dict = values.u.d;
    while (copy_to(&f, "%")) {
        f.at++;
        sk_status st = percent_one(&f);
        if (st) return st;
    }
    /* What could be a mapping may be left over. */
    bool mapping =
        f.dict || values.type == JN_LIST || values.type == JN_RANGE || values.type == JN_UNDEF;
    if (f.used < f.values.n && !mapping)
        return bad(&f, "not all arguments converted during string formatting");
    return eng_jn_sb_done(&f.b, out);
}

/* ---- format ---- */

/* The positional argument of a field "{}" or "{0}".  The two may not be mixed within one form,
 * Python's rule. */
static sk_status positional(filling *f, const char *p, size_t n, jn_val *out)
{
    int64_t i = 0;
    bool big = false;
    if (n && (!eng_jn_num_parse_int(p, n, 10, &i, &big) || big))
        return bad(f, "a field of the format is no number");
    f->numbered |= n > 0;
    f->automatic |= n == 0;
    if (f->numbered && f->automatic)
        return bad(f, "cannot switch between manual and automatic field numbering");
    size_t at = n ? (size_t)i : f->used++;
    if (at >= f->args->n) return bad(f, "replacement index out of range for positional args");
    *out = f->args->v[at];
    return SK_OK;
}

/* The argument a field begins with: a name, a number or the next one. */
static sk_status field_value(filling *f, const char *p, size_t n, jn_val *out)
{
    if (n == 0 || (p[0] >= '0' && p[0] <= '9')) return positional(f, p, n, out);
    for (size_t k = 0; k < f->args->n_kw; k++)
        if (f->args->kw[k].name->n == n && memcmp(f->args->kw[k].name->p, p, n) == 0) {
            *out = f->args->kw[k].v;
            return SK_OK;
        }
    return eng_jn_fail(f->r, SK_E_INVALID, "the format needs the argument '%.*s'",
                       (int)(n < 40 ? n : 40), p);
}

/* One ".attribute" or "[item]" of p..end; returns how many bytes its name has, SIZE_MAX for a
 * bracket that is not closed. */
static size_t step_length(const char *p, const char *end, bool item)
{
    size_t left = (size_t)(end - p);
    if (item) {
        const char *close = memchr(p, ']', left);
        return close ? (size_t)(close - p) : SIZE_MAX;
    }
    size_t n = strcspn(p, ".[]!:}");
    return n < left ? n : left;
}

/* .attribute and [item] behind it.  An index of digits is a number, any other text a key:
 * "{a[0]}" and "{a[x]}" both work without quotes. */
static sk_status field_path(filling *f, const char *p, const char *end, jn_val *v)
{
    while (p < end) {
        bool item = *p++ == '[', big = false;
        size_t n = step_length(p, end, item);
        if (n == SIZE_MAX) return bad(f, "expected ']' in the format");
        jn_val key = jn_none();
        int64_t i = 0;
        sk_status st = eng_jn_str_copy(f->r, p, n, JN_TEMPLATE, &key);
        if (st) return st;
        if (item && eng_jn_num_parse_int(p, n, 10, &i, &big) && !big) key = jn_int(i);
        st = item ? eng_jn_getitem(f->r, *v, key, v) : eng_jn_getattr(f->r, *v, key.u.s, v);
        if (st) return st;
        p += n + item;
        if (p < end && *p != '.' && *p != '[') return bad(f, "a field of the format is malformed");
    }
    return SK_OK;
}

/* The conversion behind the ! of a field: r and a give the repr(), s the text; without one the
 * text of what is neither a number nor a string. */
static sk_status convert(filling *f, const char *bang, const char *end, jn_val *v)
{
    if (bang && (end - bang != 2 || !strchr("rsa", bang[1])))
        return bad(f, "unknown conversion of a format");
    if (bang && bang[1] != 's') return repr_of(f->r, *v, v);
    if (bang || (!jn_is_num(*v) && v->type != JN_STR)) return eng_jn_str_of(f->r, *v, v);
    return SK_OK;
}

/* "{field!r:spec}"; the brace has been taken. */
static sk_status field(filling *f)
{
    const char *p = f->form->p + f->at, *stop = f->form->p + f->form->n, *end = p;
    while (end < stop && *end != '}' && *end != '{')
        end++;
    if (end == stop) return bad(f, "expected '}' before end of string");
    if (*end == '{') return bad(f, "nested fields of a format are not supported");
    f->at = (size_t)(end - f->form->p) + 1;
    const char *colon = memchr(p, ':', (size_t)(end - p)), *head = colon ? colon : end;
    const char *bang = memchr(p, '!', (size_t)(head - p)), *name_end = bang ? bang : head;
    const char *first = p, *spec = colon ? colon + 1 : end;
    while (first < name_end && *first != '.' && *first != '[')
        first++;
    jn_val v = jn_none();
    jn_spec s;
    sk_status st = field_value(f, p, (size_t)(first - p), &v);
    if (!st) st = field_path(f, first, name_end, &v);
    if (!st) st = eng_jn_spec_read(f->r, spec, (size_t)(end - spec), &s);
    if (!st) st = convert(f, bang, head, &v);
    return st ? st : eng_jn_spec_put(f->r, &f->b, v, &s);
}

/* Doubled braces are braces. */
sk_status eng_jn_format(jn_run *r, jn_val form, const jn_args *a, jn_val *out)
{
    filling f = {.r = r, .form = form.u.s, .args = a};
    eng_jn_sb_init(&f.b, r);
    while (copy_to(&f, "{}")) {
        char c = peek(&f);
        f.at++;
        if (peek(&f) == c) {
            eng_jn_sb_part(&f.b, f.form, f.at++, 1);
            continue;
        }
        if (c == '}') return bad(&f, "single '}' encountered in format string");
        sk_status st = field(&f);
        if (st) return st;
    }
    return eng_jn_sb_done(&f.b, out);
}
