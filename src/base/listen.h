/* listen.h - listening sockets: bound to a host and a port, and where they are. */
#ifndef SK_BASE_LISTEN_H
#define SK_BASE_LISTEN_H

#include "base/status.h"

#include <netinet/in.h>
#include <stdbool.h>

/* Binds and listens at the first address of host that can be bound; port 0: any free one.  A port
 * that is taken is tried again for patience_ms: a process that was killed a moment ago holds its
 * socket until the kernel has taken it apart.  *out: the descriptor, non-blocking, closed on exec,
 * the caller's.  SK_E_USAGE: there is no such host; SK_E_INUSE: the port is taken. */
sk_status sk_listen(const char *host, int port, unsigned patience_ms, int *out, sk_err *e);

/* True if fd is a socket that listens. */
bool sk_listens(int fd);

/* An address of the internet, of either version. */
typedef union sk_inet {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} sk_inet;

/* Where fd is bound: its address with the length of that, the address as a number, the port.
 * False: it is not bound to an address of the internet. */
bool sk_inet_of(int fd, sk_inet *out, socklen_t *n, char host[INET6_ADDRSTRLEN], int *port);

#endif
