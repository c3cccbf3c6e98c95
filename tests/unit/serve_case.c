/* serve_case.c - a server on a thread, and a client. */
#include "tests/unit/serve_case.h"

#include "tests/unit/fixture_model.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void serve_case_init(serve_case *c, srv_opts *o)
{
    sk_err e = SK_ERR_INIT;
    const char *tmp = getenv("TMPDIR");
    eng_config cfg = fixture_config("llama");
    cfg.n_ctx = 2048;
    *c = (serve_case){.stop = {-1, -1}};
    (void)snprintf(c->dir, sizeof c->dir, "%.32s/serve-XXXXXX", tmp ? tmp : "/tmp");
    char *made = mkdtemp(c->dir);
    (void)snprintf(c->model, sizeof c->model, "%s/tiny.gguf", c->dir);
    sk_status st = fixture_model_write(c->model, &cfg, 7, ENG_F32, &e);
    assert(made && !st);
    (void)made;
    (void)st;
    (void)signal(SIGPIPE, SIG_IGN);
    srv_opts_default(o);
    o->model = c->model;
    o->port = 0;
    o->threads = 1;
    o->parallel = 4;
    o->kv_tokens = 4 * 2048;
    o->kv_type = "f32";
}

static void *run(void *arg)
{
    serve_case *c = arg;
    sk_err e = SK_ERR_INIT;
    c->st = srv_run(c->server, &e);
    return NULL;
}

sk_status serve_case_open(serve_case *c, const srv_opts *o, sk_err *e)
{
    srv_opts own = *o;
    if (pipe(c->stop)) return sk_fail(e, SK_E_IO, "no pipe");
    own.stop_fd = c->stop[0];
    sk_status st = srv_open(&own, &c->server, e);
    if (!st) {
        const char *url = srv_url(c->server);
        c->port = (int)strtol(strrchr(url, ':') + 1, NULL, 10);
        if (!pthread_create(&c->thread, NULL, run, c)) return SK_OK;
        srv_close(c->server);
        st = sk_fail(e, SK_E_INTERNAL, "no thread");
    }
    (void)close(c->stop[0]);
    (void)close(c->stop[1]);
    return st;
}

sk_status serve_case_close(serve_case *c)
{
    (void)close(c->stop[1]);
    (void)pthread_join(c->thread, NULL);
    (void)close(c->stop[0]);
    srv_close(c->server);
    c->server = NULL;
    return c->st;
}

void serve_case_fini(const serve_case *c)
{
    (void)unlink(c->model);
    (void)rmdir(c->dir);
}

int serve_case_connect(const serve_case *c)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)c->port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)(void *)&a, sizeof a) == 0) return fd;
    (void)close(fd);
    return -1;
}

bool serve_case_send(int fd, const void *p, size_t n)
{
    const char *from = p;
    while (n) {
        ssize_t k = send(fd, from, n, MSG_NOSIGNAL);
        if (k < 0 && errno == EINTR) continue; /* a fuzzer's alarm */
        if (k <= 0) return false;
        from += k;
        n -= (size_t)k;
    }
    return true;
}

/* No deadline: who runs the test has one, and a process that was stopped for a while has missed
 * nothing.  A reset instead of a goodbye: a test makes more connections than there are ports. */
size_t serve_case_read(int fd, char *out, size_t cap)
{
    const struct linger at_once = {1, 0};
    char rest[4096];
    size_t n = 0;
    for (;;) {
        ssize_t k = n < cap ? recv(fd, out + n, cap - n, 0) : recv(fd, rest, sizeof rest, 0);
        if (k < 0 && errno == EINTR) continue;
        if (k <= 0) break;
        if (n < cap) n += (size_t)k;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    (void)close(fd);
    return n;
}

size_t serve_case_ask(const serve_case *c, const char *method, const char *path, const void *body,
                      size_t n, char *out, size_t cap)
{
    char head[512];
    int len = snprintf(head, sizeof head,
                       "%s %.200s HTTP/1.1\r\nHost: t\r\nConnection: close\r\n"
                       "Content-Length: %zu\r\n\r\n",
                       method, path, n);
    int fd = serve_case_connect(c);
    out[0] = 0;
    if (fd < 0) return 0;
    (void)(serve_case_send(fd, head, (size_t)len) && serve_case_send(fd, body, n));
    size_t got = serve_case_read(fd, out, cap - 1);
    out[got] = 0;
    return got;
}
