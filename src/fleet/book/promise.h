/* promise.h - how much a commitment promises, in the words of contracts.
 *
 *     spend                    money over the whole term          discontinuous
 *     spend_per_interval       money in each interval             discontinuous
 *     spend_hourly             money in every hour                continuous
 *     chip_hours               chip-hours over the whole term     discontinuous
 *     chip_hours_per_interval  chip-hours in each interval        discontinuous
 *     chips                    chips held all the time            continuous
 */
#ifndef FLT_FLEET_BOOK_PROMISE_H
#define FLT_FLEET_BOOK_PROMISE_H

#include "fleet/book/book.h"

/* The k-th of the words above, NULL after the last. */
const char *flt_promise_word(size_t k);

/* Sets kind, model and amount of a commitment whose term and interval are set, from one of the
 * words and its amount as text.  `interval_told` is false where nobody named an interval: then it
 * is the hour, or the whole term.  The sum over the term, divided by its intervals, is rounded to
 * the micro-unit. */
sk_status flt_promise_set(flt_commitment *c, const char *word, const char *text, bool interval_told,
                          sk_err *e);

/* The word that says the commitment's amount as it is kept. */
const char *flt_promise_said(const flt_commitment *c);

/* Lets a commitment end at another time: its steps from then on go, but for a milestone at the very
 * end. */
void flt_promise_end(flt_commitment *c, int64_t at);

#endif
