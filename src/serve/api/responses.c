/* responses.c - POST /v1/responses: OpenAI's newer API, brought into the form of a chat. */
#include "serve/api/responses.h"

#include "serve/api/behind.h"
#include "serve/api/gen.h"
#include "serve/api/message.h"
#include "serve/api/tools.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

/* What is asked; srv_params first, since readers of shared fields fill that. */
typedef struct resp_body {
    srv_params p;
    const char *instructions, *previous;
    bool store, background;
} resp_body;

static sk_status no_memory(srv_fault *f)
{
    return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the conversation");
}

/* ---- input ---- */

/* The text of a string or of parts. */
static sk_status add_text(json_t *v, const char *where, sk_buf *out, srv_fault *f)
{
    size_t i;
    json_t *b;
    if (json_is_string(v)) sk_buf_add(out, json_string_value(v), json_string_length(v));
    if (json_is_string(v)) return SK_OK;
    if (!json_is_array(v)) return srv_field_bad_type(f, where, "a string or an array of parts");
    json_array_foreach(v, i, b)
    {
        const char *type = json_string_value(json_object_get(b, "type"));
        json_t *t = json_object_get(b, "text");
        if (!type || !json_is_string(t))
            return srv_fail(f, type ? SRV_UNSUPPORTED : SRV_BAD_TYPE, where,
                            "'%s': only parts of text can be read", where);
        sk_buf_add(out, json_string_value(t), json_string_length(t));
    }
    return SK_OK;
}

/* Adds a message of chats' form and drops the reference to it. */
static sk_status add_message(srv_params *p, json_t *m, srv_fault *f)
{
    sk_status st = m ? srv_add_message(p, m, f) : no_memory(f);
    json_decref(m);
    return st;
}

/* A call joins those of the assistant's message before it, if there is one. */
static sk_status add_call(srv_params *p, json_t *v, const char *where, srv_fault *f)
{
    json_t *id = json_object_get(v, "call_id"), *name = json_object_get(v, "name");
    json_t *args = json_object_get(v, "arguments");
    size_t n = json_array_size(p->messages);
    if (!json_is_string(id) || !json_is_string(name) || !json_is_string(args))
        return srv_field_bad_type(f, where, "a call with 'call_id', 'name' and 'arguments'");
    sk_status st = add_message(p,
                               json_pack("{s:s, s:s, s:[{s:O, s:s, s:{s:O, s:O}}]}", "role",
                                         "assistant", "content", "", "tool_calls", "id", id, "type",
                                         "function", "function", "name", name, "arguments", args),
                               f);
    json_t *before = n ? json_array_get(p->messages, n - 1) : NULL;
    const char *role = json_string_value(json_object_get(before, "role"));
    if (st || !role || strcmp(role, "assistant") != 0) return st;
    json_t *calls = json_object_get(json_array_get(p->messages, n), "tool_calls");
    json_t *old = json_object_get(before, "tool_calls");
    bool ok = old ? json_array_extend(old, calls) == 0
                  : json_object_set(before, "tool_calls", calls) == 0;
    return ok && json_array_remove(p->messages, n) == 0 ? SK_OK : no_memory(f);
}

/* One item. */
static sk_status read_item(srv_params *p, json_t *v, size_t at, srv_fault *f)
{
    char where[48];
    sk_buf text = SK_BUF_INIT;
    json_t *role = json_object_get(v, "role");
    const char *type = json_string_value(json_object_get(v, "type"));
    sk_status st;
    snprintf(where, sizeof where, "input[%zu]", at);
    if (!type && json_is_string(role)) type = "message";
    if (!type) return srv_field_bad_type(f, where, "an object with a 'type' or a 'role'");
    if (strcmp(type, "reasoning") == 0) return SK_OK;
    if (strcmp(type, "function_call") == 0) return add_call(p, v, where, f);
    if (strcmp(type, "message") == 0 && json_is_string(role)) {
        st = add_text(json_object_get(v, "content"), where, &text, f);
        if (!st)
            st = add_message(
                p,
                json_pack("{s:O, s:s%}", "role", role, "content", text.len ? text.p : "", text.len),
                f);
    } else if (strcmp(type, "function_call_output") == 0) {
        json_t *id = json_object_get(v, "call_id");
        st = add_text(json_object_get(v, "output"), where, &text, f);
        if (!st && !json_is_string(id)) st = srv_field_bad_type(f, where, "one with a 'call_id'");
        if (!st)
            st = add_message(p,
                             json_pack("{s:s, s:O, s:s%}", "role", "tool", "tool_call_id", id,
                                       "content", text.len ? text.p : "", text.len),
                             f);
    } else {
        st = srv_fail(f, SRV_UNSUPPORTED, where, "'%s': items of type %.40s can't be read", where,
                      type);
    }
    sk_buf_fini(&text);
    return st;
}

