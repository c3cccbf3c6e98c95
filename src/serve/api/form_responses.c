/* form_responses.c - answers as OpenAI's responses: items, and numbered events. */
#include "serve/api/responses.h"

#include "serve/api/field.h"

#include "base/json.h"
#include "base/mem.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* ---- what an answer consists of ---- */

srv_response *srv_response_new(void)
{
    return sk_calloc(SK_MEM_REQUEST, 1, sizeof(srv_response));
}

void srv_response_free(srv_response *x)
{
    if (!x) return;
    for (size_t i = 0; i < x->n; i++) {
        sk_buf_fini(&x->item[i].text);
        sk_buf_fini(&x->item[i].name);
    }
    sk_free(x->item);
    sk_buf_fini(&x->echo);
    sk_buf_fini(&x->error);
    json_decref(x->messages);
    json_decref(x->input);
    sk_free(x);
}

static void fini(srv_ask *a)
{
    srv_response_free(a->extra);
    a->extra = NULL;
}

/* A new item; NULL without memory. */
static srv_item *add_item(srv_response *x, srv_part part)
{
    if (x->n == x->cap) {
        size_t cap = x->cap ? 2 * x->cap : 4;
        srv_item *p = sk_realloc(SK_MEM_REQUEST, x->item, cap * sizeof *p);
        if (!p) {
            x->oom = true;
            return NULL;
        }
        x->item = p;
        x->cap = cap;
    }
    x->item[x->n] = (srv_item){.part = part};
    return &x->item[x->n++];
}

/* ---- JSON of items ---- */

static const char *stem_of(srv_part part)
{
    return part == SRV_PART_TEXT ? "msg" : part == SRV_PART_REASON ? "rs" : "fc";
}

static void add_str(sk_buf *out, const sk_buf *s)
{
    sk_json_add_str(out, s->len ? s->p : "", s->len);
}

/* An item, as it is when it begins (empty) or when it ends. */
static void add_item_json(const srv_ask *a, size_t i, bool empty, sk_buf *out)
{
    const srv_response *x = a->extra;
    const srv_item *it = &x->item[i];
    const char *status = empty ? "in_progress" : it->done ? "completed" : "incomplete";
    sk_buf_addf(out, "{\"id\":\"%s_%s_%zu\",\"status\":\"%s\",\"type\":\"", stem_of(it->part),
                a->id, i, status);
    if (it->part == SRV_PART_TEXT) {
        sk_buf_adds(out, "message\",\"role\":\"assistant\",\"content\":[");
        if (!empty) {
            sk_buf_adds(out,
                        "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[],\"text\":");
            add_str(out, &it->text);
            sk_buf_addc(out, '}');
        }
        sk_buf_adds(out, "]}");
    } else if (it->part == SRV_PART_REASON) {
        sk_buf_adds(out, "reasoning\",\"summary\":[],\"content\":[");
        if (!empty) {
            sk_buf_adds(out, "{\"type\":\"reasoning_text\",\"text\":");
            add_str(out, &it->text);
            sk_buf_addc(out, '}');
        }
        sk_buf_adds(out, "]}");
    } else {
        sk_buf_adds(out, "function_call\",\"call_id\":\"");
        srv_call_id(a->id, 0, it->call, out);
        sk_buf_adds(out, "\",\"name\":");
        add_str(out, &it->name);
        sk_buf_adds(out, ",\"arguments\":");
        if (empty)
            sk_buf_adds(out, "\"\"");
        else
            add_str(out, &it->text);
        sk_buf_addc(out, '}');
    }
}

