/* buy_book.h - offers and contracts of a fleet as a part of the question what to buy. */
#ifndef FLT_FLEET_PLAN_BUY_BOOK_H
#define FLT_FLEET_PLAN_BUY_BOOK_H

#include "fleet/plan/buy.h"

/* Adds to b what the book has of one kind of chip at b->start:
 *
 *   - on-demand offers that hold then, each provider's and region's;
 *   - discontinuous commitments of money as signed promises: what they ask for during the plan,
 * with their discount;
 *   - continuous commitments and reservations that no commitment pays as chips that are held, for
 *     the whole months that they cover: of money as many as an hour's amount buys at the
 *     provider's price (the dearest of its regions) less the discount.
 *
 * Spot and new commitments are not taken over: a book knows neither how often spot is there nor
 * terms that are not signed.  Arrays are made anew in mem, texts borrowed from the book. */
sk_status flt_buy_add_book(flt_buy *b, const flt_book *book, const flt_chip *chip, sk_arena *mem,
                           sk_err *e);

#endif
