/* page.c - answers for the chat page: packed where the client can unpack, 304 where it has it. */
#include "serve/web/page.h"

#include "base/mem.h"
#include "serve/web/assets.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

/* Nothing from elsewhere, no inline code, no frames: the page and its own parts only. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types dompurify";

typedef struct page_file {
    const srv_asset *asset;
    unsigned char *plain;
    size_t plain_bytes;
    char etag[32]; /* of the plain bytes; the packed form has its own, with "-gz" */
} page_file;

struct srv_page {
    page_file *file;
    size_t n;
};

/* Unpacks one asset; gzip ends with the length of the plain bytes (RFC 1952). */
static sk_status unpack(page_file *f, sk_err *e)
{
    const unsigned char *end = f->asset->end;
    size_t packed = (size_t)(end - f->asset->begin);
    assert(packed > 18);
    f->plain_bytes = (size_t)end[-4] | (size_t)end[-3] << 8 | (size_t)end[-2] << 16;
    f->plain = sk_alloc(SK_MEM_REQUEST, f->plain_bytes + 1);
    if (!f->plain) return sk_fail(e, SK_E_NOMEM, "no memory for the chat page");
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)f->asset->begin,
                  .avail_in = (unsigned)packed,
                  .next_out = f->plain,
                  .avail_out = (unsigned)f->plain_bytes + 1};
    int rc = inflateInit2(&z, 16 + MAX_WBITS);
    if (rc == Z_OK) rc = inflate(&z, Z_FINISH);
    bool ok = rc == Z_STREAM_END && z.total_out == f->plain_bytes;
    (void)inflateEnd(&z);
    if (!ok) return sk_fail(e, SK_E_CORRUPT, "the chat page in this program is damaged");
    uLong crc = crc32(0, f->plain, (unsigned)f->plain_bytes);
    snprintf(f->etag, sizeof f->etag, "%08lx-%zx", crc, f->plain_bytes);
    return SK_OK;
}

/* Prepares the embedded files. */
sk_status srv_page_open(srv_page **out, sk_err *e)
{
    size_t n;
    const srv_asset *list = srv_assets(&n);
    srv_page *p = sk_calloc(SK_MEM_REQUEST, 1, sizeof *p);
    if (p) p->file = sk_calloc(SK_MEM_REQUEST, n, sizeof *p->file);
    if (!p || !p->file) {
        srv_page_close(p);
        return sk_fail(e, SK_E_NOMEM, "no memory for the chat page");
    }
    p->n = n;
    for (size_t i = 0; i < n; i++) {
        p->file[i].asset = &list[i];
        sk_status st = unpack(&p->file[i], e);
        if (st) {
            srv_page_close(p);
            return st;
        }
    }
    *out = p;
    return SK_OK;
}

/* Frees the copies. */
void srv_page_close(srv_page *p)
{
    if (!p) return;
    for (size_t i = 0; p->file && i < p->n; i++)
        sk_free(p->file[i].plain);
    sk_free(p->file);
    sk_free(p);
}

/* Answers with one file. */
static void reply_file(const page_file *f, srv_req *r)
{
    const srv_head *h = srv_req_head(r);
    bool packed = srv_list_has(srv_head_find(h, "accept-encoding"), "gzip");
    char etag[48];
    snprintf(etag, sizeof etag, "\"%s%s\"", f->etag, packed ? "-gz" : "");
    const char *known = srv_head_find(h, "if-none-match");
    srv_req_header(r, "ETag", etag);
    srv_req_header(r, "Cache-Control", "no-cache");
    srv_req_header(r, "Vary", "Accept-Encoding");
    srv_req_header(r, "Content-Security-Policy", policy);
    srv_req_header(r, "Referrer-Policy", "no-referrer");
    if (known && (strstr(known, etag) || strcmp(known, "*") == 0)) {
        srv_reply(r, 304, NULL, NULL, 0);
        return;
    }
    if (packed) srv_req_header(r, "Content-Encoding", "gzip");
    size_t n = packed ? (size_t)(f->asset->end - f->asset->begin) : f->plain_bytes;
    srv_reply_static(r, 200, f->asset->type, packed ? f->asset->begin : f->plain, n);
}

/* Answers GET / and GET /assets/NAME. */
void srv_page_get(const srv_page *p, srv_req *r)
{
    const char *path = srv_req_head(r)->path;
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->file[i].asset->path, path) != 0) continue;
        reply_file(&p->file[i], r);
        return;
    }
    srv_fault f = {0};
    (void)srv_fail(&f, SRV_NO_PATH, NULL, "nothing is at %.200s", path);
    srv_reply_fault(r, &f);
}
