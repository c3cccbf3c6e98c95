/* messages.c - POST /v1/messages and /v1/messages/count_tokens: Anthropic's API, brought into the
 * form of a chat. */
#include "serve/api/messages.h"

#include "serve/api/gen.h"
#include "serve/api/message.h"
#include "serve/api/tools.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

static sk_status no_memory(srv_fault *f)
{
    return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the conversation");
}

/* ---- blocks ---- */

/* The text of a block's `name`, a string or a list of text blocks, appended. */
static sk_status add_text(json_t *v, const char *where, sk_buf *out, srv_fault *f)
{
    size_t i;
    json_t *b;
    if (!v || json_is_null(v)) return SK_OK;
    if (json_is_string(v)) {
        sk_buf_add(out, json_string_value(v), json_string_length(v));
        return SK_OK;
    }
    if (!json_is_array(v)) return srv_field_bad_type(f, where, "a string or an array of blocks");
    json_array_foreach(v, i, b)
    {
        const char *type = json_string_value(json_object_get(b, "type"));
        json_t *t = json_object_get(b, "text");
        if (!type || strcmp(type, "text") != 0 || !json_is_string(t))
            return srv_fail(f, type && strcmp(type, "text") != 0 ? SRV_UNSUPPORTED : SRV_BAD_TYPE,
                            where, "'%s': only blocks of text can be read here", where);
        sk_buf_add(out, json_string_value(t), json_string_length(t));
    }
    return SK_OK;
}

/* A message under way: what its blocks came to so far. */
typedef struct turn {
    srv_params *p;
    const char *role;
    char where[64];
    sk_buf text, reason;
    json_t *calls;
} turn;

/* Adds a message of chats' form and drops the reference to it. */
static sk_status add_message(turn *t, json_t *m, srv_fault *f)
{
    sk_status st = m ? srv_add_message(t->p, m, f) : no_memory(f);
    json_decref(m);
    return st;
}

/* What a tool gave: a message of its own. */
static sk_status add_result(turn *t, json_t *b, srv_fault *f)
{
    sk_buf text = SK_BUF_INIT;
    json_t *id = json_object_get(b, "tool_use_id");
    if (!json_is_string(id)) return srv_field_bad_type(f, t->where, "a block with a 'tool_use_id'");
    sk_status st = add_text(json_object_get(b, "content"), t->where, &text, f);
    if (!st)
        st = add_message(t,
                         json_pack("{s:s, s:O, s:s%}", "role", "tool", "tool_call_id", id,
                                   "content", text.len ? text.p : "", text.len),
                         f);
    sk_buf_fini(&text);
    return st;
}

static int append(const char *s, size_t n, void *out)
{
    sk_buf_add(out, s, n);
    return 0;
}

/* A call the assistant made. */
static sk_status add_call(turn *t, json_t *b, srv_fault *f)
{
    json_t *id = json_object_get(b, "id"), *name = json_object_get(b, "name");
    json_t *input = json_object_get(b, "input");
    sk_buf args = SK_BUF_INIT;
    if (!json_is_string(id) || !json_is_string(name) || !json_is_object(input))
        return srv_field_bad_type(f, t->where, "a block with 'id', 'name' and 'input'");
    if (!t->calls) t->calls = json_array();
    (void)json_dump_callback(input, append, &args, 0);
    json_t *call = json_pack("{s:O, s:s, s:{s:O, s:s}}", "id", id, "type", "function", "function",
                             "name", name, "arguments", args.p ? args.p : "{}");
    sk_buf_fini(&args);
    return json_array_append_new(t->calls, call) ? no_memory(f) : SK_OK;
}

