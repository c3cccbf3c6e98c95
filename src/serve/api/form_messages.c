/* form_messages.c - answers as Anthropic's messages: blocks of text, thinking and tool_use. */
#include "serve/api/messages.h"

#include "serve/api/field.h"

#include "base/json.h"

#include <assert.h>
#include <string.h>

/* ---- refusals ---- */

/* The type of an error goes by its status. */
static const char *error_type(int http)
{
    switch (http) {
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
        return "not_found_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 503:
        return "overloaded_error";
    default:
        return http < 500 ? "invalid_request_error" : "api_error";
    }
}

void srv_messages_fault(const srv_fault *f, sk_buf *out)
{
    sk_buf_addf(out, "{\"type\":\"error\",\"error\":{\"type\":\"%s\",\"message\":",
                error_type(srv_code_http(f->code)));
    sk_json_add_str(out, f->text, strlen(f->text));
    sk_buf_adds(out, "}}");
}

/* ---- parts ---- */

/* Why it ended; a stop sequence is told from the model's own end by the job's tail. */
static const char *stop_reason(const srv_choice *c)
{
    if (c->fin == SRV_FIN_LENGTH) return "max_tokens";
    if (c->n_calls && c->n_done == c->n_calls) return "tool_use";
    return c->stopped ? "stop_sequence" : "end_turn";
}

/* "stop_reason" and "stop_sequence"; which one it was is known only if there was one. */
static void add_reason(const srv_choice *c, sk_buf *out)
{
    const char *why = stop_reason(c);
    sk_buf_addf(out, "\"stop_reason\":\"%s\",\"stop_sequence\":", why);
    if (strcmp(why, "stop_sequence") == 0 && c->stops.n == 1)
        sk_json_add_str(out, c->stops.text[0], (size_t)c->stops.len[0] + 1);
    else
        sk_buf_adds(out, "null");
}

static void add_usage(const srv_usage *u, sk_buf *out)
{
    sk_buf_addf(out,
                "\"usage\":{\"input_tokens\":%zu,\"cache_creation_input_tokens\":0,"
                "\"cache_read_input_tokens\":%zu,\"output_tokens\":%zu}",
                u->n_prompt - u->n_cached, u->n_cached, u->n_out);
}

static void add_head(const srv_ask *a, sk_buf *out)
{
    sk_buf_addf(out,
                "{\"id\":\"%s\",\"type\":\"message\",\"role\":\"assistant\",\"model\":", a->id);
    sk_json_add_str(out, a->answer.model, strlen(a->answer.model));
}

/* ---- streams ---- */

/* Makes a->json an event. */
static void event(srv_ask *a, const char *name)
{
    srv_sse_event(name, &a->json, &a->sse);
    if (a->json.oom) a->sse.oom = true;
    sk_buf_reset(&a->json);
}

static void open_stream(srv_ask *a)
{
    srv_usage u = a->choice[0].usage;
    sk_buf_reset(&a->json);
    sk_buf_adds(&a->json, "{\"type\":\"message_start\",\"message\":");
    add_head(a, &a->json);
    sk_buf_adds(&a->json, ",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,");
    u.n_out = 0;
    add_usage(&u, &a->json);
    sk_buf_adds(&a->json, "}}");
    event(a, "message_start");
}

/* Ends the block that is open, if one is. */
static void close_block(srv_choice *c)
{
    srv_ask *a = c->ask;
    if (!c->opened) return;
    sk_buf_addf(&a->json, "{\"type\":\"content_block_stop\",\"index\":%zu}", c->n_items - 1);
    event(a, "content_block_stop");
    c->opened = false;
}

/* Begins a block for a part. */
static void open_block(srv_choice *c, srv_part part, size_t call, const char *p, size_t n)
{
    srv_ask *a = c->ask;
    close_block(c);
    sk_buf_addf(&a->json,
                "{\"type\":\"content_block_start\",\"index\":%zu,\"content_block\":", c->n_items);
    if (part == SRV_PART_TEXT) sk_buf_adds(&a->json, "{\"type\":\"text\",\"text\":\"\"}}");
    if (part == SRV_PART_REASON)
        sk_buf_adds(&a->json, "{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}");
    if (part == SRV_PART_CALL) {
        sk_buf_adds(&a->json, "{\"type\":\"tool_use\",\"id\":\"");
        srv_call_id(a->id, c->index, call, &a->json);
        sk_buf_adds(&a->json, "\",\"name\":");
        sk_json_add_str(&a->json, p, n);
        sk_buf_adds(&a->json, ",\"input\":{}}}");
    }
    event(a, "content_block_start");
    c->opened = true;
    c->open_part = part;
    c->n_items++;
}

