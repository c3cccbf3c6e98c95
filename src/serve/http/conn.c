/* conn.c - one connection: reads requests one after another, each within its deadline. */
#include "serve/http/conn.h"

#include "base/log.h"
#include "base/mem.h"
#include "serve/http/tls.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <string.h>
#include <sys/socket.h>

/* What a client may still send after our last answer, and for how long. */
#define LINGER_MS 2000u
#define LINGER_BYTES (4u << 20)

/* Unread input a connection may hold: one head and the start of its body. */
#define INPUT_BYTES (64u << 10)

/* Sets the deadline of the current phase; 0: none. */
static void set_deadline(srv_conn *c, unsigned ms)
{
    struct timeval t = {ms / 1000, (ms % 1000) * 1000};
    if (ms)
        (void)evtimer_add(c->timer, &t);
    else
        (void)evtimer_del(c->timer);
}

static void conn_advance(srv_conn *c);

/* Takes c out of the list and frees it. */
static void conn_free(srv_conn *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        c->http->conns = c->next;
    if (c->next) c->next->prev = c->prev;
    assert(c->http->n_conns > 0);
    c->http->n_conns--;
    event_free(c->timer);
    bufferevent_free(c->bev);
    sk_free(c);
}

/* Cuts a connection; while it is being read it is only marked. */
void srv_conn_kill(srv_conn *c)
{
    srv_req *r = c->req;
    if (r && r->watch) {
        srv_req_fn fn = r->watch;
        r->watch = NULL;
        fn(r->watch_arg, r, SRV_REQ_GONE);
    }
    if (r && c->http->o.done) c->http->o.done(c->http->o.arg, r, 499);
    if (r) srv_req_free(r);
    if (c->busy)
        c->dead = true;
    else
        conn_free(c);
}

/* Begins the wait for the next request. */
static void wait_head(srv_conn *c)
{
    c->phase = SRV_PHASE_HEAD;
    c->scan = (srv_scan){0};
    set_deadline(c, c->http->o.idle_ms);
}

/* Everything is sent: closes our side and waits for the client to close its own. */
static void linger(srv_conn *c)
{
    c->phase = SRV_PHASE_LINGER;
    if (c->eof) {
        srv_conn_kill(c);
        return;
    }
    srv_tls_bye(c->bev);
    bufferevent_disable(c->bev, EV_WRITE);
    (void)shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    set_deadline(c, LINGER_MS);
}

/* On to the next request, or the end. */
void srv_conn_answered(srv_conn *c)
{
    assert(c->req && c->phase != SRV_PHASE_LINGER);
    srv_http *h = c->http;
    bool last = c->req->last || h->draining;
    if (h->o.done) h->o.done(h->o.arg, c->req, c->req->status);
    srv_req_free(c->req);
    if (!last) {
        wait_head(c);
        if (!c->busy) conn_advance(c);
        return;
    }
    c->phase = SRV_PHASE_FLUSH;
    set_deadline(c, 0);
    if (!evbuffer_get_length(bufferevent_get_output(c->bev))) linger(c);
}

/* Answers and gives the connection up. */
static void refuse(srv_conn *c, const srv_fault *f)
{
    if (!c->req && !srv_req_new(c)) {
        srv_conn_kill(c);
        return;
    }
    c->req->last = true;
    c->phase = SRV_PHASE_HANDLE;
    srv_reply_fault(c->req, f);
}

/* The request is complete. */
static void hand_over(srv_conn *c)
{
    c->phase = SRV_PHASE_HANDLE;
    set_deadline(c, 0);
    c->http->o.handle(c->http->o.arg, c->req);
}

