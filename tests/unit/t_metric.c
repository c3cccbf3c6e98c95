/* t_metric.c - counters, gauges, histograms and their text, under threads too. */
#include "tests/unit/unit.h"

#include "base/fault.h"
#include "base/metric.h"

#include <math.h>
#include <pthread.h>

static const double bounds[] = {0.005, 0.1, 2.5};

enum { REQUESTS, HEAP_KV, HEAP_MISC, LATENCY, BY_KIND, LOAD, N_METRICS };

static const sk_metric_desc table[N_METRICS] = {
    {"requests_total", "requests \\ answered\nso far", SK_METRIC_COUNTER, NULL, 0},
    {"heap_bytes{kind=\"kv\"}", "memory by kind", SK_METRIC_GAUGE, NULL, 0},
    {"heap_bytes{kind=\"misc\"}", "memory by kind", SK_METRIC_GAUGE, NULL, 0},
    {"latency_seconds", "time to answer", SK_METRIC_HISTOGRAM, bounds, 3},
    {"by_kind_seconds{kind=\"a\"}", "labelled", SK_METRIC_HISTOGRAM, bounds, 1},
    {"load", "how busy", SK_METRIC_GAUGE, NULL, 0},
};

static sk_metrics *m;

static int make(void **state)
{
    (void)state;
    m = sk_metrics_new(table, N_METRICS);
    return m ? 0 : -1;
}

static int drop(void **state)
{
    (void)state;
    sk_fault_plan(SK_FAULT_ALLOC, 0, false);
    sk_metrics_free(m);
    return 0;
}

/* The whole text, from which documentation and dashboards are made. */
static void whole_text(void **state)
{
    (void)state;
    sk_metric_add(m, REQUESTS, 3);
    sk_metric_set(m, HEAP_KV, 4096);
    sk_metric_add(m, HEAP_MISC, -1.5);
    sk_metric_set(m, LOAD, NAN);
    sk_metric_observe(m, LATENCY, 0.1);
    sk_metric_observe(m, LATENCY, 0.0);
    sk_metric_observe(m, LATENCY, 99);
    sk_metric_observe(m, BY_KIND, -1);
    sk_buf b = SK_BUF_INIT;
    sk_metrics_text(m, &b);
    assert_string_equal(b.p, "# HELP requests_total requests \\\\ answered\\nso far\n"
                             "# TYPE requests_total counter\n"
                             "requests_total 3\n"
                             "# HELP heap_bytes memory by kind\n"
                             "# TYPE heap_bytes gauge\n"
                             "heap_bytes{kind=\"kv\"} 4096\n"
                             "heap_bytes{kind=\"misc\"} -1.5\n"
                             "# HELP latency_seconds time to answer\n"
                             "# TYPE latency_seconds histogram\n"
                             "latency_seconds_bucket{le=\"0.005\"} 1\n"
                             "latency_seconds_bucket{le=\"0.1\"} 2\n"
                             "latency_seconds_bucket{le=\"2.5\"} 2\n"
                             "latency_seconds_bucket{le=\"+Inf\"} 3\n"
                             "latency_seconds_sum 99.1\n"
                             "latency_seconds_count 3\n"
                             "# HELP by_kind_seconds labelled\n"
                             "# TYPE by_kind_seconds histogram\n"
                             "by_kind_seconds_bucket{kind=\"a\",le=\"0.005\"} 1\n"
                             "by_kind_seconds_bucket{kind=\"a\",le=\"+Inf\"} 1\n"
                             "by_kind_seconds_sum{kind=\"a\"} -1\n"
                             "by_kind_seconds_count{kind=\"a\"} 1\n"
                             "# HELP load how busy\n"
                             "# TYPE load gauge\n"
                             "load NaN\n");
    sk_buf_fini(&b);
}

/* Bounds belong to their bucket; what is no number is not counted, what is endless is. */
static void bucket_edges(void **state)
{
    (void)state;
    static const struct {
        double v, count;
    } rows[] = {{0.005, 1}, {0.005000000001, 2}, {NAN, 2}, {INFINITY, 3}, {-INFINITY, 4}, {2.5, 5}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sk_metric_observe(m, LATENCY, rows[i].v);
        assert_true(sk_metric_get(m, LATENCY) == rows[i].count);
    }
    sk_buf b = SK_BUF_INIT;
    sk_metrics_text(m, &b);
    assert_contains(b.p, "le=\"0.005\"} 2\n");
    assert_contains(b.p, "le=\"0.1\"} 3\n");
    assert_contains(b.p, "le=\"2.5\"} 4\n");
    assert_contains(b.p, "le=\"+Inf\"} 5\n");
    sk_buf_fini(&b);
}

