/* info.c - the endpoints that tell: models, health, metrics, version. */
#include "serve/api/api.h"
#include "serve/api/keys.h"

#include "base/json.h"
#include "serve/sched/hands.h"
#include "serve/sched/stats.h"

#include <inttypes.h>
#include <string.h>

static void add_text(sk_buf *b, const char *s)
{
    sk_json_add_str(b, s ? s : "", s ? strlen(s) : 0);
}

/* A model's object; the members after owned_by are ours. */
static void add_model(const srv_version *v, sk_buf *b)
{
    const eng_model_info *info = &v->core->info;
    sk_buf_adds(b, "{\"id\":");
    add_text(b, v->name);
    sk_buf_addf(b,
                ",\"object\":\"model\",\"created\":%" PRId64 ",\"owned_by\":\"stokehold\","
                "\"context_length\":%zu,\"parameters\":%" PRIu64 ",\"architecture\":",
                v->created, v->eng->n_ctx, info->n_params);
    add_text(b, info->arch);
    sk_buf_adds(b, ",\"dtype\":");
    add_text(b, info->dtype);
    sk_buf_addf(b, ",\"chat\":%s,\"version\":%u}", v->eng->has_chat ? "true" : "false", v->number);
}

/* GET /v1/models */
void srv_get_models(srv_api *api, srv_req *r)
{
    sk_buf b = SK_BUF_INIT;
    sk_buf_adds(&b, "{\"object\":\"list\",\"data\":[");
    bool more = false;
    for (const srv_model *m = srv_roster_first(api->roster); m; m = m->next) {
        if (!m->live) continue;
        if (more) sk_buf_addc(&b, ',');
        add_model(m->live, &b);
        more = true;
    }
    sk_buf_adds(&b, "]}\n");
    srv_api_reply(r, 200, "application/json", &b);
}

/* GET /v1/models/{id} */
void srv_get_model(srv_api *api, srv_req *r)
{
    srv_fault f = {0};
    const char *name = srv_req_head(r)->path + strlen("/v1/models/");
    const srv_version *v = srv_roster_find(api->roster, name),
                      *first = srv_roster_find(api->roster, NULL);
    if (!v) {
        (void)srv_api_no_model(name, first ? first->name : NULL, srv_roster_count(api->roster), &f);
        srv_reply_fault(r, &f);
        return;
    }
    sk_buf b = SK_BUF_INIT;
    add_model(v, &b);
    sk_buf_addc(&b, '\n');
    srv_api_reply(r, 200, "application/json", &b);
}

/* How full all schedulers are together, into the metrics. */
static void note_gauges(srv_api *api)
{
    size_t running = 0, waiting = 0, slots = 0, pages = 0, held = 0, promised = 0, kept = 0;
    for (const srv_core *c = srv_roster_cores(api->roster); c; c = c->next) {
        const srv_gauges *g = srv_sched_gauges(c->sched);
        running += atomic_load_explicit(&g->running, memory_order_relaxed);
        waiting += atomic_load_explicit(&g->waiting, memory_order_relaxed);
        pages += atomic_load_explicit(&g->pages, memory_order_relaxed);
        held += atomic_load_explicit(&g->held, memory_order_relaxed);
        promised += atomic_load_explicit(&g->promised, memory_order_relaxed);
        kept += atomic_load_explicit(&g->kept, memory_order_relaxed);
        slots += c->eng->n_slots;
    }
    double all = pages ? (double)pages : 1;
    sk_metric_set(api->metrics, SRV_M_PREPARING,
                  api->hands ? (double)srv_hands_alive(api->hands) : 0);
    sk_metric_set(api->metrics, SRV_M_RUNNING, (double)running);
    sk_metric_set(api->metrics, SRV_M_WAITING, (double)waiting);
    sk_metric_set(api->metrics, SRV_M_SLOTS, (double)slots);
    sk_metric_set(api->metrics, SRV_M_KV_USED, (double)held / all);
    sk_metric_set(api->metrics, SRV_M_KV_PROMISED, (double)(held + promised) / all);
    sk_metric_set(api->metrics, SRV_M_KV_KEPT, (double)kept / all);
}

/* The longest step under way. */
static uint64_t busy_us_of(const srv_api *api)
{
    uint64_t most = 0;
    for (const srv_core *c = srv_roster_cores(api->roster); c; c = c->next) {
        uint64_t us = srv_sched_busy_us(c->sched);
        if (us > most) most = us;
    }
    return most;
}

/* GET /health: what the engine thread really does, not whether this thread can answer. */
void srv_get_health(srv_api *api, srv_req *r)
{
    note_gauges(api);
    uint64_t busy_us = busy_us_of(api);
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

/* What base/share.h counts, by name; each is there only with --share. */
enum { BUSY, HELD, BUSY_S, WAITS, WAITED_S, SLOWEST_S, SHARE_N };
static const struct {
    const char *name, *type, *help;
} share_rows[SHARE_N] = {
    [BUSY] = {"stoke_share_busy", "gauge", "1 while a server that shares has something to compute"},
    [HELD] = {"stoke_share_held", "gauge", "1 while trainers are made to wait whatever servers do"},
    [BUSY_S] = {"stoke_share_busy_seconds_total", "counter", "time in which servers had"},
    [WAITS] = {"stoke_share_waits_total", "counter", "times that trainers gave way"},
    [WAITED_S] = {"stoke_share_waited_seconds_total", "counter",
                  "time they did, summed over their threads"},
    [SLOWEST_S] = {"stoke_share_slowest_yield_seconds", "gauge",
                   "the longest from the beginning of a server's work to a trainer's standing "
                   "still"},
};

void srv_share_metrics(const srv_api *api, sk_buf *out)
{
    sk_share_figures f;
    if (!api->share) return;
    sk_share_read(api->share, &f);
    const double value[SHARE_N] = {[BUSY] = f.busy,
                                   [HELD] = f.held,
                                   [BUSY_S] = (double)f.busy_us / 1e6,
                                   [WAITS] = (double)f.waits,
                                   [WAITED_S] = (double)f.waited_us / 1e6,
                                   [SLOWEST_S] = (double)f.slowest_us / 1e6};
    for (size_t i = 0; i < SHARE_N; i++) {
        sk_buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s ", share_rows[i].name, share_rows[i].help,
                    share_rows[i].name, share_rows[i].type, share_rows[i].name);
        sk_json_add_num(out, value[i]);
        sk_buf_addc(out, '\n');
    }
}

void srv_share_markdown(sk_buf *out)
{
    for (size_t i = 0; i < SHARE_N; i++)
        sk_buf_addf(out, "| `%s` | %s | %s |\n", share_rows[i].name, share_rows[i].type,
                    share_rows[i].help);
}

/* GET /metrics */
void srv_get_metrics(srv_api *api, srv_req *r)
{
    sk_buf b = SK_BUF_INIT;
    sk_metric_set(api->metrics, SRV_M_CONNS, (double)srv_http_conns(api->http));
    const srv_version *first = srv_roster_find(api->roster, NULL);
    note_gauges(api);
    srv_stats_text(api->metrics, first ? first->name : "", &b);
    srv_version_metrics(api, &b);
    srv_share_metrics(api, &b);
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
