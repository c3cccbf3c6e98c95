/* ask.c - from the scheduler's mail to the client's answer. */
#include "serve/api/ask.h"
#include "serve/api/behind.h"
#include "serve/api/keys.h"
#include "serve/api/rules.h"
#include "serve/api/store.h"
#include "serve/sched/stats.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <event2/util.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Mails handled in one turn of the event loop, so that sockets get theirs. */
#define MAILS_A_TURN 256

/* ---- life ---- */

/* Frees the choices and what they hold. */
static void free_choices(srv_ask *a)
{
    for (size_t i = 0; i < a->n; i++) {
        srv_choice *c = &a->choice[i];
        srv_job_free(c->job);
        srv_split_fini(&c->split);
        srv_turn_fini(&c->turn);
        sk_buf_fini(&c->toks);
        sk_buf_fini(&c->echo);
    }
}

void srv_ask_free(srv_ask *a)
{
    if (!a) return;
    if (a->form->fini) a->form->fini(a);
    if (a->ping) event_free(a->ping);
    srv_behind_free(a->behind);
    free_choices(a);
    srv_rules_put(a->on->rules, a->rule);
    sk_buf_fini(&a->json);
    sk_buf_fini(&a->sse);
    sk_buf_fini(&a->head);
    srv_version_put(a->on);
    sk_free(a);
}

/* Starts the wait for the next ping. */
static void arm_ping(srv_ask *a)
{
    struct timeval t = {a->api->ping_ms / 1000, (a->api->ping_ms % 1000) * 1000};
    if (a->ping) (void)evtimer_add(a->ping, &t);
}

/* The client has heard nothing for a while. */
static void on_ping(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_ask *a = arg;
    if (a->behind) {
        srv_behind_ping(a->behind);
        arm_ping(a);
    }
    if (!a->req) return;
    if (a->begun && srv_stream_full(a->req)) return;
    sk_buf_adds(&a->sse, ": still here\n\n");
    srv_ask_flush(a);
}

static void take_mail(srv_owner *o, srv_job *j, const srv_mail *m);

/* A choice with a job to be filled in. */
static bool init_choice(srv_ask *a, size_t i)
{
    srv_choice *c = &a->choice[i];
    c->owner.mail = take_mail;
    c->ask = a;
    c->index = i;
    c->split.fn = srv_ask_part;
    c->split.arg = c;
    c->job = srv_job_new();
    if (!c->job) return false;
    c->job->owner = c;
    c->job->adapter = a->on->adapter ? a->on->adapter->lora : NULL;
    return true;
}

srv_ask *srv_ask_new(srv_api *api, srv_version *v, const char *id, const srv_form *form, size_t n,
                     bool stream, srv_fault *f)
{
    srv_ask *a = sk_calloc(SK_MEM_REQUEST, 1, sizeof *a + n * sizeof *a->choice);
    bool ok = a != NULL;
    if (a) {
        a->api = api;
        a->on = v;
        a->form = form;
        a->stream = stream;
        snprintf(a->id, sizeof a->id, "%s%.39s", form->stem, id);
        a->answer = (srv_answer){.id = a->id, .model = v->name, .created = sk_unix_s()};
    }
    for (; ok && a->n < n; a->n++)
        ok = init_choice(a, a->n);
    if (ok) return a;
    if (a) free_choices(a);
    sk_free(a);
    (void)srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    return NULL;
}

void srv_ask_version(const srv_version *v, srv_req *r)
{
    char n[16];
    snprintf(n, sizeof n, "%u", v->number);
    srv_req_header(r, "x-stoke-model-version", n);
}

srv_usage srv_ask_usage(const srv_ask *a)
{
    srv_usage u = {0};
    for (size_t i = 0; i < a->n; i++) {
        const srv_choice *c = &a->choice[i];
        u.n_out += c->usage.n_out;
        u.n_reason += c->usage.n_reason;
        if (!c->first_of_prompt) continue;
        u.n_prompt += c->usage.n_prompt;
        u.n_cached += c->usage.n_cached;
    }
    return u;
}

