/* plot_svg.c - curves as a stand-alone SVG 1.1 picture without scripts; colours by style sheet, so
 * that it follows light and dark mode also inside a page. */
#include "base/plot_scale.h"

#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum {
    WIDTH = 720,
    HEIGHT = 360,
    LEFT = 64,
    RIGHT = 16,
    TOP = 40,
    BOTTOM = 48,
    X_TICKS = 8,
    Y_TICKS = 6
};

/* Okabe and Ito's colours, told apart with any colour vision; lighter twins for dark mode. */
static const char head[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 360\" width=\"720\" "
    "height=\"360\" "
    "role=\"img\">\n"
    "<style>\n"
    "svg{background:#fff;font:12px system-ui,sans-serif}\n"
    "text{fill:#222}.g{stroke:#ddd}.a{stroke:#666}path{fill:none;stroke-width:1.8}\n"
    ".s0{stroke:#0072b2}.s1{stroke:#d55e00}.s2{stroke:#009e73}.s3{stroke:#cc79a7}\n"
    "@media(prefers-color-scheme:dark){svg{background:#16181c}text{fill:#e6e6e6}.g{stroke:#33373d}"
    ".a{stroke:#999}\n"
    ".s0{stroke:#56b4e9}.s1{stroke:#e69f00}.s2{stroke:#2fc79a}.s3{stroke:#e3a3c6}}\n"
    "</style>\n";

/* Appends s as XML text; control characters and what is not UTF-8 become '?'. */
static void xml(const char *s, sk_buf *out)
{
    bool valid = sk_utf8_valid(s, strlen(s));
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '&')
            sk_buf_adds(out, "&amp;");
        else if (c == '<')
            sk_buf_adds(out, "&lt;");
        else if (c == '>')
            sk_buf_adds(out, "&gt;");
        else
            sk_buf_addc(out, c < 0x20 || c == 0x7F || (c >= 0x80 && !valid) ? '?' : *s);
    }
}

/* Appends a coordinate to a tenth of a pixel, by integers: no locale has a say. */
static void coordinate(double v, sk_buf *out)
{
    long tenths = lround(v * 10);
    assert(tenths >= 0 && tenths <= 10L * WIDTH);
    sk_buf_addf(out, "%ld.%ld", tenths / 10, tenths % 10);
}

/* Column of x. */
static double place_x(double x, const sk_plot_range *r)
{
    return LEFT + sk_plot_part(x, r->x_low, r->x_high) * (WIDTH - LEFT - RIGHT);
}

/* Row of y. */
static double place_y(double y, const sk_plot_range *r)
{
    return HEIGHT - BOTTOM - sk_plot_part(y, r->y_low, r->y_high) * (HEIGHT - TOP - BOTTOM);
}

/* Appends a line of class cls. */
static void line(const char *cls, double x0, double y0, double x1, double y1, sk_buf *out)
{
    sk_buf_addf(out, "<path class=\"%s\" d=\"M", cls);
    coordinate(x0, out);
    sk_buf_addc(out, ' ');
    coordinate(y0, out);
    sk_buf_addc(out, 'L');
    coordinate(x1, out);
    sk_buf_addc(out, ' ');
    coordinate(y1, out);
    sk_buf_adds(out, "\" style=\"stroke-width:1\"/>\n");
}

/* Opens a text at (x, y); anchor is "start", "middle" or "end". */
static void open_text(double x, double y, const char *anchor, sk_buf *out)
{
    sk_buf_adds(out, "<text x=\"");
    coordinate(x, out);
    sk_buf_adds(out, "\" y=\"");
    coordinate(y, out);
    sk_buf_addf(out, "\" text-anchor=\"%s\">", anchor);
}

/* Appends a text. */
static void add_text(double x, double y, const char *anchor, const char *s, sk_buf *out)
{
    open_text(x, y, anchor, out);
    xml(s, out);
    sk_buf_adds(out, "</text>\n");
}

/* Tick number i at or above low; a tick next to zero is zero.  Without a step, as between numbers
 * too close for one, it is NaN, which ends the axis. */
static double tick(double low, double step, int i)
{
    double v = (ceil(low / step) + i) * step;
    return fabs(v) < step / 1e6 ? 0 : v;
}

/* Appends grid, axes and numbers. */
static void add_axes(const sk_plot_range *r, sk_buf *out)
{
    double step = sk_plot_tick_step(r->y_low, r->y_high, Y_TICKS), v;
    for (int i = 0; i <= Y_TICKS && (v = tick(r->y_low, step, i)) <= r->y_high; i++) {
        double y = place_y(v, r);
        line("g", LEFT, y, WIDTH - RIGHT, y, out);
        open_text(LEFT - 6, y + 4, "end", out);
        sk_plot_number(v, out);
        sk_buf_adds(out, "</text>\n");
    }
    step = sk_plot_tick_step(r->x_low, r->x_high, X_TICKS);
    for (int i = 0; i <= X_TICKS && (v = tick(r->x_low, step, i)) <= r->x_high; i++) {
        double x = place_x(v, r);
        line("a", x, HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 4, out);
        open_text(x, HEIGHT - BOTTOM + 18, "middle", out);
        sk_plot_number(v, out);
        sk_buf_adds(out, "</text>\n");
    }
    line("a", LEFT, TOP, LEFT, HEIGHT - BOTTOM, out);
    line("a", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM, out);
}

/* Appends one curve.  Points that fall on the same tenth of a pixel as the one before are left out.
 */
