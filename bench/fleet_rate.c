/* fleet_rate.c - how fast usage is rated, on one core.
 *
 *     fleet_rate [ROWS [DAYS]]      1,000,000 rows; 90 days of minutes
 *
 * A fleet of two providers with six pools, a reservation, hourly plans, a pool of money of the year
 * with a minimum of each month, and prices that change every week.  First ROWS usage rows (8 chips,
 * 20 minutes on average, in order, 1,000 rows an hour) are added and closed hour by hour; then a
 * fluid simulation's minutes of DAYS days, six pools by five workloads, are added and closed hour
 * by hour. Prints what a second of processor time does of each, and sums that must not change.
 */
#include "base/rng.h"
#include "fleet/rate/rate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PROVIDERS = 2, CHIPS = 2, POOLS = 6, WORKLOADS = 5, WEEKS = 60, WEEK = 604800, HOUR = 3600 };

#define T0 INT64_C(1767225600) /* 2026-01-01 */
#define T1 (T0 + INT64_C(60) * WEEK)

static flt_offer offers[WEEKS * PROVIDERS * CHIPS];

static const flt_provider providers[] = {{1, "one", "other"}, {2, "two", "other"}};
static const flt_chip chips[] = {{.id = 1, .name = "a", .source = ""},
                                 {.id = 2, .name = "b", .source = ""}};
static const flt_contract contracts[] = {{1, 1, "one", "USD", {T0, T1}},
                                         {2, 2, "two", "USD", {T0, T1}}};

#define COMMITMENT(i, of, k, m, every, many, off)                                                  \
    {                                                                                              \
        .id = (i), .contract = (of), .name = "c", .kind = (k), .model = (m), .interval = (every),  \
        .term = {T0, T1}, .amount = (many)*FLT_MICRO, .discount_ppm = (off), .overage_ppm = -1,    \
        .region = "", .sku = ""                                                                    \
    }
static const flt_commitment commitments[] = {
    COMMITMENT(1, 1, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 2000, 300000),
    COMMITMENT(2, 1, FLT_SPEND, FLT_DISCONTINUOUS, FLT_FULL_PERIOD, INT64_C(400000000), 200000),
    COMMITMENT(3, 1, FLT_SPEND, FLT_DISCONTINUOUS, FLT_MONTHLY, 1000000, 200000),
    COMMITMENT(4, 2, FLT_SPEND, FLT_CONTINUOUS, FLT_HOURLY, 500, 400000),
};
static const flt_reservation reservations[] = {{1, 1, 0, 256, {T0, T1}}};

static flt_pool pools[POOLS];
static flt_workload workloads[WORKLOADS];

static flt_book make_book(void)
{
    size_t n = 0;
    for (int w = 0; w < WEEKS; w++)
        for (int i = 0; i < PROVIDERS * CHIPS; i++, n++)
            offers[n] = (flt_offer){.id = (int64_t)n + 1,
                                    .provider = 1 + i % 2,
                                    .chip = 1 + i / 2,
                                    .region = "",
                                    .sku = "s",
                                    .priced = true,
                                    .price_micros = 3000000 + 1000 * (w % 7) + i * 700000,
                                    .currency = "USD",
                                    .chips_per_unit = 8,
                                    .valid = {T0 + (int64_t)w * WEEK, SK_UTC_END},
                                    .source = ""};
    for (int i = 0; i < POOLS; i++)
        pools[i] = (flt_pool){.id = i + 1,
                              .provider = 1 + i % 2,
                              .chip = 1 + i / 3,
                              .name = "pool",
                              .region = "r",
                              .zone = "",
                              .engine = "sim",
                              .endpoint = "",
                              .currency = "USD"};
    for (int i = 0; i < WORKLOADS; i++)
        workloads[i] = (flt_workload){.id = i + 1, .name = "w", .model = ""};
    return (flt_book){.provider = providers,
                      .chip = chips,
                      .pool = pools,
                      .offer = offers,
                      .contract = contracts,
                      .commitment = commitments,
                      .reservation = reservations,
                      .workload = workloads,
                      .n_provider = PROVIDERS,
                      .n_chip = CHIPS,
                      .n_pool = POOLS,
                      .n_offer = n,
                      .n_contract = 2,
                      .n_commitment = 4,
                      .n_reservation = 1,
                      .n_workload = WORKLOADS};
}

