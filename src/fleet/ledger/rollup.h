/* rollup.h - charges added up by day and by what reports ask for.
 *
 * A small table in memory, whose cells are added to those of the database.
 */
#ifndef FLT_FLEET_LEDGER_ROLLUP_H
#define FLT_FLEET_LEDGER_ROLLUP_H

#include "fleet/book/usage.h"
#include "fleet/store/db.h"

/* What a cell is the sum over. */
typedef struct flt_cell_key {
    int64_t day, origin, provider, commitment, workload, pool, kind, paid, category, billing;
    char currency[8];
} flt_cell_key;

typedef struct flt_cell {
    flt_cell_key key;
    int64_t n, quantity, list_micros, contracted_micros, billed_micros, effective_micros;
} flt_cell;

typedef struct flt_rollup {
    flt_cell *cell; /* n of them */
    size_t n, cap;
    uint32_t *slot; /* 1 + index of a cell, 0: free; n_slot is a power of two */
    size_t n_slot;
} flt_rollup;

void flt_rollup_fini(flt_rollup *r);
void flt_rollup_reset(flt_rollup *r);

/* Adds a charge to its cell.  SK_E_TOOBIG where a sum does not fit. */
sk_status flt_rollup_add(flt_rollup *r, const flt_charge *c, int64_t origin, sk_err *e);

#endif
