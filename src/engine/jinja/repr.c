/* repr.c - str() and repr() of every value. */
#include "engine/jinja/dict.h"
#include "engine/jinja/num.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/seq.h"
#include "engine/jinja/uni.h"

#include <stdio.h>

/* As Python's error messages name them. */
const char *eng_jn_type_name(jn_val v)
{
    static const char *const names[] = {
        [JN_UNSET] = "NoneType",   [JN_UNDEF] = "Undefined",
        [JN_NONE] = "NoneType",    [JN_BOOL] = "bool",
        [JN_INT] = "int",          [JN_FLOAT] = "float",
        [JN_STR] = "str",          [JN_LIST] = "list",
        [JN_TUPLE] = "tuple",      [JN_DICT] = "dict",
        [JN_RANGE] = "range",      [JN_VIEW] = "dict_items",
        [JN_GEN] = "generator",    [JN_NS] = "Namespace",
        [JN_LOOP] = "LoopContext", [JN_MACRO] = "Macro",
        [JN_FUNC] = "function",    [JN_METHOD] = "builtin_function_or_method",
        [JN_CYCLER] = "Cycler",    [JN_JOINER] = "Joiner"};
    static const char *const views[] = {"dict_keys", "dict_values", "dict_items"};
    return v.type == JN_VIEW ? views[v.u.view->kind] : names[v.type];
}

/* A character that repr() shows as it is, escaped if it is a control, a quote or not printable.
 * Escapes are Python's: \x up to U+00FF, \u up to U+FFFF, \U beyond. */
static void put_char(jn_sb *b, const jn_str *s, size_t at, size_t len, uint32_t c, char quote)
{
    char text[16];
    uint8_t mark = jn_mark_at(s, at);
    if (c == '\n' || c == '\r' || c == '\t') {
        text[0] = '\\';
        text[1] = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        eng_jn_sb_add(b, text, 2, mark);
    } else if (c == '\\' || c == (unsigned char)quote) {
        eng_jn_sb_addc(b, '\\', mark);
        eng_jn_sb_part(b, s, at, len);
    } else if (eng_jn_is_printable(c)) {
        eng_jn_sb_part(b, s, at, len);
    } else {
        (void)snprintf(text, sizeof text,
                       c < 0x100     ? "\\x%02x"
                       : c < 0x10000 ? "\\u%04x"
                                     : "\\U%08x",
                       (unsigned)c);
        eng_jn_sb_adds(b, text, mark);
    }
}

/* Single quotes, unless the text has such and no double ones. */
static void put_quoted(jn_sb *b, const jn_str *s)
{
    bool one = false, two = false;
    for (size_t i = 0; i < s->n; i++) {
        one |= s->p[i] == '\'';
        two |= s->p[i] == '"';
    }
    char quote = one && !two ? '"' : '\'';
    uint8_t mark = s->n ? jn_mark_at(s, 0) : s->mark;
    if (s->safe) eng_jn_sb_adds(b, "Markup(", mark);
    eng_jn_sb_addc(b, quote, mark);
    for (size_t i = 0; i < s->n && !b->st;) {
        size_t len;
        uint32_t c = eng_jn_utf8_get(s->p + i, &len);
        put_char(b, s, i, len, c, quote);
        i += len;
    }
    eng_jn_sb_addc(b, quote, mark);
    if (s->safe) eng_jn_sb_adds(b, ")", mark);
}

/* Items with commas between; a tuple of one ends in a comma. */
static sk_status put_items(jn_run *r, jn_sb *b, const jn_seq *s, const char *ends, uint8_t mark)
{
    sk_status st = SK_OK;
    eng_jn_sb_addc(b, ends[0], mark);
    for (size_t i = 0; i < s->n && !st; i++) {
        if (i) eng_jn_sb_adds(b, ", ", mark);
        st = eng_jn_put_repr(r, b, s->v[i]);
    }
    if (ends[0] == '(' && s->n == 1) eng_jn_sb_addc(b, ',', mark);
    eng_jn_sb_addc(b, ends[1], mark);
    return st ? st : b->st;
}

/* In order of insertion. */
static sk_status put_dict(jn_run *r, jn_sb *b, const jn_dict *d, uint8_t mark)
{
    size_t at = 0, n = 0;
    sk_status st = SK_OK;
    eng_jn_sb_addc(b, '{', mark);
    for (jn_entry *e; !st && (e = eng_jn_dict_next(d, &at)); n++) {
        if (n) eng_jn_sb_adds(b, ", ", mark);
        st = eng_jn_put_repr(r, b, e->key);
        eng_jn_sb_adds(b, ": ", mark);
        if (!st) st = eng_jn_put_repr(r, b, e->val);
    }
    eng_jn_sb_addc(b, '}', mark);
    return st ? st : b->st;
}

/* dict_keys([...]) */
static sk_status put_view(jn_run *r, jn_sb *b, jn_val v)
{
    jn_seq s;
    sk_status st = eng_jn_items(r, v, &s);
    if (st) return st;
    eng_jn_sb_adds(b, eng_jn_type_name(v), v.mark);
    eng_jn_sb_addc(b, '(', v.mark);
    st = put_items(r, b, &s, "[]", v.mark);
    eng_jn_sb_addc(b, ')', v.mark);
    return st;
}

