/* metric.c - atomic cells, and their text (Prometheus text exposition format 0.0.4). */
#include "base/metric.h"

#include "base/json.h"
#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

/* A counter or gauge has one cell, a histogram one per bucket (n_bounds + 1, the last up to
 * infinity) and one for the sum.  Values and sums are doubles by their bits; bucket counts are
 * integers. */
struct sk_metrics {
    const sk_metric_desc *table;
    size_t n;
    size_t *first; /* [n] a row's first cell */
    _Atomic uint64_t *cells;
};

/* Cells that a row needs. */
static size_t cells_of(const sk_metric_desc *d)
{
    return d->type == SK_METRIC_HISTOGRAM ? d->n_bounds + 2 : 1;
}

/* Metrics for a table of n rows. */
sk_metrics *sk_metrics_new(const sk_metric_desc *table, size_t n)
{
    size_t n_cells = 0;
    for (size_t i = 0; i < n; i++)
        n_cells += cells_of(&table[i]);
    sk_metrics *m = sk_calloc(SK_MEM_MISC, 1, sizeof *m);
    if (!m) return NULL;
    m->table = table;
    m->n = n;
    m->first = sk_calloc(SK_MEM_MISC, n, sizeof *m->first);
    m->cells = sk_calloc(SK_MEM_MISC, n_cells, sizeof *m->cells);
    if (!m->first || !m->cells) {
        sk_metrics_free(m);
        return NULL;
    }
    for (size_t i = 0, cell = 0; i < n; i++) {
        m->first[i] = cell;
        cell += cells_of(&table[i]);
    }
    return m;
}

/* Frees m; NULL is allowed. */
void sk_metrics_free(sk_metrics *m)
{
    if (!m) return;
    sk_free(m->first);
    sk_free((void *)m->cells);
    sk_free(m);
}

