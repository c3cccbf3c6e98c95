/* ledger.c - how fast usage is taken in, and reports are over many charges.
 *
 * bench_ledger usage FILE|URL [ROWS]: made rows, read from a CSV file and written into a new SQLite
 * file or an empty PostgreSQL database.
 *
 * bench_ledger report FILE|URL [ROWS]: so many charges of a year, made by SQL with their sums, then
 * pace, drawdown and a report over them.
 *
 * bench_ledger feed [MEGABYTES]: usage as CSV on stdout, 400,000 keys again and again, a row in a
 * hundred broken (tests/soak/ledger).
 */
#include "base/clock.h"
#include "base/csv.h"
#include "base/mem.h"
#include "base/utc.h"
#include "fleet/ledger/report.h"
#include "fleet/ledger/usage_take.h"
#include "fleet/store/db.h"
#include "fleet/store/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define HEAD "key,pool,workload,chips,from,to,useful_from,useful_to,category\n"

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

/* Row i of usage: an hour of 8 chips, POOLS x 16 jobs an hour. */
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

/* A new store with the pools in it. */
static flt_db *new_store(const char *where)
{
    sk_err e = SK_ERR_INIT;
    flt_db *db;
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
    return db;
}

static double seconds(void)
{
    return (double)sk_now_us() * 1e-6;
}

/* Seconds this process has computed. */
static double cpu_seconds(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) * 1e-6;
}

static long memory_mib(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss / 1024;
}

static void take_usage(const char *where, uint64_t n)
{
    sk_err e = SK_ERR_INIT;
    sk_csv *c;
    flt_taken got;
    const flt_take_opts o = {.now = SK_UTC_END - 2 * 86400};
    const flt_book book = {.pool = pools, .n_pool = POOLS};
    flt_db *db = new_store(where);
    char path[] = "/tmp/usage.XXXXXX", row[256];
    FILE *f = fdopen(mkstemp(path), "w");
    if (!f) exit(1);
    (void)fputs(HEAD, f);
    for (uint64_t i = 0; i < n; i++)
        (void)fwrite(row, 1, make_row(row, sizeof row, i), f);
    if (fclose(f)) exit(1);
    double t = seconds(), cpu = cpu_seconds();
    if (sk_csv_open(path, &c, &e)) die(&e);
    if (flt_usage_take(db, &book, c, &o, &got, &e)) die(&e);
    t = seconds() - t;
    cpu = cpu_seconds() - cpu;
    printf("%" PRIu64 " usage rows into %s: %.1f s, %.1f of them computing, %.0f rows/s (%" PRIu64
           " twice, %" PRIu64 " broken), %ld MiB\n",
           got.added, flt_db_is_pg(db) ? "PostgreSQL" : "SQLite", t, cpu, (double)got.added / t,
           got.twice, got.broken, memory_mib());
    sk_csv_close(c);
    flt_db_close(db);
    (void)unlink(path);
}

/* ---- reports over many charges -----------------------------------------------------------------
 */

static const flt_provider provider = {1, "aws", "aws"};
static const flt_chip chip = {.id = 1, .name = "h100"};
static const flt_contract contract = {1, 1, "edp", "USD", {T0, T0 + 365 * 86400}};
static const flt_commitment commitment = {.id = 1,
                                          .contract = 1,
                                          .name = "spend",
                                          .kind = FLT_SPEND,
                                          .model = FLT_DISCONTINUOUS,
                                          .interval = FLT_ANNUAL,
                                          .term = {T0, T0 + 365 * 86400},
                                          .amount = INT64_C(2000000000) * 1000000,
                                          .region = "",
                                          .sku = ""};

/* Charges i = 0..n-1, spread over 360 days, pools and workloads, each drawing 55 down. */
static void make_charges(flt_db *db, uint64_t n)
{
    sk_err e = SK_ERR_INIT;
    char sql[4096];
    const char *series =
        flt_db_is_pg(db) ? "SELECT i FROM generate_series(CAST(0 AS BIGINT), %" PRIu64 ") AS g(i)"
                         : "WITH RECURSIVE g(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM g "
                           "WHERE i < %" PRIu64 ") SELECT i FROM g";
    char all[200];
    (void)snprintf(all, sizeof all, series, n - 1);
    (void)snprintf(sql, sizeof sql,
                   "BEGIN; INSERT INTO contract(provider, name, currency, term_from, term_to) "
                   "VALUES (1, 'edp', 'USD', %d, %d);"
                   "INSERT INTO commitment(contract, name, kind, model, fulfilment, amount, "
                   "discount_ppm, rate_micros, upfront_ppm, overage_ppm, chip, region, sku, "
                   "categories, shortfall, term_from, term_to) VALUES (1, 'spend', 'spend', "
                   "'discontinuous', 'annual', 2000000000000000, 0, 0, 0, -1, NULL, '', '', 0, "
                   "'charge', %d, %d);"
                   "INSERT INTO charge(kind, correction, paid, category, charge_from, charge_to, "
                   "billing, provider, pool, commitment, quantity, list_micros, contracted_micros, "
                   "billed_micros, effective_micros, currency) SELECT 0, 0, 2, 0, t, t + 3600, t - "
                   "(t - %d) %% 2592000, 1, 1 + i %% 4, 1, 8000000, 55000000, 55000000, 55000000, "
                   "55000000, 'USD' FROM (SELECT i, %d + (i * 8640 / %" PRIu64
                   ") * 3600 AS t FROM (%s) x) y;",
                   T0, T0 + 365 * 86400, T0, T0 + 365 * 86400, T0, T0, n, all);
    if (flt_db_exec(db, sql, &e)) die(&e);
    if (flt_db_exec(
            db,
            "INSERT INTO applied(charge, commitment, amount, t) SELECT id, 1, 55000000, "
            "charge_from "
            "FROM charge; INSERT INTO drawdown(commitment, day, n, amount) SELECT 1, t - t % "
            "86400, "
            "COUNT(*), SUM(amount) FROM applied GROUP BY 2; INSERT INTO rollup SELECT charge_from "
            "- "
            "charge_from % 86400, 0, provider, commitment, 0, pool, kind, paid, category, billing, "
            "currency, COUNT(*), SUM(quantity), SUM(list_micros), SUM(contracted_micros), "
            "SUM(billed_micros), SUM(effective_micros) FROM charge GROUP BY 1, 3, 4, 6, 7, 8, 9, "
            "10, 11; COMMIT",
            &e))
        die(&e);
}

