/* t_plot.c - curves as text and SVG: shape, limits, senseless data, hostile names. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/json.h"
#include "base/plot.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>

enum { N = 200 };

static double x[N], y[N], z[N];
static sk_buf b;

static int make(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++) {
        x[i] = i * 10;
        y[i] = 2 + 8 * exp(-i / 40.0);
        z[i] = 12 - y[i];
    }
    return 0;
}

static int drop(void **state)
{
    (void)state;
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    (void)setlocale(LC_ALL, "C");
    sk_buf_fini(&b);
    return 0;
}

/* Lines of the text, and the columns of the widest. */
static int shape(const char *s, int *columns)
{
    int lines = 0;
    *columns = 0;
    while (*s) {
        int width = 0;
        size_t n = strcspn(s, "\n");
        for (size_t i = 0; i < n; i++)
            width += ((unsigned char)s[i] & 0xC0) != 0x80;
        if (width > *columns) *columns = width;
        lines++;
        s += n + (s[n] == '\n');
    }
    return lines;
}

/* A falling line goes from the top left to the bottom right, one mark a column. */
static void straight_line(void **state)
{
    (void)state;
    double px[2] = {0, 13}, py[2] = {1, 0};
    const sk_series s = {"down", px, py, 2};
    sk_plot_text(&s, 1, "title", "step", 24, 10, &b);
    assert_string_equal(b.p, "title\n"
                             "       1 |**\n"
                             "         |  **\n"
                             "         |    ***\n"
                             "     0.4 |       ***\n"
                             "         |          **\n"
                             "       0 |            **\n"
                             "         +--------------\n"
                             "          0   step    13\n"
                             "          * down\n");
}

static void size_is_kept(void **state)
{
    (void)state;
    static const struct {
        int columns, rows;
    } sizes[] = {{80, 20}, {24, 8}, {100, 50}, {0, 0}, {-7, -7}, {1, 1}, {100000, 100000}};
    const sk_series s[2] = {{"train", x, y, N}, {"valid", x, z, N}};
    static const char *const locales[] = {"C", "C.UTF-8"};
    for (size_t l = 0; l < 2; l++) {
        (void)setlocale(LC_CTYPE, locales[l]);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t n = 1; n <= 2; n++) {
                int columns, rows;
                sk_buf_reset(&b);
                sk_plot_text(s, n, "loss", "step", sizes[i].columns, sizes[i].rows, &b);
                assert_true(sk_utf8_valid(b.p, b.len));
                rows = shape(b.p, &columns);
                int most = sizes[i].columns < 24    ? 24
                           : sizes[i].columns > 400 ? 400
                                                    : sizes[i].columns;
                assert_true(columns <= most + 12);
                assert_true(rows <= 105 && rows >= 8);
                if (sizes[i].rows >= 8 && sizes[i].rows <= 100)
                    assert_int_equal(rows, sizes[i].rows);
            }
    }
}

/* Both curves are there with their marks, and the legend says which is which. */
static void marks_and_legend(void **state)
{
    (void)state;
    const sk_series s[5] = {
        {"a", x, y, N}, {"b", x, z, N}, {"c", x, x, N}, {"d", x, y, N}, {"never", x, y, N}};
    sk_plot_text(s, 5, "t", "step", 60, 20, &b);
    assert_contains(b.p, "* a   o b   + c   x d\n");
    assert_null(strstr(b.p, "never"));
    sk_buf_reset(&b);
    sk_plot_text(s, 2, "t", "step", 60, 20, &b);
    assert_contains(b.p, "**");
    assert_contains(b.p, "oo");
    assert_contains(b.p, "\n          0                    step                     1990\n");
}

/* Nothing to draw is said; one point, one value, the largest numbers there are: drawn without a
 * fault. */
static void odd_data(void **state)
{
    (void)state;
    static const double nan2[2] = {NAN, INFINITY}, same[3] = {5, 5, 5}, zero[3] = {0, 0, 0};
    static const double huge[3] = {-DBL_MAX, DBL_MAX, DBL_MAX}, tiny[3] = {0, 5e-324, 1e-323},
                        mixed[3] = {1, NAN, 3};
    static const double edge[3] = {DBL_MAX, DBL_MAX, DBL_MAX}, neg[3] = {-1e-310, -1e-310, -1e-310};
    const double *sets[] = {same, zero, huge, tiny, mixed, edge, neg};
    const sk_series none[2] = {{"n", nan2, nan2, 2}, {"e", NULL, NULL, 0}};
    sk_plot_text(none, 2, "t", "s", 40, 10, &b);
    assert_string_equal(b.p, "t\n(no points)\n");
    sk_buf_reset(&b);
    sk_plot_svg(none, 2, "t", "s", "y", &b);
    assert_contains(b.p, "no points");
    sk_plot_text(NULL, 0, "t", "s", 40, 10, &b);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        for (size_t j = 0; j < sizeof sets / sizeof *sets; j++)
            for (size_t n = 1; n <= 3; n++) {
                const sk_series s = {"odd", sets[i], sets[j], n};
                sk_buf_reset(&b);
                sk_plot_text(&s, 1, "t", "s", 60, 12, &b);
                assert_contains(b.p, "*");
                sk_plot_svg(&s, 1, "t", "s", "y", &b);
                assert_true(sk_buf_ok(&b));
                assert_null(strstr(b.p, "nan"));
                assert_null(strstr(b.p, "inf,"));
            }
}

