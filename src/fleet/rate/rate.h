/* rate.h - rating: usage in, charges out, each second of usage exactly once.
 *
 * Who pays for a piece of usage is settled in this order (docs/format/rating.md has it in full):
 *
 *   1. a reservation: capacity held in the pool, first for rows that name it, then for any of its
 *      pool that is not spot; it draws on the reservation's continuous commitment (none: costs
 *      nothing here);
 *   2. continuous commitments that no reservation is tied to, over all pairs of commitment and
 *      usage: highest discount percent first, then lowest price, then commitment, then pool (the
 *      rule of AWS's Savings Plans);
 *   3. the negotiated discount of a discontinuous commitment, which it draws down: highest discount
 *      first, then the wider interval, then id; when all are used up, the best discount on overage;
 *   4. the list price.
 *
 * The unit of this is the slot: a clock hour, cut where a price, a reservation, a commitment or one
 * of its intervals begins or ends.  Usage of a slot is added up by what decides its price (pool,
 * category, sku, reservation) and workload is no part of it; money is formed of the sums and handed
 * down to rows by flt_part, in the order of beginning, end, workload, chips, id and key.  So
 * neither the order in which rows come nor cutting a row in two changes any sum.
 *
 * A rater is explicit state and no more: it reads no clock, no file, and of the book (which must
 * outlive it, unchanged) only.  Memory grows with pools and open rows, not with time.
 */
#ifndef FLT_FLEET_RATE_RATE_H
#define FLT_FLEET_RATE_RATE_H

#include "fleet/book/book.h"
#include "fleet/book/usage.h"

/* Where charges go, in order.  A charge's id is its number in this rater from 1, which the applied
 * rows that follow it name; rows and their texts are good during the call.  Either function may be
 * NULL.  An error ends the rating with that error. */
typedef struct flt_sink {
    sk_status (*charge)(void *arg, const flt_charge *row, sk_err *e);
    sk_status (*applied)(void *arg, const flt_applied *row, sk_err *e);
    void *arg;
} flt_sink;

/* Where a commitment stands: what a rater carries from slot to slot, and what pace and marginal
 * price are computed from.  Amounts in the commitment's unit: micro-units of money (FLT_SPEND) or
 * of chip-hours (FLT_USAGE), but for `prepaid`, which is money. */
typedef struct flt_balance {
    int64_t commitment;
    sk_span interval;  /* that is open; empty before the term and after it */
    int64_t committed; /* in it, what was carried over included */
    int64_t drawn;     /* of that: used (continuous), applied or charged as unmet (discontinuous) */
    int64_t overage;   /* eligible use beyond discontinuous ones, since the term began */
    int64_t met;       /* discontinuous: drawn since the term began */
    int64_t prepaid;   /* paid up front and not yet drawn against */
    int64_t quantity;  /* chip-hours of usage rows that drew on the interval */
} flt_balance;

typedef struct flt_rater flt_rater;

/* Begins rating at `from`; SK_UTC_MIN: wherever the first row or term is.  Commitments that are in
 * the middle of an interval then begin with the whole of it undrawn (flt_rater_open knows better).
 * Free with flt_rater_free.  SK_E_INVALID where a contract's currency is not its provider's offers'
 * or a commitment's price can't be known (chip-hours without rate and without a listed chip). */
sk_status flt_rater_new(const flt_book *book, int64_t from, flt_rater **out, sk_err *e);

/* The same from kept balances (n of them, in any order; commitments that have none begin anew). */
sk_status flt_rater_open(const flt_book *book, int64_t from, const flt_balance *balance, size_t n,
                         flt_rater **out, sk_err *e);

void flt_rater_free(flt_rater *r);

/* Takes one usage row; key and sku are copied where they are needed.  Rows without id and key are
 * added up by pool, workload and category within their slot, so that a simulator's minutes cost no
 * memory.  SK_E_INVALID: negative chips, span the wrong way round, a category that is none, a
 * beginning before what is closed (see flt_rate_again); SK_E_NOTFOUND: unknown pool, workload,
 * reservation. */
sk_status flt_rater_add(flt_rater *r, const flt_usage *u, sk_err *e);

/* The same for a row that began before what is closed: only what comes after is rated, and its
 * quantities fit to those that an earlier rater gave of the part before, as if it had gone on. */
sk_status flt_rater_resume(flt_rater *r, const flt_usage *u, sk_err *e);

/* A bucket of a fluid simulation: so many chip-seconds of a workload in a pool during a span, in
 * thousandths (8 chips for a minute: 480,000).  Buckets are added up within their slot. */
sk_status flt_rater_bucket(flt_rater *r, int64_t pool, int64_t workload, flt_category category,
                           sk_span span, int64_t milli_chip_seconds, sk_err *e);

/* Rates everything before `until` and closes it: purchases at beginnings of intervals, usage,
 * unused and unmet parts at their ends, slot by slot.  Rows that reach beyond stay open.  An
 * `until` in the middle of an hour cuts that hour in two.  SK_E_INVALID for an `until` before what
 * is closed, SK_E_NOTFOUND where usage that nothing covers has no price, SK_E_TOOBIG for sums that
 * don't fit; after any error the rater is only good to be freed. */
sk_status flt_rater_close(flt_rater *r, int64_t until, const flt_sink *sink, sk_err *e);

/* Up to where everything is closed. */
int64_t flt_rater_closed(const flt_rater *r);

/* Where a commitment stands now, NULL for an unknown id.  Good until the next call with r. */
const flt_balance *flt_rater_balance(const flt_rater *r, int64_t commitment);

/* Rates a closed span again, with late rows among `usage`, and emits what differs from the `old`
 * charges and applied rows of that span (earlier corrections among them; applied.charge is an id of
 * `old`) as further rows with `correction` set.  balance: where the commitments stood at span.from.
 * Rows of usage may begin before the span; what lies outside of it is left out.  What a correction
 * changes after span.to (a month's unmet rest, say) is found by a span that reaches up to there. */
typedef struct flt_again {
    sk_span span;
    const flt_balance *balance;
    size_t n_balance;
    const flt_usage *usage;
    size_t n_usage;
    const flt_charge *old;
    size_t n_old;
    const flt_applied *applied;
    size_t n_applied;
} flt_again;
sk_status flt_rate_again(const flt_book *book, const flt_again *a, const flt_sink *sink, sk_err *e);

/* What a commitment costs in all in a span of its term that begins and ends at borders of its
 * intervals, in money; costs of neighbours add up exactly.  Errors: those of flt_rater_new. */
sk_status flt_committed_cost(const flt_book *book, const flt_commitment *c, sk_span span,
                             int64_t *money, sk_err *e);

/* Whether usage in a pool counts for a commitment: its contract's provider, chip, region, sku (""
 * if not known) and category. */
bool flt_eligible(const flt_book *book, const flt_commitment *c, const flt_pool *pool,
                  flt_category category, const char *sku);

/* The offer whose price usage has: of that sku if there is one, else flt_book_price; blocks and
 * reserved capacity without a price of their own have the on-demand one.  NULL if there is none. */
const flt_offer *flt_usage_price(const flt_book *book, const flt_pool *pool, flt_category category,
                                 const char *sku, int64_t t);

#endif