static void report(const char *where, uint64_t n)
{
    sk_err e = SK_ERR_INIT;
    const flt_book book = {.provider = &provider,
                           .n_provider = 1,
                           .chip = &chip,
                           .n_chip = 1,
                           .pool = pools,
                           .n_pool = POOLS,
                           .contract = &contract,
                           .n_contract = 1,
                           .commitment = &commitment,
                           .n_commitment = 1};
    flt_db *db = new_store(where);
    make_charges(db, n);
    char sql[300];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO rating_state VALUES (1, %d); INSERT INTO rating_balance SELECT %d, "
                   "1, %d, %d, 2000000000000000, SUM(amount), 0, SUM(amount), 0, 0 FROM drawdown",
                   T0 + 360 * 86400, T0 + 360 * 86400, T0, T0 + 365 * 86400);
    if (flt_db_exec(db, sql, &e)) die(&e);
    sk_arena *a = sk_arena_new(SK_MEM_MISC);
    flt_standing *s;
    flt_drawdown *d;
    flt_line *l;
    size_t k, days, lines;
    int64_t raw;
    double t0 = seconds();
    if (flt_ledger_pace(db, &book, SK_UTC_END, a, &s, &k, &e)) die(&e);
    double t1 = seconds();
    if (flt_ledger_drawdown(db, &commitment, a, &d, &days, &e)) die(&e);
    double t2 = seconds();
    if (flt_ledger_report(db, &book, FLT_BY_POOL, FLT_OURS, (sk_span){SK_UTC_MIN, SK_UTC_END}, a,
                          &l, &lines, &e))
        die(&e);
    double t3 = seconds();
    if (flt_db_int(db, "SELECT CAST(SUM(amount) AS BIGINT) FROM applied", 0, &raw, &e)) die(&e);
    double t4 = seconds();
    printf("%" PRIu64 " charges in %s: pace %.1f ms, drawdown of %zu days %.1f ms, report of %zu "
           "lines %.1f ms; the sum of the raw rows alone takes %.0f ms\n",
           n, flt_db_is_pg(db) ? "PostgreSQL" : "SQLite", (t1 - t0) * 1e3, days, (t2 - t1) * 1e3,
           lines, (t3 - t2) * 1e3, (t4 - t3) * 1e3);
    if (k != 1 || raw != s[0].pace.drawn || d[days - 1].drawn != raw) {
        (void)fprintf(stderr, "bench_ledger: the sums are not those of the rows\n");
        exit(1);
    }
    sk_arena_free(a);
    flt_db_close(db);
}

/* ---- a feed ------------------------------------------------------------------------------------
 */

static void feed(uint64_t bytes)
{
    char row[256];
    (void)fputs(HEAD, stdout);
    for (uint64_t i = 0, sum = 0; sum < bytes; i++) {
        size_t n = make_row(row, sizeof row, i % 400000);
        if (i % 100 == 99) row[i % n] = i % 3 ? '"' : 'x';
        (void)fwrite(row, 1, n, stdout);
        sum += n;
    }
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 3 ? strtoull(argv[3], NULL, 10) : 0;
    if (argc > 2 && !strcmp(argv[1], "usage"))
        take_usage(argv[2], n ? n : 2000000);
    else if (argc > 2 && !strcmp(argv[1], "report"))
        report(argv[2], n ? n : 10000000);
    else if (argc > 1 && !strcmp(argv[1], "feed"))
        feed((argc > 2 ? strtoull(argv[2], NULL, 10) : 10000) * 1000000);
    else
        (void)fprintf(stderr, "usage: bench_ledger usage|report FILE|URL [ROWS] | feed [MB]\n");
    return 0;
}
