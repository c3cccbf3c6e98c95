/* plot_scale.h - ranges and ticks that the text and the SVG plot share; for base/plot*.c only. */
#ifndef SK_BASE_PLOT_SCALE_H
#define SK_BASE_PLOT_SCALE_H

#include "base/plot.h"

#include <stdbool.h>

enum { SK_PLOT_SERIES = 4 };

/* What the axes span; low < high in both directions. */
typedef struct sk_plot_range {
    double x_low, x_high, y_low, y_high;
} sk_plot_range;

/* The range of all finite points of the first 4 series; false if there is none. */
bool sk_plot_range_of(const sk_series *s, size_t n_series, sk_plot_range *out);

/* Where v lies between low and high, 0 to 1; does not overflow for any finite values. */
double sk_plot_part(double v, double low, double high);

/* True when point i of s can be drawn. */
bool sk_plot_point_ok(const sk_series *s, size_t i);

/* Distance between round ticks (1, 2 or 5 times a power of ten), at most n of them from low to
 * high. */
double sk_plot_tick_step(double low, double high, int n);

/* Appends v in at most 4 significant digits with a point, whatever the locale. */
void sk_plot_number(double v, sk_buf *out);

#endif