/* ---- what goes to the client ---- */

static void fail_memory(srv_ask *a);

/* Whether anybody may want to know how a goes on. */
static bool is_heard(const srv_ask *a)
{
    return a->req || a->behind;
}

/* For every job that is under way. */
static void each_job(srv_ask *a, void (*fn)(srv_sched *s, srv_job *j))
{
    for (size_t i = 0; i < a->n; i++)
        if (a->choice[i].job) fn(a->on->sched, a->choice[i].job);
}

static void hold(srv_sched *s, srv_job *j)
{
    srv_sched_pause(s, j, true);
}

static void go_on(srv_sched *s, srv_job *j)
{
    srv_sched_pause(s, j, false);
}

void srv_ask_flush(srv_ask *a)
{
    if (!sk_buf_ok(&a->sse)) {
        fail_memory(a);
        return;
    }
    if (a->behind) {
        srv_behind_tell(a->behind, &a->sse);
        sk_buf_reset(&a->sse);
        arm_ping(a);
        return;
    }
    if (!a->begun) srv_stream_begin(a->req, 200, "text/event-stream; charset=utf-8");
    a->begun = true;
    srv_stream_write(a->req, a->sse.p, a->sse.len);
    sk_buf_reset(&a->sse);
    arm_ping(a);
    if (srv_stream_full(a->req)) each_job(a, hold);
}

/* What a form says before anything else; a ping may have begun the stream already. */
static void open_stream(srv_ask *a)
{
    if (a->opened) return;
    a->opened = true;
    if (a->form->open) a->form->open(a);
}

void srv_ask_part(void *choice, srv_part part, size_t call, const char *p, size_t n)
{
    srv_choice *c = choice;
    srv_ask *a = c->ask;
    if (part == SRV_PART_CALL) c->n_calls = call + 1;
    if (part == SRV_PART_DONE) c->n_done = call + 1;
    if (!a->stream && !a->form->always) srv_turn_add(&c->turn, part, p, n);
    if (a->stream) open_stream(a);
    if (a->stream || a->form->always) a->form->part(c, part, call, p, n);
}

/* Takes the request from the ask: its answer is about to be complete. */
static srv_req *take_req(srv_ask *a)
{
    srv_req *r = a->req;
    a->req = NULL;
    srv_req_watch(r, NULL, NULL);
    return r;
}

/* Nothing more comes of what is made in the background: its events are kept with it. */
static void end_behind(srv_ask *a)
{
    sk_buf log = SK_BUF_INIT;
    if (a->sse.len && sk_buf_ok(&a->sse)) srv_behind_tell(a->behind, &a->sse);
    sk_buf_reset(&a->sse);
    srv_behind_end(a->behind, &log);
    if (log.len) srv_store_events(a->api->store, a->id, a->key, &log);
    sk_buf_fini(&log);
    srv_behind_free(a->behind);
    a->behind = NULL;
}

void srv_ask_cancel(srv_ask *a)
{
    each_job(a, srv_sched_cancel);
    a->form->lost(a, "cancelled", NULL);
    end_behind(a);
}

/* The request failed: with a status of its own, or within the stream. */
static void fail(srv_ask *a, const srv_fault *f)
{
    each_job(a, srv_sched_cancel);
    if (a->behind) {
        sk_buf_reset(&a->sse);
        a->form->lost(a, "failed", f);
        end_behind(a);
        return;
    }
    srv_req *r = take_req(a);
    if (!a->begun) {
        sk_buf_reset(&a->json);
        a->form->fault_json(f, &a->json);
        srv_reply_fault_as(r, f, &a->json);
        return;
    }
    sk_buf_reset(&a->sse);
    a->form->fault(a, f);
    if (!sk_buf_ok(&a->sse)) {
        srv_stream_cut(r);
        return;
    }
    srv_stream_write(r, a->sse.p, a->sse.len);
    srv_stream_end(r);
}

/* Something of the answer had no memory. */
static void fail_memory(srv_ask *a)
{
    srv_fault f = {.retry_s = 1};
    (void)srv_fail(&f, SRV_NO_MEMORY, NULL, "no memory for the answer");
    fail(a, &f);
}

