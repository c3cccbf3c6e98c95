/* listen.c - getaddrinfo, bind, listen. */
#include "base/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 1024, AGAIN_MS = 20 };

/* A listening socket for one address; -1 with errno. */
static int listen_on(const struct addrinfo *a)
{
    int on = 1;
    int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
    if (fd < 0) return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) return fd;
    int err = errno;
    (void)close(fd);
    errno = err;
    return -1;
}

/* The same for the first that can be; -1 with errno. */
static int listen_on_any(const struct addrinfo *list, unsigned patience_ms)
{
    const struct timespec pause = {0, AGAIN_MS * 1000000L};
    for (unsigned ms = 0;; ms += AGAIN_MS) {
        int fd = -1;
        for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
            fd = listen_on(a);
        if (fd >= 0 || errno != EADDRINUSE || ms >= patience_ms) return fd;
        (void)nanosleep(&pause, NULL);
    }
}

sk_status sk_listen(const char *host, int port, unsigned patience_ms, int *out, sk_err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    char text[16];
    (void)snprintf(text, sizeof text, "%d", port);
    int rc = getaddrinfo(host, text, &hints, &list);
    if (rc)
        return sk_fail(e, SK_E_USAGE, "cannot find the address of host %s: %s", host,
                       gai_strerror(rc));
    int fd = listen_on_any(list, patience_ms), err = errno;
    freeaddrinfo(list);
    if (fd < 0 && err == EADDRINUSE)
        return sk_fail(e, SK_E_INUSE,
                       "port %d of %s is taken by another program; stop that one or choose "
                       "another port (--port 0 takes any free one)",
                       port, host);
    if (fd < 0) return sk_fail_errno(e, err, "cannot listen on %s port %d", host, port);
    *out = fd;
    return SK_OK;
}

bool sk_listens(int fd)
{
    int on = 0;
    socklen_t n = sizeof on;
    return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) == 0 && on;
}

bool sk_inet_of(int fd, sk_inet *out, socklen_t *n, char host[INET6_ADDRSTRLEN], int *port)
{
    *n = sizeof *out;
    if (getsockname(fd, &out->any, n) != 0) return false;
    bool v6 = out->any.sa_family == AF_INET6;
    if (!v6 && out->any.sa_family != AF_INET) return false;
    const void *addr = v6 ? (const void *)&out->v6.sin6_addr : (const void *)&out->v4.sin_addr;
    *port = ntohs(v6 ? out->v6.sin6_port : out->v4.sin_port);
    return inet_ntop(out->any.sa_family, addr, host, INET6_ADDRSTRLEN) != NULL;
}