/* The step only if it is not 1. */
static void put_range(jn_sb *b, const jn_range *g, uint8_t mark)
{
    char text[80];
    int n =
        snprintf(text, sizeof text, "range(%lld, %lld", (long long)g->start, (long long)g->stop);
    if (g->step != 1)
        (void)snprintf(text + n, sizeof text - (size_t)n, ", %lld", (long long)g->step);
    eng_jn_sb_adds(b, text, mark);
    eng_jn_sb_addc(b, ')', mark);
}

/* Values that hold others.  A list that holds itself ends at the limit of depth; Python prints
 * [...] there, which no template wants. */
static sk_status put_container(jn_run *r, jn_sb *b, jn_val v)
{
    sk_status st = eng_jn_enter(r);
    if (st) return st;
    switch ((int)v.type) {
    case JN_LIST:
        st = put_items(r, b, v.u.seq, "[]", v.mark);
        break;
    case JN_TUPLE:
        st = put_items(r, b, v.u.seq, "()", v.mark);
        break;
    case JN_DICT:
        st = put_dict(r, b, v.u.d, v.mark);
        break;
    case JN_VIEW:
        st = put_view(r, b, v);
        break;
    default:
        eng_jn_sb_adds(b, "<Namespace ", v.mark);
        st = put_dict(r, b, v.u.d, v.mark);
        eng_jn_sb_addc(b, '>', v.mark);
    }
    eng_jn_leave(r);
    return st;
}

/* What Python shows with an address has no text here.  Addresses differ from run to run, and a
 * prompt must not. */
sk_status eng_jn_put_repr(jn_run *r, jn_sb *b, jn_val v)
{
    char text[JN_NUM_TEXT];
    switch ((int)v.type) {
    case JN_UNDEF:
        eng_jn_sb_adds(b, "Undefined", v.mark);
        return b->st;
    case JN_NONE:
        eng_jn_sb_adds(b, "None", v.mark);
        return b->st;
    case JN_BOOL:
        eng_jn_sb_adds(b, v.u.b ? "True" : "False", v.mark);
        return b->st;
    case JN_INT:
        (void)snprintf(text, sizeof text, "%lld", (long long)v.u.i);
        eng_jn_sb_adds(b, text, v.mark);
        return b->st;
    case JN_FLOAT:
        eng_jn_num_repr(v.u.f, text);
        eng_jn_sb_adds(b, text, v.mark);
        return b->st;
    case JN_STR:
        put_quoted(b, v.u.s);
        return b->st;
    case JN_RANGE:
        put_range(b, v.u.range, v.mark);
        return b->st;
    case JN_LIST:
    case JN_TUPLE:
    case JN_DICT:
    case JN_VIEW:
    case JN_NS:
        return put_container(r, b, v);
    default:
        return eng_jn_fail(r, SK_E_UNSUPPORTED, "the text of a '%s' object is not supported",
                           eng_jn_type_name(v));
    }
}

/* Nothing for what is undefined, in contrast to repr(). */
sk_status eng_jn_put_str(jn_run *r, jn_sb *b, jn_val v)
{
    if (v.type == JN_UNDEF) return SK_OK;
    if (v.type != JN_STR) return eng_jn_put_repr(r, b, v);
    eng_jn_sb_str(b, v.u.s);
    return b->st;
}

/* A string is its own str(), but for its being safe. */
sk_status eng_jn_str_of(jn_run *r, jn_val v, jn_val *out)
{
    if (v.type == JN_STR && !v.u.s->safe) {
        *out = v;
        return SK_OK;
    }
    if (v.type == JN_STR) {
        sk_status st = eng_jn_str_sub(r, v.u.s, 0, v.u.s->n, out);
        if (!st) out->u.s->safe = false;
        return st;
    }
    jn_sb b;
    eng_jn_sb_init(&b, r);
    sk_status st = eng_jn_put_str(r, &b, v);
    return st ? st : eng_jn_sb_done(&b, out);
}

/* & < > and both quotes, the way MarkupSafe writes them. */
sk_status eng_jn_escape(jn_run *r, jn_val v, jn_val *out)
{
    static const char *const to[] = {
        ['&'] = "&amp;", ['<'] = "&lt;", ['>'] = "&gt;", ['"'] = "&#34;", ['\''] = "&#39;"};
    if (v.type == JN_STR && v.u.s->safe) {
        *out = v;
        return SK_OK;
    }
    jn_sb b;
    jn_val text = jn_none();
    sk_status st = eng_jn_str_of(r, v, &text);
    if (st) return st;
    const jn_str *s = text.u.s;
    eng_jn_sb_init(&b, r);
    for (size_t i = 0; i < s->n && !b.st; i++) {
        unsigned char c = (unsigned char)s->p[i];
        const char *other = c < sizeof to / sizeof to[0] ? to[c] : NULL;
        if (other)
            eng_jn_sb_adds(&b, other, jn_mark_at(s, i));
        else
            eng_jn_sb_part(&b, s, i, 1);
    }
    st = eng_jn_sb_done(&b, out);
    if (!st) out->u.s->safe = true;
    return st;
}