/* ---- whole answers that take long to write ---- */

/* Bytes of records of tokens, some dozens with all alternatives, whose JSON is written at once:
 * about a millisecond. */
#define FEW_RECORDS (16u << 10)

static srv_ask *ask_of(srv_chore *c)
{
    return (srv_ask *)(void *)((char *)c - offsetof(srv_ask, chore));
}

/* Any thread. */
static void write_whole(srv_chore *c)
{
    srv_ask *a = ask_of(c);
    unsigned long missed = sk_mem_missed();
    a->form->whole(a);
    if (missed != sk_mem_missed()) a->json.oom = true;
}

/* The end of such an ask.  What the hands had no room for is written here, since it was made. */
static void written(srv_chore *c, srv_chore_end how)
{
    srv_ask *a = ask_of(c);
    if (a->req && how == SRV_CHORE_CROWDED) write_whole(c);
    if (a->req && !sk_buf_ok(&a->json))
        fail_memory(a);
    else if (a->req)
        srv_reply(take_req(a), 200, "application/json", a->json.p, a->json.len);
    srv_ask_free(a);
}

/* Has another thread write a's answer; false where it is better written at once. */
static bool write_aside(srv_ask *a)
{
    size_t bytes = 0;
    for (size_t i = 0; i < a->n; i++)
        bytes += a->choice[i].toks.len;
    if (a->stream || a->behind || !a->form->aside || !a->want_lp || !a->api->hands) return false;
    a->chore = (srv_chore){.work = write_whole, .done = written, .key = a->key};
    a->writing = bytes > FEW_RECORDS && srv_hands_give(a->api->hands, &a->chore);
    if (a->writing) sk_metric_add(a->api->metrics, SRV_M_WRITTEN_ASIDE, 1);
    return a->writing;
}

/* All choices are complete. */
static void complete(srv_ask *a)
{
    unsigned long missed = sk_mem_missed();
    if (!a->stream) sk_buf_reset(&a->json);
    if (write_aside(a)) return;
    if (a->stream)
        a->form->end(a);
    else
        a->form->whole(a);
    if (missed != sk_mem_missed()) {
        fail_memory(a);
        return;
    }
    if (a->behind) {
        end_behind(a);
        return;
    }
    if (!a->stream) {
        srv_reply(take_req(a), 200, "application/json", a->json.p, a->json.len);
        return;
    }
    srv_ask_flush(a);
    srv_stream_end(take_req(a));
}

/* ---- accounts ---- */

/* A prompt's tokens count once, whatever the number of its answers. */
sk_status srv_ask_take(srv_ask *a, srv_req *r, srv_fault *f)
{
    uint64_t most = 0;
    a->key = srv_req_mark_of(r)->key;
    for (size_t i = 0; i < a->n; i++) {
        const srv_job *j = a->choice[i].job;
        a->choice[i].job->key = a->key;
        if (a->key)
            a->choice[i].job->priority += (int32_t)srv_keys_row(a->api->keys, a->key)->priority;
        if (a->key && j->priority > srv_keys_row(a->api->keys, a->key)->priority)
            return srv_fail(f, SRV_BAD_VALUE, "priority",
                            "'priority' can't be below 0 for this key; it goes first as it is");
        most += j->n_max + (a->choice[i].first_of_prompt ? j->prompt.n : 0);
    }
    return a->key ? srv_keys_take(a->api->keys, a->key, most, &a->taken, r, f) : SK_OK;
}

/* Notes what was used, before the end of the answer is sent. */
static void settle(srv_ask *a)
{
    srv_usage u = srv_ask_usage(a);
    if (a->req) {
        srv_mark *m = srv_req_marks(a->req);
        m->n_prompt = u.n_prompt;
        m->n_cached = u.n_cached;
        m->n_out = u.n_out;
    }
    if (!a->key || a->settled) return;
    srv_key_usage used = {1, u.n_prompt, u.n_cached, u.n_out};
    srv_keys_used(a->api->keys, a->key, a->taken, &used);
    a->settled = true;
}

