/* serve.c - puts the server together: event loop, engine thread, shutdown. */
#include "serve/serve.h"

#include "base/clock.h"
#include "base/cores.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/api/access.h"
#include "serve/api/api.h"
#include "serve/api/keys.h"
#include "serve/api/store.h"
#include "serve/api/up.h"
#include "serve/http/tls.h"
#include "serve/models/keeper.h"
#include "serve/models/opener.h"
#include "serve/models/watch.h"
#include "serve/sched/hands.h"
#include "serve/sched/stats.h"
#include "serve/web/page.h"

#include <assert.h>
#include <event2/event.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

/* Tokens one step of the engine may take. */
#define MAX_STEP 256u

/* What a step beside running answers may always take: more only if they take more by themselves. */
#define TARGET_US 20000u

/* Conversations kept for requests that go on from them. */
#define STORE_ITEMS 1024u
#define STORE_BYTES ((size_t)64 << 20)

/* Threads that prepare requests: most of the time one is enough, and a second lets a short one pass
 * a long one where there are cores for it. */
#define MOST_HANDS 2u

/* Descriptors kept for everything but connections. */
#define OTHER_FDS 64u

struct srv_server {
    srv_opts o;
    struct event_base *base;
    struct event *stop, *tick, *reload, *prepared;
    srv_hands *hands;
    srv_local_opener opener;
    srv_baton *baton;
    sk_share *share;
    srv_keeper *keeper;
    srv_watch **watch; /* [n_watch] of the options */
    srv_page *page;
    srv_tls *tls;
    sk_metrics *metrics;
    uint64_t drain_end_us; /* 0: not draining */
    srv_api api;
};

/* Fills in the defaults. */
void srv_opts_default(srv_opts *o)
{
    *o = (srv_opts){.host = "127.0.0.1",
                    .port = 8080,
                    .parallel = 64,
                    .max_queue = 512,
                    .max_body = 1 << 20,
                    .max_conns = 4096,
                    .idle_s = 75,
                    .head_s = 10,
                    .body_s = 30,
                    .stall_s = 30,
                    .ping_s = 15,
                    .stuck_s = 60,
                    .drain_s = 30,
                    .buffer_kb = 256,
                    .kv_type = "f16",
                    .prefix_disk_max = (int64_t)4 << 30,
                    .stop_fd = -1,
                    .reload_fd = -1};
}

/* Connections that the process's descriptors allow; the soft limit is raised for them. */
static size_t allow_conns(size_t want)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r)) return want;
    rlim_t need = (rlim_t)want + OTHER_FDS;
    if (r.rlim_cur < need) {
        r.rlim_cur = r.rlim_max < need ? r.rlim_max : need;
        (void)setrlimit(RLIMIT_NOFILE, &r);
        (void)getrlimit(RLIMIT_NOFILE, &r);
    }
    if (r.rlim_cur >= need) return want;
    size_t n = r.rlim_cur > 2 * OTHER_FDS ? (size_t)r.rlim_cur - OTHER_FDS : OTHER_FDS;
    sk_log(
        SK_LOG_WARN,
        "no more than %zu connections, not %zu: this process may have %llu open files (raise the "
        "hard limit: ulimit -Hn)",
        n, want, (unsigned long long)r.rlim_cur);
    return n;
}

/* Looks whether the drain is over, or its time. */
static void on_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_server *s = arg;
    if (srv_http_conns(s->api.http) == 0 && srv_keeper_alive(s->keeper) == 0 &&
        srv_hands_alive(s->hands) == 0) {
        (void)event_base_loopbreak(s->base);
        return;
    }
    uint64_t now = sk_now_us();
    if (now >= s->drain_end_us) srv_keeper_drain(s->keeper, true);
    /* a client that takes no leave is cut a little later than its answer */
    if (now >= s->drain_end_us + 2000000u) (void)event_base_loopbreak(s->base);
}

/* The process is asked to end. */
static void on_stop(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_server *s = arg;
    sk_log(SK_LOG_INFO, "draining: %zu requests, %zu connections", srv_keeper_alive(s->keeper),
           srv_http_conns(s->api.http));
    (void)event_del(s->stop);
    s->drain_end_us = sk_now_us() + (uint64_t)s->o.drain_s * 1000000u;
    s->api.draining = true;
    srv_http_drain(s->api.http);
    srv_keeper_drain(s->keeper, false);
    struct timeval t = {0, 20000};
    (void)evtimer_add(s->tick, &t);
}