static void add_curve(const sk_series *s, size_t number, const sk_plot_range *r, sk_buf *out)
{
    long px = -1, py = -1;
    bool any = false;
    sk_buf_addf(out, "<path class=\"s%zu\" stroke-linejoin=\"round\" stroke-linecap=\"round\" d=\"",
                number);
    for (size_t i = 0; i < s->n; i++) {
        if (!sk_plot_point_ok(s, i)) continue;
        double x = place_x(s->x[i], r), y = place_y(s->y[i], r);
        if (any && lround(x * 10) == px && lround(y * 10) == py) continue;
        px = lround(x * 10);
        py = lround(y * 10);
        sk_buf_addc(out, any ? 'L' : 'M');
        coordinate(x, out);
        sk_buf_addc(out, ' ');
        coordinate(y, out);
        any = true;
    }
    /* A single point has no length to stroke: the round cap of an empty line makes it a dot. */
    if (any) sk_buf_adds(out, "h0");
    sk_buf_adds(out, "\"/>\n");
}

/* The beginning of a picture: its style and its title. */
static void begin(const char *more_style, const char *title, sk_buf *out)
{
    sk_buf_adds(out, head);
    sk_buf_adds(out, more_style);
    sk_buf_adds(out, "<title>");
    xml(title, out);
    sk_buf_adds(out, "</title>\n");
    add_text(LEFT, 20, "start", title, out);
}

/* Names of the series beside the title, from the right. */
static void add_legend(const sk_series *s, size_t n, sk_buf *out)
{
    for (size_t k = 0; k < n; k++) {
        double x = WIDTH - RIGHT - 120.0 * (double)(n - k);
        sk_buf_addf(out, "<path class=\"s%zu\" d=\"M%d 16h18\"/>\n", k, (int)x);
        add_text(x + 24, 20, "start", s[k].name, out);
    }
}

/* Names of the axes, and the end. */
static void end(const char *x_name, const char *y_name, sk_buf *out)
{
    add_text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10, "middle", x_name, out);
    add_text(8, TOP - 6, "start", y_name, out);
    sk_buf_adds(out, "</svg>\n");
}

static void no_points(sk_buf *out)
{
    add_text(WIDTH / 2.0, HEIGHT / 2.0, "middle", "no points", out);
}

/* Appends the picture. */
void sk_plot_svg(const sk_series *s, size_t n_series, const char *title, const char *x_name,
                 const char *y_name, sk_buf *out)
{
    size_t n = n_series < SK_PLOT_SERIES ? n_series : SK_PLOT_SERIES;
    sk_plot_range r;
    begin("", title, out);
    if (sk_plot_range_of(s, n, &r)) {
        add_axes(&r, out);
        for (size_t k = 0; k < n; k++)
            add_curve(&s[k], k, &r, out);
        add_legend(s, n, out);
    } else {
        no_points(out);
    }
    end(x_name, y_name, out);
}

/* ---- bands ---- */

/* Upper edge of band k up to point i: all bands up to it together. */
static double edge(const sk_series *s, size_t k, size_t i)
{
    double sum = 0;
    assert(k < SK_PLOT_SERIES && i < s[0].n);
    for (size_t j = 0; j <= k; j++)
        if (isfinite(s[j].y[i]) && s[j].y[i] > 0) sum += s[j].y[i];
    return isfinite(sum) ? sum : 0;
}

/* False if there is no stretch of time to draw. */
static bool bands_range(const sk_series *s, size_t n, sk_plot_range *r)
{
    double high = 0;
    if (!n || s[0].n < 2) return false;
    for (size_t i = 0; i < s[0].n; i++) {
        if (!isfinite(s[0].x[i]) || (i && s[0].x[i] < s[0].x[i - 1])) return false;
        if (i && edge(s, n - 1, i) > high) high = edge(s, n - 1, i);
    }
    *r = (sk_plot_range){s[0].x[0], s[0].x[s[0].n - 1], 0, high > 0 ? high : 1};
    return r->x_low < r->x_high;
}

/* Band k, down to the axis: those below it are drawn over it. */
static void add_band(const sk_series *s, size_t k, const sk_plot_range *r, sk_buf *out)
{
    double at = -1;
    sk_buf_addf(out, "<path class=\"b%zu\" d=\"M", k);
    coordinate(place_x(s[0].x[0], r), out);
    sk_buf_addf(out, " %d", HEIGHT - BOTTOM);
    for (size_t i = 1; i < s[0].n; i++) {
        double y = place_y(edge(s, k, i), r);
        if (lround(y * 10) != lround(at * 10)) {
            sk_buf_addc(out, 'V');
            coordinate(y, out);
            at = y;
        }
        sk_buf_addc(out, 'H');
        coordinate(place_x(s[0].x[i], r), out);
    }
    sk_buf_addf(out, "V%dZ\"/>\n", HEIGHT - BOTTOM);
}

/* The highest band first. */
void sk_plot_bands_svg(const sk_series *s, size_t n_series, const char *title, const char *x_name,
                       const char *y_name, sk_buf *out)
{
    static const char fills[] =
        "<style>\n"
        ".b0{fill:#0072b2}.b1{fill:#d55e00}.b2{fill:#009e73}.b3{fill:#cc79a7}\n"
        "@media(prefers-color-scheme:dark){.b0{fill:#56b4e9}.b1{fill:#e69f00}.b2{fill:#2fc79a}"
        ".b3{fill:#e3a3c6}}\n"
        "</style>\n";
    size_t n = n_series < SK_PLOT_SERIES ? n_series : SK_PLOT_SERIES;
    sk_plot_range r;
    begin(fills, title, out);
    if (bands_range(s, n, &r)) {
        for (size_t k = n; k-- > 0;)
            add_band(s, k, &r, out);
        add_axes(&r, out);
        add_legend(s, n, out);
    } else {
        no_points(out);
    }
    end(x_name, y_name, out);
}