/* A row under other names, with labels of their own. */
static void other_names(void **state)
{
    (void)state;
    sk_metric_add(m, REQUESTS, 2);
    sk_metric_observe(m, LATENCY, 0.1);
    sk_buf b = SK_BUF_INIT;
    sk_metric_text_as(m, REQUESTS, "other:asked_total{model=\"a\"}", &b);
    sk_metric_text_as(m, LATENCY, "other:seconds{model=\"a\"}", &b);
    assert_string_equal(b.p, "# HELP other:asked_total requests \\\\ answered\\nso far\n"
                             "# TYPE other:asked_total counter\n"
                             "other:asked_total{model=\"a\"} 2\n"
                             "# HELP other:seconds time to answer\n"
                             "# TYPE other:seconds histogram\n"
                             "other:seconds_bucket{model=\"a\",le=\"0.005\"} 0\n"
                             "other:seconds_bucket{model=\"a\",le=\"0.1\"} 1\n"
                             "other:seconds_bucket{model=\"a\",le=\"2.5\"} 1\n"
                             "other:seconds_bucket{model=\"a\",le=\"+Inf\"} 1\n"
                             "other:seconds_sum{model=\"a\"} 0.1\n"
                             "other:seconds_count{model=\"a\"} 1\n");
    sk_buf_fini(&b);
}

static void values(void **state)
{
    (void)state;
    assert_true(sk_metric_get(m, REQUESTS) == 0);
    sk_metric_add(m, REQUESTS, 0.25);
    sk_metric_add(m, REQUESTS, 1e15);
    assert_true(sk_metric_get(m, REQUESTS) == 1e15 + 0.25);
    sk_metric_set(m, LOAD, 5);
    sk_metric_add(m, LOAD, -7);
    assert_true(sk_metric_get(m, LOAD) == -2);
    sk_metric_set(m, LOAD, -INFINITY);
    sk_buf b = SK_BUF_INIT;
    sk_metrics_text(m, &b);
    assert_contains(b.p, "\nload -Inf\n");
    sk_buf_fini(&b);
}

static void *hammer(void *arg)
{
    (void)arg;
    for (int i = 0; i < 20000; i++) {
        sk_metric_add(m, REQUESTS, 1);
        sk_metric_add(m, LOAD, i % 2 ? 3 : -3);
        sk_metric_observe(m, LATENCY, i % 4);
    }
    return NULL;
}

/* Nothing is lost between threads, and a text made meanwhile agrees with itself. */
static void threads(void **state)
{
    (void)state;
    pthread_t t[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&t[i], NULL, hammer, NULL), 0);
    for (int i = 0; i < 20; i++) {
        sk_buf b = SK_BUF_INIT;
        sk_metrics_text(m, &b);
        const char *inf = strstr(b.p, "le=\"+Inf\"} "),
                   *count = strstr(b.p, "latency_seconds_count ");
        assert_int_equal(atoll(inf + 11), atoll(count + 22));
        sk_buf_fini(&b);
    }
    for (int i = 0; i < 4; i++)
        (void)pthread_join(t[i], NULL);
    assert_true(sk_metric_get(m, REQUESTS) == 80000);
    assert_true(sk_metric_get(m, LOAD) == 0);
    assert_true(sk_metric_get(m, LATENCY) == 80000);
    sk_buf b = SK_BUF_INIT;
    sk_metrics_text(m, &b);
    assert_contains(b.p, "latency_seconds_sum 120000\n");
    assert_contains(b.p, "latency_seconds_bucket{le=\"2.5\"} 60000\n");
    sk_buf_fini(&b);
}

static sk_status make_table(void *arg, sk_err *e)
{
    (void)arg;
    sk_metrics *t = sk_metrics_new(table, N_METRICS);
    sk_metrics_free(t);
    return t ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the metrics");
}

static sk_status write_text(void *arg, sk_err *e)
{
    (void)arg;
    sk_buf b = SK_BUF_INIT;
    sk_metrics_text(m, &b);
    return unit_starved_buf(&b, e);
}

static void no_memory(void **state)
{
    (void)state;
    assert_true(unit_starve(make_table, NULL, 50, UNIT_TOLD) >= 3);
    unit_starve(write_text, NULL, 50, UNIT_TOLD);
    sk_metrics_free(NULL);
    sk_metrics *none = sk_metrics_new(table, 0);
    sk_buf b = SK_BUF_INIT;
    sk_metrics_text(none, &b);
    assert_int_equal(b.len, 0);
    sk_metrics_free(none);
}

#define WITH_TABLE(f) cmocka_unit_test_setup_teardown(f, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLE(whole_text),  WITH_TABLE(bucket_edges), WITH_TABLE(values),
        WITH_TABLE(other_names), WITH_TABLE(threads),      WITH_TABLE(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