/* A head is complete: what comes next is its body, if it has one. */
static sk_status begin_body(srv_conn *c, srv_fault *f)
{
    const srv_head *head = &c->req->head;
    size_t max = c->http->o.max_body;
    c->phase = SRV_PHASE_BODY;
    if (head->content_length > 0 && (uint64_t)head->content_length > max)
        return srv_fail(f, SRV_BIG_BODY, NULL, "the body has %lld bytes, at most %zu are accepted",
                        (long long)head->content_length, max);
    if (!head->chunked && head->content_length <= 0) return SK_OK;
    set_deadline(c, c->http->o.body_ms);
    if (head->expect_continue) bufferevent_write(c->bev, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return SK_OK;
}

/* Keeps a client's x-request-id if it is short and plain: it goes into headers and logs. */
static void take_id(srv_req *r)
{
    const char *id = srv_head_find(&r->head, "x-request-id");
    size_t n = id ? strlen(id) : 0;
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (n && n < sizeof r->id && strspn(id, plain) == n) memcpy(r->id, id, n + 1);
}

/* Reads a head if all of it is there.  SK_E_AGAIN: more must come. */
static sk_status advance_head(srv_conn *c, srv_fault *f)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    size_t n = evbuffer_get_length(in);
    if (n == 0) return SK_E_AGAIN;
    if (c->scan.at == 0) set_deadline(c, c->http->o.head_ms);
    if (n > SRV_MAX_HEAD_BYTES + 1) n = SRV_MAX_HEAD_BYTES + 1;
    sk_status st = srv_head_scan(&c->scan, (const char *)evbuffer_pullup(in, (ev_ssize_t)n), n, f);
    if (st) return st;
    srv_req *r = srv_req_new(c);
    if (r) r->text = sk_alloc(SK_MEM_REQUEST, c->scan.at + 1);
    if (!r || !r->text) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    (void)evbuffer_remove(in, r->text, c->scan.at);
    st = srv_head_parse(r->text, c->scan.at, &r->head, f);
    if (st) return st;
    take_id(r);
    r->last = !r->head.keep_alive;
    return begin_body(c, f);
}

/* Reads what there is of the body.  SK_E_AGAIN: more must come. */
static sk_status advance_body(srv_conn *c, srv_fault *f)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    srv_req *r = c->req;
    if (r->head.chunked) {
        size_t n = evbuffer_get_length(in), used = 0;
        if (!n) return SK_E_AGAIN;
        sk_status st = srv_chunks_feed(&r->chunks, (const char *)evbuffer_pullup(in, -1), n,
                                       c->http->o.max_body, &used, &r->body, f);
        (void)evbuffer_drain(in, used);
        return st;
    }
    size_t want = r->head.content_length > 0 ? (size_t)r->head.content_length : 0;
    size_t left = want - r->body.len, n = evbuffer_get_length(in);
    if (n > left) n = left;
    if (n && !sk_buf_reserve(&r->body, left))
        return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the body");
    if (n) {
        (void)evbuffer_remove(in, r->body.p + r->body.len, n);
        r->body.len += n;
        r->body.p[r->body.len] = 0;
    }
    return r->body.len == want ? SK_OK : SK_E_AGAIN;
}

/* True while c has something to read and its client takes the answers to what it sent before:
 * requests sent in a row must not pile up answers. */
static bool may_read(const srv_conn *c)
{
    if (c->dead || (c->phase != SRV_PHASE_HEAD && c->phase != SRV_PHASE_BODY)) return false;
    return evbuffer_get_length(bufferevent_get_output(c->bev)) <= c->http->o.high_bytes;
}

/* Parses what has arrived, hands out requests. */
static void conn_advance(srv_conn *c)
{
    assert(!c->busy);
    c->busy = true;
    sk_status st = SK_OK;
    while (!st && may_read(c)) {
        srv_fault f = {0};
        st = c->phase == SRV_PHASE_HEAD ? advance_head(c, &f) : SK_OK;
        if (!st) st = advance_body(c, &f);
        if (!st)
            hand_over(c);
        else if (f.text[0])
            refuse(c, &f);
    }
    c->busy = false;
    if (c->dead) conn_free(c);
}

