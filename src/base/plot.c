/* plot.c - curves as text: one in braille dots, several with a mark each, ASCII where the locale
 * has no better.
 */
#include "base/plot_scale.h"

#include "base/mem.h"
#include "base/term.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LABEL = 9, /* columns left of the axis */
    LEAST_COLUMNS = 24,
    MOST_COLUMNS = 400,
    LEAST_ROWS = 4,
    MOST_ROWS = 100
};

/* A grid of cells, each of dots_x by dots_y dots.  A cell keeps the dots that are set (braille) or
 * 1 + the number of the series drawn there last. */
typedef struct canvas {
    unsigned char *cell; /* [rows][columns] */
    int columns, rows, dots_x, dots_y;
    bool utf8;
} canvas;

/* The marks of the series, [utf8][series]. */
static const char *const marks[2][SK_PLOT_SERIES] = {{"*", "o", "+", "x"},
                                                     {"\u25cf", "\u25cb", "\u25b2", "\u25a1"}};

/* Sets the dot at (x, y), y downward. */
static void set_dot(canvas *c, int x, int y, size_t series)
{
    static const unsigned char braille[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    assert(x >= 0 && x < c->columns * c->dots_x && y >= 0 && y < c->rows * c->dots_y);
    unsigned char *cell = &c->cell[(y / c->dots_y) * c->columns + x / c->dots_x];
    if (c->dots_y > 1)
        *cell |= braille[y % 4][x % 2];
    else
        *cell = (unsigned char)(1 + series);
}

/* Draws a straight line of dots. */
static void draw_line(canvas *c, int x0, int y0, int x1, int y1, size_t series)
{
    int steps = abs(x1 - x0) > abs(y1 - y0) ? abs(x1 - x0) : abs(y1 - y0);
    for (int i = 0; i <= steps; i++) {
        double t = steps ? (double)i / steps : 0;
        set_dot(c, (int)lround(x0 + t * (x1 - x0)), (int)lround(y0 + t * (y1 - y0)), series);
    }
}

/* Draws one series, joining its points. */
static void draw_series(canvas *c, const sk_series *s, size_t series, const sk_plot_range *r)
{
    int wide = c->columns * c->dots_x - 1, high = c->rows * c->dots_y - 1, px = -1, py = -1;
    assert(series < SK_PLOT_SERIES);
    for (size_t i = 0; i < s->n; i++) {
        if (!sk_plot_point_ok(s, i)) continue;
        int x = (int)lround(sk_plot_part(s->x[i], r->x_low, r->x_high) * wide);
        int y = high - (int)lround(sk_plot_part(s->y[i], r->y_low, r->y_high) * high);
        draw_line(c, px < 0 ? x : px, px < 0 ? y : py, x, y, series);
        px = x;
        py = y;
    }
}

/* Appends one cell. */
static void add_cell(const canvas *c, unsigned char cell, sk_buf *out)
{
    if (!cell) {
        sk_buf_addc(out, ' ');
    } else if (c->dots_y > 1) {
        const char braille[] = {'\xE2', (char)(0xA0 | cell >> 6), (char)(0x80 | (cell & 0x3F)), 0};
        sk_buf_adds(out, braille);
    } else {
        assert(cell <= SK_PLOT_SERIES);
        sk_buf_adds(out, marks[c->utf8][cell - 1]);
    }
}

/* Appends n spaces. */
static void spaces(sk_buf *out, int n)
{
    while (n-- > 0)
        sk_buf_addc(out, ' ');
}

/* Appends a number right-aligned in the label column. */
static void add_label(double v, sk_buf *out)
{
    sk_buf b = SK_BUF_INIT;
    sk_plot_number(v, &b);
    if (b.len) {
        spaces(out, LABEL - 1 - (int)b.len);
        sk_buf_adds(out, b.p);
        sk_buf_addc(out, ' ');
    }
    out->oom |= !sk_buf_ok(&b);
    sk_buf_fini(&b);
}

/* Appends the rows of the canvas with the y axis: labels at the top, the middle and the bottom. */
static void add_rows(const canvas *c, const sk_plot_range *r, sk_buf *out)
{
    for (int y = 0; y < c->rows; y++) {
        bool mid = y == c->rows / 2 && c->rows >= 5;
        if (y == 0)
            add_label(r->y_high, out);
        else if (y == c->rows - 1)
            add_label(r->y_low, out);
        else if (mid)
            add_label(r->y_high - (r->y_high / 2 - r->y_low / 2) * 2 * y / (c->rows - 1), out);
        else
            spaces(out, LABEL);
        sk_buf_adds(out, c->utf8 ? "\u2502" : "|");
        for (int x = 0; x < c->columns; x++)
            add_cell(c, c->cell[y * c->columns + x], out);
        while (out->len && out->p[out->len - 1] == ' ')
            out->p[--out->len] = 0;
        sk_buf_addc(out, '\n');
    }
}

/* Appends the x axis with its ends and its name. */
static void add_x_axis(const canvas *c, const sk_plot_range *r, const char *x_name, sk_buf *out)
{
    spaces(out, LABEL);
    sk_buf_adds(out, c->utf8 ? "\u2514" : "+");
    for (int x = 0; x < c->columns; x++)
        sk_buf_adds(out, c->utf8 ? "\u2500" : "-");
    sk_buf_addc(out, '\n');
    sk_buf low = SK_BUF_INIT, high = SK_BUF_INIT;
    sk_plot_number(r->x_low, &low);
    sk_plot_number(r->x_high, &high);
    int name = (int)strlen(x_name), room = c->columns - (int)low.len - (int)high.len;
    if (sk_buf_ok(&low) && sk_buf_ok(&high)) {
        bool fits = name + 2 <= room;
        int before = fits ? (room - name) / 2 : room;
        spaces(out, LABEL + 1);
        sk_buf_adds(out, low.p);
        spaces(out, before);
        if (fits) {
            sk_buf_adds(out, x_name);
            spaces(out, room - name - before);
        }
        sk_buf_adds(out, high.p);
        sk_buf_addc(out, '\n');
    }
    out->oom |= !sk_buf_ok(&low) || !sk_buf_ok(&high);
    sk_buf_fini(&low);
    sk_buf_fini(&high);
}

/* Appends which mark is which series. */
static void add_legend(const canvas *c, const sk_series *s, size_t n, sk_buf *out)
{
    spaces(out, LABEL + 1);
    for (size_t k = 0; k < n; k++) {
        if (c->dots_y == 1) sk_buf_addf(out, "%s ", marks[c->utf8][k]);
        sk_buf_addf(out, "%s%s", s[k].name, k + 1 < n ? "   " : "\n");
    }
}

/* Holds v between low and high. */
static int hold(int v, int low, int high)
{
    assert(low <= high);
    return v < low ? low : v > high ? high : v;
}

/* Draws up to 4 series as text.  The canvas is what the axes, the title and the legend leave. */
void sk_plot_text(const sk_series *s, size_t n_series, const char *title, const char *x_name,
                  int columns, int rows, sk_buf *out)
{
    sk_plot_range r;
    size_t n = n_series < SK_PLOT_SERIES ? n_series : SK_PLOT_SERIES;
    sk_buf_addf(out, "%s\n", title);
    if (!sk_plot_range_of(s, n, &r)) {
        sk_buf_adds(out, "(no points)\n");
        return;
    }
    canvas c = {.columns = hold(columns, LEAST_COLUMNS, MOST_COLUMNS) - LABEL - 1,
                .rows = hold(rows - 4, LEAST_ROWS, MOST_ROWS),
                .utf8 = sk_term_utf8()};
    bool braille = c.utf8 && n == 1;
    c.dots_x = braille ? 2 : 1;
    c.dots_y = braille ? 4 : 1;
    c.cell = sk_calloc(SK_MEM_MISC, (size_t)c.columns, (size_t)c.rows);
    if (!c.cell) {
        out->oom = true;
        return;
    }
    assert(c.columns > 0 && c.rows > 0 && n);
    for (size_t k = n; k-- > 0;)
        draw_series(&c, &s[k], k, &r);
    add_rows(&c, &r, out);
    add_x_axis(&c, &r, x_name, out);
    add_legend(&c, s, n, out);
    sk_free(c.cell);
}
