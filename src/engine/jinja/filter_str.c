/* filter_str.c - filters over text. */
#include "engine/jinja/call.h"
#include "engine/jinja/filter.h"
#include "engine/jinja/obj.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/pyfmt.h"
#include "engine/jinja/seq.h"
#include "engine/jinja/strfn.h"
#include "engine/jinja/uni.h"

#include <string.h>

/* Text of a value; a string stays what it is.  Unlike str_of it keeps a string "safe", as
 * jinja2's soft_str does. */
static sk_status soft(jn_run *r, jn_val v, jn_str **out)
{
    jn_val s = v;
    sk_status st = v.type == JN_STR ? SK_OK : eng_jn_str_of(r, v, &s);
    if (!st) *out = s.u.s;
    return st;
}

/* Any value, by its text. */
static sk_status in_case(jn_run *r, jn_val v, jn_case how, jn_val *out)
{
    jn_str *s = NULL;
    sk_status st = soft(r, v, &s);
    return st ? st : eng_jn_case(r, s, how, out);
}

static sk_status upper(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return in_case(r, v, JN_UPPER, out);
}

static sk_status lower(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return in_case(r, v, JN_LOWER, out);
}

/* The first character in title case, all others in lower case. */
static sk_status capitalize(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return in_case(r, v, JN_CAPITALIZE, out);
}

/* A word of title: its first character in upper case, the rest in lower. */
static sk_status put_word(jn_run *r, jn_sb *b, const jn_str *s, size_t from, size_t to)
{
    jn_val head = jn_none(), tail = jn_none();
    size_t first = 0;
    if (from == to) return SK_OK;
    (void)eng_jn_utf8_get(s->p + from, &first);
    sk_status st = eng_jn_str_sub(r, s, from, first, &head);
    if (!st) st = eng_jn_case(r, head.u.s, JN_UPPER, &head);
    if (!st) st = eng_jn_str_sub(r, s, from + first, to - from - first, &tail);
    if (!st) st = eng_jn_case(r, tail.u.s, JN_LOWER, &tail);
    if (st) return st;
    eng_jn_sb_str(b, head.u.s);
    eng_jn_sb_str(b, tail.u.s);
    return SK_OK;
}

/* Words begin behind blanks, hyphens and opening brackets, unlike in str.title: jinja2's own
 * splitting, by which "it's" becomes "It's".  Each gap is copied as it is. */
static sk_status title(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_str *s = NULL;
    jn_sb b;
    size_t from = 0, len;
    (void)a;
    sk_status st = soft(r, v, &s);
    if (st) return st;
    eng_jn_sb_init(&b, r);
    for (size_t i = 0; i < s->n && !st; i += len) {
        uint32_t c = eng_jn_utf8_get(s->p + i, &len);
        bool gap = eng_jn_is_space(c) || (c < 0x80 && c && strchr("-({[<", (int)c));
        if (!gap) continue;
        st = put_word(r, &b, s, from, i);
        eng_jn_sb_part(&b, s, i, len);
        from = i + len;
    }
    if (!st) st = put_word(r, &b, s, from, s->n);
    return st ? st : eng_jn_sb_done(&b, out);
}

/* Without characters: white space as Unicode has it. */
static sk_status trim(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_str *s = NULL, *chars = NULL;
    sk_status st = soft(r, v, &s);
    if (!st) st = eng_jn_arg_str(r, a->v[0], "strip arg", &chars);
    return st ? st : eng_jn_strip(r, s, chars, true, true, out);
}

/* All three may be of any type: their texts count. */
static sk_status replace(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_val s = jn_none(), old = jn_none(), by = jn_none();
    int64_t count = -1;
    sk_status st = eng_jn_str_of(r, v, &s);
    if (!st) st = eng_jn_str_of(r, a->v[0], &old);
    if (!st) st = eng_jn_str_of(r, a->v[1], &by);
    if (!st && a->v[2].type != JN_NONE) st = eng_jn_arg_int(r, a->v[2], "count", -1, &count);
    return st ? st : eng_jn_replace(r, s.u.s, old.u.s, by.u.s, count, out);
}

/* A safe string stays one. */
static sk_status string(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    if (v.type != JN_STR) return eng_jn_str_of(r, v, out);
    *out = v;
    return SK_OK;
}

