/* filter_json.c - tojson as transformers defines it (json.dumps, no HTML escaping), and from_json.
 *
 * transformers replaces jinja2's tojson by json.dumps(ensure_ascii=False), and chat templates
 * write tool schemas with it: a blank too many would change the prompt.  Brackets, commas and
 * quotes get the mark of the value they belong to, so a tool's JSON is message text as a whole.
 */
#include "base/json.h"
#include "engine/jinja/call.h"
#include "engine/jinja/convert.h"
#include "engine/jinja/dict.h"
#include "engine/jinja/filter.h"
#include "engine/jinja/num.h"
#include "engine/jinja/ops.h"
#include "engine/jinja/seq.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* How to write. */
typedef struct writer {
    jn_run *r;
    jn_sb b;
    bool ascii, sort;
    const jn_str *indent; /* NULL: all in one line */
    const jn_str *comma, *colon;
    size_t level;
} writer;

static sk_status put(writer *w, jn_val v);

/* A character, escaped where JSON or ensure_ascii asks for it.  A NUL is c = 0, which strchr
 * would find at the end of the list: hence the test. */
static void put_char(writer *w, const jn_str *s, size_t at, size_t len, uint32_t c)
{
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    char text[16];
    const char *k = c && c < 0x80 ? strchr(from, (int)c) : NULL;
    if (k) {
        text[0] = '\\';
        text[1] = to[k - from];
        eng_jn_sb_add(&w->b, text, 2, jn_mark_at(s, at));
    } else if (c < 0x20 || (w->ascii && c >= 0x7F && c < 0x10000)) {
        (void)snprintf(text, sizeof text, "\\u%04x", (unsigned)c);
        eng_jn_sb_adds(&w->b, text, jn_mark_at(s, at));
    } else if (w->ascii && c >= 0x10000) {
        (void)snprintf(text, sizeof text, "\\u%04x\\u%04x", (unsigned)(0xD7C0 + (c >> 10)),
                       (unsigned)(0xDC00 | (c & 0x3FF)));
        eng_jn_sb_adds(&w->b, text, jn_mark_at(s, at));
    } else {
        eng_jn_sb_part(&w->b, s, at, len);
    }
}

/* The quotes belong to the text they enclose. */
static void put_string(writer *w, const jn_str *s)
{
    uint8_t mark = s->n ? jn_mark_at(s, 0) : s->mark;
    eng_jn_sb_addc(&w->b, '"', mark);
    for (size_t i = 0; i < s->n && !w->b.st;) {
        size_t len;
        uint32_t c = eng_jn_utf8_get(s->p + i, &len);
        put_char(w, s, i, len, c);
        i += len;
    }
    eng_jn_sb_addc(&w->b, '"', mark);
}

/* JSON has no NaN and infinities, Python writes them all the same. */
static void put_float(writer *w, jn_val v)
{
    char text[JN_NUM_TEXT];
    eng_jn_num_repr(v.u.f, text);
    if (isnan(v.u.f)) memcpy(text, "NaN", 4);
    if (isinf(v.u.f)) (void)snprintf(text, sizeof text, "%sInfinity", v.u.f < 0 ? "-" : "");
    eng_jn_sb_adds(&w->b, text, v.mark);
}

/* A new line at the present level, where lines are asked for. */
static void new_line(writer *w, uint8_t mark)
{
    if (!w->indent) return;
    eng_jn_sb_addc(&w->b, '\n', mark);
    for (size_t i = 0; i < w->level; i++)
        eng_jn_sb_add(&w->b, w->indent->p, w->indent->n, mark);
}

/* Between items; the mark is that of the list or dict, whatever the separator came from. */
static void separator(writer *w, const jn_str *s, uint8_t mark)
{
    eng_jn_sb_add(&w->b, s->p, s->n, mark);
}

/* Tuples are lists. */
static sk_status put_list(writer *w, jn_val v)
{
    const jn_seq *s = v.u.seq;
    sk_status st = SK_OK;
    eng_jn_sb_addc(&w->b, '[', v.mark);
    w->level++;
    for (size_t i = 0; i < s->n && !st; i++) {
        if (i) separator(w, w->comma, v.mark);
        new_line(w, v.mark);
        st = put(w, s->v[i]);
    }
    w->level--;
    if (s->n) new_line(w, v.mark);
    eng_jn_sb_addc(&w->b, ']', v.mark);
    return st ? st : w->b.st;
}

/* Keys that are no strings are written as such. */
static sk_status put_key(writer *w, jn_val key, uint8_t mark)
{
    if (key.type == JN_STR) {
        put_string(w, key.u.s);
        return w->b.st;
    }
    if (!jn_is_num(key) && key.type != JN_NONE)
        return eng_jn_fail(w->r, SK_E_INVALID, "keys must be str, int, float, bool or None, not %s",
                           eng_jn_type_name(key));
    eng_jn_sb_addc(&w->b, '"', mark);
    sk_status st = put(w, key);
    eng_jn_sb_addc(&w->b, '"', mark);
    return st;
}

/* The entries as pairs, in order. sort_keys sorts by the keys as they are; mixed types have no
 * order and fail, as in Python. */
static sk_status entries(writer *w, jn_dict *d, jn_val **val, jn_val **key)
{
    size_t at = 0, n = 0;
    *val = jn_new_n(&w->r->mem, jn_val, d->live + 1);
    *key = *val ? jn_new_n(&w->r->mem, jn_val, d->live + 1) : NULL;
    if (!*key) return eng_jn_oom(w->r);
    for (jn_entry *e; (e = eng_jn_dict_next(d, &at)); n++) {
        (*val)[n] = e->val;
        (*key)[n] = e->key;
    }
    return w->sort ? eng_jn_sort(w->r, *val, *key, n, false) : SK_OK;
}

