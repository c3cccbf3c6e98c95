/* http.c - the listener: takes connections, keeps their number within bounds. */
#include "serve/http/conn.h"

#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

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

/* accept failed, most likely for want of descriptors; the loop will try again. */
static void on_accept_error(struct evconnlistener *l, void *arg)
{
    (void)l;
    (void)arg;
    char b[128];
    sk_log(SK_LOG_WARN, "cannot accept a connection: %s", strerror_r(errno, b, sizeof b));
}

/* A bound and listening socket for one address; -1 with errno. */
static int listen_on(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) return -1;
    int on = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int err = errno;
    (void)close(fd);
    errno = err;
    return -1;
}

/* Binds the first address of host that can be bound. */
static sk_status open_socket(const srv_http_opts *o, int *out, sk_err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    char port[16];
    snprintf(port, sizeof port, "%d", o->port);
    int rc = getaddrinfo(o->host, port, &hints, &list);
    if (rc)
        return sk_fail(e, SK_E_USAGE, "cannot find the address of host %s: %s", o->host,
                       gai_strerror(rc));
    int fd = -1;
    for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
        fd = listen_on(a);
    int err = errno;
    freeaddrinfo(list);
    if (fd < 0 && err == EADDRINUSE)
        return sk_fail(e, SK_E_INUSE,
                       "port %d of %s is taken by another program; stop that one or choose "
                       "another port (--port 0 takes any free one)",
                       o->port, o->host);
    if (fd < 0) return sk_fail_errno(e, err, "cannot listen on %s port %d", o->host, o->port);
    *out = fd;
    return SK_OK;
}

/* Writes the address really bound, as a URL. */
static void note_url(srv_http *h, int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } sa = {.v6 = {0}};
    socklen_t n = sizeof sa;
    int port = h->o.port;
    if (getsockname(fd, &sa.any, &n) == 0)
        port = ntohs(sa.any.sa_family == AF_INET6 ? sa.v6.sin6_port : sa.v4.sin_port);
    bool v6 = strchr(h->o.host, ':') != NULL;
    snprintf(h->url, sizeof h->url, "http%s://%s%s%s:%d", h->o.tls ? "s" : "", v6 ? "[" : "",
             h->o.host, v6 ? "]" : "", port);
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
    *out = h;
    return SK_OK;

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
    assert(h->n_conns == 0);
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
