/* rate_case.h - small fleets for the tests of rating, and what rating them gives. */
#ifndef TESTS_UNIT_RATE_CASE_H
#define TESTS_UNIT_RATE_CASE_H

#include "fleet/rate/rate.h"

enum { RATE_ROWS = 48 }; /* the most of each kind */

/* A book under construction and the results of the last run.  Keep it in one place: the book points
 * into it. */
typedef struct rate_case {
    flt_book book;
    flt_provider provider[RATE_ROWS];
    flt_chip chip[RATE_ROWS];
    flt_pool pool[RATE_ROWS];
    flt_offer offer[RATE_ROWS];
    flt_contract contract[RATE_ROWS];
    flt_commitment commitment[RATE_ROWS];
    flt_reservation reservation[RATE_ROWS];
    flt_workload workload[RATE_ROWS];
    flt_charge *row;
    flt_applied *applied;
    size_t n_row, cap_row, n_applied, cap_applied;
} rate_case;

/* A book with workloads 1 to 3 and nothing else. */
void rate_case_init(rate_case *c);
void rate_case_free(rate_case *c);

/* A time of UTC as "2026-11-27T10:00:00Z" or a day of it. */
int64_t rate_time(const char *text);

/* Adders of rows; ids count from 1.  What is not given is "any", USD, on demand, without end. */
int64_t rate_provider(rate_case *c);
int64_t rate_chip(rate_case *c);
flt_pool *rate_pool(rate_case *c, int64_t provider, int64_t chip);
flt_offer *rate_offer(rate_case *c, int64_t provider, int64_t chip, flt_category category,
                      double price);
int64_t rate_contract(rate_case *c, int64_t provider, sk_span term);
/* amount: money or chip-hours, in units.  Term: its contract's. */
flt_commitment *rate_commitment(rate_case *c, int64_t contract, flt_kind kind, flt_model model,
                                flt_interval interval, double amount);
flt_reservation *rate_reservation(rate_case *c, int64_t pool, int64_t commitment, int64_t chips,
                                  sk_span term);

/* A usage row of workload 1, on demand. */
flt_usage rate_usage(int64_t id, int64_t pool, int64_t chips, int64_t from, int64_t to);

/* The results are emptied, then filled by a rater over [from, until). */
sk_status rate_run(rate_case *c, const flt_usage *u, size_t n, int64_t from, int64_t until,
                   sk_err *e);

/* A sink that appends to the results. */
flt_sink rate_sink(rate_case *c);

/* Sums over the results: of a kind (or all: FLT_CHARGE_KIND_N) and commitment (or all: -1). */
typedef struct rate_sum {
    size_t n;
    int64_t quantity, list, contracted, billed, effective;
} rate_sum;
rate_sum rate_total(const rate_case *c, flt_charge_kind kind, int64_t commitment);
int64_t rate_applied(const rate_case *c, int64_t commitment);

#endif
