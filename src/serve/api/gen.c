/* gen.c - POST /v1/chat/completions and /v1/completions: a generation, from body to last event.
 *
 * A srv_gen is the I/O thread's half of a job.  It lives from submission to the job's last mail;
 * its client may be gone before (req is NULL then) and its answer is complete with that mail.  The
 * head of a stream is sent with the first text or ping, so an error before that has its own
 * status.
 */
#include "serve/api/answer.h"
#include "serve/api/api.h"
#include "serve/api/params.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <event2/util.h>
#include <stdio.h>
#include <string.h>

/* Mails handled in one turn of the event loop, so that sockets get theirs. */
#define MAILS_A_TURN 256

typedef struct srv_gen {
    srv_api *api;
    srv_req *req; /* NULL: the client is gone */
    srv_job *job;
    struct event *ping; /* streams only */
    bool stream, begun, first, usage;
    char id[56];
    srv_answer answer;
    sk_buf text; /* what was made so far, when it is answered whole */
    sk_buf json, sse;
} srv_gen;

static void gen_free(srv_gen *g)
{
    if (g->ping) event_free(g->ping);
    srv_job_free(g->job);
    sk_buf_fini(&g->text);
    sk_buf_fini(&g->json);
    sk_buf_fini(&g->sse);
    sk_free(g);
}

/* Starts the wait for the next ping. */
static void arm_ping(srv_gen *g)
{
    struct timeval t = {g->api->ping_ms / 1000, (g->api->ping_ms % 1000) * 1000};
    (void)evtimer_add(g->ping, &t);
}

/* Sends the events gathered in g->sse. */
static void send_events(srv_gen *g)
{
    if (!g->begun) srv_stream_begin(g->req, 200, "text/event-stream; charset=utf-8");
    g->begun = true;
    srv_stream_write(g->req, g->sse.p, g->sse.len);
    sk_buf_reset(&g->sse);
    arm_ping(g);
    if (srv_stream_full(g->req)) srv_sched_pause(g->api->sched, g->job, true);
}

/* The client has heard nothing for a while. */
static void on_ping(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_gen *g = arg;
    if (!g->req) return;
    if (g->begun && srv_stream_full(g->req)) return;
    sk_buf_adds(&g->sse, ": still here\n\n");
    send_events(g);
}

/* Adds one chunk to g->sse. */
static void add_chunk(srv_gen *g, const char *text, size_t n, const char *finish)
{
    sk_buf_reset(&g->json);
    srv_answer_chunk(&g->answer, g->first, text, n, finish, &g->json);
    g->first = false;
    srv_sse_event(&g->json, &g->sse);
}

/* Text came. */
static void take_text(srv_gen *g, const sk_buf *text)
{
    if (!g->stream) {
        sk_buf_add(&g->text, text->p, text->len);
        return;
    }
    add_chunk(g, text->p, text->len, NULL);
    send_events(g);
}

/* The request failed: with a status of its own, or within the stream. */
static void end_fault(srv_gen *g, const srv_fault *f)
{
    srv_req *r = g->req;
    g->req = NULL;
    srv_req_watch(r, NULL, NULL);
    if (!g->begun) {
        srv_reply_fault(r, f);
        return;
    }
    sk_buf_reset(&g->json);
    srv_fault_json(f, &g->json);
    srv_sse_event(&g->json, &g->sse);
    srv_stream_write(r, g->sse.p, g->sse.len);
    srv_stream_end(r);
}

/* The stream ended well. */
static void end_stream(srv_gen *g, const char *finish, const srv_usage *u)
{
    add_chunk(g, "", 0, finish);
    if (g->usage) {
        sk_buf_reset(&g->json);
        srv_answer_usage(&g->answer, u, &g->json);
        srv_sse_event(&g->json, &g->sse);
    }
    sk_buf_adds(&g->sse, "data: [DONE]\n\n");
    send_events(g);
    srv_req *r = g->req;
    g->req = NULL;
    srv_req_watch(r, NULL, NULL);
    srv_stream_end(r);
}

/* The whole answer at once. */
static void end_whole(srv_gen *g, const char *finish, const srv_usage *u)
{
    sk_buf_reset(&g->json);
    srv_answer_whole(&g->answer, g->text.p, g->text.len, finish, u, &g->json);
    srv_req *r = g->req;
    g->req = NULL;
    srv_req_watch(r, NULL, NULL);
    srv_reply(r, 200, "application/json", g->json.p, g->json.len);
}

/* What a mail says went wrong; false if nothing did. */
static bool mail_fault(const srv_gen *g, const srv_mail *m, srv_fault *f)
{
    bool oom =
        !sk_buf_ok(&m->text) || !sk_buf_ok(&g->text) || !sk_buf_ok(&g->sse) || !sk_buf_ok(&g->json);
    if (m->finish == SRV_FIN_ERROR)
        (void)srv_fail_err(f, &m->err);
    else if (m->finish == SRV_FIN_DRAINED)
        (void)srv_fail(f, SRV_DRAINING, NULL, "the server is shutting down");
    else if (m->finish && oom)
        (void)srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the answer");
    else
        return false;
    f->retry_s = srv_code_http(f->code) == 503;
    return true;
}

/* The last mail: completes the answer. */
static void take_finish(srv_gen *g, const srv_mail *m)
{
    srv_fault f = {0};
    srv_usage u = {g->job->prompt.n, m->n_cached, m->n_out};
    const char *finish = m->finish == SRV_FIN_LENGTH ? "length" : "stop";
    sk_log(SK_LOG_DEBUG, "%s prompt %zu (%zu cached) made %zu finish %d", srv_req_id(g->req),
           u.n_prompt, u.n_cached, u.n_out, (int)m->finish);
    if (mail_fault(g, m, &f))
        end_fault(g, &f);
    else if (g->stream)
        end_stream(g, finish, &u);
    else
        end_whole(g, finish, &u);
}

