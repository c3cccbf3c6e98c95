/* control.c - a line in, a line out, over a Unix socket. */
#include "up/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MOST = 4096, ANSWER_MOST = 4 << 20, CHUNK = 16 << 10 };

#define NAME "control.sock"

/* An address of 108 bytes has no room for a long path: the folder is named by its descriptor. */
static struct sockaddr_un address(const up_dir *d)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    (void)snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/" NAME, d->fd);
    return a;
}

/* The name is made under a mask that leaves it to the owner from the start. */
sk_status up_control_open(const up_dir *d, int *fd, sk_err *e)
{
    struct sockaddr_un a = address(d);
    int f = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (f < 0) return sk_fail_errno(e, errno, "cannot make a socket");
    (void)unlinkat(d->fd, NAME, 0); /* of a supervisor that was killed: we hold the lock */
    mode_t mask = umask(0177);
    int rc = bind(f, (const struct sockaddr *)&a, sizeof a);
    int err = errno;
    (void)umask(mask);
    if (rc == 0 && listen(f, 16) == 0) {
        *fd = f;
        return SK_OK;
    }
    if (rc == 0) err = errno;
    (void)close(f);
    return sk_fail_errno(e, err, "cannot listen at %s/" NAME, d->path);
}

void up_control_close(const up_dir *d, int fd)
{
    if (fd < 0) return;
    (void)unlinkat(d->fd, NAME, 0);
    (void)close(fd);
}

static void set_patience(int fd, long ms)
{
    const struct timeval t = {ms / 1000, ms % 1000 * 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
}

static bool send_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) return false;
        p += k;
        n -= (size_t)k;
    }
    return true;
}

/* Up to the end of a line, or of all. */
static bool read_line(int fd, size_t most, sk_buf *b)
{
    char chunk[CHUNK];
    for (;;) {
        ssize_t k = recv(fd, chunk, sizeof chunk, 0);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) break;
        sk_buf_add(b, chunk, (size_t)k);
        if (!sk_buf_ok(b) || b->len > most) return false;
        if (chunk[k - 1] == '\n') break;
    }
    return b->len > 0 && b->p[b->len - 1] == '\n';
}

void up_control_serve(int fd, void (*answer)(void *arg, const char *line, sk_buf *out), void *arg)
{
    sk_buf line = SK_BUF_INIT, out = SK_BUF_INIT;
    int c = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (c < 0) return;
    set_patience(c, 200);
    if (read_line(c, LINE_MOST, &line)) {
        answer(arg, line.p, &out);
        sk_buf_addc(&out, '\n');
        if (sk_buf_ok(&out)) (void)send_all(c, out.p, out.len);
    }
    (void)close(c);
    sk_buf_fini(&line);
    sk_buf_fini(&out);
}

sk_status up_control_ask(const up_dir *d, const char *line, sk_buf *answer, sk_err *e)
{
    struct sockaddr_un a = address(d);
    sk_buf b = SK_BUF_INIT;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return sk_fail_errno(e, errno, "cannot make a socket");
    sk_status st = SK_OK;
    if (connect(fd, (const struct sockaddr *)&a, sizeof a) != 0)
        st = errno == ENOENT || errno == ECONNREFUSED
                 ? sk_fail(e, SK_E_NOTFOUND, "no stoke up runs in %s", d->path)
                 : sk_fail_errno(e, errno, "cannot reach the supervisor of %s", d->path);
    set_patience(fd, 30000);
    sk_buf_addf(&b, "%s\n", line);
    if (!st && (!sk_buf_ok(&b) || !send_all(fd, b.p, b.len) || !read_line(fd, ANSWER_MOST, answer)))
        st = sk_fail(e, SK_E_AGAIN, "the supervisor of %s does not answer", d->path);
    (void)close(fd);
    sk_buf_fini(&b);
    return st;
}
