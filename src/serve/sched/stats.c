/* stats.c - the metrics table, its Prometheus text and its documentation. */
#include "serve/sched/stats.h"

#include "base/mem.h"
#include "engine/engine.h"

#include <inttypes.h>

/* Buckets that dashboards of this field expect for times to the first token, in seconds. */
static const double seconds[] = {.001, .005, .01, .02, .04, .06, .08, .1, .25, .5, .75,
                                 1,    2.5,  5,   7.5, 10,  20,  40,  80, 160, 640};

#define N_SECONDS (sizeof seconds / sizeof *seconds)
#define METRIC_ROW(id, name, type, help)                                                           \
    [id] = {name, help, SK_METRIC_##type,                                                          \
            SK_METRIC_##type == SK_METRIC_HISTOGRAM ? seconds : NULL,                              \
            SK_METRIC_##type == SK_METRIC_HISTOGRAM ? N_SECONDS : 0},
static const sk_metric_desc table[SRV_METRIC_N] = {SRV_METRIC_TABLE(METRIC_ROW)};
#undef METRIC_ROW

/* What vLLM has, too. */
static const struct {
    srv_metric_id id;
    const char *name;
} others[] = {
    {SRV_M_RUNNING, "vllm:num_requests_running"},
    {SRV_M_WAITING, "vllm:num_requests_waiting"},
    {SRV_M_KV_USED, "vllm:kv_cache_usage_perc"},
    {SRV_M_PREFIX_QUERIES, "vllm:prefix_cache_queries_total"},
    {SRV_M_PREFIX_HITS, "vllm:prefix_cache_hits_total"},
    {SRV_M_PREEMPTED, "vllm:num_preemptions_total"},
    {SRV_M_PROMPT_TOKENS, "vllm:prompt_tokens_total"},
    {SRV_M_OUT_TOKENS, "vllm:generation_tokens_total"},
    {SRV_M_FINISHED, "vllm:request_success_total"},
    {SRV_M_QUEUE_SECONDS, "vllm:request_queue_time_seconds"},
    {SRV_M_TTFT_SECONDS, "vllm:time_to_first_token_seconds"},
    {SRV_M_ITL_SECONDS, "vllm:inter_token_latency_seconds"},
    {SRV_M_E2E_SECONDS, "vllm:e2e_request_latency_seconds"},
};

#define N_OTHERS (sizeof others / sizeof *others)

/* Metrics over the table. */
sk_metrics *srv_stats_new(void)
{
    return sk_metrics_new(table, SRV_METRIC_N);
}

/* The same under other names.  A model's name may have what a label's value has to escape. */
static void add_others(sk_metrics *m, const char *model, sk_buf *out)
{
    sk_buf name = SK_BUF_INIT;
    for (size_t i = 0; i < N_OTHERS; i++) {
        sk_buf_reset(&name);
        sk_buf_addf(&name, "%s{model_name=\"", others[i].name);
        for (const char *c = model; *c; c++) {
            if (*c == '"' || *c == '\\') sk_buf_addc(&name, '\\');
            sk_buf_addc(&name, *c == '\n' ? ' ' : *c);
        }
        sk_buf_adds(&name, "\"}");
        if (!sk_buf_ok(&name)) break;
        sk_metric_text_as(m, others[i].id, name.p, out);
    }
    if (!sk_buf_ok(&name)) out->oom = true;
    sk_buf_fini(&name);
}

/* The table, then the memory, which base counts itself. */
void srv_stats_text(sk_metrics *m, const char *model, sk_buf *out)
{
    sk_metrics_text(m, out);
    sk_buf_adds(out, "# HELP stoke_memory_bytes bytes held, by kind\n"
                     "# TYPE stoke_memory_bytes gauge\n");
    for (int k = 0; k < SK_MEM_N; k++)
        sk_buf_addf(out, "stoke_memory_bytes{kind=\"%s\"} %" PRIu64 "\n",
                    sk_mem_kind_name((sk_mem_kind)k), sk_mem_bytes((sk_mem_kind)k));
    add_others(m, model, out);
}

/* One line a metric. */
void srv_stats_markdown(void (*share)(sk_buf *out), sk_buf *out)
{
    static const char *const type[] = {"counter", "gauge", "histogram"};
    sk_buf_adds(out, "# Metrics\n\n"
                     "`GET /metrics` answers in Prometheus' text format 0.0.4. Times are in "
                     "seconds. This page is made from the\nserver's own table: `stoke serve "
                     "--docs metrics`.\n\n"
                     "| name | type | meaning |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < SRV_METRIC_N; i++)
        sk_buf_addf(out, "| `%s` | %s | %s |\n", table[i].name, type[table[i].type], table[i].help);
    sk_buf_adds(out,
                "| `stoke_model_version_info{model,version,live}` | gauge | 1 for each version of "
                "a model that answers, with live 0 for those that only end their requests |\n");
    sk_buf_adds(out, "| `stoke_memory_bytes{kind}` | gauge | bytes held, by kind:");
    for (int k = 0; k < SK_MEM_N; k++)
        sk_buf_addf(out, "%s `%s`", k ? "," : "", sk_mem_kind_name((sk_mem_kind)k));
    sk_buf_adds(out, " |\n\n## Under vLLM's names\n\nThe same figures once more, with the label "
                     "`model_name`, for dashboards made for vLLM.\n`docs/grafana.json` is a "
                     "dashboard over these and those above.\n\n| name | the same as |\n| --- | "
                     "--- |\n");
    for (size_t i = 0; i < N_OTHERS; i++)
        sk_buf_addf(out, "| `%s` | `%s` |\n", others[i].name, table[others[i].id].name);
    sk_buf_adds(out,
                "\n## Shared with trainers\n\nWith `--share FILE`, of all servers and trainers "
                "that have the same file, since it was made.\n\n"
                "| name | type | meaning |\n| --- | --- | --- |\n");
    share(out);
    sk_buf_adds(
        out, "\n## Of a training run\n\nWith `--run DIR` also those of the run in folder DIR; "
             "`stoke watch DIR --prom` prints them without a\nserver. Figures that are not known "
             "are left out. The label is DIR as it was given.\n\n"
             "| name | type | meaning |\n| --- | --- | --- |\n");
    eng_run_prom_markdown(out);
    sk_buf_adds(
        out, "\nFor the textfile collector of Prometheus' node_exporter, from cron or a timer:\n\n"
             "    stoke watch DIR --prom >mine.prom.new && mv mine.prom.new "
             "/var/lib/node_exporter/mine.prom\n");
}