/* One block of a message. */
static sk_status add_block(turn *t, json_t *b, srv_fault *f)
{
    const char *type = json_string_value(json_object_get(b, "type"));
    bool user = strcmp(t->role, "user") == 0;
    if (!type) return srv_field_bad_type(f, t->where, "a block with a 'type'");
    if (strcmp(type, "text") == 0) {
        json_t *s = json_object_get(b, "text");
        if (!json_is_string(s)) return srv_field_bad_type(f, t->where, "a block with a 'text'");
        sk_buf_add(&t->text, json_string_value(s), json_string_length(s));
        return SK_OK;
    }
    if (user && strcmp(type, "tool_result") == 0) return add_result(t, b, f);
    if (!user && strcmp(type, "tool_use") == 0) return add_call(t, b, f);
    if (!user && strcmp(type, "thinking") == 0) {
        const json_t *s = json_object_get(b, "thinking");
        sk_buf_add(&t->reason, json_string_value(s), json_string_length(s));
        return SK_OK;
    }
    return srv_fail(f, SRV_UNSUPPORTED, t->where, "'%s': blocks of type %.40s can't be read here",
                    t->where, type);
}

/* What the blocks came to, as a message; results of tools stand before it already. */
static sk_status end_turn(turn *t, bool plain, srv_fault *f)
{
    if (!plain && !t->text.len && !t->calls && strcmp(t->role, "user") == 0) return SK_OK;
    json_t *m = json_pack("{s:s, s:s%}", "role", t->role, "content", t->text.len ? t->text.p : "",
                          t->text.len);
    if (m && t->reason.len)
        (void)json_object_set_new(m, "reasoning_content", json_stringn(t->reason.p, t->reason.len));
    if (m && t->calls) (void)json_object_set(m, "tool_calls", t->calls);
    return add_message(t, m, f);
}

/* One message. */
static sk_status read_message(srv_params *p, json_t *v, size_t at, srv_fault *f)
{
    turn t = {.p = p, .role = json_string_value(json_object_get(v, "role"))};
    json_t *content = json_object_get(v, "content"), *b;
    sk_status st = SK_OK;
    size_t i;
    snprintf(t.where, sizeof t.where, "messages[%zu]", at);
    if (!t.role || (strcmp(t.role, "user") != 0 && strcmp(t.role, "assistant") != 0))
        return srv_fail(f, t.role ? SRV_BAD_VALUE : SRV_BAD_TYPE, t.where,
                        "'%s' needs a role, user or assistant", t.where);
    snprintf(t.where, sizeof t.where, "messages[%zu].content", at);
    if (json_is_array(content)) {
        json_array_foreach(content, i, b) if (!st) st = add_block(&t, b, f);
    } else {
        st = json_is_string(content) ? add_text(content, t.where, &t.text, f)
                                     : srv_field_bad_type(f, t.where, "a string or an array");
    }
    if (!st) st = end_turn(&t, !json_is_array(content), f);
    json_decref(t.calls);
    sk_buf_fini(&t.text);
    sk_buf_fini(&t.reason);
    return st;
}

/* ---- fields ---- */

static sk_status read_messages(json_t *v, void *into, srv_fault *f)
{
    size_t i;
    json_t *m;
    sk_status st = SK_OK;
    if (!json_is_array(v)) return srv_field_bad_type(f, "messages", "an array");
    if (!json_array_size(v))
        return srv_fail(f, SRV_BAD_VALUE, "messages", "'messages' must not be empty");
    json_array_foreach(v, i, m) if (!st) st = read_message(into, m, i, f);
    return st;
}

/* system stands first, so its row is before that of messages. */
static sk_status read_system(json_t *v, void *into, srv_fault *f)
{
    sk_buf text = SK_BUF_INIT;
    turn t = {.p = into};
    sk_status st = add_text(v, "system", &text, f);
    if (!st && text.len)
        st = add_message(
            &t, json_pack("{s:s, s:s%}", "role", "system", "content", text.p, text.len), f);
    sk_buf_fini(&text);
    return st;
}

static sk_status read_tools(json_t *v, void *into, srv_fault *f)
{
    static const srv_tool_list form = {.type = "custom", .untyped = true, .schema = "input_schema"};
    return srv_read_tool_list(v, &form, into, f);
}