/* Takes the scheduler's mail. */
void srv_gen_collect(srv_api *api)
{
    srv_mail m;
    for (int i = 0; i < MAILS_A_TURN; i++) {
        srv_job *j = srv_sched_collect(api->sched, &m);
        if (!j) return;
        srv_gen *g = j->owner;
        assert(g->job == j);
        if (g->req && m.text.len) take_text(g, &m.text);
        if (g->req && m.finish) take_finish(g, &m);
        srv_mail_fini(&m);
        if (m.finish) gen_free(g);
    }
}

/* News of the client. */
static void on_news(void *arg, srv_req *r, srv_req_news news)
{
    (void)r;
    srv_gen *g = arg;
    if (news == SRV_REQ_ROOM) {
        srv_sched_pause(g->api->sched, g->job, false);
        return;
    }
    g->req = NULL;
    srv_sched_cancel(g->api->sched, g->job);
}

/* A random seed for requests that bring none. */
static uint64_t new_seed(void)
{
    uint64_t seed;
    evutil_secure_rng_get_bytes(&seed, sizeof seed);
    return seed;
}

/* A generation for r, its job filled in from p.  NULL with f filled. */
static srv_gen *gen_new(srv_api *api, srv_req *r, const srv_params *p, srv_fault *f)
{
    srv_gen *g = sk_calloc(SK_MEM_REQUEST, 1, sizeof *g);
    srv_job *j = g ? srv_job_new() : NULL;
    if (!j) {
        sk_free(g);
        (void)srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
        return NULL;
    }
    g->job = j;
    g->api = api;
    g->stream = p->stream;
    g->first = true;
    g->usage = p->include_usage;
    snprintf(g->id, sizeof g->id, "%s-%.39s", p->chat ? "chatcmpl" : "cmpl", srv_req_id(r));
    g->answer = (srv_answer){.chat = p->chat,
                             .has_usage = p->include_usage,
                             .id = g->id,
                             .model = api->eng->model,
                             .created = sk_unix_s()};
    j->owner = g;
    sk_status st = SK_OK;
    if (!srv_job_set_sample(j, &p->sample))
        st = srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    if (!p->has_seed) j->sample.seed = new_seed();
    j->stops = p->stops;
    if (!st) st = srv_params_tokens(p, api->eng, &j->prompt, &j->n_max, f);
    if (!st && p->stream && !(g->ping = evtimer_new(api->base, on_ping, g)))
        st = srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    if (!st) return g;
    gen_free(g);
    return NULL;
}

/* The prompt, before an answer that is to echo it. */
static void echo_prompt(srv_gen *g, const srv_params *p)
{
    sk_buf text = SK_BUF_INIT;
    if (p->prompt) sk_buf_add(&text, p->prompt, p->prompt_len);
    for (size_t i = 0; i < p->ids.n; i++) {
        size_t n = 0;
        const char *piece = g->api->eng->piece(g->api->eng->self, p->ids.id[i], &n);
        sk_buf_add(&text, piece, n);
    }
    if (text.len) take_text(g, &text);
    sk_buf_fini(&text);
}

/* Refuses what is known to be refused before any work is done for it. */
static sk_status check_early(const srv_api *api, const srv_params *p, srv_fault *f)
{
    if (p->model && strcmp(p->model, api->eng->model) != 0)
        return srv_fail(f, SRV_NO_MODEL, "model", "model '%.100s' is not loaded; '%.100s' is",
                        p->model, api->eng->model);
    if (p->chat && !api->eng->has_chat)
        return srv_fail(f, SRV_UNSUPPORTED, "model",
                        "model '%.100s' has no chat template; use /v1/completions",
                        api->eng->model);
    return SK_OK;
}

/* 429 with the time after which the backlog should have a place. */
static sk_status overloaded(const srv_api *api, srv_fault *f)
{
    f->retry_s = srv_sched_retry_s(api->sched);
    return srv_fail(f, SRV_OVERLOADED, NULL, "the queue is full; try again in %u s", f->retry_s);
}

/* Reads, checks, submits.  On SK_OK the request is the generation's. */
static sk_status start(srv_api *api, srv_req *r, srv_params *p, bool chat, srv_fault *f)
{
    if (api->draining) {
        f->retry_s = 1;
        return srv_fail(f, SRV_DRAINING, NULL, "the server is shutting down");
    }
    if (srv_sched_is_full(api->sched)) return overloaded(api, f);
    size_t n;
    const char *body = srv_req_body(r, &n);
    sk_status st = srv_params_read(p, chat, body, n, api->strict, f);
    if (!st) st = check_early(api, p, f);
    if (st) return st;
    srv_gen *g = gen_new(api, r, p, f);
    if (!g) return SK_E_INVALID;
    if (srv_sched_submit(api->sched, g->job)) {
        gen_free(g);
        return overloaded(api, f);
    }
    g->req = r;
    srv_req_watch(r, on_news, g);
    if (p->unknown.len) srv_req_header(r, "x-stoke-ignored", p->unknown.p);
    if (g->stream) arm_ping(g);
    if (p->echo) echo_prompt(g, p);
    return SK_OK;
}

static void post(srv_api *api, srv_req *r, bool chat)
{
    srv_fault f = {0};
    srv_params p = {0};
    if (start(api, r, &p, chat, &f)) srv_reply_fault(r, &f);
    srv_params_fini(&p);
}

/* POST /v1/chat/completions */
void srv_post_chat(srv_api *api, srv_req *r)
{
    post(api, r, true);
}

/* POST /v1/completions */
void srv_post_complete(srv_api *api, srv_req *r)
{
    post(api, r, false);
}