/* A string that + won't escape. */
static sk_status safe(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_val s = jn_none();
    (void)a;
    sk_status st = eng_jn_str_of(r, v, &s);
    if (!st) st = eng_jn_str_sub(r, s.u.s, 0, s.u.s->n, out);
    if (!st) out->u.s->safe = true;
    return st;
}

/* HTML-escaped once. */
static sk_status escape(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    return eng_jn_escape(r, v, out);
}

/* HTML-escaped again, safe or not. */
static sk_status force_escape(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    (void)a;
    sk_status st = eng_jn_str_of(r, v, &v);
    return st ? st : eng_jn_escape(r, v, out);
}

/* The filling in front of each line: a text, or so many blanks. */
static sk_status indention(jn_run *r, jn_val width, jn_val *out)
{
    int64_t n = 4;
    if (width.type == JN_STR) {
        *out = width;
        return SK_OK;
    }
    sk_status st = eng_jn_arg_int(r, width, "width", 4, &n);
    if (!st) st = eng_jn_str_lit(r, " ", out);
    return st ? st : eng_jn_binary(r, JO_MUL, *out, jn_int(n), out);
}

/* Empty lines stay empty unless `blank`.  A newline is added and the lines split, as jinja2 does
 * it: so "a\n" keeps its empty last line. */
static sk_status indent(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_val in = jn_none(), newline = jn_none(), lines = jn_none();
    jn_sb b;
    sk_status st = indention(r, a->v[0], &in);
    if (!st) st = eng_jn_str_lit(r, "\n", &newline);
    if (!st) st = eng_jn_binary(r, JO_ADD, v, newline, &v);
    if (!st && v.type != JN_STR) st = eng_jn_fail(r, SK_E_INVALID, "indent needs a string");
    if (!st) st = eng_jn_split_lines(r, v.u.s, false, &lines);
    if (st) return st;
    bool first = eng_jn_truth(a->v[1]), blank = eng_jn_truth(a->v[2]);
    eng_jn_sb_init(&b, r);
    for (size_t i = 0; i < lines.u.seq->n; i++) {
        const jn_str *line = lines.u.seq->v[i].u.s;
        if (i) eng_jn_sb_addc(&b, '\n', JN_TEMPLATE);
        if (i ? blank || line->n : first) eng_jn_sb_str(&b, in.u.s);
        eng_jn_sb_str(&b, line);
    }
    st = eng_jn_sb_done(&b, out);
    if (!st) out->u.s->safe = v.u.s->safe;
    return st;
}

/* n blanks. */
static void blanks(jn_sb *b, int64_t n)
{
    for (int64_t i = 0; i < n && !b->st; i++)
        eng_jn_sb_addc(b, ' ', JN_TEMPLATE);
}

/* An odd blank goes where str.center puts it. */
static sk_status center(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_str *s = NULL;
    int64_t width = 80;
    jn_sb b;
    sk_status st = soft(r, v, &s);
    if (!st) st = eng_jn_arg_int(r, a->v[0], "width", 80, &width);
    if (st) return st;
    int64_t need = width - (int64_t)eng_jn_str_chars(s);
    if (need < 0) need = 0;
    int64_t left = need / 2 + (need & width & 1);
    eng_jn_sb_init(&b, r);
    blanks(&b, left);
    eng_jn_sb_str(&b, s);
    blanks(&b, need - left);
    return eng_jn_sb_done(&b, out);
}

/* The first n characters of s and `end` behind them; with `words` cut at the last blank. */
static sk_status cut(jn_run *r, jn_str *s, size_t n, bool words, const jn_str *end, jn_val *out)
{
    jn_val head = jn_none();
    size_t to = eng_jn_str_offset(s, n);
    jn_str blank = {.p = " ", .n = 1};
    if (words) {
        size_t at = eng_jn_str_rfind(s, 0, to, &blank);
        if (at != SIZE_MAX) to = at;
    }
    sk_status st = eng_jn_str_sub(r, s, 0, to, &head);
    return st ? st : eng_jn_str_cat(r, head.u.s, end, out);
}

/* `leeway` more characters are left alone; words are kept whole unless killwords.  The length
 * counts `end`; a text longer by no more than leeway is left whole, since cutting it would save
 * nothing. */
