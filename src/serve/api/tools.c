/* tools.c - tools and structured output out of JSON. */
#include "serve/api/tools.h"

#include "serve/api/message.h"

#include <stdio.h>
#include <string.h>

/* Tools a request may have. */
#define MAX_TOOLS 512u

static sk_status no_memory(srv_fault *f)
{
    return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
}

/* ---- tools ---- */

/* Names are what all APIs allow: letters, digits, '_' and '-', up to 64. */
static bool is_name(const json_t *v)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *s = json_string_value(v);
    size_t n = json_string_length(v);
    return n && n <= 64 && strspn(s, plain) == n;
}

/* The tool of a name; NULL if there is none. */
static json_t *find_tool(const srv_params *p, const char *name)
{
    size_t i;
    json_t *t;
    json_array_foreach(p->tools, i, t)
    {
        const json_t *n = json_object_get(json_object_get(t, "function"), "name");
        if (strcmp(json_string_value(n), name) == 0) return t;
    }
    return NULL;
}

/* Appends a tool in the form of chat completions, whatever form it came in; the arguments are
 * borrowed.  What is not a tool is refused with its place. */
static sk_status add_tool(srv_params *p, json_t *name, json_t *description, json_t *parameters,
                          srv_fault *f)
{
    char at[64];
    if (!p->tools) p->tools = json_array();
    snprintf(at, sizeof at, "tools[%zu]", json_array_size(p->tools));
    if (json_array_size(p->tools) >= MAX_TOOLS)
        return srv_fail(f, SRV_BAD_VALUE, "tools", "'tools' may have %u items", MAX_TOOLS);
    if (!is_name(name))
        return srv_fail(f, SRV_BAD_VALUE, at,
                        "'%s' needs a name of 1 to 64 letters, digits, '_' and '-'", at);
    if (find_tool(p, json_string_value(name)))
        return srv_fail(f, SRV_BAD_VALUE, at, "'%s' has the name of another tool", at);
    if (description && !json_is_null(description) && !json_is_string(description))
        return srv_fail(f, SRV_BAD_TYPE, at, "the description of '%s' must be a string", at);
    if (parameters && !json_is_null(parameters) && !json_is_object(parameters))
        return srv_fail(f, SRV_BAD_TYPE, at, "the parameters of '%s' must be a JSON Schema", at);
    bool text = json_is_string(description), schema = json_is_object(parameters);
    json_t *fn = json_object();
    bool ok = fn && json_object_set(fn, "name", name) == 0;
    ok = ok && json_object_set_new(fn, "description",
                                   text ? json_incref(description) : json_string("")) == 0;
    ok = ok && json_object_set_new(
                   fn, "parameters",
                   schema ? json_incref(parameters)
                          : json_pack("{s:s, s:{}}", "type", "object", "properties")) == 0;
    json_t *tool = ok ? json_pack("{s:s, s:O}", "type", "function", "function", fn) : NULL;
    json_decref(fn);
    return json_array_append_new(p->tools, tool) ? no_memory(f) : SK_OK;
}

/* A tool's type is checked first, then where its function's members are. */
sk_status srv_read_tool_list(json_t *v, const srv_tool_list *l, srv_params *p, srv_fault *f)
{
    size_t i;
    json_t *t;
    if (!json_is_array(v)) return srv_field_bad_type(f, "tools", "an array");
    json_array_foreach(v, i, t)
    {
        char at[64];
        const char *blamed = l->by_item ? at : "tools";
        const char *type = json_string_value(json_object_get(t, "type"));
        json_t *fn = l->inner ? json_object_get(t, l->inner) : t;
        snprintf(at, sizeof at, "tools[%zu]", i);
        if (!type && !l->untyped)
            return srv_fail(f, SRV_BAD_TYPE, blamed, "'%s' must be an object with a 'type'", at);
        if (type && strcmp(type, l->type) != 0)
            return srv_fail(f, SRV_UNSUPPORTED, blamed, "'%s': only functions can be called", at);
        if (!json_is_object(fn))
            return srv_fail(f, SRV_BAD_TYPE, blamed, "'%s%s%s' must be an object", at,
                            l->inner ? "." : "", l->inner ? l->inner : "");
        sk_status st = add_tool(p, json_object_get(fn, "name"), json_object_get(fn, "description"),
                                json_object_get(fn, l->schema), f);
        if (st) return st;
    }
    return SK_OK;
}

