/* tls.c - TLS of connections. */
#include "serve/http/tls.h"

#include "base/mem.h"

#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>

#undef sk_free /* OpenSSL has a macro of that name, for its stacks */

struct srv_tls {
    SSL_CTX *ctx;
};

/* HTTP/1.1 is what there is. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *n,
                           const unsigned char *in, unsigned n_in, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *got;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&got, n, ours, sizeof ours - 1, in, n_in) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = got;
    return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL's newest complaint about a file. */
static sk_status fail(sk_err *e, const char *path)
{
    char text[160];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    ERR_clear_error();
    return sk_fail(e, SK_E_INVALID, "%s: %s", path, text);
}

/* TLS 1.2 at least (RFC 9325); no renegotiation, and no compression, which leaks what it
 * compresses.  Sessions are not kept here: what a client resumes from is in its ticket. */
sk_status srv_tls_open(const char *cert, const char *key, srv_tls **out, sk_err *e)
{
    srv_tls *t = sk_calloc(SK_MEM_REQUEST, 1, sizeof *t);
    if (t) t->ctx = SSL_CTX_new(TLS_server_method());
    if (!t || !t->ctx) {
        srv_tls_close(t);
        return sk_fail(e, SK_E_NOMEM, "no memory for TLS");
    }
    sk_status st = SK_OK;
    (void)SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_mode(t->ctx, SSL_MODE_RELEASE_BUFFERS);
    (void)SSL_CTX_set_options(t->ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    (void)SSL_CTX_set_session_cache_mode(t->ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_alpn_select_cb(t->ctx, choose_protocol, NULL);
    if (SSL_CTX_use_certificate_chain_file(t->ctx, cert) != 1)
        st = fail(e, cert);
    else if (SSL_CTX_use_PrivateKey_file(t->ctx, key, SSL_FILETYPE_PEM) != 1 ||
             SSL_CTX_check_private_key(t->ctx) != 1)
        st = fail(e, key);
    if (st)
        srv_tls_close(t);
    else
        *out = t;
    return st;
}

/* A context counts those who use it: connections keep the old one alive. */
sk_status srv_tls_renew(srv_tls *t, const char *cert, const char *key, sk_err *e)
{
    srv_tls *fresh = NULL;
    sk_status st = srv_tls_open(cert, key, &fresh, e);
    if (st) return st;
    SSL_CTX *old = t->ctx;
    t->ctx = fresh->ctx;
    fresh->ctx = old;
    srv_tls_close(fresh);
    return SK_OK;
}

void srv_tls_close(srv_tls *t)
{
    if (!t) return;
    SSL_CTX_free(t->ctx);
    sk_free(t);
}

/* A client that closes without a goodbye has just closed: HTTP knows where a message ends. */
struct bufferevent *srv_tls_accept(srv_tls *t, struct event_base *base, int fd)
{
    SSL *ssl = SSL_new(t->ctx);
    if (!ssl) return NULL;
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (!bev) {
        SSL_free(ssl);
        return NULL;
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    return bev;
}

void srv_tls_bye(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    if (ssl) (void)SSL_shutdown(ssl);
    ERR_clear_error();
}