/* ---- mail ---- */

/* What a mail says went wrong; false if nothing did. */
static bool mail_fault(const srv_mail *m, srv_fault *f)
{
    if (m->finish == SRV_FIN_ERROR)
        (void)srv_fail_err(f, &m->err);
    else if (m->finish == SRV_FIN_EXPIRED)
        (void)srv_fail(f, SRV_EXPIRED, NULL, "the request's deadline has passed");
    else if (m->finish == SRV_FIN_DRAINED)
        (void)srv_fail(f, SRV_DRAINING, NULL, "the server is shutting down");
    else if (!sk_buf_ok(&m->text) || !sk_buf_ok(&m->toks))
        (void)srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the answer");
    else
        return false;
    f->retry_s = srv_code_http(f->code) == 503;
    return true;
}

/* The prompt is given with the records of its tokens, as they come: the text with the first. */
static void see_echo(srv_choice *c)
{
    srv_tok t;
    size_t had = c->n_seen, at = c->tok_seen;
    for (; c->n_seen < c->n_echo && srv_toklog_next(&c->toks, &at, &t); c->n_seen++)
        c->tok_seen = at;
    if (c->n_seen == had) return;
    srv_ask_part(c, SRV_PART_TEXT, 0, c->echo.p, c->echo.len);
    sk_buf_reset(&c->echo);
}

/* Notes which tokens' text has come; what a stop sequence cut off is dropped. */
static void see_tokens(srv_choice *c, const srv_mail *m)
{
    srv_tok t;
    if (!c->ask->want_lp) return;
    sk_buf_add(&c->toks, m->toks.p, m->toks.len);
    see_echo(c);
    c->text_bytes += m->text.len;
    for (size_t at = c->tok_seen; srv_toklog_next(&c->toks, &at, &t); c->tok_seen = at) {
        bool begun = c->tok_bytes < c->text_bytes || m->finish == SRV_FIN_LENGTH;
        bool whole = c->tok_bytes + t.n_bytes <= c->text_bytes;
        if (!whole && !(m->finish && begun)) return;
        c->tok_bytes += t.n_bytes;
    }
}

/* Counts the tokens that began before the end of the reasoning, and adds up how likely all are. */
static void count_tokens(srv_choice *c, const srv_mail *m)
{
    srv_tok t;
    uint64_t end = c->split.in_reason ? UINT64_MAX : c->split.reason_end;
    for (size_t at = 0; srv_toklog_next(&m->toks, &at, &t); c->made_bytes += t.n_bytes) {
        if (c->made_bytes < end) c->usage.n_reason++;
        if (c->n_recs++ >= c->n_echo) c->lp_sum += t.logprob;
    }
}

double srv_choice_mean(const srv_choice *c)
{
    size_t n = c->n_recs - c->n_echo;
    return c->n_recs > c->n_echo ? c->lp_sum / (double)n : -INFINITY;
}

/* The last mail of a choice. */
static void take_finish(srv_choice *c, const srv_mail *m)
{
    srv_ask *a = c->ask;
    c->fin = m->finish;
    c->stopped = c->job->tail.stopped;
    c->stops = c->job->stops;
    if (is_heard(a)) {
        srv_split_end(&c->split);
        if (a->stream) open_stream(a);
        if (a->stream || a->form->always) a->form->finish(c);
    }
    if (!c->job->at_start_us) c->usage.n_prompt = 0;
    srv_job_free(c->job);
    c->job = NULL;
    if (!--a->n_live) settle(a);
}

