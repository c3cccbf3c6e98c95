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

/* Unsent bytes of all connections together above which each may only have FEW_BYTES: a thousand
 * slow readers must not hold a thousand times high_bytes. */
#define ALL_BYTES (16u << 20)
#define FEW_BYTES (8u << 10)

/* An event that is made active needs no memory. */
void srv_conn_break(srv_conn *c)
{
    c->broken = true;
    event_active(c->timer, EV_TIMEOUT, 1);
}

/* What a client has to take of an answer within stall_ms: less than a stream's tokens come to, so a
 * client that takes no more only holds a place. */
#define STALL_BYTES (16u << 10)

/* Sets the deadline of the current phase; 0: none. */
static void set_deadline(srv_conn *c, unsigned ms)
{
    struct timeval t = {ms / 1000, (ms % 1000) * 1000};
    if (c->broken) return;
    if (!ms)
        (void)evtimer_del(c->timer);
    else if (evtimer_add(c->timer, &t))
        srv_conn_break(c);
}

/* Reads no more while too much waits to be looked at.  libevent's own high mark would do this, but
 * needs memory when it is set and does not look whether there is some. */
static void mind_input(srv_conn *c)
{
    bool much = evbuffer_get_length(bufferevent_get_input(c->bev)) > INPUT_BYTES;
    bool on = bufferevent_get_enabled(c->bev) & EV_READ;
    if (on && much)
        (void)bufferevent_disable(c->bev, EV_READ);
    else if (!on && !much && !c->eof && bufferevent_enable(c->bev, EV_READ))
        srv_conn_break(c);
}

/* Reads over what nobody will look at; true while it is not too much. */
static bool drop_input(srv_conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    c->dropped += evbuffer_get_length(in);
    (void)evbuffer_drain(in, evbuffer_get_length(in));
    mind_input(c);
    return c->dropped <= LINGER_BYTES;
}

/* ---- sending ---- */

/* Brings the count of unsent bytes up to date; how many c has. */
static size_t count_unsent(srv_conn *c)
{
    size_t now = evbuffer_get_length(bufferevent_get_output(c->bev));
    c->http->unsent += now - c->unsent;
    c->unsent = now;
    return now;
}

bool srv_conn_is_full(const srv_conn *c)
{
    size_t own = evbuffer_get_length(bufferevent_get_output(c->bev));
    return own > c->http->o.high_bytes || (own > FEW_BYTES && c->http->unsent > ALL_BYTES);
}

/* Where a full stream goes on: STALL_BYTES below where it became full, if that is much. */
static size_t low_mark(const srv_conn *c)
{
    size_t high = c->http->o.high_bytes;
    if (c->http->unsent > ALL_BYTES && high > FEW_BYTES) high = FEW_BYTES;
    return high > 2 * STALL_BYTES ? high - STALL_BYTES : high / 4;
}

/* The bufferevent's own way waits for the socket to be writable: three system calls for an answer's
 * token instead of one.  It is switched on (EV_WRITE) only where the socket did not take all. */
void srv_conn_push(srv_conn *c)
{
    struct evbuffer *out = bufferevent_get_output(c->bev);
    bool waits = bufferevent_get_enabled(c->bev) & EV_WRITE;
    if (!waits && !c->broken && evbuffer_get_length(out)) {
        (void)evbuffer_unfreeze(out, 1);
        int n = evbuffer_write(out, bufferevent_getfd(c->bev)), err = errno;
        (void)evbuffer_freeze(out, 1);
        if (n < 0 && err != EAGAIN && err != EINTR)
            srv_conn_break(c);
        else if (evbuffer_get_length(out) && bufferevent_enable(c->bev, EV_WRITE))
            srv_conn_break(c);
    }
    (void)count_unsent(c);
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
    assert(c->http->n_conns > 0 && c->http->unsent >= c->unsent);
    c->http->n_conns--;
    c->http->unsent -= c->unsent;
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
    if (c->http->o.tls) srv_tls_bye(c->bev);
    bufferevent_disable(c->bev, EV_WRITE);
    (void)shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    set_deadline(c, LINGER_MS);
}