sk_status srv_read_tools(json_t *v, void *into, srv_fault *f)
{
    static const srv_tool_list form = {
        .type = "function", .inner = "function", .schema = "parameters", .by_item = true};
    return srv_read_tool_list(v, &form, into, f);
}

/* "none", "auto", "required", or {"type": "function", "function": {"name"}}; a name may also stand
 * beside the type, as in the responses API. */
sk_status srv_read_tool_choice(json_t *v, void *into, srv_fault *f)
{
    static const char *const word[] = {"auto", "none", "required"};
    srv_params *p = into;
    const char *s = json_string_value(v);
    for (int i = 0; s && i < 3; i++) {
        if (strcmp(s, word[i]) != 0) continue;
        p->choice = (srv_tool_choice)i;
        return SK_OK;
    }
    const char *type = json_string_value(json_object_get(v, "type"));
    json_t *name = json_object_get(json_object_get(v, "function"), "name");
    if (!name) name = json_object_get(v, "name");
    if (json_is_object(v) && type && strcmp(type, "function") != 0)
        return srv_fail(f, SRV_UNSUPPORTED, "tool_choice", "only functions can be called");
    if (!type || !json_is_string(name))
        return srv_field_bad_type(f, "tool_choice",
                                  "none, auto, required or an object that names a function");
    p->choice = SRV_TOOLS_NAMED;
    p->tool_name = json_string_value(name);
    return SK_OK;
}

/* ---- structured output ---- */

/* Takes a rule; only one can hold. */
static sk_status set_rule(srv_params *p, srv_rule rule, const char *field, srv_fault *f)
{
    if (p->rule)
        return srv_fail(f, SRV_BAD_VALUE, field, "'%s' and '%s' can't both hold; give one", field,
                        p->rule_field);
    p->rule = rule;
    p->rule_field = field;
    return SK_OK;
}

static int append(const char *s, size_t n, void *out)
{
    sk_buf_add(out, s, n);
    return 0;
}

sk_status srv_set_schema(srv_params *p, const char *field, const json_t *schema, srv_fault *f)
{
    sk_status st = set_rule(p, SRV_RULE_SCHEMA, field, f);
    if (st) return st;
    if (!json_is_object(schema) && !json_is_boolean(schema))
        return srv_field_bad_type(f, field, "a JSON Schema");
    if (json_dump_callback(schema, append, &p->rule_text, JSON_ENCODE_ANY | JSON_COMPACT) ||
        !sk_buf_ok(&p->rule_text))
        return no_memory(f);
    return SK_OK;
}

/* {"type": "text"}, {"type": "json_object"} (llama.cpp: with a "schema"), {"type": "json_schema",
 * "json_schema": {"schema"}}. */
sk_status srv_read_response_format(json_t *v, void *into, srv_fault *f)
{
    const char *type = json_string_value(json_object_get(v, "type"));
    json_t *schema = json_object_get(v, "schema"), *in = json_object_get(v, "json_schema");
    if (!type) return srv_field_bad_type(f, "response_format", "an object with a 'type'");
    if (strcmp(type, "text") == 0) return SK_OK;
    if (strcmp(type, "json_object") == 0)
        return schema ? srv_set_schema(into, "response_format", schema, f)
                      : set_rule(into, SRV_RULE_JSON, "response_format", f);
    if (strcmp(type, "json_schema") != 0)
        return srv_fail(f, SRV_UNSUPPORTED, "response_format",
                        "'response_format.type' must be text, json_object or json_schema");
    if (!schema) schema = json_object_get(in, "schema");
    if (!schema)
        return srv_fail(f, SRV_MISSING, "response_format.json_schema.schema",
                        "'response_format.json_schema.schema' is missing");
    return srv_set_schema(into, "response_format", schema, f);
}

/* A rule that is a text. */
static sk_status read_text(json_t *v, srv_params *p, srv_rule rule, const char *field, srv_fault *f)
{
    if (!json_is_string(v)) return srv_field_bad_type(f, field, "a string");
    sk_status st = set_rule(p, rule, field, f);
    if (st) return st;
    sk_buf_add(&p->rule_text, json_string_value(v), json_string_length(v));
    return sk_buf_ok(&p->rule_text) ? SK_OK : no_memory(f);
}

sk_status srv_read_grammar(json_t *v, void *into, srv_fault *f)
{
    return read_text(v, into, SRV_RULE_GBNF, "grammar", f);
}

sk_status srv_read_regex(json_t *v, void *into, srv_fault *f)
{
    return read_text(v, into, SRV_RULE_REGEX, "regex", f);
}

/* ---- together ---- */