/* The response; it has no output while it is being made. */
static void add_response(const srv_ask *a, const char *status, sk_buf *out)
{
    const srv_response *x = a->extra;
    const srv_choice *c = &a->choice[0];
    bool made = strcmp(status, "in_progress") != 0 && strcmp(status, "queued") != 0;
    sk_buf_addf(out,
                "{\"id\":\"%s\",\"object\":\"response\",\"created_at\":%" PRId64
                ",\"status\":\"%s\",\"error\":%s,\"incomplete_details\":%s,\"model\":",
                a->id, a->answer.created, status, x->error.len ? x->error.p : "null",
                strcmp(status, "incomplete") == 0 ? "{\"reason\":\"max_output_tokens\"}" : "null");
    sk_json_add_str(out, a->answer.model, strlen(a->answer.model));
    sk_buf_adds(out, ",\"output\":[");
    for (size_t i = 0; made && i < x->n; i++) {
        if (i) sk_buf_addc(out, ',');
        add_item_json(a, i, false, out);
    }
    sk_buf_addc(out, ']');
    sk_buf_add(out, x->echo.p, x->echo.len);
    if (made)
        sk_buf_addf(out,
                    ",\"usage\":{\"input_tokens\":%zu,\"input_tokens_details\":{\"cached_tokens\":"
                    "%zu},\"output_tokens\":%zu,\"output_tokens_details\":{\"reasoning_tokens\":"
                    "%zu},\"total_tokens\":%zu}}",
                    c->usage.n_prompt, c->usage.n_cached, c->usage.n_out, c->usage.n_reason,
                    c->usage.n_prompt + c->usage.n_out);
    else
        sk_buf_adds(out, ",\"usage\":null}");
}

/* ---- events ---- */

/* Begins an event: its members come next, then end_event. */
static void begin_event(srv_ask *a, const char *type)
{
    srv_response *x = a->extra;
    sk_buf_reset(&a->json);
    sk_buf_addf(&a->json, "{\"type\":\"%s\",\"sequence_number\":%" PRIu64, type, x->seq++);
}

static void end_event(srv_ask *a, const char *type)
{
    sk_buf_addc(&a->json, '}');
    srv_sse_event(type, &a->json, &a->sse);
    if (a->json.oom) a->sse.oom = true;
}

/* "item_id" and "output_index" of item i, and the only content there is. */
static void add_place(srv_ask *a, size_t i, bool content)
{
    const srv_response *x = a->extra;
    sk_buf_addf(&a->json, ",\"item_id\":\"%s_%s_%zu\",\"output_index\":%zu",
                stem_of(x->item[i].part), a->id, i, i);
    if (content) sk_buf_adds(&a->json, ",\"content_index\":0");
}

/* An event that has the whole response. */
static void whole_event(srv_ask *a, const char *type, const char *status)
{
    begin_event(a, type);
    sk_buf_adds(&a->json, ",\"response\":");
    add_response(a, status, &a->json);
    end_event(a, type);
}

static void open_stream(srv_ask *a)
{
    whole_event(a, "response.created", "in_progress");
    whole_event(a, "response.in_progress", "in_progress");
}

/* An event of an item that begins or ends. */
static void item_event(srv_ask *a, const char *type, size_t i, bool empty)
{
    begin_event(a, type);
    sk_buf_addf(&a->json, ",\"output_index\":%zu,\"item\":", i);
    add_item_json(a, i, empty, &a->json);
    end_event(a, type);
}

/* An event of a message's or reasoning's only part. */
static void part_event(srv_ask *a, const char *type, size_t i, const sk_buf *text)
{
    const srv_response *x = a->extra;
    bool reason = x->item[i].part == SRV_PART_REASON;
    begin_event(a, type);
    add_place(a, i, true);
    sk_buf_adds(&a->json, reason ? ",\"part\":{\"type\":\"reasoning_text\",\"text\":"
                                 : ",\"part\":{\"type\":\"output_text\",\"annotations\":[],"
                                   "\"logprobs\":[],\"text\":");
    add_str(&a->json, text);
    sk_buf_addc(&a->json, '}');
    end_event(a, type);
}

/* Bytes of an item. */
static void delta_event(srv_ask *a, size_t i, const char *p, size_t n)
{
    static const char *const type[] = {"response.output_text.delta",
                                       "response.reasoning_text.delta",
                                       "response.function_call_arguments.delta"};
    const srv_response *x = a->extra;
    srv_part part = x->item[i].part;
    begin_event(a, type[part]);
    add_place(a, i, part != SRV_PART_CALL);
    sk_buf_adds(&a->json, ",\"delta\":");
    sk_json_add_str(&a->json, p, n);
    if (part == SRV_PART_TEXT) sk_buf_adds(&a->json, ",\"logprobs\":[]");
    end_event(a, type[part]);
}