/* {"type": "auto" | "any" | "tool" | "none", "name", "disable_parallel_tool_use"} */
static sk_status read_choice(json_t *v, void *into, srv_fault *f)
{
    static const char *const word[] = {"auto", "none", "any", "tool"};
    srv_params *p = into;
    const char *type = json_string_value(json_object_get(v, "type"));
    int i = 0;
    while (type && i < 4 && strcmp(type, word[i]) != 0)
        i++;
    if (!type || i == 4)
        return srv_field_bad_type(f, "tool_choice", "an object of type auto, any, tool or none");
    p->choice = (srv_tool_choice)i;
    p->parallel = !json_is_true(json_object_get(v, "disable_parallel_tool_use"));
    p->tool_name = json_string_value(json_object_get(v, "name"));
    if (p->choice == SRV_TOOLS_NAMED && !p->tool_name)
        return srv_fail(f, SRV_MISSING, "tool_choice.name", "'tool_choice.name' is missing");
    if (p->choice != SRV_TOOLS_NAMED) p->tool_name = NULL;
    return SK_OK;
}

/* {"type": "enabled" | "disabled" | "adaptive"}: what templates know as enable_thinking. */
static sk_status read_thinking(json_t *v, void *into, srv_fault *f)
{
    const char *type = json_string_value(json_object_get(v, "type"));
    if (!type) return srv_field_bad_type(f, "thinking", "an object with a 'type'");
    return srv_set_var(into, "enable_thinking", json_boolean(strcmp(type, "disabled") != 0), f);
}

#define AT(field) offsetof(srv_params, field)

/* clang-format off */
#define PROMPT_ROWS                                                                                \
    {.name = "system", .type = SRV_FIELD_READ, .kind = "string or array", .deflt = "none",         \
     .read = read_system, .help = "what stands before the conversation: a text, or blocks of it"}, \
    {.name = "messages", .type = SRV_FIELD_READ, .kind = "array", .read = read_messages,           \
     .help = "the conversation: role user or assistant, content a text or blocks of type text, "   \
             "tool_use, tool_result, thinking; the text of an assistant's message at the end is "  \
             "gone on with"},                                                                      \
    {.name = "model", .type = SRV_FIELD_STR, .deflt = "the loaded one", .offset = AT(model),       \
     .help = "id from `GET /v1/models`; another one is refused with 404"},                         \
    {.name = "tools", .type = SRV_FIELD_READ, .kind = "array", .deflt = "none",                    \
     .read = read_tools, .help = "functions: `{\"name\", \"description\", \"input_schema\"}`"},    \
    {.name = "tool_choice", .type = SRV_FIELD_READ, .kind = "object", .deflt = "auto",             \
     .read = read_choice,                                                                          \
     .help = "type auto, any, tool (with `name`) or none; any and tool hold by construction"},     \
    {.name = "thinking", .type = SRV_FIELD_READ, .kind = "object", .deflt = "none",                \
     .read = read_thinking, .help = "given to the model's template as `enable_thinking`"}

static const srv_field rows[] = {
    PROMPT_ROWS,
    {.name = "max_tokens", .type = SRV_FIELD_INT, .offset = AT(max_tokens), .kind = "an integer",
     .min = 1, .max = 9e15,
     .help = "longest answer in tokens; refused if prompt and answer can't fit the context"},
    {.name = "temperature", .type = SRV_FIELD_NUM, .deflt = "0.7",
     .offset = AT(sample.temperature), .max = 2, .help = "randomness"},
    {.name = "top_p", .type = SRV_FIELD_NUM, .deflt = "1", .offset = AT(sample.top_p), .max = 1,
     .help = "keep the likeliest tokens that reach this probability together"},
    {.name = "top_k", .type = SRV_FIELD_INT, .deflt = "0", .offset = AT(sample.top_k),
     .max = 1000000, .help = "keep this many of the likeliest tokens; 0: all"},
    {.name = "seed", .type = SRV_FIELD_READ, .kind = "integer", .deflt = "random",
     .read = srv_read_seed, .help = "same request and seed, same answer"},
    {.name = "stop_sequences", .type = SRV_FIELD_READ, .kind = "string or array", .deflt = "none",
     .read = srv_read_stop_sequences, .help = "up to 4 sequences that end the answer"},
    {.name = "stream", .type = SRV_FIELD_BOOL, .deflt = "false", .offset = AT(stream),
     .help = "send the answer as server-sent events while it is made"},
    SRV_WHEN_ROWS(AT),
    {.name = "metadata", .type = SRV_FIELD_NOTE, .kind = "object", .deflt = "none",
     .help = "accepted; has no bearing on the answer"},
    {.name = "service_tier", .type = SRV_FIELD_NOTE, .kind = "string", .deflt = "none",
     .help = "accepted; has no bearing on the answer"},
};