/* The limits of connections as the options have them. */
static srv_http_opts http_opts(srv_server *s, const srv_opts *o)
{
    return (srv_http_opts){.host = s->o.host,
                           .port = (int)s->o.port,
                           .listen_fd = (int)s->o.listen_fd,
                           .max_body = (size_t)o->max_body,
                           .max_conns = allow_conns((size_t)o->max_conns),
                           .high_bytes = (size_t)o->buffer_kb << 10,
                           .idle_ms = (unsigned)o->idle_s * 1000,
                           .head_ms = (unsigned)o->head_s * 1000,
                           .body_ms = (unsigned)o->body_s * 1000,
                           .stall_ms = (unsigned)o->stall_s * 1000,
                           .handle = srv_api_handle,
                           .done = srv_api_done,
                           .arg = &s->api};
}

/* What of the options handlers go by. */
static void api_limits(srv_server *s, const srv_opts *o)
{
    s->o.drain_s = o->drain_s;
    s->api.ping_ms = (unsigned)o->ping_s * 1000;
    s->api.stuck_ms = (unsigned)o->stuck_s * 1000;
    s->api.strict = o->strict;
}

/* ---- reading again ---- */

/* Says in the log what came of it. */
static void tell_reload(const char *what, sk_status st, const sk_err *e)
{
    if (st)
        sk_log(SK_LOG_WARN, "%s as before: %s", what, e->text);
    else
        sk_log(SK_LOG_INFO, "%s: read again", what);
}

/* The limits, where somebody says what they are now. */
static void reload_limits(srv_server *s)
{
    sk_err e = SK_ERR_INIT;
    srv_opts now;
    srv_opts_default(&now);
    sk_status st = s->o.reread(s->o.reread_arg, &now, &e);
    if (!st) {
        srv_http_opts ho = http_opts(s, &now);
        srv_http_limit(s->api.http, &ho);
        api_limits(s, &now);
    }
    tell_reload("limits", st, &e);
}

/* Each part by itself: one that is bad keeps none of the others from being renewed. */
static void on_reload(evutil_socket_t fd, short what, void *arg)
{
    srv_server *s = arg;
    eventfd_t n;
    sk_err e = SK_ERR_INIT;
    (void)what;
    (void)eventfd_read(fd, &n);
    if (s->api.keys) tell_reload("keys", srv_keys_reload(s->api.keys, &e), &e);
    if (s->tls)
        tell_reload("certificate", srv_tls_renew(s->tls, s->o.tls_cert, s->o.tls_key, &e), &e);
    if (s->api.access)
        tell_reload("access log", srv_access_reopen(s->api.access, s->o.access_log, &e), &e);
    if (s->o.reread) reload_limits(s);
}

/* ---- parts ---- */

/* Binds the port. */
static sk_status open_http(srv_server *s, sk_err *e)
{
    const srv_opts *o = &s->o;
    srv_http_opts ho = http_opts(s, o);
    if (!o->tls_cert != !o->tls_key)
        return sk_fail(e, SK_E_USAGE, "--tls-cert and --tls-key go together");
    sk_status st = o->tls_cert ? srv_tls_open(o->tls_cert, o->tls_key, &s->tls, e) : SK_OK;
    if (st) return st;
    ho.tls = s->tls;
    srv_http_memory();
    s->base = event_base_new();
    if (!s->base) return sk_fail(e, SK_E_NOMEM, "cannot make an event loop");
    return srv_http_open(s->base, &ho, &s->api.http, e);
}

/* Requests are back from those who prepared them. */
static void on_prepared(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_hands_collect(arg);
}

/* As many may wait to be prepared as may be under way. */
static sk_status open_hands(srv_server *s, sk_err *e)
{
    size_t cores = sk_cores(), n = cores / 2 < MOST_HANDS ? cores / 2 : MOST_HANDS;
    sk_status st =
        srv_hands_open(n ? n : 1, (size_t)(s->o.parallel + s->o.max_queue), &s->hands, e);
    if (st) return st;
    s->api.hands = s->hands;
    s->prepared =
        event_new(s->base, srv_hands_fd(s->hands), EV_READ | EV_PERSIST, on_prepared, s->hands);
    if (!s->prepared || event_add(s->prepared, NULL))
        return sk_fail(e, SK_E_NOMEM, "no memory for the event loop");
    return SK_OK;
}

