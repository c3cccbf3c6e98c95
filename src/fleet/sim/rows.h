/* rows.h - lines of numbers with commas between: the traces that a simulation reads. */
#ifndef FLT_FLEET_SIM_ROWS_H
#define FLT_FLEET_SIM_ROWS_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

enum { FLT_ROW_CELLS = 16 };

/* One line taken apart, borrowed from the text; cells beyond FLT_ROW_CELLS are dropped. */
typedef struct flt_row {
    const char *cell[FLT_ROW_CELLS];
    size_t len[FLT_ROW_CELLS], n;
} flt_row;

/* Cell i as a number that is finite; false if it is none. */
bool flt_row_number(const flt_row *r, size_t i, double *out);

/* Lines of text at most. */
size_t flt_rows_count(const char *text, size_t n);

typedef sk_status (*flt_row_fn)(void *arg, const flt_row *row, sk_err *e);

/* Gives each line to fn, but empty ones and a first one that begins with a letter or a quote (a
 * heading).  The first failure ends it, with "NAME:LINE" before its sentence. */
sk_status flt_rows_each(const char *name, const char *text, size_t n, flt_row_fn fn, void *arg,
                        sk_err *e);

#endif
