/* parse.c - a strict reader of HTTP/1.1 request heads and chunked bodies (RFC 9112). */
#include "serve/http/parse.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* Longest run of chunk extensions and trailers a body may carry. */
#define AUX_MAX 4096u

/* Looks at each new byte once: finds the blank line, refuses a bare LF early (else a client that
 * sends one would wait for a timeout instead of an answer). */
sk_status srv_head_scan(srv_scan *s, const char *p, size_t n, srv_fault *f)
{
    assert(s->at <= n);
    for (; s->at < n; s->at++) {
        if (s->at >= SRV_MAX_HEAD_BYTES)
            return srv_fail(f, SRV_BIG_HEAD, NULL, "the header lines are over %u bytes",
                            SRV_MAX_HEAD_BYTES);
        if (!s->line && s->at >= SRV_MAX_LINE_BYTES)
            return srv_fail(f, SRV_LONG_URI, NULL, "the request line is over %u bytes",
                            SRV_MAX_LINE_BYTES);
        if (p[s->at] != '\n') continue;
        if (s->at == 0 || p[s->at - 1] != '\r')
            return srv_fail(f, SRV_BAD_HTTP, NULL, "a header line must end in CR LF");
        if (s->at - s->line == 1 && s->line > 0) {
            s->at++;
            return SK_OK;
        }
        if (s->at - s->line == 1)
            return srv_fail(f, SRV_BAD_HTTP, NULL, "the request line is empty");
        s->line = s->at + 1;
    }
    return SK_E_AGAIN;
}

/* tchar of RFC 9110, 5.6.2. */
static bool is_token_char(unsigned char c)
{
    if (c >= '0' && c <= '9') return true;
    if ((c | 32) >= 'a' && (c | 32) <= 'z') return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

/* True for one or more token characters. */
static bool is_token(const char *s)
{
    if (!*s) return false;
    for (; *s; s++)
        if (!is_token_char((unsigned char)*s)) return false;
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if ((c | 32) >= 'a' && (c | 32) <= 'f') return (c | 32) - 'a' + 10;
    return -1;
}

/* Decodes %XX in place; false for a broken escape or one that hides a control character. */
static bool decode_path(char *s)
{
    char *to = s;
    for (; *s; s++, to++) {
        int c = (unsigned char)*s;
        if (c == '%') {
            int hi = hex_digit(s[1]), lo = hi < 0 ? -1 : hex_digit(s[2]);
            if (lo < 0) return false;
            c = hi << 4 | lo;
            s += 2;
        }
        if (c < 0x20 || c == 0x7f) return false;
        *to = (char)c;
    }
    *to = 0;
    return true;
}

/* Takes the target apart: origin-form, or absolute-form of which only the path counts. */
static sk_status read_target(char *target, srv_head *out, srv_fault *f)
{
    if (strncasecmp(target, "http://", 7) == 0) {
        char *slash = strchr(target + 7, '/');
        if (!slash) return srv_fail(f, SRV_BAD_HTTP, NULL, "the request target has no path");
        target = slash;
    }
    if (target[0] != '/')
        return srv_fail(f, SRV_BAD_HTTP, NULL, "the request target must begin with '/'");
    char *query = strchr(target, '?');
    if (query) *query++ = 0;
    if (strchr(target, '#') || !decode_path(target))
        return srv_fail(f, SRV_BAD_HTTP, NULL, "the request target has a broken escape");
    out->path = target;
    out->query = query ? query : "";
    return SK_OK;
}

/* "METHOD SP target SP HTTP/1.x", one blank each. */
static sk_status read_request_line(char *line, srv_head *out, srv_fault *f)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version)
        return srv_fail(f, SRV_BAD_HTTP, NULL, "the request line is not METHOD TARGET VERSION");
    *target++ = 0;
    *version++ = 0;
    if (!is_token(line)) return srv_fail(f, SRV_BAD_HTTP, NULL, "the method is not a token");
    out->method = line;
    if (strcmp(version, "HTTP/1.1") == 0)
        out->minor = 1;
    else if (strcmp(version, "HTTP/1.0") == 0)
        out->minor = 0;
    else if (strncmp(version, "HTTP/", 5) == 0)
        return srv_fail(f, SRV_BAD_VERSION, NULL, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    else
        return srv_fail(f, SRV_BAD_HTTP, NULL, "the request line is not METHOD TARGET VERSION");
    for (const char *c = target; *c; c++)
        if ((unsigned char)*c <= 0x20 || *c == 0x7f)
            return srv_fail(f, SRV_BAD_HTTP, NULL, "the request target has a control character");
    return read_target(target, out, f);
}