/* Runs xmllint over the buffer, where there is one. */
static bool well_formed(void)
{
    if (!unit_have("xmllint")) return true;
    char dir[512];
    sk_buf out = SK_BUF_INIT;
    (void)snprintf(dir, sizeof dir, "%s", unit_tmpdir());
    unit_write(unit_path(dir, "p.svg"), b.p, b.len);
    int rc = unit_shell("xmllint --noout \"$1/p.svg\"", dir, &out);
    unit_rm_rf(dir);
    sk_buf_fini(&out);
    return rc == 0;
}

static void svg(void **state)
{
    (void)state;
    const sk_series s[2] = {{"train", x, y, N}, {"valid", x, z, N}};
    sk_plot_svg(s, 2, "loss", "step", "nats", &b);
    assert_contains(b.p, "viewBox=\"0 0 720 360\"");
    assert_contains(b.p, "prefers-color-scheme:dark");
    assert_contains(b.p, "class=\"s0\"");
    assert_contains(b.p, "class=\"s1\"");
    assert_contains(b.p, ">nats</text>");
    assert_contains(b.p, ">1500</text>");
    assert_null(strstr(b.p, "<script"));
    assert_true(well_formed());
}

/* Names from outside stay text. */
static void hostile_names(void **state)
{
    (void)state;
    static const char *const names[] = {"</text><script>alert(1)</script>", "a & b \"c\" 'd' ]]>",
                                        "\x01\x1b[31m\x7f", "\xFF\xC3", "gr\xC3\xBC\xC3\x9F"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const sk_series s = {names[i], x, y, N};
        sk_buf_reset(&b);
        sk_plot_svg(&s, 1, names[i], names[i], names[i], &b);
        assert_null(strstr(b.p, "<script"));
        assert_true(sk_utf8_valid(b.p, b.len));
        assert_true(well_formed());
    }
}

/* Shares of time, one on the other; what can't be drawn counts as nothing. */
static void bands(void **state)
{
    (void)state;
    double at[4] = {0, 10, 20, 30}, low[4] = {9, 1, 1, 3}, top[4] = {9, 1, 3, NAN};
    const sk_series s[2] = {{"serving", at, low, 4}, {"training", at, top, 4}};
    sk_plot_bands_svg(s, 2, "cores", "minutes", "cores", &b);
    assert_true(well_formed());
    /* 4 is the highest stack: the axis is at 312, the top at 40, a unit is 68 high. */
    assert_contains(b.p,
                    "<path class=\"b1\" d=\"M64.0 312V176.0H277.3V40.0H490.7V108.0H704.0V312Z\"/>");
    assert_contains(b.p, "<path class=\"b0\" d=\"M64.0 312V244.0H277.3H490.7V108.0H704.0V312Z\"/>");
    assert_true(strstr(b.p, "class=\"b1\"") < strstr(b.p, "class=\"b0\""));
    assert_contains(b.p, ">serving</text>");
    const struct {
        double x[3], y[3];
        size_t n;
    } none[] = {{{0}, {1}, 1},
                {{1, 1, 1}, {1, 1, 1}, 3},
                {{2, 1, 3}, {1, 1, 1}, 3},
                {{0, NAN, 2}, {1, 1, 1}, 3},
                {{0}, {0}, 0}};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        const sk_series one = {"a", none[i].x, none[i].y, none[i].n};
        sk_buf_reset(&b);
        sk_plot_bands_svg(&one, 1, "t", "x", "y", &b);
        assert_contains(b.p, "no points");
        assert_true(well_formed());
    }
    double huge[3] = {0, DBL_MAX, DBL_MAX}, minus[3] = {0, -1, -INFINITY};
    const sk_series odd[3] = {{"a", at, huge, 3}, {"b", at, huge, 3}, {"c", at, minus, 3}};
    sk_buf_reset(&b);
    sk_plot_bands_svg(odd, 3, "t", "x", "y", &b);
    assert_true(well_formed());
}

static sk_status plot_starved(void *as_svg, sk_err *e)
{
    const sk_series s = {"train", x, y, N};
    if (*(const bool *)as_svg) {
        sk_plot_svg(&s, 1, "t", "x", "y", &b);
        sk_plot_bands_svg(&s, 1, "t", "x", "y", &b);
    } else {
        sk_plot_text(&s, 1, "t", "x", 60, 12, &b);
    }
    return unit_starved_buf(&b, e);
}

static void no_memory(void **state)
{
    (void)state;
    unit_starve(plot_starved, &(bool){false}, 100, 0);
    unit_starve(plot_starved, &(bool){true}, 100, 0);
}

#define PLOT(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLOT(straight_line), PLOT(size_is_kept), PLOT(marks_and_legend), PLOT(odd_data), PLOT(svg),
        PLOT(hostile_names), PLOT(bands),        PLOT(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
