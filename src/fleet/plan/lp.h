/* lp.h - a mixed integer program as data: minimise costs over columns, subject to rows.
 *
 * Built row by row, written in the CPLEX LP format for a solver, and checked against what a solver
 * says, so that no answer is believed.
 */
#ifndef FLT_FLEET_PLAN_LP_H
#define FLT_FLEET_PLAN_LP_H

#include "base/buf.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct flt_lp flt_lp;

/* An empty program, NULL without memory.  Free with flt_lp_free. */
flt_lp *flt_lp_new(void);
void flt_lp_free(flt_lp *lp);

/* A new column in [0, most] (most infinite: no bound) with its cost a unit; its number from 0.
 * What has no memory is remembered (flt_lp_ok). */
size_t flt_lp_col(flt_lp *lp, double cost, double most, bool integer);

typedef enum flt_lp_sense { FLT_AT_LEAST, FLT_AT_MOST } flt_lp_sense;

/* Begins a row; its terms follow, each column at most once. */
void flt_lp_row(flt_lp *lp, flt_lp_sense sense, double bound);
void flt_lp_term(flt_lp *lp, size_t col, double factor);

/* Whether all of it had memory. */
bool flt_lp_ok(const flt_lp *lp);

size_t flt_lp_cols(const flt_lp *lp);
size_t flt_lp_rows(const flt_lp *lp);

/* Appends it in the CPLEX LP format; column i is called x<i + 1>, all of them stand in the
 * objective, so a solver numbers them alike. */
void flt_lp_write(const flt_lp *lp, sk_buf *out);

/* The cost of values v[cols]. */
double flt_lp_cost(const flt_lp *lp, const double *v);

/* Whether v keeps bounds, wholeness and rows, each up to `tolerance` times its largest term.
 * SK_E_CORRUPT names the first that is broken. */
sk_status flt_lp_check(const flt_lp *lp, const double *v, double tolerance, sk_err *e);

#endif
