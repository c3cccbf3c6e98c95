/* buy.h - what to buy, from whom, when: the cheapest mix of offers that meets a demand.
 *
 * Demand is chips for serving, by month and hour of the day, and chip-hours for training with a
 * deadline; training may have what serving leaves at night.  Offers are on demand (paid by the
 * hour), spot (only for training that bears it), and commitments (reserved, blocks: whole units for
 * a term of months, used or not).  Contracts that promise money (spend) give a discount on what one
 * provider sells on demand, and cost what they promise even where less is used.
 *
 * Which commitments to sign, and when, is a mixed integer program: units are whole, and less than
 * an offer's least number can't be bought.  It is solved by GLPK (glpk.h) and checked here.  Hours
 * of the day that all services know as alike are one hour to it.
 */
#ifndef FLT_FLEET_PLAN_BUY_H
#define FLT_FLEET_PLAN_BUY_H

#include "base/mem.h"
#include "base/status.h"
#include "fleet/book/book.h"

enum { FLT_BUY_MONTHS = 84, FLT_BUY_HOURS = 24 };

typedef struct flt_buy_offer {
    const char *name, *provider;
    flt_category category;
    int64_t price_micros;   /* a chip-hour */
    double rate;            /* chips of the demand that one of these does the work of; 1 */
    int64_t chips_per_unit; /* of a commitment: bought by the unit */
    int64_t min_units;      /* fewer can't be had; 0: any number */
    int64_t limit_chips;    /* more can't be had, 0: no limit */
    double availability;    /* spot: share of the limit that is there on average */
    double redo;            /* spot: share of its work that is done twice */
    int term_months;        /* of a commitment */
    int first, last;        /* months (from 0) in which a commitment may begin */
} flt_buy_offer;

/* A promise of money to a provider. */
typedef struct flt_buy_spend {
    const char *name, *provider;
    int64_t amount_micros; /* an interval */
    int interval_months;
    int64_t discount_ppm; /* off its on-demand prices */
    bool is_signed;       /* it is there already; else it is one more offer */
} flt_buy_spend;

typedef struct flt_buy_serve {
    const char *name;
    const double *chips;         /* at the peak hour, a month each */
    double shape[FLT_BUY_HOURS]; /* share of the peak by hour of the day (UTC) */
} flt_buy_serve;

typedef struct flt_buy_train {
    const char *name;
    double chip_hours;
    int from, until;  /* months it may run in, until not among them */
    double max_chips; /* at once, 0: any number */
    bool spot;        /* may run on spot */
} flt_buy_train;

/* Chips that are there already and paid. */
typedef struct flt_buy_held {
    const char *name;
    double chips;
    int from, until;
} flt_buy_held;

typedef struct flt_buy {
    int64_t start; /* the first second of the first month */
    int months;
    const flt_buy_offer *offer;
    const flt_buy_spend *spend;
    const flt_buy_serve *serve;
    const flt_buy_train *train;
    const flt_buy_held *held;
    size_t n_offer, n_spend, n_serve, n_train, n_held;
    int seconds; /* the solver may take so long */
} flt_buy;

/* A line of the answer. */
typedef struct flt_buy_row {
    enum { FLT_BUY_COMMIT, FLT_BUY_HOURLY, FLT_BUY_PROMISE } what;
    size_t of;           /* offer, or spend of a promise */
    size_t under;        /* hourly: the spend whose discount it has, SIZE_MAX: none */
    int month;           /* in which a commitment begins; hourly use of; an interval's first */
    int64_t units;       /* of a commitment */
    double chips;        /* of a commitment; hourly: the most at once */
    double chip_hours;   /* hourly: in the month; commitment: in its term */
    int64_t cost_micros; /* of the term; of the month; of a promise: what is left unused of it */
} flt_buy_row;

typedef struct flt_buy_answer {
    const flt_buy_row *row; /* commitments first, then promises, then hourly; by month */
    size_t n_row;
    int64_t cost_micros;
    int64_t on_demand_micros; /* of the same demand with hourly offers only (and what is signed);
                                 -1: it can't be met so */
    bool proven;              /* nothing cheaper exists; else nothing was found in time */
} flt_buy_answer;

/* Finds the mix; the answer lives in mem.  SK_E_INVALID: figures that make no plan, or a demand
 * that can't be met, with the first one and by how much; also what flt_glpk_solve says. */
sk_status flt_buy_solve(const flt_buy *b, sk_arena *mem, flt_buy_answer *out, sk_err *e);

#endif
