/* glpk.h - a mixed integer program solved by GLPK, which runs as a program of its own.
 *
 * GLPK is under the GPL and stoke is not, so its library is not linked: `glpsol` (Debian package
 * glpk-utils) reads the program from a file in the CPLEX LP format and writes its answer into
 * another (GLPK's "raw" solution format), which is checked before it is believed.
 */
#ifndef FLT_FLEET_PLAN_GLPK_H
#define FLT_FLEET_PLAN_GLPK_H

#include "fleet/plan/lp.h"

/* Solves lp within `seconds`; value has a place for each column.  *proven: it is the best there is,
 * not only the best that was found in time.  The files lie in a folder of their own under $TMPDIR,
 * which is removed.
 *
 * SK_E_UNSUPPORTED: there is no glpsol; SK_E_INVALID: no values meet all rows; SK_E_AGAIN: none
 * were found in time; SK_E_CORRUPT: the answer does not keep the rows or can't be read. */
sk_status flt_glpk_solve(const flt_lp *lp, int seconds, double *value, bool *proven, sk_err *e);

/* Reads an answer text[0..n) for a program of that many rows and columns; the same errors. */
sk_status flt_glpk_read(const char *text, size_t n, size_t rows, size_t cols, double *value,
                        bool *proven, sk_err *e);

#endif
