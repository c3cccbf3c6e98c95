/* usage.h - what was used, and what it costs: the rows between engine, rating and ledger.
 *
 * Usage comes from the pools (or a simulator), charges come out of rating (fleet/rate), both are
 * kept for good in the ledger.  A correction is a further row, never a changed one.
 */
#ifndef FLT_FLEET_BOOK_USAGE_H
#define FLT_FLEET_BOOK_USAGE_H

#include "base/utc.h"
#include "fleet/book/book.h"

#include <stdint.h>

/* Chips that something held for a while. */
typedef struct flt_usage {
    int64_t id;
    const char *key;        /* idempotency key, unique: counted once however often it is told */
    int64_t pool, workload; /* workload 0: not known */
    int64_t chips;
    sk_span span;   /* held, and paid for */
    sk_span useful; /* did work; within span, empty if none */
    flt_category category;
    int64_t reservation; /* that held them, 0 none */
    const char *sku;     /* "" : the pool's */
} flt_usage;

/* What a charge is for. */
typedef enum flt_charge_kind {
    FLT_CHARGE_USAGE,     /* use, covered or not */
    FLT_CHARGE_UNUSED,    /* the unused part of a continuous commitment's interval */
    FLT_CHARGE_PURCHASE,  /* of a commitment: up front or recurring */
    FLT_CHARGE_SHORTFALL, /* the unmet rest of a discontinuous one: "unused fee", true-up */
    FLT_CHARGE_CREDIT,
    FLT_CHARGE_OTHER, /* imported: tax, support */
    FLT_CHARGE_KIND_N
} flt_charge_kind;

/* How a piece of usage was paid: each second of usage has exactly one. */
typedef enum flt_paid {
    FLT_PAID_RESERVATION,
    FLT_PAID_CONTINUOUS,
    FLT_PAID_NEGOTIATED, /* list less a discontinuous commitment's discount */
    FLT_PAID_LIST,
    FLT_PAID_NONE /* not usage */
} flt_paid;

/* One row of the ledger.  Costs in micro-units of `currency`; FOCUS names in brackets. */
typedef struct flt_charge {
    int64_t id;
    flt_charge_kind kind; /* (ChargeCategory, ChargeDescription) */
    bool correction;      /* (ChargeClass Correction): puts right an earlier row */
    flt_paid paid;
    flt_category category; /* (PricingCategory) */
    sk_span span;          /* (ChargePeriodStart, End) */
    int64_t billing;       /* first second of the month it is billed in (BillingPeriodStart) */
    int64_t provider, pool, workload, usage; /* 0 none */
    int64_t commitment; /* that paid for it or is being bought (CommitmentDiscountId); 0 none */
    int64_t quantity;   /* micro-units of chip-hours (PricingQuantity); 0 for fees */
    int64_t list_micros, contracted_micros, billed_micros, effective_micros;
    const char *currency;
} flt_charge;

/* What of a charge reduces a commitment (FOCUS ContractApplied): money of a FLT_SPEND one,
 * micro-units of chip-hours of a FLT_USAGE one. */
typedef struct flt_applied {
    int64_t charge, commitment; /* charge: an id, or within one rating the index of the charge */
    int64_t amount;
    int64_t t; /* when: the charge's beginning */
} flt_applied;

#endif
