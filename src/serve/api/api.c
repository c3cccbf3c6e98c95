/* api.c - the table of endpoints. */
#include "serve/api/api.h"

#include "base/log.h"
#include "serve/api/access.h"
#include "serve/api/cors.h"
#include "serve/api/keys.h"
#include "serve/api/messages.h"
#include "serve/api/params.h"
#include "serve/sched/stats.h"
#include "serve/web/page.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The page and its parts. */
static void get_page(srv_api *api, srv_req *r)
{
    srv_page_get(api->page, r);
}

#define HTML "text/html"
#define TEXT "text/plain"

static const srv_route routes[] = {
    {"POST", "/v1/chat/completions", srv_post_chat, "answer a conversation", &srv_chat_fields, true,
     false, NULL, NULL},
    {"POST", "/v1/completions", srv_post_complete, "go on from a text", &srv_completion_fields,
     true, false, NULL, NULL},
    {"POST", "/v1/embeddings", srv_post_embed, "turn texts into vectors", &srv_embed_fields, false,
     false, NULL, NULL},
    {"POST", "/v1/responses", srv_post_responses, "answer items, as items", &srv_responses_fields,
     true, false, NULL, NULL},
    {"GET", "/v1/responses/*", srv_get_response,
     "a response that was kept, or is made in the background: as a stream with `stream=true`, "
     "behind "
     "event `starting_after`; with `/input_items` behind its id the items of its request (`limit`, "
     "`order`, `after`)",
     NULL, false, false, NULL, NULL},
    {"POST", "/v1/responses/*", srv_cancel_response,
     "with `/cancel` behind its id: ends a response that is made in the background", NULL, false,
     false, NULL, NULL},
    {"DELETE", "/v1/responses/*", srv_delete_response, "forget a response", NULL, false, false,
     NULL, NULL},
    {"POST", "/v1/messages", srv_post_messages, "answer a conversation, in Anthropic's form",
     &srv_messages_fields, true, false, NULL, srv_messages_fault},
    {"POST", "/v1/messages/count_tokens", srv_post_count, "how many tokens its prompt has",
     &srv_count_fields, false, false, NULL, srv_messages_fault},
    {"GET", "/v1/models", srv_get_models, "the loaded models", NULL, false, false, NULL, NULL},
    {"GET", "/v1/models/*", srv_get_model, "one model by its id", NULL, false, false, NULL, NULL},
    {"POST", "/tokenize", srv_post_tokenize, "the tokens of a text or conversation",
     &srv_tokenize_fields, false, false, NULL, NULL},
    {"POST", "/detokenize", srv_post_detokenize, "the text of tokens", &srv_detokenize_fields,
     false, false, NULL, NULL},
    {"POST", "/apply-template", srv_post_template, "the prompt of a conversation, as text",
     &srv_template_fields, false, false, NULL, NULL},
    {"GET", "/admin/models", srv_get_admin_models,
     "all versions, those too that only end their requests, and where they came from; for admins",
     NULL, false, false, NULL, NULL, true},
    {"POST", "/admin/models/load", srv_post_load,
     "load a model or an adapter beside what answers, and make it live; for admins",
     &srv_load_fields, false, false, NULL, NULL, true},
    {"POST", "/admin/models/rollback", srv_post_rollback,
     "make the version before the live one live again; for admins", &srv_rollback_fields, false,
     false, NULL, NULL, true},
    {"POST", "/admin/models/unload", srv_post_unload, "take a model off; for admins",
     &srv_unload_fields, false, false, NULL, NULL, true},
    {"GET", "/usage", srv_get_usage, "what the key that asks has used, and its limits", NULL, false,
     false, NULL, NULL},
    {"GET", "/health", srv_get_health,
     "200 while the engine moves or idles, 503 when it is stuck or the server drains", NULL, false,
     true, NULL, NULL},
    {"GET", "/ready", srv_get_health, "the same", NULL, false, true, NULL, NULL},
    {"GET", "/health/ready", srv_get_health, "the same", NULL, false, true, NULL, NULL},
    {"GET", "/health/live", srv_get_live, "200 while the process answers at all", NULL, false, true,
     NULL, NULL},
    {"GET", "/metrics", srv_get_metrics, "Prometheus' text format; see metrics.md", NULL, false,
     false, TEXT, NULL},
    {"GET", "/run", srv_get_run,
     "the training run that `--run` watches: its state, figures and curves, as `stoke watch "
     "--json` has them; 204 without one",
     NULL, false, false, NULL, NULL},
    {"GET", "/up", srv_get_up,
     "the supervisor that runs this server, with `--up`: `state`, what its state.json has, and "
     "`timeline`, the last lines of timeline.jsonl (docs/format/up.md); 204 without one",
     NULL, false, false, NULL, NULL},
    {"POST", "/admin/up", srv_post_up,
     "give the supervisor an order: pause, resume, rollback, pin, unpin; for admins",
     &srv_up_fields, false, false, NULL, NULL, true},
    {"GET", "/openapi.json", srv_get_openapi, "this page as OpenAPI 3.1", NULL, false, true, NULL,
     NULL},
    {"GET", "/version", srv_get_version, "the program's version", NULL, false, true, NULL, NULL},
    {"GET", "/", get_page, "the chat page", NULL, false, true, HTML, NULL},
    {"GET", "/assets/*", get_page, "its parts", NULL, false, true, "*/*", NULL},
};

