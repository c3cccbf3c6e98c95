/* plot.h - a curve for people: characters in a terminal, SVG in a file. */
#ifndef SK_BASE_PLOT_H
#define SK_BASE_PLOT_H

#include "base/buf.h"

#include <stddef.h>

typedef struct sk_series {
    const char *name;
    const double *x, *y; /* n points, x ascending; points that are not finite are left out */
    size_t n;
} sk_series;

/* Draws up to 4 series as text, `columns` wide and `rows` high, with axes and a legend. */
void sk_plot_text(const sk_series *s, size_t n_series, const char *title, const char *x_name,
                  int columns, int rows, sk_buf *out);

/* The same as a stand-alone SVG of 720x360 that follows light and dark mode. */
void sk_plot_svg(const sk_series *s, size_t n_series, const char *title, const char *x_name,
                 const char *y_name, sk_buf *out);

/* Up to 4 bands, one on the other, as an SVG of the same size: how something was shared over time.
 * All have the x and n of the first; y[i] is a band's thickness from x[i - 1] to x[i] (y[0] is not
 * read); one that is not finite or negative counts as 0. */
void sk_plot_bands_svg(const sk_series *s, size_t n_series, const char *title, const char *x_name,
                       const char *y_name, sk_buf *out);

#endif
