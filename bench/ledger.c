/* ledger.c - how fast usage is taken in: made rows, read as CSV and written in batches, into a new
 * SQLite file or (with a URL) into an empty PostgreSQL database.
 *
 *     build/bench_ledger usage FILE|URL [ROWS]
 */
#include "base/clock.h"
#include "base/csv.h"
#include "base/mem.h"
#include "base/utc.h"
#include "fleet/ledger/usage_take.h"
#include "fleet/store/db.h"
#include "fleet/store/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { T0 = 1767225600 /* 2026-01-01 */, HOUR = 3600, POOLS = 4 };

static const char setup[] =
    "INSERT INTO provider(name, kind) VALUES ('aws', 'aws');"
    "INSERT INTO chip(name, peak_bf16, memory, bandwidth, prefill_rate, decode_rate, source) "
    "VALUES ('h100', 989e12, 80e9, 3.35e12, 9000, 1800, '');";

static const flt_pool pools[POOLS] = {
    {.id = 1, .provider = 1, .chip = 1, .name = "aws-us-east"},
    {.id = 2, .provider = 1, .chip = 1, .name = "aws-us-west"},
    {.id = 3, .provider = 1, .chip = 1, .name = "aws-eu-west"},
    {.id = 4, .provider = 1, .chip = 1, .name = "aws-ap-east"},
};

static void die(const sk_err *e)
{
    (void)fprintf(stderr, "bench_ledger: %s\n", e->text);
    exit(1);
}

/* Rows of usage as CSV: an hour of 8 chips each, POOLS x 16 jobs an hour. */
typedef struct rows {
    uint64_t at, n;
    char text[256]; /* what did not fit */
    size_t from, len;
} rows;

static size_t make_row(char *out, size_t cap, uint64_t i)
{
    char from[SK_UTC_TEXT], to[SK_UTC_TEXT];
    int64_t t = T0 + (int64_t)(i / 64) * HOUR;
    sk_utc_print(t, from);
    sk_utc_print(t + HOUR, to);
    return (size_t)snprintf(
        out, cap, "%s:job-%07" PRIu64 ":%" PRId64 ":n%02" PRIu64 ",%s,,8,%s,%s,,,on-demand\n",
        pools[i % POOLS].name, i / 640, t, i / 4 % 16, pools[i % POOLS].name, from, to);
}

static sk_status give(void *arg, void *p, size_t cap, size_t *n, sk_err *e)
{
    rows *r = arg;
    (void)e;
    *n = 0;
    for (;;) {
        size_t k = r->len - r->from < cap - *n ? r->len - r->from : cap - *n;
        memcpy((char *)p + *n, r->text + r->from, k);
        r->from += k;
        *n += k;
        if (*n == cap || r->at == r->n) return SK_OK;
        r->from = 0;
        r->len = make_row(r->text, sizeof r->text, r->at++);
    }
}

static void take_usage(const char *where, uint64_t n)
{
    sk_err e = SK_ERR_INIT;
    flt_db *db;
    sk_csv *c;
    flt_taken got;
    const flt_take_opts o = {.now = SK_UTC_END - 2 * 86400};
    const flt_book book = {.pool = pools, .n_pool = POOLS};
    rows r = {.n = n};
    r.len = (size_t)snprintf(r.text, sizeof r.text,
                             "key,pool,workload,chips,from,to,useful_from,useful_to,category\n");
    if (flt_store_create(where, &db, &e) || flt_db_exec(db, setup, &e)) die(&e);
    for (int i = 0; i < POOLS; i++) {
        char sql[512];
        (void)snprintf(sql, sizeof sql,
                       "INSERT INTO pool(name, provider, chip, region, zone, engine, endpoint, "
                       "nodes, chips_per_node, net_gbps, egress_micros, currency, state, epoch) "
                       "VALUES ('%s', 1, 1, '', '', 'sim', '', 100, 8, 0, 0, 'USD', 'up', 0)",
                       pools[i].name);
        if (flt_db_exec(db, sql, &e)) die(&e);
    }
    if (sk_csv_open_source("made", give, &r, &c, &e)) die(&e);
    double t = (double)sk_now_us() * 1e-6;
    if (flt_usage_take(db, &book, c, &o, &got, &e)) die(&e);
    t = (double)sk_now_us() * 1e-6 - t;
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    printf("%" PRIu64 " usage rows into %s: %.1f s, %.0f rows/s (%" PRIu64 " twice, %" PRIu64
           " broken), %ld MiB\n",
           got.added, flt_db_is_pg(db) ? "PostgreSQL" : "SQLite", t, (double)got.added / t,
           got.twice, got.broken, u.ru_maxrss / 1024);
    sk_csv_close(c);
    flt_db_close(db);
}

int main(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], "usage") != 0) {
        (void)fprintf(stderr, "usage: bench_ledger usage FILE|URL [ROWS]\n");
        return 2;
    }
    take_usage(argv[2], argc > 3 ? strtoull(argv[3], NULL, 10) : 2000000);
    return 0;
}
