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
    sk_buf_adds(out, ",\"system_fingerprint\":\"stoke-" SK_VERSION "\"");
}

static void add_finish(const char *finish, sk_buf *out)
{
    if (finish)
        sk_buf_addf(out, ",\"logprobs\":null,\"finish_reason\":\"%s\"}", finish);
    else
        sk_buf_adds(out, ",\"logprobs\":null,\"finish_reason\":null}");
}

static void add_usage(const srv_usage *u, sk_buf *out)
{
    sk_buf_addf(out,
                ",\"usage\":{\"prompt_tokens\":%zu,\"completion_tokens\":%zu,\"total_tokens\":%zu,"
                "\"prompt_tokens_details\":{\"cached_tokens\":%zu}}",
                u->n_prompt, u->n_out, u->n_prompt + u->n_out, u->n_cached);
}

/* A chunk's delta: the role once, the text if there is any. */
static void add_delta(bool first, const char *text, size_t n, sk_buf *out)
{
    sk_buf_adds(out, "\"delta\":{");
    if (first) sk_buf_adds(out, "\"role\":\"assistant\",");
    if (first || n) {
        sk_buf_adds(out, "\"content\":");
        sk_json_add_str(out, text, n);
    }
    sk_buf_addc(out, '}');
}

/* One chunk. */
void srv_answer_chunk(const srv_answer *a, bool first, const char *text, size_t n,
                      const char *finish, sk_buf *out)
{
    add_head(a, a->chat ? "chat.completion.chunk" : "text_completion", out);
    sk_buf_adds(out, ",\"choices\":[{\"index\":0,");
    if (a->chat) {
        add_delta(first, text, n, out);
    } else {
        sk_buf_adds(out, "\"text\":");
        sk_json_add_str(out, text, n);
    }
    add_finish(finish, out);
    sk_buf_adds(out, a->has_usage ? "],\"usage\":null}" : "]}");
}

/* The chunk with the counts. */
void srv_answer_usage(const srv_answer *a, const srv_usage *u, sk_buf *out)
{
    add_head(a, a->chat ? "chat.completion.chunk" : "text_completion", out);
    sk_buf_adds(out, ",\"choices\":[]");
    add_usage(u, out);
    sk_buf_addc(out, '}');
}

/* The whole answer. */
void srv_answer_whole(const srv_answer *a, const char *text, size_t n, const char *finish,
                      const srv_usage *u, sk_buf *out)
{
    assert(finish);
    add_head(a, a->chat ? "chat.completion" : "text_completion", out);
    sk_buf_adds(out, ",\"choices\":[{\"index\":0,");
    sk_buf_adds(out, a->chat ? "\"message\":{\"role\":\"assistant\",\"content\":" : "\"text\":");
    sk_json_add_str(out, text, n);
    if (a->chat) sk_buf_adds(out, ",\"refusal\":null}");
    add_finish(finish, out);
    sk_buf_addc(out, ']');
    add_usage(u, out);
    sk_buf_adds(out, "}\n");
}

/* One server-sent event; JSON has no line ends, so one data line holds it. */
void srv_sse_event(const sk_buf *json, sk_buf *out)
{
    assert(!json->len || !memchr(json->p, '\n', json->len));
    sk_buf_adds(out, "data: ");
    sk_buf_add(out, json->p, json->len);
    sk_buf_adds(out, "\n\n");
}
