/* listen.c - binds, listens, says where. */
#include "up/listen.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* For a port that a killed server may hold still. */
#define PATIENCE_MS 2000

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
    up_listen l = {.fd = fd};
    char host[INET6_ADDRSTRLEN];
    int port;
    if (!sk_listens(fd) || !sk_inet_of(fd, &l.near, &l.near_len, host, &port)) return false;
    bool v6 = l.near.any.sa_family == AF_INET6;
    (void)snprintf(l.url, sizeof l.url, "http://%s%s%s:%d", v6 ? "[" : "", host, v6 ? "]" : "",
                   port);
    make_near(&l);
    *out = l;
    return true;
}

sk_status up_listen_open(const char *host, int port, up_listen *out, sk_err *e)
{
    int fd;
    sk_status st = sk_listen(host, port, PATIENCE_MS, &fd, e);
    if (st) return st;
    if (up_listen_wrap(fd, out)) return SK_OK;
    (void)close(fd);
    return sk_fail(e, SK_E_INTERNAL, "the address of %s can't be read", host);
}

void up_listen_close(up_listen *l)
{
    if (l->fd >= 0) (void)close(l->fd);
    l->fd = -1;
}