/* "name: value"; blanks around the value are cut off. */
static sk_status read_header(char *line, srv_head *out, srv_fault *f)
{
    if (*line == ' ' || *line == '\t')
        return srv_fail(f, SRV_BAD_HTTP, NULL, "folded header lines are not accepted");
    char *value = strchr(line, ':');
    if (!value) return srv_fail(f, SRV_BAD_HTTP, NULL, "a header line has no colon");
    *value++ = 0;
    if (!is_token(line))
        return srv_fail(f, SRV_BAD_HTTP, NULL, "a header name has a character it must not have");
    for (const char *c = value; *c; c++)
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return srv_fail(f, SRV_BAD_HTTP, NULL, "header %.40s has a control character", line);
    value += strspn(value, " \t");
    size_t n = strlen(value);
    while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
        value[--n] = 0;
    if (out->n_headers == SRV_MAX_HEADERS)
        return srv_fail(f, SRV_BIG_HEAD, NULL, "over %u header lines", SRV_MAX_HEADERS);
    out->header[out->n_headers++] = (srv_header){line, value};
    return SK_OK;
}

/* Digits only, no sign, no list. */
static sk_status read_length(const char *v, srv_head *out, srv_fault *f)
{
    size_t n = strspn(v, "0123456789");
    if (!n || v[n])
        return srv_fail(f, SRV_BAD_HTTP, "content-length", "Content-Length is not a number");
    if (out->content_length >= 0)
        return srv_fail(f, SRV_BAD_HTTP, "content-length", "Content-Length is given twice");
    if (n > 15) return srv_fail(f, SRV_BIG_BODY, NULL, "the body is too large");
    out->content_length = 0;
    for (; *v; v++)
        out->content_length = out->content_length * 10 + (*v - '0');
    return SK_OK;
}

/* Only "chunked" alone, once, in HTTP/1.1. */
static sk_status read_coding(const char *v, srv_head *out, srv_fault *f)
{
    if (out->chunked || out->minor == 0)
        return srv_fail(f, SRV_BAD_HTTP, "transfer-encoding", "Transfer-Encoding is ambiguous");
    if (strcasecmp(v, "chunked") != 0)
        return srv_fail(f, SRV_BAD_CODING, "transfer-encoding",
                        "Transfer-Encoding may only be chunked");
    out->chunked = true;
    return SK_OK;
}

/* What a header means for the message itself, if anything. */
static sk_status read_framing(const srv_header *h, srv_head *out, size_t *n_host, srv_fault *f)
{
    if (strcasecmp(h->name, "content-length") == 0) return read_length(h->value, out, f);
    if (strcasecmp(h->name, "transfer-encoding") == 0) return read_coding(h->value, out, f);
    if (strcasecmp(h->name, "host") == 0) ++*n_host;
    if (strcasecmp(h->name, "connection") == 0) {
        if (srv_list_has(h->value, "close")) out->keep_alive = false;
        if (out->minor == 0 && srv_list_has(h->value, "keep-alive")) out->keep_alive = true;
    }
    if (strcasecmp(h->name, "expect") == 0) {
        if (strcasecmp(h->value, "100-continue") != 0)
            return srv_fail(f, SRV_BAD_EXPECT, "expect", "only Expect: 100-continue is known");
        out->expect_continue = out->minor == 1;
    }
    return SK_OK;
}

/* How long the body is and whether the connection stays, from all headers together. */
static sk_status check_framing(srv_head *out, srv_fault *f)
{
    size_t n_host = 0;
    for (size_t i = 0; i < out->n_headers; i++) {
        sk_status st = read_framing(&out->header[i], out, &n_host, f);
        if (st) return st;
    }
    if (out->chunked && out->content_length >= 0)
        return srv_fail(f, SRV_BAD_HTTP, "content-length",
                        "Content-Length and Transfer-Encoding exclude each other");
    if (n_host > 1 || (n_host == 0 && out->minor == 1))
        return srv_fail(f, SRV_BAD_HTTP, "host", "there must be one Host header");
    return SK_OK;
}

/* Cuts the head into lines and reads each. */
sk_status srv_head_parse(char *text, size_t n, srv_head *out, srv_fault *f)
{
    assert(n >= 4 && memcmp(text + n - 4, "\r\n\r\n", 4) == 0);
    *out = (srv_head){.method = "", .path = "", .query = "", .content_length = -1};
    if (memchr(text, 0, n)) return srv_fail(f, SRV_BAD_HTTP, NULL, "the head has a NUL byte");
    char *line = text, *end = text + n - 2;
    for (size_t i = 0; line < end; i++) {
        char *stop = memchr(line, '\n', (size_t)(end - line));
        assert(stop && stop > line && stop[-1] == '\r');
        stop[-1] = 0;
        sk_status st = i ? read_header(line, out, f) : read_request_line(line, out, f);
        if (st) return st;
        line = stop + 1;
    }
    out->keep_alive = out->minor == 1;
    return check_framing(out, f);
}

