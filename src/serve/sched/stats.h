/* stats.h - the metrics of the server: one table, for /metrics and docs/metrics.md. */
#ifndef SRV_SCHED_STATS_H
#define SRV_SCHED_STATS_H

#include "base/metric.h"

#define SRV_METRIC_TABLE(ROW)                                                                      \
    ROW(SRV_M_ANSWERS_2XX, "stoke_http_answers_ok_total", COUNTER,                                 \
        "answers with a 2xx or 3xx "                                                               \
        "status")                                                                                  \
    ROW(SRV_M_ANSWERS_4XX, "stoke_http_answers_refused_total", COUNTER,                            \
        "answers with a 4xx status other than 429")                                                \
    ROW(SRV_M_ANSWERS_429, "stoke_http_answers_overloaded_total", COUNTER,                         \
        "requests turned away with 429 because the queue was full")                                \
    ROW(SRV_M_ANSWERS_5XX, "stoke_http_answers_failed_total", COUNTER,                             \
        "answers with a 5xx status")                                                               \
    ROW(SRV_M_GONE, "stoke_http_clients_gone_total", COUNTER,                                      \
        "requests whose client went away before the end of its answer")                            \
    ROW(SRV_M_CONNS, "stoke_http_connections", GAUGE, "open connections")                          \
    ROW(SRV_M_PREPARING, "stoke_requests_preparing", GAUGE,                                        \
        "requests that are read or wait to be, before they wait for a slot; short ones never do")  \
    ROW(SRV_M_WRITTEN_ASIDE, "stoke_answers_written_aside_total", COUNTER,                         \
        "whole answers with so many log-probabilities that another thread wrote them")             \
    ROW(SRV_M_WAITING, "stoke_requests_waiting", GAUGE, "generations waiting for a slot")          \
    ROW(SRV_M_RUNNING, "stoke_requests_running", GAUGE, "generations that hold a slot")            \
    ROW(SRV_M_SLOTS, "stoke_slots", GAUGE, "generations that can run at once")                     \
    ROW(SRV_M_KV_USED, "stoke_kv_used_ratio", GAUGE,                                               \
        "part of the KV cache that running sequences hold")                                        \
    ROW(SRV_M_KV_PROMISED, "stoke_kv_promised_ratio", GAUGE,                                       \
        "the same with what was promised to them")                                                 \
    ROW(SRV_M_KV_KEPT, "stoke_kv_kept_ratio", GAUGE,                                               \
        "part of the KV cache that remembers beginnings nobody uses now")                          \
    ROW(SRV_M_PREFIX_QUERIES, "stoke_prefix_cache_queries_total", COUNTER,                         \
        "tokens looked up in the prefix cache")                                                    \
    ROW(SRV_M_PREFIX_HITS, "stoke_prefix_cache_hits_total", COUNTER,                               \
        "tokens found in the prefix cache")                                                        \
    ROW(SRV_M_PREEMPTED, "stoke_preemptions_total", COUNTER,                                       \
        "generations that gave their memory up for older ones and went on later")                  \
    ROW(SRV_M_FINISHED, "stoke_generations_finished_total", COUNTER,                               \
        "generations that ended by themselves")                                                    \
    ROW(SRV_M_CANCELLED, "stoke_generations_cancelled_total", COUNTER,                             \
        "generations ended because their client went away")                                        \
    ROW(SRV_M_EXPIRED, "stoke_generations_expired_total", COUNTER,                                 \
        "generations ended because their deadline had passed")                                     \
    ROW(SRV_M_FAILED, "stoke_generations_failed_total", COUNTER,                                   \
        "generations ended by a fault of the engine or by shutdown")                               \
    ROW(SRV_M_PROMPT_TOKENS, "stoke_prompt_tokens_total", COUNTER, "tokens of prompts accepted")   \
    ROW(SRV_M_CACHED_TOKENS, "stoke_prompt_tokens_cached_total", COUNTER,                          \
        "tokens of prompts that the prefix cache held")                                            \
    ROW(SRV_M_OUT_TOKENS, "stoke_generated_tokens_total", COUNTER, "tokens generated")             \
    ROW(SRV_M_LOADS_OK, "stoke_model_loads_total{result=\"ok\"}", COUNTER,                         \
        "models and adapters loaded while serving")                                                \
    ROW(SRV_M_LOADS_FAILED, "stoke_model_loads_total{result=\"failed\"}", COUNTER,                 \
        "those that failed; what was live before stayed so")                                       \
    ROW(SRV_M_STEPS, "stoke_engine_steps_total", COUNTER,                                          \
        "steps of the engine; stands still when it is idle or stuck")                              \
    ROW(SRV_M_STEP_SECONDS, "stoke_engine_step_seconds", HISTOGRAM, "time of a step")              \
    ROW(SRV_M_QUEUE_SECONDS, "stoke_queue_seconds", HISTOGRAM,                                     \
        "from a request's acceptance to its slot")                                                 \
    ROW(SRV_M_TTFT_SECONDS, "stoke_time_to_first_token_seconds", HISTOGRAM,                        \
        "from a request's acceptance to its first token")                                          \
    ROW(SRV_M_ITL_SECONDS, "stoke_inter_token_seconds", HISTOGRAM,                                 \
        "between two tokens of one answer")                                                        \
    ROW(SRV_M_E2E_SECONDS, "stoke_request_seconds", HISTOGRAM,                                     \
        "from a request's acceptance to its last token")

#define SRV_METRIC_ENUM(id, name, type, help) id,
typedef enum srv_metric_id { SRV_METRIC_TABLE(SRV_METRIC_ENUM) SRV_METRIC_N } srv_metric_id;
#undef SRV_METRIC_ENUM

/* Metrics over the table; NULL without memory. */
sk_metrics *srv_stats_new(void);

/* All of /metrics: the table, the memory held by kind, and what vLLM has too under its names, with
 * the label model_name. */
void srv_stats_text(sk_metrics *m, const char *model, sk_buf *out);

/* The table as docs/metrics.md; `share` appends the rows of what is shared with trainers. */
void srv_stats_markdown(void (*share)(sk_buf *out), sk_buf *out);

#endif
