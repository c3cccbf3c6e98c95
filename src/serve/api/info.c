/* info.c - the endpoints that tell: models, health, metrics, version. */
#include "serve/api/api.h"
#include "serve/api/keys.h"

#include "base/json.h"
#include "serve/sched/stats.h"

#include <inttypes.h>
#include <string.h>

/* The model's object; the members after owned_by are ours. */
static void add_model(const srv_api *api, sk_buf *b)
{
    sk_buf_adds(b, "{\"id\":");
    sk_json_add_str(b, api->eng->model, strlen(api->eng->model));
    sk_buf_addf(b,
                ",\"object\":\"model\",\"created\":%" PRId64 ",\"owned_by\":\"stokehold\","
                "\"context_length\":%zu,\"parameters\":%zu,\"architecture\":",
                api->started_s, api->eng->n_ctx, api->n_params);
    sk_json_add_str(b, api->model_arch, strlen(api->model_arch));
    sk_buf_adds(b, ",\"dtype\":");
    sk_json_add_str(b, api->model_dtype, strlen(api->model_dtype));
    sk_buf_addf(b, ",\"chat\":%s}", api->eng->has_chat ? "true" : "false");
}

/* GET /v1/models */
void srv_get_models(srv_api *api, srv_req *r)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "{\"object\":\"list\",\"data\":[");
    add_model(api, &b);
    sk_buf_adds(&b, "]}\n");
    srv_api_reply(r, 200, "application/json", &b);
}

/* GET /v1/models/{id} */
void srv_get_model(srv_api *api, srv_req *r)
{
    srv_fault f = {0};
    if (srv_api_check_model(api, srv_req_head(r)->path + strlen("/v1/models/"), &f)) {
        srv_reply_fault(r, &f);
        return;
    }
    sk_buf b = SK_BUF_INIT;
    add_model(api, &b);
    sk_buf_addc(&b, '\n');
    srv_api_reply(r, 200, "application/json", &b);
}

/* GET /health: what the engine thread really does, not whether this thread can answer. */
void srv_get_health(srv_api *api, srv_req *r)
{
    uint64_t busy_us = srv_sched_busy_us(api->sched);
    bool stuck = busy_us / 1000 > api->stuck_ms;
    const char *status = stuck ? "stuck" : api->draining ? "draining" : "ok";
    sk_buf b = SK_BUF_INIT;
    sk_buf_addf(&b,
                "{\"status\":\"%s\",\"steps\":%.0f,\"step_running_ms\":%" PRIu64
                ",\"running\":%.0f,\"waiting\":%.0f}\n",
                status, sk_metric_get(api->metrics, SRV_M_STEPS), busy_us / 1000,
                sk_metric_get(api->metrics, SRV_M_RUNNING),
                sk_metric_get(api->metrics, SRV_M_WAITING));
    srv_req_header(r, "Cache-Control", "no-store");
    srv_api_reply(r, stuck || api->draining ? 503 : 200, "application/json", &b);
}

/* GET /health/live: a supervisor should restart only what does not answer. */
void srv_get_live(srv_api *api, srv_req *r)
{
    (void)api;
    static const char text[] = "{\"status\":\"ok\"}\n";
    srv_req_header(r, "Cache-Control", "no-store");
    srv_reply(r, 200, "application/json", text, sizeof text - 1);
}

/* GET /metrics */
void srv_get_metrics(srv_api *api, srv_req *r)
{
    sk_buf b = SK_BUF_INIT;
    sk_metric_set(api->metrics, SRV_M_CONNS, (double)srv_http_conns(api->http));
    sk_metric_set(api->metrics, SRV_M_SLOTS, (double)api->eng->n_slots);
    srv_stats_text(api->metrics, &b);
    srv_run_metrics(api, &b);
    srv_api_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", &b);
}

/* GET /usage */
void srv_get_usage(srv_api *api, srv_req *r)
{
    sk_buf b = SK_BUF_INIT;
    uint32_t key = srv_req_mark_of(r)->key;
    srv_fault f = {0};
    if (!key) {
        (void)srv_fail(&f, SRV_NO_PATH, NULL, "usage is kept by key, and this server has none");
        srv_reply_fault(r, &f);
        return;
    }
    srv_keyfile one = {.row = (srv_key_row[]){*srv_keys_row(api->keys, key)}, .n = 1};
    srv_keyfile_json(&one, &b);
    srv_req_header(r, "Cache-Control", "no-store");
    srv_api_reply(r, 200, "application/json", &b);
}

/* GET /version */
void srv_get_version(srv_api *api, srv_req *r)
{
    (void)api;
    static const char text[] = "{\"name\":\"stoke\",\"version\":\"" SK_VERSION "\"}\n";
    srv_reply(r, 200, "application/json", text, sizeof text - 1);
}