static sk_status truncate_text(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    int64_t length = 255, leeway = 5;
    jn_str dots = {.p = "...", .n = 3, .chars = 3}, *end = &dots, *given = NULL;
    sk_status st = eng_jn_arg_int(r, a->v[0], "length", 255, &length);
    if (!st) st = eng_jn_arg_str(r, a->v[2], "end", &given);
    if (!st && a->v[3].type != JN_NONE) st = eng_jn_arg_int(r, a->v[3], "leeway", 5, &leeway);
    if (given) end = given;
    if (st) return st;
    int64_t n_end = (int64_t)eng_jn_str_chars(end);
    if (length < n_end || leeway < 0)
        return eng_jn_fail(r, SK_E_INVALID, "truncate: expected length >= %lld", (long long)n_end);
    size_t items = 0;
    st = eng_jn_len(r, v, &items);
    if (st) return st;
    int64_t chars = (int64_t)items;
    if (chars <= leeway || chars - leeway <= length) {
        *out = v;
        return SK_OK;
    }
    if (v.type != JN_STR) return eng_jn_fail(r, SK_E_INVALID, "truncate needs a string");
    return cut(r, v.u.s, (size_t)(length - n_end), !eng_jn_truth(a->v[1]), end, out);
}

/* Runs of letters, digits and underscores. */
static sk_status wordcount(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_str *s = NULL;
    int64_t n = 0;
    bool in_word = false;
    (void)a;
    sk_status st = soft(r, v, &s);
    if (!st) st = eng_jn_step_bytes(r, s->n * 4);
    for (size_t i = 0, len; !st && i < s->n; i += len) {
        uint32_t c = eng_jn_utf8_get(s->p + i, &len);
        bool word = c == '_' || eng_jn_is_alpha(c) || eng_jn_is_numeric(c);
        n += word && !in_word;
        in_word = word;
    }
    *out = jn_int(n);
    return st;
}

/* "..."|format(a, b) is "..." % (a, b).  By names is a dict on the right of %, which jinja2
 * allows and no chat template uses. */
static sk_status format(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    jn_str *s = NULL;
    jn_seq seq = {a->v, a->n, a->n, false};
    if (a->n_kw) return eng_jn_fail(r, SK_E_UNSUPPORTED, "format with names is not supported");
    sk_status st = soft(r, v, &s);
    return st ? st
              : eng_jn_percent(r, jn_of_str(s), (jn_val){.type = JN_TUPLE, .u.seq = &seq}, out);
}

/* Letters, digits and _.-~/ stay, all else becomes %XX. */
static sk_status urlencode(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    static const char hex[] = "0123456789ABCDEF";
    jn_str *s = NULL;
    jn_sb b;
    (void)a;
    if (v.type != JN_STR && eng_jn_iterable(v))
        return eng_jn_fail(r, SK_E_UNSUPPORTED, "urlencode of a list is not supported");
    sk_status st = soft(r, v, &s);
    if (st) return st;
    eng_jn_sb_init(&b, r);
    for (size_t i = 0; i < s->n; i++) {
        unsigned char c = (unsigned char)s->p[i];
        bool keep = (c | 32) >= 'a' && (c | 32) <= 'z';
        keep |= (c >= '0' && c <= '9') || (c && strchr("_.-~/", c));
        char code[3] = {'%', hex[c >> 4], hex[c & 15]};
        eng_jn_sb_add(&b, keep ? s->p + i : code, keep ? 1 : 3, jn_mark_at(s, i));
    }
    return eng_jn_sb_done(&b, out);
}

const jn_fn eng_jn_filters_str[] = {
    {"upper", "", 0, upper},
    {"lower", "", 0, lower},
    {"capitalize", "", 0, capitalize},
    {"title", "", 0, title},
    {"trim", "chars", 0, trim},
    {"replace", "old new count", 2, replace},
    {"string", "", 0, string},
    {"safe", "", 0, safe},
    {"escape", "", 0, escape},
    {"e", "", 0, escape},
    {"forceescape", "", 0, force_escape},
    {"indent", "width first blank", 0, indent},
    {"center", "width", 0, center},
    {"truncate", "length killwords end leeway", 0, truncate_text},
    {"wordcount", "", 0, wordcount},
    {"format", NULL, 0, format},
    {"urlencode", "", 0, urlencode},
    {"striptags", "", 0, NULL},
    {"wordwrap", "", 0, NULL},
    {"urlize", "", 0, NULL},
    {"xmlattr", "", 0, NULL},
    {"pprint", "", 0, NULL},
    {"filesizeformat", "", 0, NULL},
    {NULL, NULL, 0, NULL},
};