/* Keys in order of insertion, unless sort_keys. */
static sk_status put_dict(writer *w, jn_val v)
{
    jn_val *val = NULL, *key = NULL;
    sk_status st = entries(w, v.u.d, &val, &key);
    eng_jn_sb_addc(&w->b, '{', v.mark);
    w->level++;
    for (size_t i = 0; i < v.u.d->live && !st; i++) {
        if (i) separator(w, w->comma, v.mark);
        new_line(w, v.mark);
        st = put_key(w, key[i], v.mark);
        separator(w, w->colon, v.mark);
        if (!st) st = put(w, val[i]);
    }
    w->level--;
    if (v.u.d->live) new_line(w, v.mark);
    eng_jn_sb_addc(&w->b, '}', v.mark);
    return st ? st : w->b.st;
}

/* By type; what JSON has no form for is an error, undefined values included.  Depth is counted
 * here: lists may hold themselves. */
static sk_status put(writer *w, jn_val v)
{
    char text[JN_NUM_TEXT];
    sk_status st = eng_jn_enter(w->r);
    if (st) return st;
    switch ((int)v.type) {
    case JN_NONE:
        eng_jn_sb_adds(&w->b, "null", v.mark);
        break;
    case JN_BOOL:
        eng_jn_sb_adds(&w->b, v.u.b ? "true" : "false", v.mark);
        break;
    case JN_INT:
        (void)snprintf(text, sizeof text, "%lld", (long long)v.u.i);
        eng_jn_sb_adds(&w->b, text, v.mark);
        break;
    case JN_FLOAT:
        put_float(w, v);
        break;
    case JN_STR:
        put_string(w, v.u.s);
        break;
    case JN_LIST:
    case JN_TUPLE:
        st = put_list(w, v);
        break;
    case JN_DICT:
        st = put_dict(w, v);
        break;
    default:
        st = eng_jn_fail(w->r, SK_E_INVALID, "Object of type %s is not JSON serializable",
                         eng_jn_type_name(v));
    }
    eng_jn_leave(w->r);
    return st ? st : w->b.st;
}

/* indent: a number of blanks or a text. */
static sk_status read_indent(writer *w, jn_val v)
{
    int64_t n = 0;
    jn_val s = jn_none();
    if (v.type == JN_UNSET || v.type == JN_NONE) return SK_OK;
    if (v.type == JN_STR) {
        w->indent = v.u.s;
        return SK_OK;
    }
    sk_status st = eng_jn_arg_int(w->r, v, "indent", 0, &n);
    if (!st) st = eng_jn_str_lit(w->r, " ", &s);
    if (!st) st = eng_jn_binary(w->r, JO_MUL, s, jn_int(n), &s);
    w->indent = s.u.s;
    return st;
}

/* With an indent the comma has no blank behind it, as in json.dumps. */
static sk_status tojson(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    static const jn_str comma_blank = {.p = ", ", .n = 2}, comma = {.p = ",", .n = 1},
                        colon = {.p = ": ", .n = 2};
    writer w = {.r = r, .ascii = eng_jn_truth(a->v[0]), .sort = eng_jn_truth(a->v[3])};
    sk_status st = read_indent(&w, a->v[1]);
    if (st) return st;
    w.comma = w.indent ? &comma : &comma_blank;
    w.colon = &colon;
    if (jn_given(a->v[2]) && a->v[2].type != JN_NONE) {
        const jn_seq *s = a->v[2].u.seq;
        if (!jn_is_seq(a->v[2]) || s->n != 2 || s->v[0].type != JN_STR || s->v[1].type != JN_STR)
            return eng_jn_fail(r, SK_E_INVALID, "separators must be two strings");
        w.comma = s->v[0].u.s;
        w.colon = s->v[1].u.s;
    }
    eng_jn_sb_init(&w.b, r);
    st = put(&w, v);
    return st ? st : eng_jn_sb_done(&w.b, out);
}

/* Not jinja2's, but templates use it where the engine that runs them has it.  All that comes out is
 * from a message if any byte of the text is. */
static sk_status from_json(jn_run *r, jn_val v, const jn_args *a, jn_val *out)
{
    enum { DEPTH = 100 };
    json_t *json = NULL;
    sk_err why = SK_ERR_INIT;
    (void)a;
    if (v.type != JN_STR)
        return eng_jn_fail(r, SK_E_INVALID, "the JSON object must be str, not %s",
                           eng_jn_type_name(v));
    const jn_str *s = v.u.s;
    uint8_t mark = s->mark;
    for (size_t i = 0; s->mk && i < s->n; i++)
        mark |= s->mk[i];
    sk_status st = eng_jn_step(r, s->n / 4);
    if (!st) st = sk_json_parse(s->p, s->n, DEPTH, &json, &why);
    if (st == SK_E_INVALID && why.text[0]) return eng_jn_fail(r, st, "from_json: %s", why.text);
    if (st) return st == SK_E_NOMEM ? eng_jn_oom(r) : st;
    st = eng_jn_from_json(r, json, mark, JN_COPY, out);
    json_decref(json);
    return st;
}

const jn_fn eng_jn_filters_json[] = {
    {"tojson", "ensure_ascii indent separators sort_keys", 0, tojson},
    {"from_json", "", 0, from_json},
    {NULL, NULL, 0, NULL},
};
