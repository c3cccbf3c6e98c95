/* parse.h - reading an HTTP/1.1 request, strictly: a head and a chunked body.
 *
 * Pure functions over bytes; no sockets.  Sources: RFC 9110 and RFC 9112.  Wherever the RFC lets a
 * server choose between guessing and refusing, this one refuses, since a proxy in front may have
 * guessed otherwise (request smuggling): bare LF, folded lines, blanks before the colon, two
 * Content-Length, Content-Length beside Transfer-Encoding, signs or blanks in a length.
 */
#ifndef SRV_HTTP_PARSE_H
#define SRV_HTTP_PARSE_H

#include "base/buf.h"
#include "serve/http/fault.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SRV_MAX_HEADERS 64u
#define SRV_MAX_HEAD_BYTES 16384u
#define SRV_MAX_LINE_BYTES 8192u

typedef struct srv_header {
    const char *name, *value; /* value without surrounding blanks */
} srv_header;

/* A request's head; strings point into the text that was parsed. */
typedef struct srv_head {
    const char *method;
    const char *path;  /* percent-decoded, begins with '/' */
    const char *query; /* raw, "" if none */
    int minor;         /* HTTP/1.minor */
    size_t n_headers;
    int64_t content_length; /* -1: not given */
    bool chunked, keep_alive, expect_continue;
    srv_header header[SRV_MAX_HEADERS];
} srv_head;

/* How far a head has arrived.  Start as {0}. */
typedef struct srv_scan {
    size_t at;   /* bytes looked at */
    size_t line; /* where the current line begins */
} srv_scan;

/* Looks at the bytes p[0..n) that arrived so far, each byte once over all calls.  SK_OK: the head
 * is p[0 .. s->at), its blank line included; SK_E_AGAIN: more is needed; anything else: f says why
 * it is refused. */
sk_status srv_head_scan(srv_scan *s, const char *p, size_t n, srv_fault *f);

/* Parses the head text[0..n) in place (n as srv_head_scan found it; text is changed). */
sk_status srv_head_parse(char *text, size_t n, srv_head *out, srv_fault *f);

/* The value of a header by name, case disregarded; NULL if absent. */
const char *srv_head_find(const srv_head *h, const char *name);

/* True when the comma-separated list `value` (may be NULL) has `item`, case disregarded;
 * parameters after ';' are not looked at, except that "q=0" counts as absent. */
bool srv_list_has(const char *value, const char *item);

/* A chunked body under way.  Start as {0}. */
typedef struct srv_chunks {
    int state;
    uint64_t left;      /* bytes of the chunk still to come */
    size_t digits, aux; /* hex digits read; bytes of extensions and trailers read */
} srv_chunks;

/* Takes bytes from p[0..n), appends the body's to `body` (never more than max_bytes in all).  *used
 * = how many were taken.  SK_OK: the body is complete; SK_E_AGAIN: more is needed; anything else: f
 * says why. */
sk_status srv_chunks_feed(srv_chunks *c, const char *p, size_t n, size_t max_bytes, size_t *used,
                          sk_buf *body, srv_fault *f);

#endif
