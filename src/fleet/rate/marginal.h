/* marginal.h - what one more chip-hour in a pool would cost now, given contracts and what runs.
 *
 *   0                                inside the unused part of a reservation or of a continuous
 *                                    commitment: it is paid already, this hour
 *   contracted x (1 - P(shortfall))  while a discontinuous commitment has a balance: money that
 *                                    would be paid anyway costs nothing
 *   contracted or list               beyond
 *   spot / (1 - redo)                spot, of which a share is done twice
 *
 * Where only a part of the chip-hour is still unused, the price is the rest's share.  Prices are
 * micro-units of money a chip-hour, as doubles: they are compared, never booked.
 */
#ifndef FLT_FLEET_RATE_MARGINAL_H
#define FLT_FLEET_RATE_MARGINAL_H

#include "fleet/rate/pace.h"

/* Chips that run now. */
typedef struct flt_load {
    int64_t pool;
    flt_category category;
    int64_t chips;
} flt_load;

/* The present: what runs, where commitments stand, what is expected of them.  Arrays are the
 * caller's, in any order.  Commitments without a balance have been drawn on evenly so far; without
 * a forecast the rate so far goes on. */
typedef struct flt_present {
    int64_t t;
    const flt_load *load;
    size_t n_load;
    const flt_balance *balance;
    size_t n_balance;
    const struct flt_expected {
        int64_t commitment;
        flt_forecast forecast;
    } * expected;
    size_t n_expected;
} flt_present;

typedef enum flt_why {
    FLT_WHY_RESERVATION, /* held and unused */
    FLT_WHY_CONTINUOUS,  /* bought and unused */
    FLT_WHY_BEHIND,      /* draws down a discontinuous commitment */
    FLT_WHY_OVERAGE,     /* discount, but beyond the commitment */
    FLT_WHY_SPOT,
    FLT_WHY_LIST,
    FLT_WHY_UNPRICED /* can't be said: price is infinite */
} flt_why;

/* The price with its terms: price = (1 - free) x beyond, where beyond = contracted x
 * (1 - p_shortfall), or list / (1 - redo) for spot.  What is spare is shared by all pools that the
 * same commitment is for: who places on several asks again after the first. */
typedef struct flt_marginal {
    double price;
    double beyond; /* price once nothing is spare */
    flt_why why;
    int64_t commitment;  /* that decides, 0 none */
    int64_t reservation; /* 0 none */
    double free;         /* share of the chip-hour that is paid already: spare, 1 at most */
    double spare;        /* chips beyond those that run, for the rest of the slot, paid already */
    double list, contracted;
    double p_shortfall, redo;
    const char *currency; /* "" where nothing is priced */
} flt_marginal;

/* The hour that holds present->t, rated as it stands, to be asked for many candidates.  Free with
 * flt_hour_free. */
typedef struct flt_hour flt_hour;
sk_status flt_hour_new(const flt_book *book, const flt_present *present, flt_hour **out, sk_err *e);
void flt_hour_free(flt_hour *h);

/* One more chip-hour in the pool.  redo: expected share of spot work that is lost and done again,
 * in [0, 1).  SK_E_NOTFOUND: unknown pool. */
sk_status flt_marginal_price(const flt_hour *h, int64_t pool, flt_category category, double redo,
                             flt_marginal *out, sk_err *e);

/* Static text for --explain: "reservation", "bought and unused", ... */
const char *flt_why_text(flt_why w);

#endif
