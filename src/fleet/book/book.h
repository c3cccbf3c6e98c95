/* book.h - the book of a fleet: what there is, what it costs, what was promised.
 *
 * Plain rows, as the store keeps them (fleet/store) and a file describes them.  Rating, placement,
 * plan and simulator read a book and never change it, so that they can be tried on paper.  Rows
 * refer to each other by id; ids are positive, unique in their table and never used again.  0 in a
 * reference means "any" or "none", as its comment says.  Text is borrowed from the book's arena and
 * never NULL ("" for nothing).
 *
 * Money in micro-units of the named currency, shares in parts per million, times in seconds of UTC,
 * spans half-open (fleet/money/money.h, base/utc.h).  Words follow FOCUS 1.3 and 1.4 (FinOps Open
 * Cost and Usage Specification, focus.finops.org).
 */
#ifndef FLT_FLEET_BOOK_BOOK_H
#define FLT_FLEET_BOOK_BOOK_H

#include "base/mem.h"
#include "base/status.h"
#include "base/utc.h"
#include "fleet/money/money.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who sells compute, or oneself. */
typedef struct flt_provider {
    int64_t id;
    const char *name; /* unique: "aws" */
    const char *kind; /* "aws", "azure", "gcp", "own", "other" */
} flt_provider;

/* A kind of accelerator; 0 for what is not known. */
typedef struct flt_chip {
    int64_t id;
    const char *name;                      /* unique, lower case: "h100" */
    double peak_bf16_flops;                /* FLOP/s, dense */
    double memory_bytes, memory_bandwidth; /* bytes, bytes/s */
    double prefill_rate, decode_rate; /* tokens/s a chip of the model that is served, as measured */
    const char *source;               /* where the figures are from */
} flt_chip;

typedef enum flt_pool_state {
    FLT_POOL_UP,
    FLT_POOL_DRAINING,  /* runs on, takes nothing new */
    FLT_POOL_NO_LAUNCH, /* what runs lives, nothing can be started */
    FLT_POOL_SILENT,    /* does not answer; what runs may live */
    FLT_POOL_GONE
} flt_pool_state;

/* Machines that work together: one kind of chip, one place, one network. */
typedef struct flt_pool {
    int64_t id, provider, chip;
    const char *name;          /* unique: "aws-us-east" */
    const char *region, *zone; /* "us-east-1", "us-east-1a" */
    const char *engine;        /* "local", "slurm-cli", "slurm-rest", "sim" */
    const char *endpoint;
    int64_t nodes, chips_per_node;
    double net_gbps;              /* between its nodes */
    int64_t egress_micros_per_gb; /* of data that leaves it (10^9 bytes) */
    const char *currency;         /* of egress */
    flt_pool_state state;
    int64_t epoch; /* grows with every change of state */
} flt_pool;

/* How something is sold (FOCUS PricingCategory in brackets). */
typedef enum flt_category {
    FLT_ON_DEMAND, /* (Standard) */
    FLT_SPOT,      /* (Dynamic) may be taken back */
    FLT_BLOCK,     /* (Committed) capacity for fixed dates, paid up front */
    FLT_RESERVED,  /* (Committed) */
    FLT_CATEGORY_N
} flt_category;

/* A price that is asked, from a date on; dated data with a source, never a constant. */
typedef struct flt_offer {
    int64_t id, provider, chip;
    const char *region; /* "" for all */
    const char *sku;    /* "p5.48xlarge" */
    flt_category category;
    bool priced;          /* false: offered without a public price */
    int64_t price_micros; /* a chip-hour */
    const char *currency;
    int64_t chips_per_unit; /* chips of one instance of the sku */
    int64_t limit_chips;    /* so many can be had at most; 0: not known */
    sk_span valid;          /* to = SK_UTC_END: until further notice */
    const char *source;     /* "SkyPilot catalog v8, 2026-11-01" */
} flt_offer;

typedef struct flt_contract {
    int64_t id, provider;
    const char *name; /* unique: "aws-edp" */
    const char *currency;
    sk_span term;
} flt_contract;

/* FOCUS CommitmentDiscountCategory: what is promised, money or hours. */
typedef enum flt_kind { FLT_SPEND, FLT_USAGE } flt_kind;

