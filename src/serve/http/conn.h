/* conn.h - inside the HTTP server: one connection and the request it carries.
 *
 * State goes HEAD -> BODY -> HANDLE -> HEAD ... and ends in FLUSH (the last answer is being sent)
 * and LINGER (our side is closed; what the client still sends is read over, so that the answer is
 * not lost to a reset).
 */
#ifndef SRV_HTTP_CONN_H
#define SRV_HTTP_CONN_H

#include "serve/http/http.h"

#include <event2/bufferevent.h>

typedef enum srv_phase {
    SRV_PHASE_HEAD,
    SRV_PHASE_BODY,
    SRV_PHASE_HANDLE,
    SRV_PHASE_FLUSH,
    SRV_PHASE_LINGER
} srv_phase;

typedef struct srv_conn srv_conn;

struct srv_req {
    srv_conn *conn;
    char *text; /* the head's bytes, which head points into */
    srv_head head;
    sk_buf body, extra; /* extra: header lines of the answer */
    srv_chunks chunks;
    srv_req_fn watch;
    void *watch_arg;
    int status;               /* of the answer, 0 before it is begun */
    bool chunked, full, last; /* last: the connection ends with this answer */
    srv_mark mark;
    unsigned long missed; /* sk_mem_missed when it was begun */
    char id[40];
};

struct srv_conn {
    srv_http *http;
    srv_conn *prev, *next;
    struct bufferevent *bev;
    struct event *timer;
    srv_req *req; /* from the end of the head to the end of the answer */
    srv_scan scan;
    srv_phase phase;
    bool busy;      /* inside conn_advance: do not enter it again */
    bool eof;       /* the client has closed its side */
    bool dead;      /* to be freed when that returns */
    bool broken;    /* something of it had no memory, or can't be sent: to be cut */
    size_t unsent;  /* its share of http->unsent */
    size_t dropped; /* bytes read over while lingering */
};

struct srv_http {
    struct event_base *base;
    srv_http_opts o;
    struct evconnlistener *listener;
    srv_conn *conns;        /* all, newest first */
    size_t n_conns, unsent; /* bytes of all answers that wait in memory */
    struct event *pause;    /* while it is set no connection is taken */
    bool draining;
    char url[128], peer[64]; /* peer: scratch of srv_req_peer */
};

/* Takes over a socket; false (and the socket is closed) without memory. */
bool srv_conn_new(srv_http *h, int fd);

/* Cuts a connection, telling the keeper of its request. */
void srv_conn_kill(srv_conn *c);

/* The answer of c's request is complete: on to the next request, or the end. */
void srv_conn_answered(srv_conn *c);

/* Has c cut at the next turn of the loop: what its client got so far is all it gets. */
void srv_conn_break(srv_conn *c);

/* Sends what was put into c's output, at once as far as the socket takes it. */
void srv_conn_push(srv_conn *c);

/* c's request has a stream that is full: its client has stall_ms to make room. */
void srv_conn_full(srv_conn *c);

/* True when c's client should take something before it is given more. */
bool srv_conn_is_full(const srv_conn *c);

/* A request on c with an id but no head yet; NULL without memory. */
srv_req *srv_req_new(srv_conn *c);

/* Frees r; its connection no longer has one. */
void srv_req_free(srv_req *r);

#endif
