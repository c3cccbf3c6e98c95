/* listen.h - the socket that servers take connections from: made once, kept over their deaths, so
 * that connections wait in the kernel while a server is started again. */
#ifndef UP_LISTEN_H
#define UP_LISTEN_H

#include "base/listen.h"

#include <stdbool.h>

typedef struct up_listen {
    int fd; /* -1: none */
    char url[256];
    sk_inet near; /* where this machine reaches it */
    socklen_t near_len;
} up_listen;

/* Binds host and port (0: any free one) and listens.  SK_E_INUSE: the port is taken. */
sk_status up_listen_open(const char *host, int port, up_listen *out, sk_err *e);

/* The same around a socket that listens already, which is then l's; false if it is none. */
bool up_listen_wrap(int fd, up_listen *out);

/* Closes it; one that is closed already is allowed. */
void up_listen_close(up_listen *l);

#endif
