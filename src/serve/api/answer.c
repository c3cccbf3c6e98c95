/* answer.c - writes answers in the form of OpenAI's API. */
#include "serve/api/answer.h"

#include "base/json.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* The members that every object of an answer begins with. */
static void add_head(const srv_answer *a, const char *object, sk_buf *out)
{
    sk_buf_addf(out, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%" PRId64 ",\"model\":", a->id,
                object, a->created);
    sk_json_add_str(out, a->model, strlen(a->model));
    sk_buf_adds(out, ",\"system_fingerprint\":\"stoke-" SK_VERSION "\",\"choices\":[");
}

/* What every choice ends with. */
static void add_finish(const sk_buf *lp, const char *finish, sk_buf *out)
{
    sk_buf_adds(out, ",\"logprobs\":");
    if (lp && lp->len)
        sk_buf_add(out, lp->p, lp->len);
    else
        sk_buf_adds(out, "null");
    if (finish)
        sk_buf_addf(out, ",\"finish_reason\":\"%s\"}", finish);
    else
        sk_buf_adds(out, ",\"finish_reason\":null}");
}

static void add_usage(const srv_usage *u, sk_buf *out)
{
    sk_buf_addf(out,
                ",\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,\"total_tokens\":%zu,"
                "\"prompt_tokens_details\":{\"cached_tokens\":%zu},"
                "\"completion_tokens_details\":{\"reasoning_tokens\":%zu}}",
                u->n_prompt, u->n_out, u->n_prompt + u->n_out, u->n_cached, u->n_reason);
}

void srv_call_id(const char *stem, size_t choice, size_t call, sk_buf *out)
{
    sk_buf_addf(out, "call_%s_%zu_%zu", stem, choice, call);
}

void srv_answer_head(const srv_answer *a, sk_buf *out)
{
    add_head(a, a->chat ? "chat.completion.chunk" : "text_completion", out);
}

void srv_answer_chunk(const sk_buf *head, size_t index, sk_buf *out)
{
    sk_buf_add(out, head->p, head->len);
    if (!sk_buf_ok(head)) out->oom = true;
    sk_buf_addf(out, "{\"index\":%zu,", index);
}

/* The head of a delta. */
static void add_delta(bool first, sk_buf *out)
{
    sk_buf_adds(out, "\"delta\":{");
    if (first) sk_buf_adds(out, "\"role\":\"assistant\",");
}

/* OpenAI's chunks: a call begins with its id, its name and empty arguments, which then come piece
 * by piece under the same index.  The first delta of a choice carries the role, and a "content" of
 * null when it has no text. */
void srv_answer_delta(bool first, srv_part part, size_t call, const char *id, const char *p,
                      size_t n, sk_buf *out)
{
    add_delta(first, out);
    switch (part) {
    case SRV_PART_TEXT:
        sk_buf_adds(out, "\"content\":");
        sk_json_add_str(out, p, n);
        break;
    case SRV_PART_REASON:
        sk_buf_adds(out,
                    first ? "\"content\":null,\"reasoning_content\":" : "\"reasoning_content\":");
        sk_json_add_str(out, p, n);
        break;
    case SRV_PART_CALL:
        if (first) sk_buf_adds(out, "\"content\":null,");
        sk_buf_addf(out,
                    "\"tool_calls\":[{\"index\":%zu,\"id\":\"%s\",\"type\":\"function\","
                    "\"function\":{\"name\":",
                    call, id);
        sk_json_add_str(out, p, n);
        sk_buf_adds(out, ",\"arguments\":\"\"}}]");
        break;
    case SRV_PART_ARGS:
        sk_buf_addf(out, "\"tool_calls\":[{\"index\":%zu,\"function\":{\"arguments\":", call);
        sk_json_add_str(out, p, n);
        sk_buf_adds(out, "}}]");
        break;
    case SRV_PART_DONE:
        assert(!"has no delta");
    }
    sk_buf_addc(out, '}');
}

void srv_answer_delta_none(bool first, sk_buf *out)
{
    add_delta(first, out);
    if (first) sk_buf_adds(out, "\"content\":\"\"");
    sk_buf_addc(out, '}');
}

void srv_answer_text(const char *p, size_t n, sk_buf *out)
{
    sk_buf_adds(out, "\"text\":");
    sk_json_add_str(out, p, n);
}

void srv_answer_close(const srv_answer *a, const sk_buf *lp, const char *finish, sk_buf *out)
{
    add_finish(lp, finish, out);
    sk_buf_adds(out, a->has_usage ? "],\"usage\":null}" : "]}");
}

/* The chunk with the counts. */
void srv_answer_usage(const srv_answer *a, const srv_usage *u, sk_buf *out)
{
    srv_answer_head(a, out);
    sk_buf_addc(out, ']');
    add_usage(u, out);
    sk_buf_addc(out, '}');
}

void srv_answer_begin(const srv_answer *a, sk_buf *out)
{
    add_head(a, a->chat ? "chat.completion" : "text_completion", out);
}

/* The calls of a message. */
static void add_calls(size_t index, const srv_turn *t, const char *id_stem, sk_buf *out)
{
    for (size_t i = 0; i < t->n_calls; i++) {
        const srv_call *c = &t->call[i];
        sk_buf_adds(out, i ? ",{\"id\":\"" : ",\"tool_calls\":[{\"id\":\"");
        srv_call_id(id_stem, index, i, out);
        sk_buf_adds(out, "\",\"type\":\"function\",\"function\":{\"name\":");
        sk_json_add_str(out, c->name.p, c->name.len);
        sk_buf_adds(out, ",\"arguments\":");
        sk_json_add_str(out, c->args.len ? c->args.p : "", c->args.len);
        sk_buf_adds(out, "}}");
    }
    if (t->n_calls) sk_buf_addc(out, ']');
}

/* A chat's message.  Its content is null where there are calls and nothing was said. */
static void add_message(size_t index, const srv_turn *t, const char *id_stem, sk_buf *out)
{
    sk_buf_adds(out, "\"message\":{\"role\":\"assistant\",\"content\":");
    if (t->text.len || !t->n_calls)
        sk_json_add_str(out, t->text.len ? t->text.p : "", t->text.len);
    else
        sk_buf_adds(out, "null");
    if (t->reason.len) {
        sk_buf_adds(out, ",\"reasoning_content\":");
        sk_json_add_str(out, t->reason.p, t->reason.len);
    }
    sk_buf_adds(out, ",\"refusal\":null");
    add_calls(index, t, id_stem, out);
    sk_buf_addc(out, '}');
}

void srv_answer_choice(const srv_answer *a, size_t index, const srv_turn *t, const char *id_stem,
                       const sk_buf *lp, const char *finish, sk_buf *out)
{
    assert(finish);
    sk_buf_addf(out, "%s{\"index\":%zu,", index ? "," : "", index);
    if (a->chat)
        add_message(index, t, id_stem, out);
    else
        srv_answer_text(t->text.len ? t->text.p : "", t->text.len, out);
    add_finish(lp, finish, out);
}

void srv_answer_end(const srv_usage *u, sk_buf *out)
{
    sk_buf_addc(out, ']');
    add_usage(u, out);
    sk_buf_adds(out, "}\n");
}

/* One server-sent event; JSON has no line ends, so one data line holds it. */
void srv_sse_event(const char *name, const sk_buf *json, sk_buf *out)
{
    assert(!json->len || !memchr(json->p, '\n', json->len));
    if (name) sk_buf_addf(out, "event: %s\n", name);
    sk_buf_adds(out, "data: ");
    sk_buf_add(out, json->p, json->len);
    sk_buf_adds(out, "\n\n");
}