/* All that was said of an item. */
static void done_event(srv_ask *a, size_t i)
{
    static const char *const type[] = {"response.output_text.done", "response.reasoning_text.done",
                                       "response.function_call_arguments.done"};
    const srv_response *x = a->extra;
    const srv_item *it = &x->item[i];
    begin_event(a, type[it->part]);
    add_place(a, i, it->part != SRV_PART_CALL);
    if (it->part == SRV_PART_CALL) {
        sk_buf_adds(&a->json, ",\"name\":");
        add_str(&a->json, &it->name);
    }
    sk_buf_adds(&a->json, it->part == SRV_PART_CALL ? ",\"arguments\":" : ",\"text\":");
    add_str(&a->json, &it->text);
    if (it->part == SRV_PART_TEXT) sk_buf_adds(&a->json, ",\"logprobs\":[]");
    end_event(a, type[it->part]);
}

/* ---- the form ---- */

/* Ends the item that is open, if one is. */
static void close_item(srv_choice *c, bool done)
{
    srv_ask *a = c->ask;
    srv_response *x = a->extra;
    if (!c->opened || !x->n) return;
    size_t i = x->n - 1;
    x->item[i].done = done;
    c->opened = false;
    if (!a->stream) return;
    done_event(a, i);
    if (x->item[i].part != SRV_PART_CALL)
        part_event(a, "response.content_part.done", i, &x->item[i].text);
    item_event(a, "response.output_item.done", i, false);
}

/* Begins an item. */
static void open_item(srv_choice *c, srv_part part, size_t call, const char *p, size_t n)
{
    static const sk_buf none = SK_BUF_INIT;
    srv_ask *a = c->ask;
    close_item(c, true);
    srv_item *it = add_item(a->extra, part);
    if (!it) return;
    it->call = call;
    if (part == SRV_PART_CALL) sk_buf_add(&it->name, p, n);
    c->opened = true;
    c->open_part = part;
    if (!a->stream) return;
    size_t i = ((srv_response *)a->extra)->n - 1;
    item_event(a, "response.output_item.added", i, true);
    if (part != SRV_PART_CALL) part_event(a, "response.content_part.added", i, &none);
}

/* Bytes of an answer: each part in an item of its own. */
static void part(srv_choice *c, srv_part what, size_t call, const char *p, size_t n)
{
    srv_ask *a = c->ask;
    srv_response *x = a->extra;
    if (what == SRV_PART_DONE) {
        close_item(c, true);
        return;
    }
    if (what == SRV_PART_CALL || (what != SRV_PART_ARGS && (!c->opened || c->open_part != what)))
        open_item(c, what, call, p, n);
    if (what == SRV_PART_CALL || !c->opened) return;
    sk_buf_add(&x->item[x->n - 1].text, p, n);
    if (!sk_buf_ok(&x->item[x->n - 1].text)) x->oom = true;
    if (a->stream) delta_event(a, x->n - 1, p, n);
}

/* A text as a JSON value, as clients got it: bytes that are no UTF-8 became U+FFFD. */
static json_t *text_value(const sk_buf *text)
{
    sk_buf b = SK_BUF_INIT;
    add_str(&b, text);
    json_t *v = NULL;
    if (sk_buf_ok(&b) && sk_json_parse(b.p, b.len, 1, &v, NULL)) v = NULL;
    sk_buf_fini(&b);
    return v;
}

static const char *status_of(const srv_ask *a)
{
    return a->choice[0].fin == SRV_FIN_LENGTH ? "incomplete" : "completed";
}