/* FOCUS 1.4: Continuous is a floor per interval whose unused part is lost at once (reservations,
 * savings plans, capacity blocks); Discontinuous is a pool to be drawn down over a wide interval
 * (EDP, MACC). */
typedef enum flt_model { FLT_CONTINUOUS, FLT_DISCONTINUOUS } flt_model;

/* Window after which the unused part is lost or charged, cut from the commitment's beginning: month
 * k begins k months after it (sk_utc_add_months). */
typedef enum flt_interval {
    FLT_HOURLY,
    FLT_DAILY,
    FLT_WEEKLY,
    FLT_MONTHLY,
    FLT_QUARTERLY,
    FLT_SEMI_ANNUAL,
    FLT_ANNUAL,
    FLT_FULL_PERIOD,
    FLT_INTERVAL_N
} flt_interval;

/* What happens to the unmet rest of a discontinuous commitment at an interval's end. */
typedef enum flt_shortfall {
    FLT_CHARGE, /* it is charged (true-up) */
    FLT_CARRY   /* it is owed on top of the next interval; after the last it is charged */
} flt_shortfall;

/* A step: from `t` on (ramps), or by `t` (milestones), this much. */
typedef struct flt_step {
    int64_t t, amount;
} flt_step;

/* One obligation of a contract.
 *
 * amount: FLT_SPEND: micro-units of money; FLT_USAGE: micro-units of chip-hours (continuous: of
 * chips held, so 8,000,000 is 8 chips all the time).  Of a continuous commitment it is per hour,
 * whatever its interval; of a discontinuous one per interval (FLT_FULL_PERIOD: in all).  A ramp
 * replaces `amount` from its first step on, for intervals that begin at or after the step.
 *
 * Eligible is usage of the contract's provider that matches chip, region, sku and categories.
 */
typedef struct flt_commitment {
    int64_t id, contract;
    const char *name; /* unique in its contract */
    flt_kind kind;
    flt_model model;
    flt_interval interval;
    sk_span term;
    int64_t amount;
    int64_t discount_ppm; /* off the list price for usage it covers (continuous), or for all
                             eligible usage (discontinuous: the negotiated discount) */
    int64_t rate_micros;  /* FLT_USAGE: price of a covered chip-hour; 0: list less discount */
    int64_t upfront_ppm;  /* of the whole, paid at the beginning */
    int64_t overage_ppm; /* discount on eligible use beyond a discontinuous one; -1: discount_ppm */
    int64_t chip;        /* eligible: 0 any */
    const char *region;  /* eligible: "" any */
    const char *sku;     /* eligible: "" any */
    unsigned categories; /* eligible: bits 1 << flt_category; 0 means on-demand only */
    flt_shortfall shortfall;
    const flt_step *ramp; /* ascending */
    size_t n_ramp;
    const flt_step *milestone; /* cumulative, ascending: unmet is charged on the day */
    size_t n_milestone;
} flt_commitment;

/* Capacity held in a pool for a time; what it costs is its commitment's matter. */
typedef struct flt_reservation {
    int64_t id, pool, commitment; /* commitment 0: paid elsewhere */
    int64_t chips;
    sk_span term;
} flt_reservation;

typedef enum flt_work_kind { FLT_TRAIN, FLT_SERVE, FLT_BATCH } flt_work_kind;

/* Something to run. */
typedef struct flt_workload {
    int64_t id;
    const char *name; /* unique */
    flt_work_kind kind;
    const char *model;
    int64_t chip; /* needed: 0 any */
    int64_t min_chips,
        max_chips;       /* below min it does not run at all; the part above is taken first */
    int64_t priority;    /* higher goes first */
    double memory_bytes; /* that its chips must have together */
    double checkpoint_bytes;
    int64_t checkpoint_s, restart_s,
        min_run_s;                 /* interval; to come back; not to be stopped before */
    double slo_ttft_s, slo_tpot_s; /* serving; 0: none */
    int64_t deadline;              /* 0: none */
} flt_workload;