#define N_ROUTES (sizeof routes / sizeof *routes)

const srv_route *srv_api_routes(size_t *n)
{
    *n = N_ROUTES;
    return routes;
}

sk_status srv_api_no_model(const char *name, const char *first, size_t n, srv_fault *f)
{
    if (n > 1)
        return srv_fail(f, SRV_NO_MODEL, "model",
                        "model '%.100s' is not loaded; GET /v1/models lists the %zu that are", name,
                        n);
    if (name && first)
        return srv_fail(f, SRV_NO_MODEL, "model", "model '%.100s' is not loaded; '%.100s' is", name,
                        first);
    return srv_fail(f, SRV_NO_MODEL, "model", "no model is loaded");
}

void srv_api_reply(srv_req *r, int status, const char *type, sk_buf *b)
{
    if (sk_buf_ok(b)) {
        srv_reply(r, status, type, b->p, b->len);
    } else {
        srv_fault f = {0};
        (void)srv_fail(&f, SRV_NO_MEMORY, NULL, "no memory for the answer");
        srv_reply_fault(r, &f);
    }
    sk_buf_fini(b);
}

/* True when path is the route's. */
static bool path_fits(const srv_route *t, const char *path)
{
    size_t n = strlen(t->path);
    if (t->path[n - 1] != '*') return strcmp(t->path, path) == 0;
    return strncmp(t->path, path, n - 1) == 0 && path[n - 1];
}

/* HEAD is answered wherever GET is. */
static bool method_fits(const srv_route *t, const char *method)
{
    if (strcmp(t->method, method) == 0) return true;
    return strcmp(method, "HEAD") == 0 && strcmp(t->method, "GET") == 0;
}

/* The methods of a path. */
static const char *methods_of(const char *path)
{
    bool get = false, post = false, del = false;
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (strcmp(routes[i].path, path) != 0) continue;
        get = get || strcmp(routes[i].method, "GET") == 0;
        post = post || strcmp(routes[i].method, "POST") == 0;
        del = del || strcmp(routes[i].method, "DELETE") == 0;
    }
    if (get && del) return post ? "GET, HEAD, POST, DELETE" : "GET, HEAD, DELETE";
    return post ? "POST" : "GET, HEAD";
}

/* What is wrong with a request before its endpoint looks at it. */
static const srv_route *find_route(const srv_head *h, srv_fault *f)
{
    const srv_route *other = NULL;
    for (size_t i = 0; i < N_ROUTES; i++) {
        if (!path_fits(&routes[i], h->path)) continue;
        if (method_fits(&routes[i], h->method)) return &routes[i];
        other = &routes[i];
    }
    if (other) {
        f->allow = methods_of(other->path);
        (void)srv_fail(f, SRV_BAD_METHOD, NULL, "%s takes %s, not %.20s", other->path, f->allow,
                       h->method);
    } else {
        (void)srv_fail(f, SRV_NO_PATH, NULL, "nothing is at %.200s", h->path);
    }
    return NULL;
}

