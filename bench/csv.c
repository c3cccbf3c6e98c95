/* csv.c - how fast CSV is read: made rows of plain fields, of short ones and of quoted ones, read
 * from memory, in MB/s.  make bench-ledger runs it.
 *
 *     build/bench_csv [MEGABYTES]
 */
#include "base/csv.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A header, then the same block of rows, handed out until `left` bytes have been. */
typedef struct source {
    const char *head;
    const sk_buf *block;
    size_t at;
    uint64_t left;
} source;

static sk_status give(void *arg, void *p, size_t cap, size_t *n, sk_err *e)
{
    source *s = arg;
    size_t k = s->block->len - s->at, head = strlen(s->head);
    (void)e;
    if (head) {
        memcpy(p, s->head, head);
        s->head += head;
        *n = head;
        return SK_OK;
    }
    if (k > cap) k = cap;
    if (k > s->left) k = (size_t)s->left;
    memcpy(p, s->block->p + s->at, k);
    s->at = (s->at + k) % s->block->len;
    s->left -= k;
    *n = k;
    return SK_OK;
}

/* Reads `bytes` of the row again and again. */
static void measure(const char *what, const char *head, const char *row, uint64_t bytes)
{
    sk_buf block = SK_BUF_INIT;
    sk_err e = SK_ERR_INIT;
    sk_csv *c;
    const sk_csv_field *f = NULL;
    uint64_t rows = 0, seen = 0;
    while (block.len < 1 << 20)
        sk_buf_adds(&block, row);
    source s = {head, &block, 0, bytes / block.len * block.len};
    double t = (double)sk_now_us() * 1e-6;
    if (sk_csv_open_source(what, give, &s, &c, &e)) exit(1);
    do {
        if (sk_csv_next(c, &f, &e)) exit(1);
        for (size_t i = 0; f && i < sk_csv_columns(c); i++)
            seen += f[i].n;
        rows += f != NULL;
    } while (f);
    t = (double)sk_now_us() * 1e-6 - t;
    printf("%-24s %8.0f MB/s  %6.2f million rows/s  (%llu bytes in fields)\n", what,
           (double)bytes / t / 1e6, (double)rows / t / 1e6, (unsigned long long)seen);
    sk_csv_close(c);
    sk_buf_fini(&block);
}

int main(int argc, char **argv)
{
    uint64_t bytes = (argc > 1 ? strtoull(argv[1], NULL, 10) : 500) * 1000000;
    measure(
        "usage rows", "a,b,c,d,e,f,g,h,i\n",
        "aws-us-east:job-0012345:1793491200:node-17,aws-us-east,llama-405b,8,2026-11-01T00:00:00Z,"
        "2026-11-01T01:00:00Z,2026-11-01T00:05:00Z,2026-11-01T01:00:00Z,on-demand\n",
        bytes);
    measure("short fields", "a,b,c,d,e,f,g,h\n", "1,22,333,4444,55555,666666,7777777,88888888\n",
            bytes);
    measure("quoted fields", "a,b,c,d,e\n",
            "12345,\"a, b\",\"say \"\"hi\"\"\",\"$10,000.00 \",plain\n", bytes);
    return 0;
}
