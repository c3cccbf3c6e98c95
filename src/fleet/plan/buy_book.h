/* buy_book.h - offers and contracts of a fleet as a part of the question what to buy. */
#ifndef FLT_FLEET_PLAN_BUY_BOOK_H
#define FLT_FLEET_PLAN_BUY_BOOK_H

#include "fleet/plan/buy.h"

/* A kind of chip, and how many of those that the demand counts in one of it does the work of. */
typedef struct flt_buy_kind {
    const flt_chip *chip;
    double rate;
} flt_buy_kind;

/* What one chip of a kind does of another's work: of its figures (peak, rates of prefill and of
 * decoding) that both have, the one that compares worst, so that whatever the demand is, it is met.
 * 0: there is none that both have. */
double flt_buy_rate(const flt_chip *chip, const flt_chip *unit);

/* Adds to b what the book has of n kinds of chips at b->start; the demand counts in the first:
 *
 *   - on-demand offers that hold then, each provider's and region's;
 *   - discontinuous commitments of money as signed promises: what they ask for during the plan,
 *     with their discount;
 *   - continuous commitments and reservations that no commitment pays as chips that are held, for
 *     the whole months that they cover: of money as many as an hour's amount buys at the
 *     provider's price (the dearest of its regions) less the discount.  One for any chip is taken
 *     for the first kind.
 *
 * Spot and new commitments are not taken over: a book knows neither how often spot is there nor
 * terms that are not signed.  Arrays are made anew in mem, texts borrowed from the book. */
sk_status flt_buy_add_book(flt_buy *b, const flt_book *book, const flt_buy_kind *kind, size_t n,
                           sk_arena *mem, sk_err *e);

#endif
