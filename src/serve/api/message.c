/* message.c - conversations out of JSON, brought into the form that chat templates know. */
#include "serve/api/message.h"

#include <stdio.h>
#include <string.h>

/* Messages a conversation may have: they are rendered on the I/O thread, which must not be held for
 * long. */
#define MAX_MESSAGES 4096u

/* One message on its way from a body to the template. */
typedef struct msg {
    json_t *in, *out;
    size_t at; /* its number, for refusals */
    const char *role;
    char where[96];
} msg;

static sk_status no_memory(srv_fault *f)
{
    return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the conversation");
}

/* "messages[3].NAME", for a refusal. */
static const char *where(msg *m, const char *name)
{
    snprintf(m->where, sizeof m->where, "messages[%zu].%s", m->at, name);
    return m->where;
}

/* The role the template knows for one of the API's; NULL if there is none. */
static const char *known_role(const char *role)
{
    static const char *const same[] = {"system", "user", "assistant", "tool"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        if (strcmp(role, same[i]) == 0) return same[i];
    return strcmp(role, "developer") == 0 ? "system" : NULL;
}

/* ---- content ---- */

/* The text of one part of a content array. */
static sk_status read_part(json_t *part, msg *m, size_t i, sk_buf *text, srv_fault *f)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    json_t *s = json_object_get(part, "text");
    char name[48];
    snprintf(name, sizeof name, "content[%zu]", i);
    const char *at = where(m, name);
    if (!type) return srv_fail(f, SRV_BAD_TYPE, at, "'%s' must be an object with a 'type'", at);
    if (strcmp(type, "text") != 0)
        return srv_fail(f, SRV_UNSUPPORTED, at, "'%s': only parts of type text can be read", at);
    if (!json_is_string(s)) return srv_fail(f, SRV_BAD_TYPE, at, "'%s.text' must be a string", at);
    sk_buf_add(text, json_string_value(s), json_string_length(s));
    return SK_OK;
}

/* The texts of a content array, one after another. */
static sk_status read_parts(json_t *list, msg *m, json_t **content, srv_fault *f)
{
    sk_buf text = SK_BUF_INIT;
    sk_status st = SK_OK;
    if (!json_array_size(list))
        st = srv_fail(f, SRV_BAD_VALUE, where(m, "content"), "'%s' must not be empty", m->where);
    for (size_t i = 0; i < json_array_size(list) && !st; i++)
        st = read_part(json_array_get(list, i), m, i, &text, f);
    if (!st && sk_buf_ok(&text)) *content = json_stringn(text.len ? text.p : "", text.len);
    sk_buf_fini(&text);
    return st;
}

/* content: a string or parts; an assistant that only calls tools need not have any. */
static sk_status read_content(msg *m, srv_fault *f)
{
    json_t *v = json_object_get(m->in, "content"), *content = NULL;
    sk_status st = SK_OK;
    bool calls = json_array_size(json_object_get(m->in, "tool_calls")) > 0;
    if (json_is_string(v))
        content = json_incref(v);
    else if (json_is_array(v))
        st = read_parts(v, m, &content, f);
    else if ((!v || json_is_null(v)) && calls)
        content = json_string("");
    else
        st = srv_field_bad_type(f, where(m, "content"), "a string or an array of text parts");
    if (st) return st;
    return json_object_set_new(m->out, "content", content) ? no_memory(f) : SK_OK;
}

/* ---- calls of tools ---- */

/* The arguments of a call as templates want them, an object; text that is none stays text. */
static json_t *read_arguments(const json_t *s)
{
    sk_err e = SK_ERR_INIT;
    json_t *v = NULL;
    const char *p = json_string_value(s);
    size_t n = json_string_length(s);
    if (!n) return json_object();
    if (sk_json_parse(p, n, SRV_MAX_DEPTH, &v, &e)) return json_stringn(p, n);
    if (json_is_object(v)) return v;
    json_decref(v);
    return json_stringn(p, n);
}

/* One of an assistant's calls. */
static sk_status read_call(json_t *v, msg *m, size_t i, json_t *list, srv_fault *f)
{
    char name[64];
    json_t *fn = json_object_get(v, "function"), *id = json_object_get(v, "id");
    json_t *fname = json_object_get(fn, "name"), *args = json_object_get(fn, "arguments");
    snprintf(name, sizeof name, "tool_calls[%zu].function", i);
    if (!json_is_string(fname))
        return srv_field_bad_type(f, where(m, name), "an object with a 'name'");
    snprintf(name, sizeof name, "tool_calls[%zu].function.arguments", i);
    if (args && !json_is_string(args))
        return srv_field_bad_type(f, where(m, name), "a string of JSON");
    snprintf(name, sizeof name, "tool_calls[%zu].id", i);
    if (id && !json_is_string(id)) return srv_field_bad_type(f, where(m, name), "a string");
    json_t *call = json_pack("{s:s, s:{s:O, s:o}}", "type", "function", "function", "name", fname,
                             "arguments", read_arguments(args));
    bool ok = call && (!id || json_object_set(call, "id", id) == 0);
    return ok && json_array_append(list, call) == 0 ? (json_decref(call), SK_OK)
                                                    : (json_decref(call), no_memory(f));
}

