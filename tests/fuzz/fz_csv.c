/* fz_csv.c - any bytes as CSV: the same rows in whatever bites they come, bounded memory, and what
 * was read comes back from what is written of it. */
#include "base/csv.h"

#include "base/mem.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct bytes {
    const uint8_t *p;
    size_t n, at, bite;
} bytes;

static sk_status give(void *arg, void *p, size_t cap, size_t *n, sk_err *e)
{
    bytes *b = arg;
    (void)e;
    *n = b->n - b->at < b->bite ? b->n - b->at : b->bite;
    if (*n > cap) *n = cap;
    memcpy(p, b->p + b->at, *n);
    b->at += *n;
    return SK_OK;
}

/* Rows and lines as text into log, and (unless NULL) the good rows, written anew, into again.
 * Returns the number of columns, 0 for a header that is none. */
static size_t read_all(bytes b, sk_buf *log, sk_buf *again)
{
    sk_csv *c;
    sk_err e = SK_ERR_INIT;
    sk_csv_out o = {again, 0};
    uint64_t last = 0;
    if (sk_csv_open_source("f", give, &b, &c, &e)) {
        must(e.status == SK_E_FORMAT && e.text[0] == 'f');
        return 0;
    }
    const size_t columns = sk_csv_columns(c);
    for (size_t i = 0; again && i < sk_csv_columns(c); i++)
        sk_csv_put(&o, sk_csv_name(c, i));
    if (again) sk_csv_end(&o);
    for (;;) {
        const sk_csv_field *f;
        sk_status st = sk_csv_next(c, &f, &e);
        must(st == SK_OK || st == SK_E_FORMAT);
        if (!st && !f) break;
        must(sk_csv_line(c) > last);
        last = sk_csv_line(c);
        sk_buf_addf(log, "%s%llu", st ? "!" : "", (unsigned long long)last);
        for (size_t i = 0; !st && i < sk_csv_columns(c); i++) {
            sk_buf_addc(log, 0);
            sk_buf_add(log, f[i].p, f[i].n);
            if (again) sk_csv_put_n(&o, f[i].p, f[i].n);
        }
        if (!st && again) sk_csv_end(&o);
    }
    sk_csv_close(c);
    return columns;
}

static bool same(const sk_buf *a, const sk_buf *b)
{
    return a->len == b->len && (!a->len || memcmp(a->p, b->p, a->len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sk_buf whole = SK_BUF_INIT, bites = SK_BUF_INIT, again = SK_BUF_INIT, third = SK_BUF_INIT;
    size_t bite = size ? data[0] % 13 + 1 : 1;
    size_t ok = read_all((bytes){data, size, 0, size + 1}, &whole, &again);
    must(ok == read_all((bytes){data, size, 0, bite}, &bites, NULL));
    must(same(&whole, &bites));
    /* An empty line is no row, so an empty field alone in its row is lost; so are marks of byte
     * order, and names that are the same but for blanks are refused. */
    if (ok > 1 && (unsigned char)again.p[0] < 0x80) {
        sk_buf_reset(&bites);
        if (read_all((bytes){(const uint8_t *)again.p, again.len, 0, 4096}, &bites, &third))
            must(same(&again, &third));
    }
    sk_buf_fini(&whole);
    sk_buf_fini(&bites);
    sk_buf_fini(&again);
    sk_buf_fini(&third);
    return 0;
}