/* One mail of one choice, which may be the end of the ask. */
static void take_mail(srv_owner *o, srv_job *j, const srv_mail *m)
{
    srv_choice *c = (srv_choice *)(void *)o;
    srv_ask *a = c->ask;
    srv_fault f = {0};
    unsigned long missed = sk_mem_missed();
    assert(c->job == j);
    c->usage.n_cached = m->n_cached;
    c->usage.n_out = m->n_out;
    if (m->finish)
        sk_log(SK_LOG_DEBUG, "%s prompt %zu (%zu cached) made %zu finish %d", a->id,
               c->usage.n_prompt, m->n_cached, m->n_out, (int)m->finish);
    if (is_heard(a) && !mail_fault(m, &f)) {
        see_tokens(c, m);
        srv_split_feed(&c->split, m->text.p, m->text.len);
        count_tokens(c, m);
    } else if (is_heard(a)) {
        fail(a, &f);
    }
    if (m->finish) take_finish(c, m);
    if (is_heard(a) && missed != sk_mem_missed()) fail_memory(a);
    if (!a->n_live && is_heard(a)) complete(a);
    if (is_heard(a) && a->sse.len) srv_ask_flush(a);
    if (!a->n_live && !a->writing) srv_ask_free(a);
}

/* Takes a scheduler's mail. */
void srv_gen_collect(srv_sched *s)
{
    srv_mail m;
    for (int i = 0; i < MAILS_A_TURN; i++) {
        srv_job *j = srv_sched_collect(s, &m);
        if (!j) return;
        srv_owner *o = j->owner;
        o->mail(o, j, &m);
        srv_mail_fini(&m);
    }
}

/* ---- submission ---- */

/* News of the client. */
static void on_news(void *arg, srv_req *r, srv_req_news news)
{
    (void)r;
    srv_ask *a = arg;
    if (news == SRV_REQ_ROOM) {
        each_job(a, go_on);
        return;
    }
    a->req = NULL;
    if (a->writing)
        (void)srv_hands_drop(a->api->hands, &a->chore); /* a may be gone */
    else
        each_job(a, srv_sched_cancel);
}

sk_status srv_ask_overloaded(const srv_sched *s, srv_fault *f)
{
    f->retry_s = srv_sched_retry_s(s);
    return srv_fail(f, SRV_OVERLOADED, NULL, "the queue is full; try again in %u s", f->retry_s);
}

/* The request that asked for what is made in the background: it is answered at once, or the first
 * that listens. */
static sk_status begin_behind(srv_ask *a, srv_req *r, srv_fault *f)
{
    sk_buf b = SK_BUF_INIT;
    srv_behind_begin(a->behind, a);
    arm_ping(a);
    if (!a->stream) {
        a->form->as_is(a, "queued", &b);
        srv_api_reply(r, 200, "application/json", &b);
        return SK_OK;
    }
    sk_status st = srv_behind_follow(a->behind, r, -1, f);
    if (st) {
        each_job(a, srv_sched_cancel);
        srv_behind_free(a->behind);
        a->behind = NULL;
        return st;
    }
    open_stream(a);
    srv_ask_flush(a);
    return SK_OK;
}

/* All of its jobs or none, as far as can be known: the queue has room for them when asked. */
sk_status srv_ask_submit(srv_ask *a, srv_req *r, srv_fault *f)
{
    sk_status st = srv_sched_room(a->on->sched) < a->n ? SK_E_BUSY : SK_OK;
    if (a->stream) a->ping = evtimer_new(a->api->base, on_ping, a);
    bool oom = a->stream && !a->ping;
    if (oom) st = SK_E_NOMEM;
    for (size_t i = 0; i < a->n && !st; i++) {
        a->choice[i].usage.n_prompt = a->choice[i].job->prompt.n;
        st = srv_sched_submit(a->on->sched, a->choice[i].job);
        if (!st) a->n_live++;
    }
    if (!st && a->behind) return begin_behind(a, r, f);
    if (!st) {
        a->req = r;
        srv_req_watch(r, on_news, a);
        arm_ping(a);
        return SK_OK;
    }
    for (size_t i = a->n_live; i < a->n; i++) {
        srv_job_free(a->choice[i].job);
        a->choice[i].job = NULL;
    }
    if (a->key) srv_keys_give(a->api->keys, a->key, a->taken);
    a->settled = true;
    if (oom)
        (void)srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    else
        (void)srv_ask_overloaded(a->on->sched, f);
    if (a->n_live)
        each_job(a, srv_sched_cancel);
    else
        srv_ask_free(a);
    return st;
}