/* Sums that a run ends with. */
typedef struct sums {
    int64_t rows, billed, effective, applied;
} sums;

static sk_status add_charge(void *arg, const flt_charge *c, sk_err *e)
{
    sums *s = arg;
    (void)e;
    s->rows++;
    s->billed += c->billed_micros;
    s->effective += c->effective_micros;
    return SK_OK;
}

static sk_status add_applied(void *arg, const flt_applied *a, sk_err *e)
{
    (void)e;
    ((sums *)arg)->applied += a->amount;
    return SK_OK;
}

static double processor_seconds(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void report(const char *what, int64_t n, double seconds, const sums *s)
{
    printf("%s: %" PRId64 " in %.3f s, %.2f million a second; %" PRId64 " charges, billed %" PRId64
           ", effective %" PRId64 ", applied %" PRId64 "\n",
           what, n, seconds, (double)n / seconds / 1e6, s->rows, s->billed, s->effective,
           s->applied);
}

static void must(sk_status st, const sk_err *e)
{
    if (!st) return;
    fprintf(stderr, "fleet_rate: %s\n", e->text);
    exit(1);
}

static void rate_rows(const flt_book *book, int64_t n)
{
    sk_err e = SK_ERR_INIT;
    sums s = {0};
    flt_sink sink = {add_charge, add_applied, &s};
    flt_rater *r = NULL;
    must(flt_rater_new(book, T0, &r, &e), &e);
    double began = processor_seconds();
    for (int64_t i = 0; i < n; i++) {
        int64_t hour = T0 + i / 1000 * HOUR, t = hour + i % 1000 * 3;
        uint64_t x = sk_rng_u64(1, SK_RNG_TEST, (uint64_t)i);
        flt_usage u = {.id = i + 1,
                       .key = "",
                       .pool = 1 + (int64_t)(x % POOLS),
                       .workload = 1 + (int64_t)(x >> 8) % WORKLOADS,
                       .chips = 8,
                       .span = {t, t + 1 + (int64_t)(x >> 16) % 2400},
                       .sku = ""};
        if (i && i % 1000 == 0) must(flt_rater_close(r, hour, &sink, &e), &e);
        must(flt_rater_add(r, &u, &e), &e);
    }
    must(flt_rater_close(r, T0 + (n / 1000 + 2) * HOUR, &sink, &e), &e);
    report("usage rows", n, processor_seconds() - began, &s);
    flt_rater_free(r);
}

static void rate_minutes(const flt_book *book, int64_t days)
{
    sk_err e = SK_ERR_INIT;
    sums s = {0};
    flt_sink sink = {add_charge, add_applied, &s};
    flt_rater *r = NULL;
    int64_t n = 0;
    must(flt_rater_new(book, T0, &r, &e), &e);
    double began = processor_seconds();
    for (int64_t m = 0; m < days * 1440; m++) {
        sk_span minute = {T0 + m * 60, T0 + m * 60 + 60};
        for (int64_t k = 0; k < POOLS * WORKLOADS; k++, n++)
            must(flt_rater_bucket(r, 1 + k / WORKLOADS, 1 + k % WORKLOADS, FLT_ON_DEMAND, minute,
                                  (100 + (m + k) % 300) * 60000, &e),
                 &e);
        if (m % 60 == 59) must(flt_rater_close(r, minute.to, &sink, &e), &e);
    }
    report("buckets", n, processor_seconds() - began, &s);
    flt_rater_free(r);
}

int main(int argc, char **argv)
{
    int64_t rows = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000000;
    int64_t days = argc > 2 ? strtoll(argv[2], NULL, 10) : 90;
    flt_book book = make_book();
    rate_rows(&book, rows);
    rate_minutes(&book, days);
    return 0;
}
