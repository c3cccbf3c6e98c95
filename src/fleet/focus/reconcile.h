/* reconcile.h - a provider's bill against our own charges: every difference, with both figures.
 *
 * Both sides are added up by billing month, provider, pool, commitment and kind of charge.  Where
 * the bill names no pool that we know, pools are added up too.  Only months and providers that the
 * bill speaks of are compared.
 */
#ifndef FLT_FLEET_FOCUS_RECONCILE_H
#define FLT_FLEET_FOCUS_RECONCILE_H

#include "fleet/focus/bill.h"

/* One line: what the bill says and what we do, micro-units of money and of chip-hours. */
typedef struct flt_difference {
    int64_t billing, provider, pool, commitment;
    flt_charge_kind kind;
    char currency[FLT_CURRENCY];
    int64_t bill_micros, our_micros;     /* BilledCost */
    int64_t bill_quantity, our_quantity; /* of usage */
} flt_difference;

typedef struct flt_reconciled {
    flt_difference *line; /* that differ, n of them; in the arena */
    size_t n, same;       /* and how many lines don't */
    flt_taken rows;       /* of the file */
} flt_reconciled;

/* Compares.  Nothing is written.  Broken rows are told and left out, or (strict) end it. */
sk_status flt_bill_reconcile(flt_db *db, const flt_book *book, sk_csv *c, const flt_bill_opts *o,
                             sk_arena *arena, flt_reconciled *out, sk_err *e);

#endif
