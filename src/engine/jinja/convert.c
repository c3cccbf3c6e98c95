/* convert.c - JSON values to the engine's.
 *
 * The one gate through which text from outside comes in.  It decides the mark of each value,
 * makes all text valid UTF-8, and bounds the nesting; behind it the engine trusts its values.
 */
#include "engine/jinja/convert.h"

#include "engine/jinja/dict.h"
#include "engine/jinja/seq.h"
#include "engine/jinja/str.h"
#include "engine/token/unidata.h"

#include <string.h>

/* Roles templates know.  Templates build markers of them ('<|' + role + '|>'), and a server
 * takes no other words than it knows: so these don't count as text from people.  Any other role
 * is the sender's own word and stays marked: a role "<|im_start|>system" must not become a
 * marker. */
static bool known_role(const char *s, size_t n)
{
    static const char *const roles[] = {"system",  "developer", "user",     "assistant",
                                        "tool",    "model",     "function", "tool_call",
                                        "ipython", "document"};
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
        if (strlen(roles[i]) == n && memcmp(roles[i], s, n) == 0) return true;
    return false;
}

/* A string, borrowed or copied. */
static sk_status text(jn_run *r, const char *p, size_t n, uint8_t mark, unsigned flags, jn_val *out)
{
    if (flags & JN_COPY) return eng_jn_str_copy(r, p, n, mark, out);
    jn_str *s = eng_jn_str_view(r, p, n, mark);
    if (!s) return eng_jn_oom(r);
    *out = jn_of_str(s);
    return SK_OK;
}

/* Items in order; `flags` go on to the messages in it. */
static sk_status from_array(jn_run *r, json_t *v, uint8_t mark, unsigned flags, jn_val *out)
{
    size_t n = json_array_size(v);
    sk_status st = eng_jn_seq_new(r, JN_LIST, n, out);
    for (size_t i = 0; i < n && !st; i++)
        st = eng_jn_from_json(r, json_array_get(v, i), mark, flags, &out->u.seq->v[i]);
    return st;
}

/* Members in the order they were written in, which jansson keeps and tojson shows. */
static sk_status from_object(jn_run *r, json_t *v, uint8_t mark, unsigned flags, jn_val *out)
{
    const char *key;
    json_t *item;
    sk_status st = eng_jn_dict_new(r, JN_DICT, out);
    json_object_foreach(v, key, item)
    {
        jn_val val = jn_none(), k = jn_none();
        st = text(r, key, strlen(key), mark, flags, &k);
        if (st) return st;
        bool own = (flags & JN_ROLES) && json_is_string(item) && strcmp(key, "role") == 0 &&
                   known_role(json_string_value(item), json_string_length(item));
        st = eng_jn_from_json(r, item, own ? JN_TEMPLATE : mark, flags & JN_COPY, &val);
        if (!st) st = eng_jn_dict_set(r, out->u.d, k, val);
    }
    return st;
}

/* 3.0 stays a float: Python's json tells it from 3 as well. */
static sk_status from_scalar(jn_run *r, json_t *v, uint8_t mark, unsigned flags, jn_val *out)
{
    switch (json_typeof(v)) {
    case JSON_TRUE:
    case JSON_FALSE:
        *out = jn_bool(json_is_true(v));
        return SK_OK;
    case JSON_INTEGER:
        *out = jn_int(json_integer_value(v));
        return SK_OK;
    case JSON_REAL:
        *out = jn_float(json_real_value(v));
        return SK_OK;
    case JSON_STRING:
        return text(r, json_string_value(v), json_string_length(v), mark, flags, out);
    default:
        *out = jn_none();
        return SK_OK;
    }
}

/* The depth of the value counts as depth of the rendering. */
sk_status eng_jn_from_json(jn_run *r, json_t *v, uint8_t mark, unsigned flags, jn_val *out)
{
    sk_status st = eng_jn_enter(r);
    if (st) return st;
    if (json_is_array(v))
        st = from_array(r, v, mark, flags, out);
    else if (json_is_object(v))
        st = from_object(r, v, mark, flags, out);
    else
        st = from_scalar(r, v, mark, flags, out);
    if (!st) out->mark = mark;
    eng_jn_leave(r);
    return st;
}

/* A text of any bytes: borrowed if it is UTF-8, else a copy with U+FFFD for each byte that belongs
 * to no character. */
static sk_status from_bytes(jn_run *r, const char *p, size_t n, uint8_t mark, jn_val *out)
{
    jn_sb b;
    if (sk_utf8_valid(p, n)) return text(r, p, n, mark, 0, out);
    eng_jn_sb_init(&b, r);
    for (size_t i = 0; i < n;) {
        size_t len = eng_utf8_sequence((const uint8_t *)p + i, n - i);
        if (len)
            eng_jn_sb_add(&b, p + i, len, mark);
        else
            eng_jn_sb_char(&b, 0xFFFD, mark);
        i += len ? len : 1;
    }
    return eng_jn_sb_done(&b, out);
}

/* {"role": .., "content": ..} */
static sk_status from_message(jn_run *r, const eng_chat_msg *m, uint8_t mark, jn_val *out)
{
    jn_val key = jn_none(), v = jn_none();
    size_t n = strlen(m->role);
    uint8_t role_mark = known_role(m->role, n) ? JN_TEMPLATE : mark;
    sk_status st = eng_jn_dict_new(r, JN_DICT, out);
    if (!st) st = eng_jn_str_lit(r, "role", &key);
    if (!st) st = from_bytes(r, m->role, n, role_mark, &v);
    if (!st) st = eng_jn_dict_set(r, out->u.d, key, v);
    if (!st) st = eng_jn_str_lit(r, "content", &key);
    if (!st) st = from_bytes(r, m->text ? m->text : "", m->n, mark, &v);
    if (!st) st = eng_jn_dict_set(r, out->u.d, key, v);
    out->mark = mark;
    return st;
}

/* JSON, or what callers inside the program have at hand. */
sk_status eng_jn_from_var(jn_run *r, const eng_jinja_var *var, jn_val *out)
{
    uint8_t mark = var->message ? JN_MESSAGE : JN_TEMPLATE;
    if (var->value) return eng_jn_from_json(r, var->value, mark, JN_ROLES, out);
    if (var->text) return from_bytes(r, var->text, var->n_text, mark, out);
    if (!var->msg) {
        *out = jn_none();
        return SK_OK;
    }
    sk_status st = eng_jn_seq_new(r, JN_LIST, var->n_msg, out);
    for (size_t i = 0; i < var->n_msg && !st; i++)
        st = from_message(r, &var->msg[i], mark, &out->u.seq->v[i]);
    out->mark = mark;
    return st;
}
