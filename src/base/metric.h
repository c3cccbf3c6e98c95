/* metric.h - counters, gauges and histograms in Prometheus' text format.
 *
 * A program declares its metrics in one table; the text, and docs/metrics.md, come from it. Updates
 * are atomic and lock-free; reading is a snapshot.
 */
#ifndef SK_BASE_METRIC_H
#define SK_BASE_METRIC_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

typedef enum sk_metric_type {
    SK_METRIC_COUNTER,
    SK_METRIC_GAUGE,
    SK_METRIC_HISTOGRAM
} sk_metric_type;

/* One row of the table; `id` is its index.  A name may end in labels, as in mem_bytes{kind="kv"};
 * rows that differ only in labels stand together and share the first one's help and type. */
typedef struct sk_metric_desc {
    const char *name, *help;
    sk_metric_type type;
    const double *bounds; /* histogram: ascending upper bounds */
    size_t n_bounds;
} sk_metric_desc;

typedef struct sk_metrics sk_metrics;

/* Metrics for a table of n rows (kept by the caller for the life of the object).  NULL without
 * memory. */
sk_metrics *sk_metrics_new(const sk_metric_desc *table, size_t n);

/* Frees m; NULL is allowed.  No update may be under way. */
void sk_metrics_free(sk_metrics *m);

/* Adds to a counter (v >= 0) or a gauge. */
void sk_metric_add(sk_metrics *m, size_t id, double v);

/* Sets a gauge. */
void sk_metric_set(sk_metrics *m, size_t id, double v);

/* Records one observation in a histogram; what is not a number is passed over, since it would spoil
 * the sum for good. */
void sk_metric_observe(sk_metrics *m, size_t id, double v);

/* Current value of a counter or gauge; number of observations of a histogram. */
double sk_metric_get(sk_metrics *m, size_t id);

/* All rows in text exposition format 0.0.4. */
void sk_metrics_text(sk_metrics *m, sk_buf *out);

/* Row `id` once more under another name, which may end in labels: for dashboards that were made for
 * other programs. */
void sk_metric_text_as(sk_metrics *m, size_t id, const char *name, sk_buf *out);

#endif