/* The last answer is being sent: for as long as its client takes a little now and then. */
static void flush(srv_conn *c)
{
    size_t left = evbuffer_get_length(bufferevent_get_output(c->bev));
    c->phase = SRV_PHASE_FLUSH;
    (void)drop_input(c);
    set_deadline(c, c->http->o.stall_ms * (1 + (unsigned)(left / STALL_BYTES)));
}

void srv_conn_full(srv_conn *c)
{
    c->req->full = true;
    set_deadline(c, c->http->o.stall_ms);
}

/* On to the next request, or the end. */
void srv_conn_answered(srv_conn *c)
{
    assert(c->req && c->phase != SRV_PHASE_LINGER);
    srv_http *h = c->http;
    bool last = c->req->last || h->draining;
    if (h->o.done) h->o.done(h->o.arg, c->req, c->req->status);
    srv_req_free(c->req);
    if (c->broken) {
        srv_conn_kill(c);
        return;
    }
    if (!last) {
        wait_head(c);
        if (!c->busy) conn_advance(c);
        return;
    }
    flush(c);
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
    if (head->expect_continue) {
        if (evbuffer_add(bufferevent_get_output(c->bev), "HTTP/1.1 100 Continue\r\n\r\n", 25))
            srv_conn_break(c);
        srv_conn_push(c);
    }
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
    const char *p = (const char *)evbuffer_pullup(in, (ev_ssize_t)n);
    if (!p) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the request");
    sk_status st = srv_head_scan(&c->scan, p, n, f);
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
        const char *p = (const char *)evbuffer_pullup(in, -1);
        if (!p) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the body");
        sk_status st = srv_chunks_feed(&r->chunks, p, n, c->http->o.max_body, &used, &r->body, f);
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
    return !srv_conn_is_full(c);
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
    if (c->dead)
        conn_free(c);
    else
        mind_input(c);
}

/* Bytes came in. */
static void on_read(struct bufferevent *bev, void *arg)
{
    srv_conn *c = arg;
    (void)bev;
    if (c->phase == SRV_PHASE_HEAD || c->phase == SRV_PHASE_BODY)
        conn_advance(c);
    else if (c->phase == SRV_PHASE_HANDLE)
        mind_input(c);
    else if (!drop_input(c))
        srv_conn_kill(c);
}

/* Some unsent bytes were sent. */
static void on_write(struct bufferevent *bev, void *arg)
{
    srv_conn *c = arg;
    size_t left = count_unsent(c);
    if (!left && !c->http->o.tls) (void)bufferevent_disable(bev, EV_WRITE);
    if (c->phase == SRV_PHASE_FLUSH && !left) {
        linger(c);
        return;
    }
    if (c->phase == SRV_PHASE_HEAD) {
        conn_advance(c);
        return;
    }
    srv_req *r = c->req;
    if (!r || !r->full || left > low_mark(c)) return;
    r->full = false;
    set_deadline(c, 0);
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
        c->eof = true;
        flush(c);
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
    if (!begun || c->broken) {
        srv_conn_kill(c);
        return;
    }
    srv_fault f = {0};
    (void)srv_fail(&f, SRV_TIMEOUT, NULL, "the request did not arrive in time");
    refuse(c, &f);
}

/* Has the loop tell of c's socket; false without memory.  TLS writes by the bufferevent's own way.
 */
static bool watch(srv_conn *c)
{
    const srv_http_opts *o = &c->http->o;
    struct timeval stall = {o->stall_ms / 1000, (o->stall_ms % 1000) * 1000};
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    bufferevent_setwatermark(c->bev, EV_WRITE, o->high_bytes, 0);
    bufferevent_set_timeouts(c->bev, NULL, &stall);
    if (o->tls) return bufferevent_enable(c->bev, EV_READ | EV_WRITE) == 0;
    return bufferevent_disable(c->bev, EV_WRITE) == 0 && bufferevent_enable(c->bev, EV_READ) == 0;
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
    if (!watch(c)) goto free_timer;
    c->next = h->conns;
    if (c->next) c->next->prev = c;
    h->conns = c;
    h->n_conns++;
    wait_head(c);
    return true;

free_timer:
    event_free(c->timer);
free_bev:
    bufferevent_free(c->bev);
    fd = -1;
free_conn:
    sk_free(c);
close_fd:
    if (fd >= 0) (void)evutil_closesocket(fd);
    return false;
}