/* All of it.  Arrays are borrowed from the arena, ascending by id. */
typedef struct flt_book {
    const flt_provider *provider;
    const flt_chip *chip;
    const flt_pool *pool;
    const flt_offer *offer;
    const flt_contract *contract;
    const flt_commitment *commitment;
    const flt_reservation *reservation;
    const flt_workload *workload;
    size_t n_provider, n_chip, n_pool, n_offer, n_contract, n_commitment, n_reservation, n_workload;
} flt_book;

/* One row by id, NULL if there is none.  Borrowed. */
const flt_provider *flt_book_provider(const flt_book *b, int64_t id);
const flt_chip *flt_book_chip(const flt_book *b, int64_t id);
const flt_pool *flt_book_pool(const flt_book *b, int64_t id);
const flt_offer *flt_book_offer(const flt_book *b, int64_t id);
const flt_contract *flt_book_contract(const flt_book *b, int64_t id);
const flt_commitment *flt_book_commitment(const flt_book *b, int64_t id);
const flt_reservation *flt_book_reservation(const flt_book *b, int64_t id);
const flt_workload *flt_book_workload(const flt_book *b, int64_t id);

/* One row by name, NULL if there is none. */
const flt_provider *flt_book_provider_named(const flt_book *b, const char *name);
const flt_chip *flt_book_chip_named(const flt_book *b, const char *name);
const flt_pool *flt_book_pool_named(const flt_book *b, const char *name);
const flt_contract *flt_book_contract_named(const flt_book *b, const char *name);
const flt_workload *flt_book_workload_named(const flt_book *b, const char *name);

/* The offer that holds at t for a provider, chip, region (an offer of that region goes before one
 * for all) and category: the latest valid_from, then the highest id.  One without a public price
 * (priced is false) only where none has one.  NULL if there is none. */
const flt_offer *flt_book_price(const flt_book *b, int64_t provider, int64_t chip,
                                const char *region, flt_category category, int64_t t);

/* Checks one row against the book it is to go into or is in (rows with its own id are left out of
 * comparisons).  The sentence names the row and what to do.  Refused among others: names that are
 * empty, too long or not printable; references that lead nowhere; negative prices, amounts, counts;
 * shares over 1; spans that are empty; a contract in another currency than its provider's offers; a
 * commitment outside its contract's term, or one that contradicts or overlaps another (same
 * contract, kind, model and eligibility at the same time; a discontinuous one may lie inside one of
 * a wider interval: a monthly minimum of a yearly sum); reservations over a pool's chips;
 * chips_per_unit that no known machine has (a catalogue once said 12 for one of 8); ramps and
 * milestones that are not ascending. */
sk_status flt_book_check_provider(const flt_book *b, const flt_provider *row, sk_err *e);
sk_status flt_book_check_chip(const flt_book *b, const flt_chip *row, sk_err *e);
sk_status flt_book_check_pool(const flt_book *b, const flt_pool *row, sk_err *e);
sk_status flt_book_check_offer(const flt_book *b, const flt_offer *row, sk_err *e);
sk_status flt_book_check_contract(const flt_book *b, const flt_contract *row, sk_err *e);
sk_status flt_book_check_commitment(const flt_book *b, const flt_commitment *row, sk_err *e);
sk_status flt_book_check_reservation(const flt_book *b, const flt_reservation *row, sk_err *e);
sk_status flt_book_check_workload(const flt_book *b, const flt_workload *row, sk_err *e);

/* All rows, one after the other, and that ids ascend. */
sk_status flt_book_check(const flt_book *b, sk_err *e);

/* Words of the enums, static storage, and back (-1 for a word that is none):
 * "on-demand", "monthly", ... */
const char *flt_word_category(flt_category v);
const char *flt_word_kind(flt_kind v);
const char *flt_word_model(flt_model v);
const char *flt_word_interval(flt_interval v);
const char *flt_word_shortfall(flt_shortfall v);
const char *flt_word_pool_state(flt_pool_state v);
const char *flt_word_work_kind(flt_work_kind v);
int flt_category_of(const char *word);
int flt_kind_of(const char *word);
int flt_model_of(const char *word);
int flt_interval_of(const char *word);
int flt_shortfall_of(const char *word);
int flt_pool_state_of(const char *word);
int flt_work_kind_of(const char *word);

#endif
