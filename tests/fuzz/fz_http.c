/* fz_http.c - any bytes as an HTTP request: head, then chunked body, cut at places that the first
 * byte chooses; how they are cut changes nothing. */
#include "base/mem.h"
#include "serve/http/parse.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BODY = 1000 };

/* What a chunked body came to. */
typedef struct outcome {
    sk_status st;
    size_t used; /* bytes of it */
    sk_buf body;
} outcome;

/* Reads a chunked body `piece` bytes at a time; its length must be within the bound. */
static outcome read_body(const char *p, size_t n, size_t piece)
{
    outcome o = {.st = SK_E_AGAIN};
    srv_chunks c = {0};
    srv_fault f = {0};
    while (o.st == SK_E_AGAIN && o.used < n) {
        size_t take = n - o.used < piece ? n - o.used : piece, used = 0;
        o.st = srv_chunks_feed(&c, p + o.used, take, MAX_BODY, &used, &o.body, &f);
        must(used <= take && o.body.len <= MAX_BODY);
        must(o.st != SK_E_AGAIN || used == take);
        o.used += used;
    }
    must(!o.st || o.st == SK_E_AGAIN || f.text[0]);
    return o;
}

/* Whole and in pieces it comes to the same. */
static void check_body(const char *p, size_t n, size_t piece)
{
    outcome a = read_body(p, n, n ? n : 1), b = read_body(p, n, piece);
    must(a.st == b.st && a.used == b.used);
    if (!a.st) must(a.body.len == b.body.len);
    if (!a.st && a.body.len) must(memcmp(a.body.p, b.body.p, a.body.len) == 0);
    sk_buf_fini(&a.body);
    sk_buf_fini(&b.body);
}

/* Finds the head's end in pieces; *at is where. */
static sk_status scan(const char *p, size_t n, size_t piece, size_t *at)
{
    srv_scan s = {0};
    srv_fault f = {0};
    sk_status st = SK_E_AGAIN;
    for (size_t to = 0; st == SK_E_AGAIN && to < n;) {
        to = n - to < piece ? n : to + piece;
        st = srv_head_scan(&s, p, to, &f);
    }
    must(!st || st == SK_E_AGAIN || f.text[0]);
    *at = s.at;
    return st;
}

/* What a head that was taken must be. */
static void check_head(const srv_head *h, bool taken)
{
    must(h->method && h->path && h->query && h->n_headers <= SRV_MAX_HEADERS);
    if (!taken) return;
    must(h->path[0] == '/' && !(h->chunked && h->content_length >= 0));
    must(h->minor == 1 || !h->chunked);
    for (size_t i = 0; i < h->n_headers; i++)
        must(h->header[i].name[0] && !strpbrk(h->header[i].name, " \t:\r\n") &&
             !strpbrk(h->header[i].value, "\r\n"));
    (void)srv_list_has(srv_head_find(h, "accept-encoding"), "gzip");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    size_t n = size - 1, piece = 1 + data[0] % 64, end = 0, again = 0;
    fuzz_watch_begin();
    char *text = sk_alloc(SK_MEM_MISC, n + 1);
    if (!text) return 0;
    memcpy(text, data + 1, n);
    srv_head h;
    srv_fault f = {0};
    sk_status st = scan(text, n, n ? n : 1, &end);
    must(scan(text, n, piece, &again) == st && (st || again == end));
    if (!st) {
        st = srv_head_parse(text, end, &h, &f);
        must(!st || f.text[0]);
        check_head(&h, !st);
        if (!st && h.chunked) check_body((const char *)data + 1 + end, n - end, piece);
    }
    sk_free(text);
    fuzz_watch_end(size, 2 * size);
    return 0;
}