sk_status srv_tools_check(srv_params *p, srv_fault *f)
{
    bool none = !json_array_size(p->tools);
    if (none && p->choice >= SRV_TOOLS_REQUIRED)
        return srv_fail(f, SRV_BAD_VALUE, "tool_choice", "'tool_choice' needs 'tools'");
    if (p->tool_name && !find_tool(p, p->tool_name))
        return srv_fail(f, SRV_BAD_VALUE, "tool_choice", "'tools' has no function '%.64s'",
                        p->tool_name);
    if (none || p->choice == SRV_TOOLS_NONE) return SK_OK;
    if (p->rule)
        return srv_fail(f, SRV_UNSUPPORTED, p->rule_field,
                        "'%s' and tools that may be called can't both hold", p->rule_field);
    return SK_OK;
}

/* A copy of a schema that stands at `path` of another: its references into itself begin there.
 * NULL without memory: a copy that lacks a part would allow what the tool does not. */
static json_t *moved(const json_t *v, const char *path)
{
    const char *key;
    json_t *x, *out;
    size_t i;
    bool whole = true;
    if (json_is_array(v)) {
        out = json_array();
        json_array_foreach(v, i, x) whole &= json_array_append_new(out, moved(x, path)) == 0;
    } else if (json_is_object(v)) {
        out = json_object();
        json_object_foreach((json_t *)(uintptr_t)v, key, x)
        {
            const char *s = json_string_value(x);
            bool ref = strcmp(key, "$ref") == 0 && s && *s == '#';
            json_t *member = ref ? json_sprintf("%s%s", path, s + 1) : moved(x, path);
            whole &= json_object_set_new(out, key, member) == 0;
        }
    } else {
        return json_deep_copy(v);
    }
    if (whole) return out;
    json_decref(out);
    return NULL;
}

const char *srv_tools_only(const srv_params *p)
{
    const json_t *fn = json_object_get(json_array_get(p->tools, 0), "function");
    if (p->tool_name) return p->tool_name;
    return json_array_size(p->tools) == 1 ? json_string_value(json_object_get(fn, "name")) : NULL;
}

/* The schema of one tool's arguments. */
static bool add_parameters(const srv_params *p, const char *name, sk_buf *out)
{
    const json_t *fn = json_object_get(find_tool(p, name), "function");
    return json_dump_callback(json_object_get(fn, "parameters"), append, out, JSON_COMPACT) == 0 &&
           sk_buf_ok(out);
}

/* The schema of a call of one tool, whose parameters will stand at `path`; NULL without memory. */
static json_t *call_schema(const json_t *fn, const char *args_name, const char *path)
{
    json_t *args = moved(json_object_get(fn, "parameters"), path);
    return json_pack("{s:s, s:{s:{s:O}, s:o}, s:[s, s], s:b}", "type", "object", "properties",
                     "name", "const", json_object_get(fn, "name"), args_name, args, "required",
                     "name", args_name, "additionalProperties", 0);
}

/* An anyOf with an object for each tool.  References in a tool's own schema are moved to the place
 * where it now stands (moved).  A tool that finds no memory fails the whole: without it the model
 * could not call what the request offers. */
bool srv_tools_schema(const srv_params *p, const char *args_name, bool list, sk_buf *out)
{
    if (!args_name) return add_parameters(p, srv_tools_only(p), out);
    json_t *any = json_array(), *tool;
    bool one = p->choice >= SRV_TOOLS_REQUIRED || !p->parallel, ok = true;
    size_t i;
    json_array_foreach(p->tools, i, tool)
    {
        const json_t *fn = json_object_get(tool, "function");
        const char *name = json_string_value(json_object_get(fn, "name"));
        char path[80];
        if (p->tool_name && strcmp(name, p->tool_name) != 0) continue;
        snprintf(path, sizeof path, "#%s/anyOf/%zu/properties/%s", list ? "/items" : "",
                 json_array_size(any), args_name);
        ok &= json_array_append_new(any, call_schema(fn, args_name, path)) == 0;
    }
    json_t *schema = json_pack("{s:o}", "anyOf", any);
    if (schema && list)
        schema = json_pack("{s:s, s:o, s:i}", "type", "array", "items", schema, "minItems", 1);
    if (list && one) ok &= json_object_set_new(schema, "maxItems", json_integer(1)) == 0;
    ok = ok && schema && json_dump_callback(schema, append, out, JSON_COMPACT) == 0;
    json_decref(schema);
    return ok && sk_buf_ok(out);
}
