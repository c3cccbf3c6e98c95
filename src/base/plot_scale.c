/* plot_scale.c - ranges, round ticks and short numbers for plots. */
#include "base/plot_scale.h"

#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* True when point i of s can be drawn. */
bool sk_plot_point_ok(const sk_series *s, size_t i)
{
    return isfinite(s->x[i]) && isfinite(s->y[i]);
}

/* Widens [low, high] to v. */
static void widen(double v, double *low, double *high)
{
    if (v < *low) *low = v;
    if (v > *high) *high = v;
}

/* Gives a range of one value some width, so that the curve lies in the middle. */
static void part(double *low, double *high)
{
    if (*low < *high) return;
    double by = fabs(*low) > 1e-300 ? fabs(*low) * 0.5 : 1;
    *low -= by;
    *high += by;
    assert(*low < *high);
}

/* The range of all finite points. */
bool sk_plot_range_of(const sk_series *s, size_t n_series, sk_plot_range *out)
{
    sk_plot_range r = {INFINITY, -INFINITY, INFINITY, -INFINITY};
    for (size_t k = 0; k < n_series && k < SK_PLOT_SERIES; k++) {
        for (size_t i = 0; i < s[k].n; i++) {
            if (!sk_plot_point_ok(&s[k], i)) continue;
            widen(s[k].x[i], &r.x_low, &r.x_high);
            widen(s[k].y[i], &r.y_low, &r.y_high);
        }
    }
    if (r.x_low > r.x_high) return false;
    part(&r.x_low, &r.x_high);
    part(&r.y_low, &r.y_high);
    *out = r;
    return true;
}

/* Where v lies between low and high. */
double sk_plot_part(double v, double low, double high)
{
    assert(low < high);
    double t = (v / 2 - low / 2) / (high / 2 - low / 2);
    return t < 0 ? 0 : t > 1 ? 1 : t == t ? t : 0;
}

/* Distance between round ticks. */
double sk_plot_tick_step(double low, double high, int n)
{
    assert(low < high && n > 0);
    double raw = high / n - low / n, power = pow(10, floor(log10(raw))), f = raw / power;
    return (f <= 1 ? 1 : f <= 2 ? 2 : f <= 5 ? 5 : 10) * power;
}

/* Appends v in at most 4 significant digits. */
void sk_plot_number(double v, sk_buf *out)
{
    char text[40];
    (void)snprintf(text, sizeof text, "%.4g", v);
    sk_json_add_num(out, strtod(text, NULL));
}