static sk_status read_input(json_t *v, void *into, srv_fault *f)
{
    size_t i;
    json_t *item;
    sk_status st = SK_OK;
    if (json_is_string(v))
        return add_message(into, json_pack("{s:s, s:O}", "role", "user", "content", v), f);
    if (!json_is_array(v)) return srv_field_bad_type(f, "input", "a string or an array of items");
    json_array_foreach(v, i, item) if (!st) st = read_item(into, item, i, f);
    return st;
}

/* ---- other fields ---- */

/* Tools of this API have their function's members beside the type. */
static sk_status read_tools(json_t *v, void *into, srv_fault *f)
{
    static const srv_tool_list form = {.type = "function", .schema = "parameters"};
    return srv_read_tool_list(v, &form, into, f);
}

static sk_status read_text(json_t *v, void *into, srv_fault *f)
{
    json_t *format = json_object_get(v, "format");
    if (!json_is_object(v)) return srv_field_bad_type(f, "text", "an object");
    return format ? srv_read_response_format(format, into, f) : SK_OK;
}

static sk_status read_reasoning(json_t *v, void *into, srv_fault *f)
{
    json_t *effort = json_object_get(v, "effort");
    if (!json_is_object(v)) return srv_field_bad_type(f, "reasoning", "an object");
    return effort && !json_is_null(effort) ? srv_read_effort(effort, into, f) : SK_OK;
}

#define AT(field) offsetof(resp_body, field)
#define AT_P(field) offsetof(resp_body, p.field)

/* clang-format off */
#define NOTE(field)                                                                                \
    {.name = field, .type = SRV_FIELD_NOTE, .deflt = "none",                                       \
     .help = "accepted; has no bearing on the answer"}
#define NONE(field)                                                                                \
    {.name = field, .type = SRV_FIELD_ONLY, .deflt = "none", .only = "[]",                         \
     .help = "not supported"}

