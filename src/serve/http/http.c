/* http.c - the listener: takes connections, keeps their number within bounds. */
#include "serve/http/conn.h"

#include "base/listen.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* How long nobody is let in after a failure to. */
#define ACCEPT_PAUSE_US 100000

/* Deadlines of a connection: of its phase, of its unsent bytes, of its stream's silence. */
#define DEADLINES 3u

/* ... of which so many get room at the start; beyond it room is made when it is needed. */
#define ROOM_MOST 65536u

/* Kernel memory for an answer's unsent bytes, a connection. */
#define SEND_BYTES (64 << 10)

/* Says no to a connection over the limit, without holding anything for it. */
static void turn_away(int fd, bool tls)
{
    static const char no[] =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
        "Connection: close\r\nContent-Length: 121\r\n\r\n"
        "{\"error\":{\"message\":\"too many connections; try again\",\"type\":\"server_error\","
        "\"param\":null,\"code\":\"too_many_connections\"}}\n";
    if (!tls) (void)send(fd, no, sizeof no - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)close(fd);
}

/* A client connected. */
static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int n,
                      void *arg)
{
    (void)l;
    (void)sa;
    (void)n;
    srv_http *h = arg;
    if (h->n_conns >= h->o.max_conns) {
        turn_away(fd, h->o.tls != NULL);
        return;
    }
    int on = 1, room = SEND_BYTES;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    if (!srv_conn_new(h, fd)) sk_log(SK_LOG_WARN, "no memory for a connection");
}

/* accept failed, most likely for want of descriptors: what waits makes the listener readable all
 * the time, so the loop would spin. */
static void on_accept_error(struct evconnlistener *l, void *arg)
{
    srv_http *h = arg;
    char b[128];
    const struct timeval t = {0, ACCEPT_PAUSE_US};
    sk_log(SK_LOG_WARN, "cannot accept a connection: %s", strerror_r(errno, b, sizeof b));
    if (evtimer_add(h->pause, &t) == 0) (void)evconnlistener_disable(l);
}

/* The pause is over. */
static void on_pause_end(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_http *h = arg;
    if (h->listener) (void)evconnlistener_enable(h->listener);
}

/* ---- memory ---- */

static void *block_new(size_t n)
{
    return sk_alloc_small(SK_MEM_REQUEST, n);
}

static void *block_resize(void *p, size_t n)
{
    return sk_realloc(SK_MEM_REQUEST, p, n);
}

void srv_http_memory(void)
{
    event_set_mem_functions(block_new, block_resize, sk_free);
}

static void on_nothing(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

/* libevent keeps what is due in a heap that only grows: grown to n entries now, the wait for a
 * socket to take more can't fail later for want of memory, of which nobody would be told. */
static bool make_room(struct event_base *base, size_t n)
{
    const struct timeval t = {3600, 0};
    if (n > ROOM_MOST) n = ROOM_MOST;
    struct event **ev = sk_calloc(SK_MEM_REQUEST, n, sizeof(struct event *));
    bool ok = ev != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        ev[i] = evtimer_new(base, on_nothing, NULL);
        ok = ev[i] && evtimer_add(ev[i], &t) == 0;
    }
    for (size_t i = 0; ev && i < n && ev[i]; i++)
        event_free(ev[i]);
    sk_free(ev);
    return ok;
}

/* Checks a socket that was inherited.  Whoever passed it on may keep it: what waits in it then
 * waits for the next server. */
static sk_status take_socket(int fd, int *out, sk_err *e)
{
    if (!sk_listens(fd))
        return sk_fail(e, SK_E_USAGE, "descriptor %d is no socket that listens", fd);
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
        return sk_fail_errno(e, errno, "cannot take over descriptor %d", fd);
    *out = fd;
    return SK_OK;
}

static sk_status open_socket(const srv_http_opts *o, int *out, sk_err *e)
{
    return o->listen_fd ? take_socket(o->listen_fd, out, e)
                        : sk_listen(o->host, o->port, 0, out, e);
}

/* Writes the address really bound, as a URL: by the name it was given, an inherited one by number.
 */
static void note_url(srv_http *h, int fd)
{
    char number[INET6_ADDRSTRLEN];
    const char *host = h->o.host;
    sk_inet at;
    socklen_t n;
    int port = h->o.port;
    bool known = sk_inet_of(fd, &at, &n, number, &port);
    if (known && h->o.listen_fd) host = number;
    bool v6 = strchr(host, ':') != NULL;
    snprintf(h->url, sizeof h->url, "http%s://%s%s%s:%d", h->o.tls ? "s" : "", v6 ? "[" : "", host,
             v6 ? "]" : "", port);
}

/* Binds and listens. */
sk_status srv_http_open(struct event_base *base, const srv_http_opts *o, srv_http **out, sk_err *e)
{
    assert(o->handle && o->max_conns && o->max_body && o->high_bytes);
    srv_http *h = sk_calloc(SK_MEM_REQUEST, 1, sizeof *h);
    if (!h) return sk_fail(e, SK_E_NOMEM, "no memory for the HTTP server");
    h->base = base;
    h->o = *o;
    int fd = -1;
    sk_status st = open_socket(o, &fd, e);
    if (st) goto free_http;
    note_url(h, fd);
    h->listener = evconnlistener_new(base, on_accept, h, LEV_OPT_CLOSE_ON_FREE, 0, fd);
    if (!h->listener) {
        (void)close(fd);
        st = sk_fail(e, SK_E_NOMEM, "no memory for the listener");
        goto free_http;
    }
    evconnlistener_set_error_cb(h->listener, on_accept_error);
    h->pause = evtimer_new(base, on_pause_end, h);
    if (h->pause && make_room(base, DEADLINES * o->max_conns + DEADLINES)) {
        *out = h;
        return SK_OK;
    }
    st = sk_fail(e, SK_E_NOMEM, "no memory for %zu connections", o->max_conns);
    evconnlistener_free(h->listener);
    if (h->pause) event_free(h->pause);

free_http:
    sk_free(h);
    return st;
}

void srv_http_limit(srv_http *h, const srv_http_opts *o)
{
    assert(o->max_conns && o->max_body && o->high_bytes);
    h->o.max_body = o->max_body;
    h->o.max_conns = o->max_conns;
    h->o.high_bytes = o->high_bytes;
    h->o.idle_ms = o->idle_ms;
    h->o.head_ms = o->head_ms;
    h->o.body_ms = o->body_ms;
    h->o.stall_ms = o->stall_ms;
}

/* Cuts all connections. */
void srv_http_close(srv_http *h)
{
    if (!h) return;
    if (h->listener) evconnlistener_free(h->listener);
    while (h->conns)
        srv_conn_kill(h->conns);
    assert(h->n_conns == 0 && h->unsent == 0);
    event_free(h->pause);
    sk_free(h);
}

/* "http://HOST:PORT". */
const char *srv_http_url(const srv_http *h)
{
    return h->url;
}

/* Stops listening, closes what is idle. */
void srv_http_drain(srv_http *h)
{
    h->draining = true;
    if (h->listener) evconnlistener_free(h->listener);
    h->listener = NULL;
    for (srv_conn *c = h->conns, *next; c; c = next) {
        next = c->next;
        if (c->phase == SRV_PHASE_HEAD && c->scan.at == 0 && !c->busy) srv_conn_kill(c);
    }
}

/* Connections now. */
size_t srv_http_conns(const srv_http *h)
{
    return h->n_conns;
}