/* Bytes of an answer: each part in a block of its own. */
static void part(srv_choice *c, srv_part what, size_t call, const char *p, size_t n)
{
    static const char *const delta[] = {"text_delta\",\"text\":", "thinking_delta\",\"thinking\":",
                                        "", "input_json_delta\",\"partial_json\":"};
    srv_ask *a = c->ask;
    if (what == SRV_PART_DONE) {
        close_block(c);
        return;
    }
    if (what == SRV_PART_CALL || (what != SRV_PART_ARGS && (!c->opened || c->open_part != what)))
        open_block(c, what, call, p, n);
    if (what == SRV_PART_CALL) return;
    assert(c->opened);
    sk_buf_addf(&a->json,
                "{\"type\":\"content_block_delta\",\"index\":%zu,\"delta\":{\"type\":\"%s",
                c->n_items - 1, delta[what]);
    sk_json_add_str(&a->json, p, n);
    sk_buf_adds(&a->json, "}}");
    event(a, "content_block_delta");
}

static void finish(srv_choice *c)
{
    srv_ask *a = c->ask;
    sk_buf_reset(&a->json);
    close_block(c);
    sk_buf_adds(&a->json, "{\"type\":\"message_delta\",\"delta\":{");
    add_reason(c, &a->json);
    sk_buf_adds(&a->json, "},");
    add_usage(&c->usage, &a->json);
    sk_buf_addc(&a->json, '}');
    event(a, "message_delta");
}

static void end(srv_ask *a)
{
    sk_buf_adds(&a->json, "{\"type\":\"message_stop\"}");
    event(a, "message_stop");
}

static void fault(srv_ask *a, const srv_fault *f)
{
    sk_buf_reset(&a->json);
    srv_messages_fault(f, &a->json);
    event(a, "error");
}

/* ---- whole ---- */

/* A call's arguments as a value; what is cut off is no JSON and left out. */
static void add_input(const sk_buf *args, sk_buf *out)
{
    sk_err e = SK_ERR_INIT;
    json_t *v = NULL;
    bool ok = args->len && sk_json_parse(args->p, args->len, SRV_MAX_DEPTH, &v, &e) == SK_OK;
    if (ok && json_is_object(v))
        sk_buf_add(out, args->p, args->len);
    else
        sk_buf_adds(out, "{}");
    json_decref(v);
}

static void add_block(const char *head, const sk_buf *text, const char *tail, size_t *n,
                      sk_buf *out)
{
    sk_buf_addf(out, "%s{\"type\":\"%s", (*n)++ ? "," : "", head);
    sk_json_add_str(out, text->len ? text->p : "", text->len);
    sk_buf_adds(out, tail);
}

/* The whole answer in Anthropic's form: blocks in the order thinking, text, calls.  There is always
 * one, an empty text if nothing else came. */
static void whole(srv_ask *a)
{
    srv_choice *c = &a->choice[0];
    const srv_turn *t = &c->turn;
    size_t n = 0;
    add_head(a, &a->json);
    sk_buf_adds(&a->json, ",\"content\":[");
    if (t->reason.len)
        add_block("thinking\",\"thinking\":", &t->reason, ",\"signature\":\"\"}", &n, &a->json);
    if (t->text.len || !t->n_calls) add_block("text\",\"text\":", &t->text, "}", &n, &a->json);
    for (size_t i = 0; i < t->n_calls; i++) {
        sk_buf_addf(&a->json, "%s{\"type\":\"tool_use\",\"id\":\"", n++ ? "," : "");
        srv_call_id(a->id, c->index, i, &a->json);
        sk_buf_adds(&a->json, "\",\"name\":");
        sk_json_add_str(&a->json, t->call[i].name.p, t->call[i].name.len);
        sk_buf_adds(&a->json, ",\"input\":");
        add_input(&t->call[i].args, &a->json);
        sk_buf_addc(&a->json, '}');
    }
    sk_buf_adds(&a->json, "],");
    add_reason(c, &a->json);
    sk_buf_addc(&a->json, ',');
    add_usage(&c->usage, &a->json);
    sk_buf_adds(&a->json, "}\n");
}

const srv_form srv_form_messages = {.stem = "msg_",
                                    .open = open_stream,
                                    .part = part,
                                    .finish = finish,
                                    .end = end,
                                    .whole = whole,
                                    .fault = fault,
                                    .fault_json = srv_messages_fault};