/* How models are opened, now and later. */
static sk_status fill_opener(srv_server *s, sk_err *e)
{
    const srv_opts *o = &s->o;
    s->metrics = srv_stats_new();
    s->baton = srv_baton_new();
    if (!s->metrics || !s->baton) return sk_fail(e, SK_E_NOMEM, "no memory for the server");
    sk_status st = o->share ? sk_share_open(o->share, &s->share, e) : SK_OK;
    if (!st && s->share) st = sk_share_host(s->share, e);
    if (st) return st;
    s->opener.local = (srv_local_opts){.chat_template = o->chat_template,
                                       .n_ctx = (size_t)o->context,
                                       .n_slots = (size_t)o->parallel,
                                       .n_threads = (size_t)o->threads,
                                       .kv_tokens = (size_t)o->kv_tokens,
                                       .kv_bytes = (size_t)o->kv_bytes,
                                       .prefix_disk = o->prefix_disk,
                                       .prefix_disk_most = (uint64_t)o->prefix_disk_max,
                                       .max_step = MAX_STEP,
                                       .no_repack = o->no_repack,
                                       .pack_cache = o->pack_cache,
                                       .memory = (uint64_t)o->memory};
    s->opener.sched = (srv_sched_opts){.max_waiting = (size_t)o->max_queue,
                                       .target_us = TARGET_US,
                                       .metrics = s->metrics,
                                       .baton = s->baton,
                                       .share = s->share};
    s->opener.stop_fd = o->stop_fd;
    if (!eng_dtype_of_name(o->kv_type, &s->opener.local.kv_type))
        return sk_fail(e, SK_E_INVALID, "--kv-type %s is no type", o->kv_type);
    return SK_OK;
}

/* The model at a path. */
static sk_status begin_model(srv_server *s, const char *name, const char *path, const char *lora,
                             sk_err *e)
{
    srv_source source = {.path = NULL};
    sk_status st = srv_source_open(path, lora, s->o.lora_scale, &source, e);
    return st ? st : srv_keeper_begin(s->keeper, name, &source, e);
}

/* Opens the models and starts their engine threads. */
static sk_status open_models(srv_server *s, sk_err *e)
{
    const srv_opts *o = &s->o;
    sk_status st = fill_opener(s, e);
    if (st) return st;
    srv_keeper_opts ko = {.base = s->base,
                          .how = {srv_local_opener_open, &s->opener},
                          .collect = srv_gen_collect,
                          .metrics = s->metrics};
    st = srv_keeper_open(&ko, &s->keeper, e);
    if (!st) st = begin_model(s, o->name, o->model, o->lora, e);
    for (size_t i = 0; i < o->n_also && !st; i++) {
        const srv_another *m = &o->also[i];
        st = m->adapter
                 ? srv_keeper_begin_adapter(s->keeper, m->base, m->name, m->path, m->scale, e)
                 : begin_model(s, m->name, m->path, NULL, e);
    }
    return st;
}

/* Begins to look for new versions. */
static sk_status open_watches(srv_server *s, sk_err *e)
{
    size_t n = s->o.n_watch;
    s->watch = sk_calloc(SK_MEM_MISC, n ? n : 1, sizeof(srv_watch *));
    if (!s->watch) return sk_fail(e, SK_E_NOMEM, "no memory to watch folders");
    sk_status st = SK_OK;
    for (size_t i = 0; i < n && !st; i++) {
        const srv_watched *w = &s->o.watch[i];
        st = srv_watch_open(s->base, s->keeper, w->name, w->path, &s->watch[i], e);
    }
    return st;
}

/* Who may ask, and where it is written down. */
static sk_status open_accounts(srv_server *s, sk_err *e)
{
    sk_status st = s->o.keys ? srv_keys_open(s->o.keys, &s->api.keys, e) : SK_OK;
    if (st || !s->o.access_log) return st;
    return srv_access_open(s->o.access_log, &s->api.access, e);
}

/* Fills in what the handlers work with. */
static void fill_api(srv_server *s)
{
    s->api.base = s->base;
    s->api.keeper = s->keeper;
    s->api.roster = srv_keeper_roster(s->keeper);
    s->api.metrics = s->metrics;
    s->api.page = s->page;
    api_limits(s, &s->o);
    s->api.cors = s->o.cors;
    s->api.share = s->share;
}

