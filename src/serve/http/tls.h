/* tls.h - TLS of connections, by OpenSSL under libevent's buffers.
 *
 * TLS 1.2 and 1.3 with OpenSSL's own choice of ciphers; no renegotiation, no session cache, buffers
 * are given back while a connection is idle.
 */
#ifndef SRV_HTTP_TLS_H
#define SRV_HTTP_TLS_H

#include "base/status.h"

#include <event2/bufferevent.h>

typedef struct srv_tls srv_tls;

/* Reads a certificate (PEM, its chain behind it) and its key.  SK_E_INVALID says what is wrong. */
sk_status srv_tls_open(const char *cert, const char *key, srv_tls **out, sk_err *e);

/* Takes a new certificate and key for connections from now on; those that are open keep theirs.  On
 * failure t is as it was. */
sk_status srv_tls_renew(srv_tls *t, const char *cert, const char *key, sk_err *e);

/* NULL is allowed.  Connections of it must be closed before. */
void srv_tls_close(srv_tls *t);

/* A connection's buffers over a socket that is accepted; the socket is closed with them.  NULL
 * without memory. */
struct bufferevent *srv_tls_accept(srv_tls *t, struct event_base *base, int fd);

/* Says goodbye on a connection whose answers are sent; nothing for one without TLS. */
void srv_tls_bye(struct bufferevent *bev);

#endif