static const srv_field rows[] = {
    {.name = "input", .type = SRV_FIELD_READ, .kind = "string or array", .read = read_input,
     .help = "a text, or items: messages (`role`, `content` a text or parts of it), "
             "`function_call`, `function_call_output`; `reasoning` is passed over"},
    {.name = "model", .type = SRV_FIELD_STR, .deflt = "the loaded one", .offset = AT(p.model),
     .help = "id from `GET /v1/models`; another one is refused with 404"},
    {.name = "instructions", .type = SRV_FIELD_STR, .deflt = "none", .offset = AT(instructions),
     .help = "a system message before all else; not carried over to further responses"},
    {.name = "previous_response_id", .type = SRV_FIELD_STR, .deflt = "none",
     .offset = AT(previous),
     .help = "go on from that response; the newest 1024 are kept, in memory"},
    {.name = "store", .type = SRV_FIELD_BOOL, .deflt = "true", .offset = AT(store),
     .help = "keep it for `previous_response_id` and `GET /v1/responses/ID`"},
    {.name = "max_output_tokens", .type = SRV_FIELD_INT, .deflt = "what fits the context",
     .offset = AT(p.max_tokens), .min = 1, .max = 9e15, .help = "longest answer in tokens"},
    {.name = "temperature", .type = SRV_FIELD_NUM, .deflt = "0.7",
     .offset = AT(p.sample.temperature), .max = 2, .help = "randomness"},
    {.name = "top_p", .type = SRV_FIELD_NUM, .deflt = "1", .offset = AT(p.sample.top_p), .max = 1,
     .help = "keep the likeliest tokens that reach this probability together"},
    {.name = "seed", .type = SRV_FIELD_READ, .kind = "integer", .deflt = "random",
     .read = srv_read_seed, .help = "same request and seed, same answer"},
    {.name = "stream", .type = SRV_FIELD_BOOL, .deflt = "false", .offset = AT(p.stream),
     .help = "send the answer as server-sent events while it is made"},
    {.name = "tools", .type = SRV_FIELD_READ, .kind = "array", .deflt = "none",
     .read = read_tools,
     .help = "functions: `{\"type\": \"function\", \"name\", \"description\", \"parameters\"}`"},
    {.name = "tool_choice", .type = SRV_FIELD_READ, .kind = "string or object", .deflt = "auto",
     .read = srv_read_tool_choice,
     .help = "none, auto, required, or `{\"type\": \"function\", \"name\"}`; the last two hold by "
             "construction"},
    {.name = "parallel_tool_calls", .type = SRV_FIELD_BOOL, .deflt = "true",
     .offset = AT(p.parallel), .help = "false: calls after the first are dropped"},
    {.name = "text", .type = SRV_FIELD_READ, .kind = "object", .deflt = "none", .read = read_text,
     .help = "`format`: text, json_object or json_schema (with `schema`), by construction"},
    {.name = "reasoning", .type = SRV_FIELD_READ, .kind = "object", .deflt = "none",
     .read = read_reasoning, .help = "`effort` is given to the model's chat template"},
    SRV_WHEN_ROWS(AT_P),
    {.name = "truncation", .type = SRV_FIELD_ONLY, .deflt = "disabled", .only = "[\"disabled\"]",
     .help = "a prompt is never cut"},
    {.name = "background", .type = SRV_FIELD_BOOL, .deflt = "false", .offset = AT(background),
     .help = "answer at once with status queued, and go on without the client: `GET "
             "/v1/responses/ID` says how far it is; a stream goes on when its client leaves, and "
             "can be come back to. Needs `store`"},
    {.name = "top_logprobs", .type = SRV_FIELD_ONLY, .deflt = "0", .only = "[0]",
     .help = "not supported here; /v1/chat/completions has them"},
    {.name = "include", .type = SRV_FIELD_ONLY, .deflt = "none",
     .only = "[[], [\"reasoning.encrypted_content\"]]", .help = "nothing is encrypted"},
    NONE("conversation"),
    NONE("prompt"),
    NONE("max_tool_calls"),
    NOTE("metadata"),
    NOTE("user"),
    NOTE("service_tier"),
    NOTE("prompt_cache_key"),
    NOTE("safety_identifier"),
    NOTE("stream_options"),
};
/* clang-format on */

const srv_fields srv_responses_fields = {"POST /v1/responses", "Answers items, as items.", rows,
                                         sizeof rows / sizeof *rows};

/* ---- the endpoint ---- */

static int append(const char *s, size_t n, void *out)
{
    sk_buf_add(out, s, n);
    return 0;
}

/* Members that the answer repeats, with what they are if they were not given. */
static void add_echo(const json_t *root, sk_buf *out)
{
    static const char *const member[][2] = {
        {"background", "false"},
        {"instructions", "null"},
        {"max_output_tokens", "null"},
        {"metadata", "{}"},
        {"parallel_tool_calls", "true"},
        {"previous_response_id", "null"},
        {"reasoning", "{\"effort\":null,\"summary\":null}"},
        {"store", "true"},
        {"temperature", "0.7"},
        {"text", "{\"format\":{\"type\":\"text\"}}"},
        {"tool_choice", "\"auto\""},
        {"tools", "[]"},
        {"top_p", "1.0"},
        {"truncation", "\"disabled\""},
        {"user", "null"},
    };
    for (size_t i = 0; i < sizeof member / sizeof *member; i++) {
        const json_t *v = json_object_get(root, member[i][0]);
        sk_buf_addf(out, ",\"%s\":", member[i][0]);
        if (!v || json_is_null(v))
            sk_buf_adds(out, member[i][1]);
        else if (json_dump_callback(v, append, out, JSON_ENCODE_ANY | JSON_COMPACT))
            out->oom = true;
    }
}

