/* fz_bill.c - any bytes as a bill, as usage and as what they say they are: rows are taken or
 * refused with their line, and what is taken holds what its type promises. */
#include "fleet/focus/bill.h"
#include "fleet/ledger/usage_csv.h"

#include "base/json.h"
#include "base/utc.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct bytes {
    const uint8_t *p;
    size_t n;
} bytes;

static sk_status give(void *arg, void *p, size_t cap, size_t *n, sk_err *e)
{
    bytes *b = arg;
    (void)e;
    *n = b->n < cap ? b->n : cap;
    memcpy(p, b->p, *n);
    b->p += *n;
    b->n -= *n;
    return SK_OK;
}

static const flt_provider providers[] = {{1, "aws", "aws"}, {2, "Acme Co", "other"}};
static const flt_pool pools[] = {
    {.id = 1, .provider = 1, .name = "aws-us-east", .region = "us-east-1"}};
static const flt_contract contracts[] = {{1, 1, "edp", "USD", {0, SK_UTC_END}}};
static const flt_commitment commitments[] = {
    {.id = 1, .contract = 1, .name = "spend", .region = "", .sku = ""}};
static const flt_book book = {.provider = providers,
                              .n_provider = 2,
                              .pool = pools,
                              .n_pool = 1,
                              .contract = contracts,
                              .n_contract = 1,
                              .commitment = commitments,
                              .n_commitment = 1};

static void read_bill(sk_csv *c, bool strict)
{
    const flt_bill_opts o = {.take = {.strict = strict},
                             .dates = FLT_DATES_US,
                             .partial = true,
                             .provider = "aws",
                             .currency = "USD"};
    flt_bill *b;
    sk_err e = SK_ERR_INIT;
    if (flt_bill_open(&book, c, &o, &b, &e)) return;
    for (;;) {
        const flt_charge *row = NULL;
        const char *extra = NULL;
        json_t *v = NULL;
        sk_status st = flt_bill_next(b, &row, &extra, &e);
        must(st == SK_OK || st == SK_E_FORMAT);
        if (!st && !row) break;
        if (st) continue;
        must(row->span.from < row->span.to && strlen(row->currency) == 3);
        must(row->billing == sk_utc_month(row->billing));
        must(sk_json_parse(extra, strlen(extra), 4, &v, &e) == SK_OK ||
             strstr(e.text, "duplicate"));
        json_decref(v);
    }
    flt_bill_close(b);
}

static void read_usage(sk_csv *c)
{
    flt_usage_reader r;
    sk_err e = SK_ERR_INIT;
    if (flt_usage_reader_init(&r, &book, c, SK_UTC_END, true, &e)) return;
    for (;;) {
        const sk_csv_field *f;
        flt_usage u;
        sk_status st = sk_csv_next(c, &f, &e);
        if (!st && !f) break;
        if (!st) st = flt_usage_read(&r, c, f, &u, &e);
        must(st == SK_OK || st == SK_E_FORMAT);
        if (st) continue;
        must(u.pool == 1 && u.chips > 0 && u.span.from < u.span.to && *u.key);
        must(u.useful.from <= u.useful.to && u.span.from <= u.useful.from &&
             u.useful.to <= u.span.to);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int how = 0; how < 2; how++) {
        bytes b = {data, size};
        sk_csv *c;
        sk_err e = SK_ERR_INIT;
        if (sk_csv_open_source("f", give, &b, &c, &e)) return 0;
        if (flt_usage_is(c))
            read_usage(c);
        else
            read_bill(c, how);
        sk_csv_close(c);
    }
    return 0;
}
