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
    r->missed = sk_mem_missed();
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

void srv_req_take_body(srv_req *r, sk_buf *out)
{
    *out = r->body;
    r->body = (sk_buf)SK_BUF_INIT;
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

/* Puts n bytes into the answer; without memory the connection ends, since a gap can't be mended. */
static void put(srv_req *r, const void *p, size_t n)
{
    if (n && evbuffer_add(output(r), p, n)) srv_conn_break(r->conn);
}

/* The header line that says whether the connection stays, where it is not as usual. */
static const char *connection(const srv_req *r)
{
    if (r->last) return "Connection: close\r\n";
    return r->head.minor == 0 ? "Connection: keep-alive\r\n" : "";
}

/* Writes the head; n < 0: the length is not known.  An answer that lacks header lines for want of
 * memory is none. */
static void write_head(srv_req *r, int status, const char *type, ssize_t n)
{
    assert(!r->status && "one answer a request");
    r->status = status;
    if (r->conn->http->draining) r->last = true;
    r->chunked = n < 0 && r->head.minor == 1;
    if (n < 0 && !r->chunked) r->last = true;
    char date[64], length[48] = "", head[512];
    bool bare = status == 304 || status == 204;
    (void)evutil_date_rfc1123(date, sizeof date, NULL);
    if (n >= 0 && !bare) (void)snprintf(length, sizeof length, "Content-Length: %zd\r\n", n);
    int len = snprintf(head, sizeof head,
                       "HTTP/1.1 %d %s\r\nDate: %s\r\nx-request-id: %s\r\n%s%.100s%s%s%s"
                       "X-Content-Type-Options: nosniff\r\n%s",
                       status, srv_http_reason(status), date, r->id, type ? "Content-Type: " : "",
                       type ? type : "", type ? "\r\n" : "", length,
                       r->chunked ? "Transfer-Encoding: chunked\r\n" : "", connection(r));
    assert(len > 0 && (size_t)len < sizeof head);
    put(r, head, (size_t)len);
    put(r, r->extra.p, r->extra.len);
    put(r, "\r\n", 2);
    if (!sk_buf_ok(&r->extra)) srv_conn_break(r->conn);
}

static bool is_head(const srv_req *r)
{
    return strcmp(r->head.method, "HEAD") == 0;
}

/* The whole answer at once. */
void srv_reply(srv_req *r, int status, const char *type, const void *body, size_t n)
{
    write_head(r, status, type, (ssize_t)n);
    if (!is_head(r)) put(r, body, n);
    srv_conn_push(r->conn);
    srv_conn_answered(r->conn);
}

void srv_reply_static(srv_req *r, int status, const char *type, const void *body, size_t n)
{
    write_head(r, status, type, (ssize_t)n);
    if (n && !is_head(r) && evbuffer_add_reference(output(r), body, n, NULL, NULL))
        srv_conn_break(r->conn);
    srv_conn_push(r->conn);
    srv_conn_answered(r->conn);
}

/* What is said when there is no memory even for a refusal; and for any refusal that is given while
 * the request is handed over, if something had no memory since it came: what it blames may only
 * lack a piece.  It reads as an error in both APIs' forms. */
static void reply_no_memory(srv_req *r)
{
    static const char body[] =
        "{\"type\":\"error\",\"error\":{\"message\":\"no memory for the answer\",\"type\":"
        "\"server_error\",\"param\":null,\"code\":\"out_of_memory\"}}\n";
    sk_buf_fini(&r->extra);
    srv_req_header(r, "Retry-After", "1");
    srv_reply_static(r, 503, "application/json", body, sizeof body - 1);
}

void srv_reply_fault_as(srv_req *r, const srv_fault *f, sk_buf *body)
{
    char seconds[16];
    sk_buf_addc(body, '\n');
    bool missed = r->conn->busy && r->missed != sk_mem_missed();
    if (missed || !sk_buf_ok(body)) {
        reply_no_memory(r);
        return;
    }
    int status = srv_code_http(f->code);
    bool later = f->retry_s || status == 429 || status == 503;
    snprintf(seconds, sizeof seconds, "%u", f->retry_s ? f->retry_s : 1);
    if (later) srv_req_header(r, "Retry-After", seconds);
    if (f->code == SRV_NO_KEY) srv_req_header(r, "WWW-Authenticate", "Bearer");
    if (f->allow) srv_req_header(r, "Allow", f->allow);
    srv_reply(r, status, "application/json", body->p, body->len);
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

/* Bytes around the data of a chunk: its length in hexadecimal and two line ends. */
#define CHUNK_BYTES 20u

/* The bytes of a chunk at `to`; how many.  By hand: one is made for each token. */
static size_t make_chunk(char *to, const void *p, size_t n)
{
    size_t len = 1;
    for (size_t left = n >> 4; left; left >>= 4)
        len++;
    for (size_t i = len, left = n; i--; left >>= 4)
        to[i] = "0123456789abcdef"[left & 15];
    memcpy(to + len, "\r\n", 2);
    memcpy(to + len + 2, p, n);
    memcpy(to + len + 2 + n, "\r\n", 2);
    return len + n + 4;
}

/* One part. */
void srv_stream_write(srv_req *r, const void *p, size_t n)
{
    assert(r->status && "srv_stream_begin comes first");
    struct evbuffer_iovec room;
    if (!n || is_head(r)) return;
    if (!r->chunked) {
        put(r, p, n);
    } else if (evbuffer_reserve_space(output(r), (ev_ssize_t)(n + CHUNK_BYTES), &room, 1) < 1) {
        srv_conn_break(r->conn);
    } else {
        room.iov_len = make_chunk(room.iov_base, p, n);
        (void)evbuffer_commit_space(output(r), &room, 1);
    }
    srv_conn_push(r->conn);
    if (!r->full && srv_conn_is_full(r->conn)) srv_conn_full(r->conn);
}

/* The last chunk. */
void srv_stream_end(srv_req *r)
{
    assert(r->status && "srv_stream_begin comes first");
    if (r->chunked && !is_head(r)) put(r, "0\r\n\r\n", 5);
    srv_conn_push(r->conn);
    srv_conn_answered(r->conn);
}

void srv_stream_cut(srv_req *r)
{
    srv_conn_break(r->conn);
    srv_conn_answered(r->conn);
}

/* More unsent bytes than the mark. */
bool srv_stream_full(const srv_req *r)
{
    return r->full;
}