/* Reads what there is of the run before the first request does. */
static sk_status open_run(srv_server *s, sk_err *e)
{
    if (s->o.up) {
        sk_status st = srv_up_open(s->o.up, &s->api.up, e);
        if (st) return st;
    }
    if (!s->o.run) return SK_OK;
    s->api.run_dir = s->o.run;
    sk_status st = eng_runlog_open(s->o.run, &s->api.run, e);
    return st ? st : eng_runlog_poll(s->api.run, e);
}

/* Puts the descriptors that wake the loop into it. */
static sk_status open_events(srv_server *s, sk_err *e)
{
    s->tick = event_new(s->base, -1, EV_PERSIST, on_tick, s);
    if (s->o.stop_fd >= 0) s->stop = event_new(s->base, s->o.stop_fd, EV_READ, on_stop, s);
    if (s->o.reload_fd >= 0)
        s->reload = event_new(s->base, s->o.reload_fd, EV_READ | EV_PERSIST, on_reload, s);
    if (!s->tick || (s->o.stop_fd >= 0 && !s->stop) || (s->o.reload_fd >= 0 && !s->reload))
        return sk_fail(e, SK_E_NOMEM, "no memory for the event loop");
    if (s->stop) (void)event_add(s->stop, NULL);
    if (s->reload) (void)event_add(s->reload, NULL);
    return SK_OK;
}

/* Port first: it is the quickest to fail. */
sk_status srv_open(const srv_opts *o, srv_server **out, sk_err *e)
{
    assert(o->model && o->parallel > 0 && o->max_body > 0 && o->buffer_kb > 0 && o->max_conns > 0);
    srv_server *s = sk_calloc(SK_MEM_REQUEST, 1, sizeof *s);
    if (!s) return sk_fail(e, SK_E_NOMEM, "no memory for the server");
    s->o = *o;
    sk_status st = open_http(s, e);
    if (!st) st = open_accounts(s, e);
    if (!st) st = open_models(s, e);
    if (!st) st = open_watches(s, e);
    if (!st) st = srv_page_open(&s->page, e);
    if (!st) st = open_run(s, e);
    if (!st) {
        s->api.store = srv_store_new(STORE_ITEMS, STORE_BYTES);
        if (!s->api.store) st = sk_fail(e, SK_E_NOMEM, "no memory for the server");
    }
    if (!st) st = open_hands(s, e);
    if (!st) {
        fill_api(s);
        st = open_events(s, e);
    }
    if (st) {
        srv_close(s);
        return st;
    }
    *out = s;
    return SK_OK;
}

/* "http://HOST:PORT". */
const char *srv_url(const srv_server *s)
{
    return srv_http_url(s->api.http);
}

/* Serves until asked to stop. */
sk_status srv_run(srv_server *s, sk_err *e)
{
    if (event_base_dispatch(s->base) < 0) return sk_fail(e, SK_E_INTERNAL, "the event loop failed");
    return SK_OK;
}

/* Ends what still runs: clients first, so that the jobs' mail finds nobody to write to. */
void srv_close(srv_server *s)
{
    if (!s) return;
    srv_http_close(s->api.http);
    if (s->stop) event_free(s->stop);
    if (s->tick) event_free(s->tick);
    if (s->reload) event_free(s->reload);
    if (s->prepared) event_free(s->prepared);
    srv_hands_close(s->hands);
    if (s->keeper) {
        srv_keeper_drain(s->keeper, true);
        while (srv_keeper_alive(s->keeper))
            if (event_base_loop(s->base, EVLOOP_ONCE) < 0) break;
    }
    srv_keeper_close(s->keeper);
    for (size_t i = 0; s->watch && i < s->o.n_watch; i++)
        srv_watch_close(s->watch[i]);
    sk_free(s->watch);
    srv_store_free(s->api.store);
    srv_page_close(s->page);
    srv_run_close(&s->api);
    srv_earlier_close(&s->api);
    srv_up_close(s->api.up);
    srv_keys_close(s->api.keys);
    srv_access_close(s->api.access);
    sk_metrics_free(s->metrics);
    srv_baton_free(s->baton);
    sk_share_close(s->share);
    srv_tls_close(s->tls);
    if (s->base) event_base_free(s->base);
    sk_free(s);
}

/* A page of documentation. */
sk_status srv_docs(const char *which, sk_buf *out, sk_err *e)
{
    if (strcmp(which, "api") == 0)
        srv_api_markdown(out);
    else if (strcmp(which, "metrics") == 0)
        srv_stats_markdown(srv_share_markdown, out);
    else
        return sk_fail(e, SK_E_USAGE, "there are docs for api and metrics, not for %s", which);
    return SK_OK;
}
