/* check.h - what the checks of the book's rows share.  `what` names the row in sentences:
 * "pool \"aws-us-east\"".
 */
#ifndef FLT_FLEET_BOOK_CHECK_H
#define FLT_FLEET_BOOK_CHECK_H

#include "fleet/book/book.h"

enum {
    FLT_NAME_MAX = 64,  /* bytes of a name */
    FLT_TEXT_MAX = 1000 /* bytes of another text */
};

/* A name: 1 to FLT_NAME_MAX bytes of printable UTF-8, no blank at its ends, no quotes. */
sk_status flt_check_name(const char *kind, const char *name, sk_err *e);

/* Another text: at most FLT_TEXT_MAX bytes of printable UTF-8; `field` names it. */
sk_status flt_check_text(const char *what, const char *field, const char *text, sk_err *e);

/* min <= v <= max. */
sk_status flt_check_range(const char *what, const char *field, int64_t v, int64_t min, int64_t max,
                          sk_err *e);

/* A share in parts per million, 0 to 1. */
sk_status flt_check_share(const char *what, const char *field, int64_t ppm, sk_err *e);

/* A number that is finite and not negative. */
sk_status flt_check_size(const char *what, const char *field, double v, sk_err *e);

/* A span that is not empty and inside the calendar. */
sk_status flt_check_span(const char *what, sk_span s, sk_err *e);

/* Three capital letters. */
sk_status flt_check_currency(const char *what, const char *currency, sk_err *e);

/* How many chips one machine has: 1 to 16384, and of chips that are known one of the numbers
 * machines with it are sold with.  `word` names the figure. */
sk_status flt_check_machine(const char *what, const char *word, const char *chip, int64_t chips,
                            sk_err *e);

/* That the provider's offers and contracts are in `currency`; the rows of these ids are left out.
 */
sk_status flt_check_mix(const flt_book *b, const char *what, int64_t provider, const char *currency,
                        int64_t offer, int64_t contract, sk_err *e);

#endif