/* Bytes came in. */
static void on_read(struct bufferevent *bev, void *arg)
{
    srv_conn *c = arg;
    if (c->phase == SRV_PHASE_HEAD || c->phase == SRV_PHASE_BODY) {
        conn_advance(c);
        return;
    }
    if (c->phase != SRV_PHASE_FLUSH && c->phase != SRV_PHASE_LINGER) return;
    struct evbuffer *in = bufferevent_get_input(bev);
    c->dropped += evbuffer_get_length(in);
    (void)evbuffer_drain(in, evbuffer_get_length(in));
    if (c->dropped > LINGER_BYTES) srv_conn_kill(c);
}

/* The unsent bytes fell to the low mark. */
static void on_write(struct bufferevent *bev, void *arg)
{
    srv_conn *c = arg;
    size_t left = evbuffer_get_length(bufferevent_get_output(bev));
    if (c->phase == SRV_PHASE_FLUSH && !left) {
        linger(c);
        return;
    }
    if (c->phase == SRV_PHASE_HEAD) {
        conn_advance(c);
        return;
    }
    srv_req *r = c->req;
    if (!r || !r->full || left > c->http->o.high_bytes / 4) return;
    r->full = false;
    if (r->watch) r->watch(r->watch_arg, r, SRV_REQ_ROOM);
}

/* The client closed, an error, or an answer that nobody reads. */
static void on_event(struct bufferevent *bev, short what, void *arg)
{
    srv_conn *c = arg;
    if (what & BEV_EVENT_CONNECTED) return; /* TLS is set up */
    bool answered = c->phase == SRV_PHASE_FLUSH || c->phase == SRV_PHASE_HEAD;
    size_t left = evbuffer_get_length(bufferevent_get_output(bev));
    if ((what & BEV_EVENT_EOF) && answered && left) {
        /* a client may close its side behind its request; its answer is ready, so it gets it */
        c->phase = SRV_PHASE_FLUSH;
        c->eof = true;
        set_deadline(c, 0);
        return;
    }
    if (what & BEV_EVENT_TIMEOUT) sk_log(SK_LOG_DEBUG, "dropped a client that reads nothing");
    srv_conn_kill(c);
}

/* The phase took too long. */
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_conn *c = arg;
    bool begun = c->phase == SRV_PHASE_BODY || (c->phase == SRV_PHASE_HEAD && c->scan.at > 0);
    if (!begun) {
        srv_conn_kill(c);
        return;
    }
    srv_fault f = {0};
    (void)srv_fail(&f, SRV_TIMEOUT, NULL, "the request did not arrive in time");
    refuse(c, &f);
}

/* Takes over a socket. */
bool srv_conn_new(srv_http *h, int fd)
{
    srv_conn *c = sk_calloc(SK_MEM_REQUEST, 1, sizeof *c);
    if (!c) goto close_fd;
    c->http = h;
    c->bev = h->o.tls ? srv_tls_accept(h->o.tls, h->base, fd)
                      : bufferevent_socket_new(h->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!c->bev) goto free_conn;
    c->timer = evtimer_new(h->base, on_deadline, c);
    if (!c->timer) goto free_bev;
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, INPUT_BYTES);
    bufferevent_setwatermark(c->bev, EV_WRITE, h->o.high_bytes / 4, 0);
    struct timeval stall = {h->o.stall_ms / 1000, (h->o.stall_ms % 1000) * 1000};
    bufferevent_set_timeouts(c->bev, NULL, &stall);
    c->next = h->conns;
    if (c->next) c->next->prev = c;
    h->conns = c;
    h->n_conns++;
    wait_head(c);
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
    return true;

free_bev:
    bufferevent_free(c->bev);
    fd = -1;
free_conn:
    sk_free(c);
close_fd:
    if (fd >= 0) (void)evutil_closesocket(fd);
    return false;
}