/* The answer as messages of the conversation, which is then kept. */
static void keep(srv_ask *a, const char *status)
{
    srv_response *x = a->extra;
    sk_buf text = SK_BUF_INIT;
    json_t *calls = json_array(), *m = NULL;
    unsigned long missed = sk_mem_missed();
    for (size_t i = 0; x->messages && i < x->n; i++) {
        const srv_item *it = &x->item[i];
        sk_err e = SK_ERR_INIT;
        json_t *args = NULL;
        sk_buf id = SK_BUF_INIT;
        if (it->part == SRV_PART_TEXT) sk_buf_add(&text, it->text.p, it->text.len);
        if (it->part != SRV_PART_CALL || !it->done) continue;
        if (!it->text.len || sk_json_parse(it->text.p, it->text.len, SRV_MAX_DEPTH, &args, &e))
            args = json_object();
        srv_call_id(a->id, 0, it->call, &id);
        (void)json_array_append_new(
            calls, json_pack("{s:s, s:s, s:{s:s, s:o}}", "id", id.p ? id.p : "", "type", "function",
                             "function", "name", it->name.p ? it->name.p : "", "arguments", args));
        sk_buf_fini(&id);
    }
    if (x->messages) m = json_pack("{s:s, s:o}", "role", "assistant", "content", text_value(&text));
    if (m && json_array_size(calls)) (void)json_object_set(m, "tool_calls", calls);
    if (m && json_array_append(x->messages, m) == 0 && missed == sk_mem_missed()) {
        sk_buf body = SK_BUF_INIT;
        add_response(a, status, &body);
        const srv_kept k = {x->messages, x->input, body.p, body.len, a->behind != NULL, NULL};
        if (sk_buf_ok(&body)) srv_store_put(a->api->store, a->id, a->key, &k);
        sk_buf_fini(&body);
    }
    json_decref(m);
    json_decref(calls);
    sk_buf_fini(&text);
}

/* An answer without any item has an empty message. */
static void finish(srv_choice *c)
{
    const srv_response *x = c->ask->extra;
    if (!x->n) open_item(c, SRV_PART_TEXT, 0, "", 0);
    close_item(c, c->fin != SRV_FIN_LENGTH);
    if (((srv_response *)c->ask->extra)->oom) c->ask->sse.oom = true;
}

static void end(srv_ask *a)
{
    bool cut = a->choice[0].fin == SRV_FIN_LENGTH;
    keep(a, status_of(a));
    whole_event(a, cut ? "response.incomplete" : "response.completed", status_of(a));
}

static void as_is(const srv_ask *a, const char *status, sk_buf *out)
{
    add_response(a, status, out);
    sk_buf_addc(out, '\n');
}

/* Clients of a stream are told of a failure only: one who had it cancelled knows. */
static void lost(srv_ask *a, const char *status, const srv_fault *f)
{
    srv_response *x = a->extra;
    if (f) {
        sk_buf_addf(&x->error, "{\"code\":\"%s\",\"message\":", srv_code_name(f->code));
        sk_json_add_str(&x->error, f->text, strlen(f->text));
        sk_buf_addc(&x->error, '}');
    }
    keep(a, status);
    if (a->stream && f) whole_event(a, "response.failed", status);
}

static void whole(srv_ask *a)
{
    keep(a, status_of(a));
    add_response(a, status_of(a), &a->json);
    sk_buf_addc(&a->json, '\n');
}

/* "error", as a stream of this API ends when something fails. */
static void fault(srv_ask *a, const srv_fault *f)
{
    begin_event(a, "error");
    sk_buf_adds(&a->json, ",\"message\":");
    sk_json_add_str(&a->json, f->text, strlen(f->text));
    sk_buf_addf(&a->json, ",\"code\":\"%s\",\"param\":null", srv_code_name(f->code));
    end_event(a, "error");
}

const srv_form srv_form_responses = {.stem = "resp_",
                                     .always = true,
                                     .open = open_stream,
                                     .part = part,
                                     .finish = finish,
                                     .end = end,
                                     .whole = whole,
                                     .fault = fault,
                                     .fault_json = srv_fault_json,
                                     .as_is = as_is,
                                     .lost = lost,
                                     .fini = fini};
