/* http.h - the HTTP/1.1 server: connections in, requests to a handler, answers out.
 *
 * Everything here lives on the one thread that runs the event loop.  libevent gives the loop, the
 * sockets' buffers, timers and the listener; the messages are read by parse.h.
 *
 * A request belongs to the server; a handler answers it at once or keeps the pointer and answers
 * later.  It ends with its answer (srv_reply*, srv_stream_end) or when its client goes away; then
 * the function given to srv_req_watch is called once, and the pointer is gone.  A client that
 * closes its sending side while its answer is still being made counts as gone: the two cannot be
 * told apart before a write fails, and an idle stream has no writes.
 *
 * Limits: the head by parse.h, the body by max_body, each phase by a deadline, the number of
 * connections by max_conns and by the process's descriptors, an answer's unsent bytes by a mark
 * above which the handler is told to pause (a lower one while all connections together have many),
 * a reader that takes nothing for stall_ms is dropped.
 *
 * Memory: an answer that can't be put together is a 503; one that has begun ends with its
 * connection.  libevent's memory comes from base/mem.h, so that it is counted and can be made to
 * fail; room for the deadlines of max_conns connections is made at the start.
 */
#ifndef SRV_HTTP_HTTP_H
#define SRV_HTTP_HTTP_H

#include "base/status.h"
#include "serve/http/parse.h"

#include <event2/event.h>

typedef struct srv_http srv_http;
typedef struct srv_req srv_req;

struct srv_tls;

typedef struct srv_http_opts {
    const char *host;    /* address or name to listen on */
    struct srv_tls *tls; /* NULL: plain HTTP */
    int port;            /* 0: any free one */
    int listen_fd;       /* a socket that listens already, the server's from then on; 0: none */
    size_t max_body, max_conns;
    size_t high_bytes; /* unsent bytes of a stream above which it is full */
    unsigned idle_ms;  /* a kept connection without a request */
    unsigned head_ms;  /* from a head's first byte to its end */
    unsigned body_ms;  /* from the head's end to the body's */
    unsigned stall_ms; /* an answer of which nothing, or next to nothing, can be sent */
    /* Gets each complete request. */
    void (*handle)(void *arg, srv_req *r);
    /* Told once an answer is finished, for logs and counts; bytes is what was answered. */
    void (*done)(void *arg, const srv_req *r, int status);
    void *arg;
} srv_http_opts;

/* Has libevent take its memory from base/mem.h; to be called before anything of it is. */
void srv_http_memory(void);

/* Binds and listens (backlog 1024); connections are taken from the next turn of the loop on.
 * SK_E_INUSE: the port is taken. */
sk_status srv_http_open(struct event_base *base, const srv_http_opts *o, srv_http **out, sk_err *e);

/* Takes the limits and deadlines of o, for what comes from now on; a stream's high_bytes and
 * stall_ms are those of when its connection came. */
void srv_http_limit(srv_http *h, const srv_http_opts *o);

/* Cuts all connections. */
void srv_http_close(srv_http *h);

/* "http://HOST:PORT" as bound, borrowed. */
const char *srv_http_url(const srv_http *h);

/* Stops listening and closes idle connections; those with a request end with its answer. */
void srv_http_drain(srv_http *h);

/* Connections open now. */
size_t srv_http_conns(const srv_http *h);

/* ---- a request ---- */

/* The request's head, borrowed. */
const srv_head *srv_req_head(const srv_req *r);

/* The request's body, borrowed, NUL-terminated. */
const char *srv_req_body(const srv_req *r, size_t *n);

/* Moves the body, NUL-terminated if it has any bytes, to out; r then has none. */
void srv_req_take_body(srv_req *r, sk_buf *out);

/* The id in x-request-id: the client's, if it sent a decent one, or a new one. */
const char *srv_req_id(const srv_req *r);

/* What handlers note of a request, for logs and accounts. */
typedef struct srv_mark {
    uint32_t key;                     /* whose it is, 0: nobody's */
    uint64_t at_us;                   /* sk_now_us when its head had come; the server's */
    size_t n_prompt, n_cached, n_out; /* tokens */
} srv_mark;

/* The marks of r, borrowed. */
srv_mark *srv_req_marks(srv_req *r);

/* The same to be read only. */
const srv_mark *srv_req_mark_of(const srv_req *r);

/* The client's address, borrowed until the next call. */
const char *srv_req_peer(const srv_req *r);

/* What is told to the keeper of a request. */
typedef enum srv_req_news {
    SRV_REQ_GONE, /* the client went away; r is gone after the call */
    SRV_REQ_ROOM  /* a full stream has room again */
} srv_req_news;
typedef void (*srv_req_fn)(void *arg, srv_req *r, srv_req_news news);

/* Names the keeper of r, who is told what becomes of it; a later call replaces the one before. */
void srv_req_watch(srv_req *r, srv_req_fn fn, void *arg);

/* ---- its answer ---- */

/* Adds a header line to the answer, before it is begun. */
void srv_req_header(srv_req *r, const char *name, const char *value);

/* The whole answer at once; r is gone afterwards.  HEAD requests get the head only. */
void srv_reply(srv_req *r, int status, const char *type, const void *body, size_t n);

/* The same with bytes that stay where they are until the server is closed; they are not copied. */
void srv_reply_static(srv_req *r, int status, const char *type, const void *body, size_t n);

/* A refusal in OpenAI's form; r is gone afterwards. */
void srv_reply_fault(srv_req *r, const srv_fault *f);

/* The same with a body of another form, without its line end. */
void srv_reply_fault_as(srv_req *r, const srv_fault *f, sk_buf *body);

/* An answer in parts.  end: r is gone afterwards. */
void srv_stream_begin(srv_req *r, int status, const char *type);

/* Sends n bytes of the body, which are copied; nothing in answer to HEAD. */
void srv_stream_write(srv_req *r, const void *p, size_t n);

/* Ends the body; the connection then serves its next request or is closed. */
void srv_stream_end(srv_req *r);

/* Ends the connection in the middle of the body, so that the client sees that it is not whole; r is
 * gone afterwards. */
void srv_stream_cut(srv_req *r);

/* True when the stream has more unsent bytes than it may: write no more until SRV_REQ_ROOM. */
bool srv_stream_full(const srv_req *r);

#endif
