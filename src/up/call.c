/* call.c - writes a request, reads an answer to its end. */
#include "up/call.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ANSWER_MOST = 4 << 20, CHUNK = 16 << 10 };

/* The request is only made here: up_call_step sends it and reads the answer as the socket lets
 * it. */
sk_status up_call_begin(up_call *c, const up_listen *to, const char *method, const char *path,
                        const char *body, const char *key, uint64_t timeout_us, sk_err *e)
{
    assert(c->fd < 0);
    int fd = socket(to->near.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return sk_fail_errno(e, errno, "cannot make a socket");
    if (connect(fd, &to->near.any, to->near_len) != 0 && errno != EINPROGRESS) {
        int err = errno;
        (void)close(fd);
        return sk_fail_errno(e, err, "cannot reach the server");
    }
    c->fd = fd;
    c->until_us = sk_now_us() + timeout_us;
    c->sent = 0;
    sk_buf_reset(&c->in);
    sk_buf_reset(&c->out);
    sk_buf_addf(&c->out, "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n", method,
                path);
    if (key) sk_buf_addf(&c->out, "Authorization: Bearer %s\r\n", key);
    if (body)
        sk_buf_addf(&c->out, "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                    strlen(body));
    sk_buf_addf(&c->out, "\r\n%s", body ? body : "");
    if (sk_buf_ok(&c->out)) return SK_OK;
    up_call_end(c);
    return sk_fail(e, SK_E_NOMEM, "no memory to ask the server");
}

short up_call_events(const up_call *c)
{
    return c->sent < c->out.len ? POLLOUT : POLLIN;
}

/* True while there is more to come. */
static bool write_some(up_call *c)
{
    ssize_t n = send(c->fd, c->out.p + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);
    if (n < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
    c->sent += (size_t)n;
    return true;
}

static bool read_some(up_call *c)
{
    char chunk[CHUNK];
    ssize_t n = recv(c->fd, chunk, sizeof chunk, 0);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    sk_buf_add(&c->in, chunk, (size_t)n);
    return sk_buf_ok(&c->in) && c->in.len < ANSWER_MOST;
}

/* What came, taken apart; an answer that is cut is none. */
static int status_of(const up_call *c, const char **body)
{
    const char *end = c->in.p ? strstr(c->in.p, "\r\n\r\n") : NULL;
    const char *length = end ? strcasestr(c->in.p, "\r\nContent-Length:") : NULL;
    *body = end ? end + 4 : "";
    if (!length || length > end || strncmp(c->in.p, "HTTP/1.1 ", 9) != 0) return 0;
    size_t have = c->in.len - (size_t)(*body - c->in.p);
    if (have != strtoul(length + strlen("\r\nContent-Length:"), NULL, 10)) return 0;
    return (int)strtol(c->in.p + 9, NULL, 10);
}

bool up_call_step(up_call *c, int *status, const char **body)
{
    struct pollfd p = {.fd = c->fd, .events = up_call_events(c)};
    bool more = true;
    while (more && poll(&p, 1, 0) > 0) {
        more = p.events == POLLOUT ? write_some(c) : read_some(c);
        p.events = up_call_events(c);
    }
    if (more && sk_now_us() < c->until_us) return false;
    *status = status_of(c, body);
    return true;
}

void up_call_end(up_call *c)
{
    if (c->fd >= 0) (void)close(c->fd);
    sk_buf_fini(&c->out);
    sk_buf_fini(&c->in);
    *c = (up_call)UP_CALL_NONE;
}