/* The value of a header by name. */
const char *srv_head_find(const srv_head *h, const char *name)
{
    for (size_t i = 0; i < h->n_headers; i++)
        if (strcasecmp(h->header[i].name, name) == 0) return h->header[i].value;
    return NULL;
}

/* True when the parameters of a list item, up to its comma, say q=0. */
static bool is_refused(const char *p)
{
    size_t n = strcspn(p, ",");
    for (size_t i = 0; i + 2 < n; i++)
        if ((p[i] | 32) == 'q' && p[i + 1] == '=')
            return p[i + 2] == '0' && strspn(p + i + 3, ".0 \t") == n - i - 3;
    return false;
}

/* Item of a comma-separated list. */
bool srv_list_has(const char *value, const char *item)
{
    size_t n = strlen(item);
    while (value && *value) {
        value += strspn(value, " \t,");
        const char *tail = value + n;
        if (strncasecmp(value, item, n) == 0 && (!*tail || strchr(" \t,;", *tail)))
            return !is_refused(tail);
        value = strchr(value, ',');
    }
    return false;
}

/* States of a chunked body; the order is that of the wire. */
enum { CH_SIZE, CH_EXT, CH_SIZE_LF, CH_DATA, CH_DATA_CR, CH_DATA_LF, CH_TRAILER, CH_END_LF };

static sk_status bad_chunk(srv_fault *f)
{
    return srv_fail(f, SRV_BAD_HTTP, "transfer-encoding", "the chunked body is malformed");
}

/* One byte of a chunk-size line. */
static sk_status feed_size(srv_chunks *c, char byte, srv_fault *f)
{
    int d = hex_digit(byte);
    if (c->state == CH_SIZE && d >= 0) {
        if (++c->digits > 12) return bad_chunk(f);
        c->left = c->left << 4 | (unsigned)d;
        return SK_OK;
    }
    if (!c->digits) return bad_chunk(f);
    if (byte == '\r')
        c->state = CH_SIZE_LF;
    else if (c->state == CH_SIZE && byte == ';')
        c->state = CH_EXT;
    else if (c->state == CH_SIZE || ((unsigned char)byte < 0x20 && byte != '\t'))
        return bad_chunk(f);
    else if (++c->aux > AUX_MAX)
        return srv_fail(f, SRV_BIG_HEAD, NULL, "the chunk extensions are too long");
    return SK_OK;
}

/* One byte of the trailer; its lines are read over.  `left` counts the bytes of the line. */
static sk_status feed_trailer(srv_chunks *c, char byte, srv_fault *f)
{
    if (++c->aux > AUX_MAX) return srv_fail(f, SRV_BIG_HEAD, NULL, "the trailer is too long");
    if (byte == '\r') {
        c->state = CH_END_LF;
        return SK_OK;
    }
    if ((unsigned char)byte < 0x20 && byte != '\t') return bad_chunk(f);
    c->left++;
    return SK_OK;
}

/* One byte that is no data.  SK_OK: go on; *end is set behind the body's last byte. */
static sk_status feed_byte(srv_chunks *c, char byte, bool *end, srv_fault *f)
{
    switch (c->state) {
    case CH_SIZE:
    case CH_EXT:
        return feed_size(c, byte, f);
    case CH_SIZE_LF:
        c->state = c->left ? CH_DATA : CH_TRAILER;
        c->digits = 0;
        break;
    case CH_DATA_CR:
        c->state = CH_DATA_LF;
        return byte == '\r' ? SK_OK : bad_chunk(f);
    case CH_DATA_LF:
        c->state = CH_SIZE;
        break;
    case CH_TRAILER:
        return feed_trailer(c, byte, f);
    default:
        assert(c->state == CH_END_LF);
        *end = c->left == 0;
        c->left = 0;
        c->state = CH_TRAILER;
        break;
    }
    return byte == '\n' ? SK_OK : bad_chunk(f);
}

/* Takes what it can of p. */
sk_status srv_chunks_feed(srv_chunks *c, const char *p, size_t n, size_t max_bytes, size_t *used,
                          sk_buf *body, srv_fault *f)
{
    size_t i = 0;
    sk_status st = SK_OK;
    bool end = false;
    while (i < n && !st && !end) {
        if (c->state != CH_DATA) {
            st = feed_byte(c, p[i++], &end, f);
            if (!st && c->state == CH_DATA && c->left > max_bytes - body->len)
                st = srv_fail(f, SRV_BIG_BODY, NULL, "the body is over %zu bytes", max_bytes);
            continue;
        }
        size_t take = c->left < n - i ? (size_t)c->left : n - i;
        sk_buf_add(body, p + i, take);
        if (!sk_buf_ok(body)) return srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for the body");
        i += take;
        c->left -= take;
        if (!c->left) c->state = CH_DATA_CR;
    }
    *used = i;
    if (st) return st;
    return end ? SK_OK : SK_E_AGAIN;
}
