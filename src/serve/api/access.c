/* access.c - writes the access log. */
#include "serve/api/access.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct srv_access {
    int fd;
    sk_buf line;
};

/* A descriptor to append to. */
static sk_status open_log(const char *path, int *fd, sk_err *e)
{
    bool to_stderr = strcmp(path, "-") == 0;
    *fd = to_stderr ? dup(STDERR_FILENO)
                    : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0640);
    return *fd < 0 ? sk_fail_errno(e, errno, "cannot write the access log %s", path) : SK_OK;
}

sk_status srv_access_open(const char *path, srv_access **out, sk_err *e)
{
    srv_access *a = sk_calloc(SK_MEM_REQUEST, 1, sizeof *a);
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory for the access log");
    sk_status st = open_log(path, &a->fd, e);
    if (st)
        sk_free(a);
    else
        *out = a;
    return st;
}

sk_status srv_access_reopen(srv_access *a, const char *path, sk_err *e)
{
    int fd;
    sk_status st = open_log(path, &fd, e);
    if (st) return st;
    (void)close(a->fd);
    a->fd = fd;
    return SK_OK;
}

void srv_access_close(srv_access *a)
{
    if (!a) return;
    (void)close(a->fd);
    sk_buf_fini(&a->line);
    sk_free(a);
}

/* W3C Trace Context: 00-<32 hex>-<16 hex>-<2 hex>, lower case. */
const char *srv_trace_id(const srv_head *h)
{
    static const char hex[] = "0123456789abcdef";
    const char *v = srv_head_find(h, "traceparent");
    if (!v || strlen(v) < 55 || v[2] != '-' || v[35] != '-' || v[52] != '-') return NULL;
    if (strspn(v, hex) != 2 || strspn(v + 3, hex) != 32 || strspn(v + 36, hex) != 16) return NULL;
    return v + 3;
}

static void add_text(sk_buf *b, const char *name, const char *s)
{
    sk_buf_addf(b, ",\"%s\":", name);
    sk_json_add_str(b, s, strlen(s));
}

/* One write() a line, so that lines of several servers in one file don't mix; what it could not
 * write is not tried again, as the header promises. */
void srv_access_line(srv_access *a, const srv_req *r, int status, const char *key)
{
    const srv_head *h = srv_req_head(r);
    const srv_mark *m = srv_req_mark_of(r);
    const char *trace = srv_trace_id(h);
    sk_buf *b = &a->line;
    sk_buf_reset(b);
    sk_buf_addf(b, "{\"time\":%.3f", (double)sk_unix_ms() / 1000);
    add_text(b, "id", srv_req_id(r));
    add_text(b, "client", srv_req_peer(r));
    if (key) add_text(b, "key", key);
    add_text(b, "method", h->method);
    add_text(b, "path", h->path);
    sk_buf_addf(b, ",\"status\":%d,\"ms\":%.1f", status, (double)(sk_now_us() - m->at_us) / 1000);
    if (m->n_prompt || m->n_out)
        sk_buf_addf(b, ",\"prompt_tokens\":%zu,\"cached_tokens\":%zu,\"completion_tokens\":%zu",
                    m->n_prompt, m->n_cached, m->n_out);
    if (trace) sk_buf_addf(b, ",\"trace\":\"%.32s\"", trace);
    sk_buf_adds(b, "}\n");
    if (sk_buf_ok(b)) (void)!write(a->fd, b->p, b->len);
}
