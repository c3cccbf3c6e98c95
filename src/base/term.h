/* term.h - what the terminal of a stream can show. */
#ifndef SK_BASE_TERM_H
#define SK_BASE_TERM_H

#include <stdbool.h>
#include <stdio.h>

/* True when f is a terminal that can redraw a line in place (and TERM is not "dumb"). */
bool sk_term_live(FILE *f);

/* Columns of f's terminal; `otherwise` when it is none or does not say. */
int sk_term_columns(FILE *f, int otherwise);

/* Its rows, likewise. */
int sk_term_rows(FILE *f, int otherwise);

/* True when the locale set by setlocale writes UTF-8. */
bool sk_term_utf8(void);

#endif
