/* behind.c - keeps what was told, and tells it to who comes back. */
#include "serve/api/behind.h"

#include "base/mem.h"

#include <assert.h>
#include <string.h>

/* Bytes of events that are kept of a response; with more it can't be come back to before its end.
 */
#define MOST_BYTES ((size_t)4 << 20)

/* Bytes given to a stream at a time. */
#define PIECE ((size_t)32 << 10)

/* Who listens. */
typedef struct follower {
    struct follower *next;
    srv_behind *b;
    srv_req *req;
    size_t at; /* what of the log it has */
} follower;

struct srv_behind {
    srv_ask *ask; /* NULL: not begun */
    srv_behind *next;
    sk_buf log;
    bool lost; /* the log was too much */
    follower *first;
};

srv_behind *srv_behind_new(void)
{
    return sk_calloc(SK_MEM_REQUEST, 1, sizeof(srv_behind));
}

/* Takes f out of the list and frees it. */
static void forget(follower *f)
{
    follower **at = &f->b->first;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    sk_free(f);
}

void srv_behind_free(srv_behind *b)
{
    if (!b) return;
    while (b->first) {
        srv_req *r = b->first->req;
        srv_req_watch(r, NULL, NULL);
        forget(b->first);
        srv_stream_cut(r);
    }
    if (b->ask) {
        srv_behind **at = &b->ask->api->behind;
        while (*at != b)
            at = &(*at)->next;
        *at = b->next;
    }
    sk_buf_fini(&b->log);
    sk_free(b);
}

void srv_behind_begin(srv_behind *b, srv_ask *a)
{
    b->ask = a;
    b->next = a->api->behind;
    a->api->behind = b;
}

srv_ask *srv_behind_find(const srv_api *api, const char *id, uint32_t key)
{
    for (srv_behind *b = api->behind; b; b = b->next)
        if (b->ask->key == key && strcmp(b->ask->id, id) == 0) return b->ask;
    return NULL;
}

size_t srv_behind_skip(const sk_buf *log, int64_t after)
{
    size_t at = 0;
    for (; after >= 0 && at < log->len; after--) {
        const char *end = strstr(log->p + at, "\n\n");
        if (!end) return log->len;
        at = (size_t)(end - log->p) + 2;
    }
    return at;
}

/* Gives f what it does not have yet, as far as its client takes it. */
static void give(follower *f)
{
    const sk_buf *log = &f->b->log;
    while (f->at < log->len && !srv_stream_full(f->req)) {
        size_t n = log->len - f->at < PIECE ? log->len - f->at : PIECE;
        srv_stream_write(f->req, log->p + f->at, n);
        f->at += n;
    }
}

static void on_news(void *arg, srv_req *r, srv_req_news news)
{
    follower *f = arg;
    (void)r;
    if (news == SRV_REQ_ROOM)
        give(f);
    else
        forget(f);
}

sk_status srv_behind_follow(srv_behind *b, srv_req *r, int64_t after, srv_fault *f)
{
    if (b->lost)
        return srv_fail(f, SRV_UNSUPPORTED, "stream",
                        "the response has had more events than are kept; ask for it without "
                        "'stream'");
    follower *x = sk_calloc(SK_MEM_REQUEST, 1, sizeof *x);
    if (!x) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the stream");
    *x = (follower){b->first, b, r, srv_behind_skip(&b->log, after)};
    b->first = x;
    srv_req_watch(r, on_news, x);
    srv_stream_begin(r, 200, "text/event-stream; charset=utf-8");
    give(x);
    return SK_OK;
}

/* The log is too much: those who have all of it go on as they are told, others can't. */
static void lose(srv_behind *b)
{
    for (follower *f = b->first, *next; f; f = next) {
        next = f->next;
        srv_req *r = f->req;
        if (f->at == b->log.len) continue;
        srv_req_watch(r, NULL, NULL);
        forget(f);
        srv_stream_cut(r);
    }
    sk_buf_fini(&b->log);
    for (follower *f = b->first; f; f = f->next)
        f->at = 0;
    b->lost = true;
}

void srv_behind_tell(srv_behind *b, const sk_buf *sse)
{
    if (!b->lost && b->log.len + sse->len > MOST_BYTES) lose(b);
    if (!b->lost) sk_buf_add(&b->log, sse->p, sse->len);
    if (!sk_buf_ok(&b->log)) lose(b);
    for (follower *f = b->first, *next; f; f = next) {
        next = f->next;
        if (b->lost)
            srv_stream_write(f->req, sse->p, sse->len);
        else
            give(f);
    }
}

void srv_behind_ping(srv_behind *b)
{
    static const char text[] = ": still here\n\n";
    for (follower *f = b->first; f; f = f->next)
        if (f->at == b->log.len && !srv_stream_full(f->req))
            srv_stream_write(f->req, text, sizeof text - 1);
}

void srv_behind_end(srv_behind *b, sk_buf *log)
{
    while (b->first) {
        follower *f = b->first;
        srv_req *r = f->req;
        if (f->at < b->log.len) srv_stream_write(r, b->log.p + f->at, b->log.len - f->at);
        srv_req_watch(r, NULL, NULL);
        forget(f);
        srv_stream_end(r);
    }
    *log = b->log;
    b->log = (sk_buf)SK_BUF_INIT;
}