/* tool_calls of an assistant's message. */
static sk_status read_calls(msg *m, srv_fault *f)
{
    json_t *v = json_object_get(m->in, "tool_calls");
    if (!v || json_is_null(v)) return SK_OK;
    if (!json_is_array(v)) return srv_field_bad_type(f, where(m, "tool_calls"), "an array");
    if (!json_array_size(v)) return SK_OK;
    if (strcmp(m->role, "assistant") != 0)
        return srv_fail(f, SRV_BAD_VALUE, where(m, "tool_calls"),
                        "'%s': only an assistant calls tools", m->where);
    json_t *list = json_array();
    sk_status st = SK_OK;
    for (size_t i = 0; i < json_array_size(v) && !st; i++)
        st = read_call(json_array_get(v, i), m, i, list, f);
    if (!st && json_object_set(m->out, "tool_calls", list)) st = no_memory(f);
    json_decref(list);
    return st;
}

/* ---- messages ---- */

/* Members a message may not have, since they could not be honoured. */
static sk_status check_extras(msg *m, srv_fault *f)
{
    static const char *const no[] = {"function_call", "audio"};
    for (size_t i = 0; i < sizeof no / sizeof *no; i++) {
        json_t *x = json_object_get(m->in, no[i]);
        if (!x || json_is_null(x)) continue;
        return srv_fail(f, SRV_UNSUPPORTED, where(m, no[i]), "'%s' is not supported", m->where);
    }
    return SK_OK;
}

/* A member that templates may show, copied if it is there and a string. */
static sk_status copy_text(msg *m, const char *name, bool needed, srv_fault *f)
{
    json_t *v = json_object_get(m->in, name);
    if (!v || json_is_null(v))
        return needed ? srv_fail(f, SRV_MISSING, where(m, name), "'%s' is missing", m->where)
                      : SK_OK;
    if (!json_is_string(v)) return srv_field_bad_type(f, where(m, name), "a string");
    return json_object_set(m->out, name, v) ? no_memory(f) : SK_OK;
}

/* Reads m->in into m->out. */
static sk_status read_message(msg *m, srv_fault *f)
{
    snprintf(m->where, sizeof m->where, "messages[%zu]", m->at);
    if (!json_is_object(m->in)) return srv_field_bad_type(f, m->where, "an object");
    const char *role = json_string_value(json_object_get(m->in, "role"));
    if (!role) return srv_field_bad_type(f, where(m, "role"), "a string");
    m->role = known_role(role);
    if (!m->role)
        return srv_fail(f, SRV_BAD_VALUE, where(m, "role"),
                        "'%s' must be system, developer, user, assistant or tool", m->where);
    if (json_object_set_new(m->out, "role", json_string(m->role))) return no_memory(f);
    sk_status st = check_extras(m, f);
    if (!st) st = read_content(m, f);
    if (!st) st = copy_text(m, "name", false, f);
    if (!st) st = copy_text(m, "reasoning_content", false, f);
    if (!st) st = copy_text(m, "tool_call_id", strcmp(m->role, "tool") == 0, f);
    return st ? st : read_calls(m, f);
}

sk_status srv_add_message(srv_params *p, json_t *in, srv_fault *f)
{
    if (!p->messages) p->messages = json_array();
    if (json_array_size(p->messages) >= MAX_MESSAGES)
        return srv_fail(f, SRV_BAD_VALUE, "messages", "'messages' must have 1 to %u items",
                        MAX_MESSAGES);
    msg m = {.in = in, .out = json_object(), .at = json_array_size(p->messages)};
    sk_status st = m.out && p->messages ? read_message(&m, f) : no_memory(f);
    if (!st && json_array_append(p->messages, m.out)) st = no_memory(f);
    json_decref(m.out);
    return st;
}

sk_status srv_read_messages(json_t *v, void *into, srv_fault *f)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v)) return srv_field_bad_type(f, "messages", "an array");
    if (!n || n > MAX_MESSAGES)
        return srv_fail(f, SRV_BAD_VALUE, "messages", "'messages' must have 1 to %u items",
                        MAX_MESSAGES);
    sk_status st = SK_OK;
    for (size_t i = 0; i < n && !st; i++)
        st = srv_add_message(into, json_array_get(v, i), f);
    return st;
}

/* ---- variables of the template ---- */

sk_status srv_set_var(srv_params *p, const char *name, json_t *value, srv_fault *f)
{
    if (!p->vars) p->vars = json_object();
    if (!p->vars || json_object_set_new(p->vars, name, value)) return no_memory(f);
    return SK_OK;
}

sk_status srv_read_template_vars(json_t *v, void *into, srv_fault *f)
{
    const char *key;
    json_t *x;
    if (!json_is_object(v)) return srv_field_bad_type(f, "chat_template_kwargs", "an object");
    json_object_foreach(v, key, x)
    {
        sk_status st = srv_set_var(into, key, json_incref(x), f);
        if (st) return st;
    }
    return SK_OK;
}

sk_status srv_read_effort(json_t *v, void *into, srv_fault *f)
{
    if (!json_is_string(v)) return srv_field_bad_type(f, "reasoning_effort", "a string");
    return srv_set_var(into, "reasoning_effort", json_incref(v), f);
}

sk_status srv_read_generation_prompt(json_t *v, void *into, srv_fault *f)
{
    if (!json_is_boolean(v)) return srv_field_bad_type(f, "add_generation_prompt", "true or false");
    return srv_set_var(into, "add_generation_prompt", json_incref(v), f);
}

sk_status srv_read_reasoning_format(json_t *v, void *into, srv_fault *f)
{
    srv_params *p = into;
    const char *s = json_string_value(v);
    if (!s || (strcmp(s, "auto") != 0 && strcmp(s, "none") != 0 && strcmp(s, "deepseek") != 0))
        return srv_fail(f, json_is_string(v) ? SRV_BAD_VALUE : SRV_BAD_TYPE, "reasoning_format",
                        "'reasoning_format' must be auto or none");
    p->raw_reasoning = strcmp(s, "none") == 0;
    return SK_OK;
}