static const srv_field count_rows[] = {PROMPT_ROWS};
/* clang-format on */

const srv_fields srv_messages_fields = {"POST /v1/messages",
                                        "Answers the last message, in Anthropic's form.", rows,
                                        sizeof rows / sizeof *rows};
const srv_fields srv_count_fields = {"POST /v1/messages/count_tokens",
                                     "How many tokens the prompt of a conversation has.",
                                     count_rows, sizeof count_rows / sizeof *count_rows};

/* ---- endpoints ---- */

/* An assistant's message at the end is the beginning of the answer, in this API. */
static bool ends_open(const srv_params *p)
{
    const json_t *last = json_array_get(p->messages, json_array_size(p->messages) - 1);
    return strcmp(json_string_value(json_object_get(last, "role")), "assistant") == 0 &&
           json_string_length(json_object_get(last, "content")) &&
           !json_object_get(last, "tool_calls");
}

/* What both are asked. */
typedef struct msg_body {
    srv_gen g;
    srv_params p;
} msg_body;

static sk_status read_by(srv_prep *prep, const srv_fields *t, srv_fault *f)
{
    msg_body *b = (msg_body *)(void *)prep;
    srv_params *p = b->g.p = &b->p;
    sk_status st = srv_params_init(p, f);
    p->chat = true;
    if (!st) st = srv_prep_fields(prep, t, p, &p->root, &p->unknown, f);
    if (!st && !json_array_size(p->messages))
        st = srv_fail(f, SRV_BAD_VALUE, "messages", "'messages' must hold a message");
    if (!st) p->go_on = ends_open(p);
    return st ? st : srv_params_check(p, f);
}

static sk_status read_messages_body(srv_prep *p, srv_fault *f)
{
    return read_by(p, &srv_messages_fields, f);
}

static sk_status read_count_body(srv_prep *p, srv_fault *f)
{
    return read_by(p, &srv_count_fields, f);
}

static sk_status make_jobs(srv_prep *p, srv_fault *f)
{
    return srv_gen_make((srv_gen *)(void *)p, &srv_form_messages, f);
}

/* The answer to how many tokens there are. */
static sk_status make_count(srv_prep *prep, srv_fault *f)
{
    srv_params *p = &((msg_body *)(void *)prep)->p;
    eng_ids ids = {0};
    sk_err e = SK_ERR_INIT;
    srv_version *v = NULL;
    sk_status st = srv_prep_model(prep, p->model, &v, f);
    if (!st) st = srv_syntax_find(v->syntax, v->eng, f);
    if (!st) st = srv_syntax_prompt(v->syntax, p, f);
    if (!st && v->eng->chat(v->eng->self, p->messages, p->vars, p->go_on, &ids, &e))
        st = srv_fail_err(f, &e);
    sk_buf_addf(&prep->out, "{\"input_tokens\":%zu}\n", ids.n);
    eng_ids_fini(&ids);
    return st;
}

static void clear(srv_prep *p)
{
    srv_params_fini(&((msg_body *)(void *)p)->p);
}

/* POST /v1/messages */
void srv_post_messages(srv_api *api, srv_req *r)
{
    static const srv_prep_kind kind = {
        sizeof(msg_body), read_messages_body, srv_gen_is_long,   make_jobs, clear,
        srv_gen_done,     srv_gen_fini,       srv_messages_fault};
    srv_gen_begin(api, r, &kind);
}

/* POST /v1/messages/count_tokens */
void srv_post_count(srv_api *api, srv_req *r)
{
    static const srv_prep_kind kind = {
        sizeof(msg_body),  read_count_body, srv_gen_is_long, make_count, clear, NULL, NULL,
        srv_messages_fault};
    srv_prep_begin(api, r, &kind);
}
