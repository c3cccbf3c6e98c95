/* chips.h - what known accelerators can do at most, for plans that have no fleet to ask.
 *
 * Peaks are those of the vendors' data sheets: dense products of bf16 (of fp16 for chips without
 * bf16), without sparsity.  A fleet's own rows go before these.
 */
#ifndef FLT_FLEET_PLAN_CHIPS_H
#define FLT_FLEET_PLAN_CHIPS_H

#include "base/buf.h"
#include "base/status.h"
#include "fleet/book/book.h"

/* A chip and how many of it a node of the usual machine has.  Rates of tokens are 0: they are a
 * model's matter. */
typedef struct flt_known_chip {
    flt_chip chip; /* id 0 */
    int64_t chips_per_node;
} flt_known_chip;

/* All of them, static storage, in the order of help. */
const flt_known_chip *flt_known_chips(size_t *n);

/* The known chip of that name (any case), NULL if there is none. */
const flt_known_chip *flt_known_chip_named(const char *name);

/* The chip of that name: the book's (b may be NULL), else the known one.  SK_E_NOTFOUND with the
 * names there are.  Borrowed. */
sk_status flt_plan_chip(const flt_book *b, const char *name, const flt_chip **out, sk_err *e);

#endif
