/* listen.c - binds, listens, says where. */
#include "up/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BACKLOG 1024
#define PATIENCE 100 /* tries, 20 ms apart */

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

/* An address that means any of this machine's is reached by the loopback one. */
static void make_near(up_listen *l)
{
    static const struct in6_addr any6 = IN6ADDR_ANY_INIT, loopback6 = IN6ADDR_LOOPBACK_INIT;
    if (l->near.any.sa_family == AF_INET && l->near.v4.sin_addr.s_addr == htonl(INADDR_ANY))
        l->near.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (l->near.any.sa_family == AF_INET6 && memcmp(&l->near.v6.sin6_addr, &any6, sizeof any6) == 0)
        l->near.v6.sin6_addr = loopback6;
}

bool up_listen_wrap(int fd, up_listen *out)
{
    up_listen l = {.fd = fd, .near_len = sizeof l.near};
    char host[INET6_ADDRSTRLEN] = "";
    int on = 0;
    socklen_t n = sizeof on;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &n) != 0 || !on) return false;
    if (getsockname(fd, &l.near.any, &l.near_len) != 0) return false;
    bool v6 = l.near.any.sa_family == AF_INET6;
    if (!v6 && l.near.any.sa_family != AF_INET) return false;
    const void *addr = v6 ? (const void *)&l.near.v6.sin6_addr : (const void *)&l.near.v4.sin_addr;
    if (!inet_ntop(l.near.any.sa_family, addr, host, sizeof host)) return false;
    (void)snprintf(l.url, sizeof l.url, "http://%s%s%s:%d", v6 ? "[" : "", host, v6 ? "]" : "",
                   ntohs(v6 ? l.near.v6.sin6_port : l.near.v4.sin_port));
    make_near(&l);
    *out = l;
    return true;
}

/* A server that was killed a moment ago holds its socket until the kernel has taken it apart, so a
 * port that is taken is tried again for a while. */
static int listen_on_any(const struct addrinfo *list)
{
    const struct timespec pause = {0, 20000000};
    int fd = -1;
    for (int i = 0; fd < 0 && i < PATIENCE; i++) {
        if (i > 0) (void)nanosleep(&pause, NULL);
        for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
            fd = listen_on(a);
        if (fd < 0 && errno != EADDRINUSE) break;
    }
    return fd;
}

sk_status up_listen_open(const char *host, int port, up_listen *out, sk_err *e)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list;
    char text[16];
    (void)snprintf(text, sizeof text, "%d", port);
    int rc = getaddrinfo(host, text, &hints, &list);
    if (rc)
        return sk_fail(e, SK_E_USAGE, "cannot find the address of host %s: %s", host,
                       gai_strerror(rc));
    int fd = listen_on_any(list), err = errno;
    freeaddrinfo(list);
    if (fd < 0 && err == EADDRINUSE)
        return sk_fail(e, SK_E_INUSE,
                       "port %d of %s is taken by another program; stop that one or choose "
                       "another port (--port 0 takes any free one)",
                       port, host);
    if (fd < 0) return sk_fail_errno(e, err, "cannot listen on %s port %d", host, port);
    if (up_listen_wrap(fd, out)) return SK_OK;
    (void)close(fd);
    return sk_fail(e, SK_E_INTERNAL, "the address of %s can't be read", host);
}

void up_listen_close(up_listen *l)
{
    if (l->fd >= 0) (void)close(l->fd);
    l->fd = -1;
}