/* The request's items: a text alone is a message of the user. */
static json_t *items_of(const json_t *root)
{
    json_t *input = json_object_get(root, "input");
    if (!json_is_string(input)) return json_deep_copy(input);
    return json_pack("[{s:s, s:s, s:[{s:s, s:O}]}]", "type", "message", "role", "user", "content",
                     "type", "input_text", "text", input);
}

/* A response that is to be prepared. */
typedef struct resp_prep {
    srv_gen g;
    resp_body b;
    srv_response *x; /* NULL: the ask has it, or had */
} resp_prep;

/* Puts the conversation together: what was before, the input; in front of it the instructions.
 * What is kept is not to be changed, and templates have some things renamed: a copy. */
static sk_status join(const srv_prep *p, resp_body *b, srv_response *x, srv_fault *f)
{
    json_t *kept =
        b->previous ? srv_store_messages(p->api->store, b->previous, p->key) : json_array();
    if (!kept && b->previous)
        return srv_fail(f, SRV_NO_RESPONSE, "previous_response_id",
                        "no response '%.80s' is kept here", b->previous);
    json_t *all = json_deep_copy(kept);
    json_decref(kept);
    if (!all || (b->p.messages && json_array_extend(all, b->p.messages))) {
        json_decref(all);
        return no_memory(f);
    }
    json_decref(b->p.messages);
    b->p.messages = all;
    if (!json_array_size(all))
        return srv_fail(f, SRV_BAD_VALUE, "input", "'input' must hold a message");
    if (b->store && !(x->messages = json_copy(all))) return no_memory(f);
    if (b->store && !(x->input = items_of(b->p.root))) return no_memory(f);
    if (!b->instructions) return SK_OK;
    json_t *m = json_pack("{s:s, s:s}", "role", "system", "content", b->instructions);
    return json_array_insert_new(all, 0, m) ? no_memory(f) : SK_OK;
}

static sk_status read_body(srv_prep *p, srv_fault *f)
{
    resp_prep *x = (resp_prep *)(void *)p;
    x->g.p = &x->b.p;
    sk_status st = srv_params_init(&x->b.p, f);
    x->b.p.chat = x->b.store = true;
    if (!st)
        st = srv_prep_fields(p, &srv_responses_fields, &x->b, &x->b.p.root, &x->b.p.unknown, f);
    if (!st && x->b.background && !x->b.store)
        st = srv_fail(f, SRV_BAD_VALUE, "background", "'background' needs 'store'");
    return st ? st : srv_params_check(&x->b.p, f);
}

/* A conversation that is gone on with may be long. */
static bool is_long(const srv_prep *p)
{
    return ((const resp_prep *)(const void *)p)->b.previous || srv_gen_is_long(p);
}

static sk_status make(srv_prep *p, srv_fault *f)
{
    resp_prep *x = (resp_prep *)(void *)p;
    x->x = srv_response_new();
    if (!x->x) return no_memory(f);
    sk_status st = join(p, &x->b, x->x, f);
    if (st) return st;
    add_echo(x->b.p.root, &x->x->echo);
    x->b.p.extra = x->x;
    st = srv_gen_make(&x->g, &srv_form_responses, f);
    if (!x->b.p.extra) x->x = NULL;
    if (st || !x->b.background) return st;
    x->g.ask->behind = srv_behind_new();
    return x->g.ask->behind ? SK_OK : no_memory(f);
}

static void clear(srv_prep *p)
{
    resp_prep *x = (resp_prep *)(void *)p;
    srv_response_free(x->x);
    x->x = NULL;
    srv_params_fini(&x->b.p);
}

/* POST /v1/responses */
void srv_post_responses(srv_api *api, srv_req *r)
{
    static const srv_prep_kind kind = {sizeof(resp_prep), read_body,    is_long,       make, clear,
                                       srv_gen_done,      srv_gen_fini, srv_fault_json};
    srv_gen_begin(api, r, &kind);
}