/* A double from its bits. */
static double number_of(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

/* The bits of a double. */
static uint64_t bits_of(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

/* Adds v to the double in a cell. */
static void cell_add(_Atomic uint64_t *cell, double v)
{
    uint64_t old = atomic_load_explicit(cell, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(cell, &old, bits_of(number_of(old) + v),
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Adds v to a counter or gauge. */
void sk_metric_add(sk_metrics *m, size_t id, double v)
{
    assert(id < m->n && m->table[id].type != SK_METRIC_HISTOGRAM);
    assert(m->table[id].type == SK_METRIC_GAUGE || v >= 0);
    cell_add(&m->cells[m->first[id]], v);
}

/* Sets a gauge. */
void sk_metric_set(sk_metrics *m, size_t id, double v)
{
    assert(id < m->n && m->table[id].type == SK_METRIC_GAUGE);
    atomic_store_explicit(&m->cells[m->first[id]], bits_of(v), memory_order_relaxed);
}

/* Records one observation: a value on a bound counts below it ("le"). */
void sk_metric_observe(sk_metrics *m, size_t id, double v)
{
    assert(id < m->n && m->table[id].type == SK_METRIC_HISTOGRAM);
    if (isnan(v)) return;
    const sk_metric_desc *d = &m->table[id];
    _Atomic uint64_t *cell = &m->cells[m->first[id]];
    size_t i = 0;
    while (i < d->n_bounds && v > d->bounds[i])
        i++;
    atomic_fetch_add_explicit(&cell[i], 1, memory_order_relaxed);
    cell_add(&cell[d->n_bounds + 1], v);
}

/* Current value of a counter or gauge; number of observations of a histogram. */
double sk_metric_get(sk_metrics *m, size_t id)
{
    assert(id < m->n);
    const sk_metric_desc *d = &m->table[id];
    _Atomic uint64_t *cell = &m->cells[m->first[id]];
    if (d->type != SK_METRIC_HISTOGRAM)
        return number_of(atomic_load_explicit(cell, memory_order_relaxed));
    uint64_t count = 0;
    for (size_t i = 0; i <= d->n_bounds; i++)
        count += atomic_load_explicit(&cell[i], memory_order_relaxed);
    return (double)count;
}

/* Appends a value in the format's spelling. */
static void add_value(sk_buf *out, double v)
{
    if (isnan(v))
        sk_buf_adds(out, "NaN");
    else if (isinf(v))
        sk_buf_adds(out, v > 0 ? "+Inf" : "-Inf");
    else
        sk_json_add_num(out, v);
}

/* Appends help text: only backslash and newline are escaped in a HELP line. */
static void add_help(sk_buf *out, const char *s)
{
    for (; *s; s++) {
        if (*s == '\\')
            sk_buf_adds(out, "\\\\");
        else if (*s == '\n')
            sk_buf_adds(out, "\\n");
        else
            sk_buf_addc(out, *s);
    }
}

/* Appends "NAME<suffix>{labels,<extra>} ", the labels being those in the row's name. */
static void add_name(sk_buf *out, const sk_metric_desc *d, const char *suffix, const char *extra)
{
    size_t base = strcspn(d->name, "{");
    const char *labels = d->name + base;
    size_t n = strlen(labels);
    sk_buf_add(out, d->name, base);
    sk_buf_adds(out, suffix);
    if (n > 2 || extra[0]) {
        sk_buf_addc(out, '{');
        if (n > 2) sk_buf_add(out, labels + 1, n - 2);
        if (n > 2 && extra[0]) sk_buf_addc(out, ',');
        sk_buf_adds(out, extra);
        sk_buf_addc(out, '}');
    }
    sk_buf_addc(out, ' ');
}

/* Appends a histogram's lines.  The count is the sum of the buckets read, so that the lines agree
 * with each other even while observations come in. */
static void add_histogram(sk_metrics *m, size_t id, const sk_metric_desc *d, sk_buf *out)
{
    _Atomic uint64_t *cell = &m->cells[m->first[id]];
    uint64_t count = 0;
    sk_buf le = SK_BUF_INIT;
    for (size_t i = 0; i <= d->n_bounds; i++) {
        count += atomic_load_explicit(&cell[i], memory_order_relaxed);
        sk_buf_reset(&le);
        sk_buf_adds(&le, "le=\"");
        add_value(&le, i < d->n_bounds ? d->bounds[i] : INFINITY);
        sk_buf_adds(&le, "\"");
        if (!sk_buf_ok(&le)) break;
        add_name(out, d, "_bucket", le.p);
        sk_buf_addf(out, "%llu\n", (unsigned long long)count);
    }
    out->oom |= !sk_buf_ok(&le);
    sk_buf_fini(&le);
    add_name(out, d, "_sum", "");
    add_value(out, number_of(atomic_load_explicit(&cell[d->n_bounds + 1], memory_order_relaxed)));
    sk_buf_addc(out, '\n');
    add_name(out, d, "_count", "");
    sk_buf_addf(out, "%llu\n", (unsigned long long)count);
}

/* True when rows a and b have the same name but for the labels. */
static bool same_family(const sk_metric_desc *a, const sk_metric_desc *b)
{
    size_t n = strcspn(a->name, "{");
    return n == strcspn(b->name, "{") && memcmp(a->name, b->name, n) == 0;
}

/* The two lines before a family. */
static void add_head(const sk_metric_desc *d, sk_buf *out)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    int base = (int)strcspn(d->name, "{");
    sk_buf_addf(out, "# HELP %.*s ", base, d->name);
    add_help(out, d->help);
    sk_buf_addf(out, "\n# TYPE %.*s %s\n", base, d->name, types[d->type]);
}

/* The lines of row id, under the name in d. */
static void add_row(sk_metrics *m, size_t id, const sk_metric_desc *d, sk_buf *out)
{
    if (d->type == SK_METRIC_HISTOGRAM) {
        add_histogram(m, id, d, out);
        return;
    }
    add_name(out, d, "", "");
    add_value(out, sk_metric_get(m, id));
    sk_buf_addc(out, '\n');
}

/* Appends all rows. */
void sk_metrics_text(sk_metrics *m, sk_buf *out)
{
    for (size_t i = 0; i < m->n; i++) {
        const sk_metric_desc *d = &m->table[i];
        if (i == 0 || !same_family(d, &m->table[i - 1])) add_head(d, out);
        add_row(m, i, d, out);
    }
}

void sk_metric_text_as(sk_metrics *m, size_t id, const char *name, sk_buf *out)
{
    assert(id < m->n);
    sk_metric_desc d = m->table[id];
    d.name = name;
    add_head(&d, out);
    add_row(m, id, &d, out);
}
