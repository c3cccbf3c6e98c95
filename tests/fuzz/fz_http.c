/* fz_http.c - any bytes as an HTTP request: head, then chunked body, cut at a place that the first
 * byte chooses. */
#include "base/mem.h"
#include "serve/http/parse.h"

#include <assert.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a chunked body in two pieces; its length must be within the bound. */
static void read_body(const char *p, size_t n, size_t cut)
{
    srv_chunks c = {0};
    srv_fault f = {0};
    sk_buf body = SK_BUF_INIT;
    size_t used = 0;
    if (cut > n) cut = n;
    sk_status st = srv_chunks_feed(&c, p, cut, 1000, &used, &body, &f);
    assert(used <= cut && body.len <= 1000);
    if (st == SK_E_AGAIN) st = srv_chunks_feed(&c, p + cut, n - cut, 1000, &used, &body, &f);
    assert(body.len <= 1000 && (!st || st == SK_E_AGAIN || f.text[0]));
    sk_buf_fini(&body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    size_t n = size - 1, cut = data[0];
    char *text = sk_alloc(SK_MEM_MISC, n + 1);
    if (!text) return 0;
    memcpy(text, data + 1, n);
    srv_scan s = {0};
    srv_head h;
    srv_fault f = {0};
    sk_status st = srv_head_scan(&s, text, cut < n ? cut : n, &f);
    if (st == SK_E_AGAIN) st = srv_head_scan(&s, text, n, &f);
    if (!st) {
        size_t end = s.at;
        st = srv_head_parse(text, end, &h, &f);
        assert(h.method && h.path && h.query && h.n_headers <= SRV_MAX_HEADERS);
        if (!st) {
            assert(h.path[0] == '/' && !(h.chunked && h.content_length >= 0));
            (void)srv_list_has(srv_head_find(&h, "accept-encoding"), "gzip");
            if (h.chunked) read_body((const char *)data + 1 + end, n - end, cut);
        }
    }
    sk_free(text);
    return 0;
}
