/* reply.c - a request's answer: head, body at once or in chunks. */
#include "serve/http/conn.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/util.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

/* A request on c with a fresh id. */
srv_req *srv_req_new(srv_conn *c)
{
    assert(!c->req);
    srv_req *r = sk_calloc(SK_MEM_REQUEST, 1, sizeof *r);
    if (!r) return NULL;
    r->conn = c;
    r->mark.at_us = sk_now_us();
    r->head.method = r->head.path = r->head.query = "";
    unsigned char id[12];
    evutil_secure_rng_get_bytes(id, sizeof id);
    for (size_t i = 0; i < sizeof id; i++) {
        r->id[2 * i] = "0123456789abcdef"[id[i] >> 4];
        r->id[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
    }
    c->req = r;
    return r;
}

/* Frees r. */
void srv_req_free(srv_req *r)
{
    assert(r->conn->req == r);
    r->conn->req = NULL;
    sk_buf_fini(&r->body);
    sk_buf_fini(&r->extra);
    sk_free(r->text);
    sk_free(r);
}

/* The head of the request. */
const srv_head *srv_req_head(const srv_req *r)
{
    return &r->head;
}

/* The body, NUL-terminated. */
const char *srv_req_body(const srv_req *r, size_t *n)
{
    *n = r->body.len;
    return r->body.len ? r->body.p : "";
}

/* The id in x-request-id. */
const char *srv_req_id(const srv_req *r)
{
    return r->id;
}

srv_mark *srv_req_marks(srv_req *r)
{
    return &r->mark;
}

const srv_mark *srv_req_mark_of(const srv_req *r)
{
    return &r->mark;
}

const char *srv_req_peer(const srv_req *r)
{
    srv_http *h = r->conn->http;
    struct sockaddr_storage sa;
    socklen_t n = sizeof sa;
    if (getpeername(bufferevent_getfd(r->conn->bev), (struct sockaddr *)(void *)&sa, &n) ||
        getnameinfo((struct sockaddr *)(void *)&sa, n, h->peer, sizeof h->peer, NULL, 0,
                    NI_NUMERICHOST))
        return "";
    return h->peer;
}

/* Who is told when the client goes away or a full stream has room again. */
void srv_req_watch(srv_req *r, srv_req_fn fn, void *arg)
{
    r->watch = fn;
    r->watch_arg = arg;
}

/* Adds a header line to the answer; a value that would break the line is left out. */
void srv_req_header(srv_req *r, const char *name, const char *value)
{
    assert(!r->status && "the answer is begun");
    if (strpbrk(value, "\r\n")) return;
    sk_buf_addf(&r->extra, "%s: %s\r\n", name, value);
}

static struct evbuffer *output(const srv_req *r)
{
    return bufferevent_get_output(r->conn->bev);
}

/* Writes the head; n < 0: the length is not known. */
static void write_head(srv_req *r, int status, const char *type, ssize_t n)
{
    assert(!r->status && "one answer a request");
    r->status = status;
    if (r->conn->http->draining) r->last = true;
    r->chunked = n < 0 && r->head.minor == 1;
    if (n < 0 && !r->chunked) r->last = true;
    struct evbuffer *out = output(r);
    char date[64];
    (void)evutil_date_rfc1123(date, sizeof date, NULL);
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nx-request-id: %s\r\n", status,
                        srv_http_reason(status), date, r->id);
    if (type) evbuffer_add_printf(out, "Content-Type: %s\r\n", type);
    if (n >= 0 && status != 304 && status != 204)
        evbuffer_add_printf(out, "Content-Length: %zd\r\n", n);
    if (r->chunked) evbuffer_add_printf(out, "Transfer-Encoding: chunked\r\n");
    evbuffer_add_printf(out, "X-Content-Type-Options: nosniff\r\n");
    if (r->last || r->head.minor == 0)
        evbuffer_add_printf(out, "Connection: %s\r\n", r->last ? "close" : "keep-alive");
    if (r->extra.len && sk_buf_ok(&r->extra)) evbuffer_add(out, r->extra.p, r->extra.len);
    evbuffer_add(out, "\r\n", 2);
}

static bool is_head(const srv_req *r)
{
    return strcmp(r->head.method, "HEAD") == 0;
}

/* The whole answer at once. */
void srv_reply(srv_req *r, int status, const char *type, const void *body, size_t n)
{
    write_head(r, status, type, (ssize_t)n);
    if (n && !is_head(r)) evbuffer_add(output(r), body, n);
    srv_conn_answered(r->conn);
}

void srv_reply_fault_as(srv_req *r, const srv_fault *f, sk_buf *body)
{
    char seconds[16];
    sk_buf_addc(body, '\n');
    snprintf(seconds, sizeof seconds, "%u", f->retry_s);
    if (f->retry_s) srv_req_header(r, "Retry-After", seconds);
    if (f->code == SRV_NO_KEY) srv_req_header(r, "WWW-Authenticate", "Bearer");
    if (f->allow) srv_req_header(r, "Allow", f->allow);
    srv_reply(r, srv_code_http(f->code), "application/json", body->p,
              sk_buf_ok(body) ? body->len : 0);
}

/* A refusal in OpenAI's form. */
void srv_reply_fault(srv_req *r, const srv_fault *f)
{
    sk_buf b = SK_BUF_INIT;
    srv_fault_json(f, &b);
    srv_reply_fault_as(r, f, &b);
    sk_buf_fini(&b);
}

/* An answer in parts: chunked, or up to the end of the connection for HTTP/1.0. */
void srv_stream_begin(srv_req *r, int status, const char *type)
{
    srv_req_header(r, "Cache-Control", "no-store");
    srv_req_header(r, "X-Accel-Buffering", "no");
    write_head(r, status, type, -1);
}

/* One part. */
void srv_stream_write(srv_req *r, const void *p, size_t n)
{
    assert(r->status && "srv_stream_begin comes first");
    if (!n || is_head(r)) return;
    struct evbuffer *out = output(r);
    if (r->chunked) evbuffer_add_printf(out, "%zx\r\n", n);
    evbuffer_add(out, p, n);
    if (r->chunked) evbuffer_add(out, "\r\n", 2);
    if (evbuffer_get_length(out) > r->conn->http->o.high_bytes) r->full = true;
}

/* The last chunk. */
void srv_stream_end(srv_req *r)
{
    assert(r->status && "srv_stream_begin comes first");
    if (r->chunked && !is_head(r)) evbuffer_add(output(r), "0\r\n\r\n", 5);
    srv_conn_answered(r->conn);
}

/* More unsent bytes than the mark. */
bool srv_stream_full(const srv_req *r)
{
    return r->full;
}