/* Whether a request may be answered at all. */
static sk_status check(srv_api *api, srv_req *r, const srv_route *t, srv_fault *f)
{
    const srv_head *h = srv_req_head(r);
    const char *coding = srv_head_find(h, "content-encoding");
    if (!srv_cors_allow(api->cors, r))
        return srv_fail(f, SRV_CROSS_ORIGIN, "origin",
                        "pages of other origins may not ask; see --cors, or put a proxy in front "
                        "of both");
    if (api->keys && !t->open) {
        sk_status st = srv_keys_check(api->keys, h, &srv_req_marks(r)->key, f);
        if (st) return st;
    }
    if (t->admin) {
        sk_status st = srv_admin_check(api, r, f);
        if (st) return st;
    }
    if (coding && strcasecmp(coding, "identity") != 0)
        return srv_fail(f, SRV_BAD_MEDIA, "content-encoding", "send the body uncompressed");
    return SK_OK;
}

/* A refusal in the endpoint's form. */
static void refuse(srv_req *r, const srv_route *t, const srv_fault *f)
{
    sk_buf b = SK_BUF_INIT;
    if (t && t->fault)
        t->fault(f, &b);
    else
        srv_fault_json(f, &b);
    srv_reply_fault_as(r, f, &b);
    sk_buf_fini(&b);
}

/* Answers a request. */
void srv_api_handle(void *arg, srv_req *r)
{
    srv_api *api = arg;
    const srv_head *h = srv_req_head(r);
    srv_fault f = {0};
    if (srv_trace_id(h)) srv_req_header(r, "traceparent", srv_head_find(h, "traceparent"));
    if (srv_cors_preflight(api->cors, r)) return;
    const srv_route *t = find_route(h, &f);
    if (t && !check(api, r, t, &f))
        t->handle(api, r);
    else
        refuse(r, t, &f);
}

/* Counts and logs a finished request. */
void srv_api_done(void *arg, const srv_req *r, int status)
{
    srv_api *api = arg;
    srv_metric_id id = SRV_M_ANSWERS_2XX;
    if (status >= 400) id = status == 429 ? SRV_M_ANSWERS_429 : SRV_M_ANSWERS_4XX;
    if (status == 499) id = SRV_M_GONE;
    if (status >= 500) id = SRV_M_ANSWERS_5XX;
    sk_metric_add(api->metrics, id, 1);
    const srv_head *h = srv_req_head(r);
    uint32_t key = srv_req_mark_of(r)->key;
    if (api->access)
        srv_access_line(api->access, r, status, key ? srv_keys_row(api->keys, key)->id : NULL);
    sk_log(SK_LOG_DEBUG, "%s %s %.200s %d", srv_req_id(r), h->method, h->path, status);
}

/* docs/api.md. */
void srv_api_markdown(sk_buf *out)
{
    sk_buf_adds(out,
                "# HTTP API\n\n"
                "The API follows OpenAI's, so that its client libraries work unchanged. This page "
                "is made from the server's own\ntables: `stoke serve --docs api`.\n\n"
                "## Endpoints\n\n| method | path | what it does |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < N_ROUTES; i++)
        sk_buf_addf(out, "| %s | `%s` | %s |\n", routes[i].method, routes[i].path, routes[i].help);
    sk_buf_adds(out,
                "\nEvery answer carries `x-request-id`: the client's, if it sent one of up to 39 "
                "letters, digits, `-`, `_`, `.`,\nelse a new one. HEAD works wherever GET does.\n\n"
                "## Fields\n\nA field that this server cannot honour is refused with its name in "
                "`param`, unless its value asks for nothing\n(type \"only\" below). `null` counts "
                "as absent. Fields that are not in the tables are ignored and named in the\n"
                "answer's `x-stoke-ignored` header; under `--strict` they are refused.\n\n");
    for (size_t i = 0; i < N_ROUTES; i++)
        if (routes[i].body) srv_fields_markdown(routes[i].body, out);
    sk_buf_adds(out, "## Errors\n\n`{\"error\": {\"message\", \"type\", \"param\", \"code\"}}`; in "
                     "a stream that has begun, the same object comes as an\nevent and ends it "
                     "without `[DONE]`. 429 and 503 carry `Retry-After` in seconds.\n\n");
    srv_fault_markdown(out);
}
