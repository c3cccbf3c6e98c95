/* admin.c - the endpoints that change the models: load, roll back, unload; and who may use them. */
#include "serve/api/api.h"
#include "serve/api/field.h"
#include "serve/api/keys.h"
#include "serve/models/keeper.h"

#include "base/clock.h"
#include "base/mem.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* What the three are asked. */
typedef struct admin_body {
    const char *model, *name, *lora;
    double scale;
    json_t *root;
    sk_buf unknown;
} admin_body;

#define AT(field) offsetof(admin_body, field)

static const srv_field load_rows[] = {
    {.name = "model",
     .type = SRV_FIELD_STR,
     .deflt = "the first model's, with `lora`",
     .offset = AT(model),
     .help = "path on the server: a GGUF, or a Hugging Face folder"},
    {.name = "name",
     .type = SRV_FIELD_STR,
     .deflt = "the first model's",
     .offset = AT(name),
     .help = "the model whose next version it is; a new name adds a model"},
    {.name = "lora",
     .type = SRV_FIELD_STR,
     .deflt = "none",
     .offset = AT(lora),
     .help =
         "path of an adapter: a GGUF, or a PEFT folder; it shares the weights of a model of the "
         "same file that is loaded already"},
    {.name = "lora_scale",
     .type = SRV_FIELD_NUM,
     .deflt = "1",
     .offset = AT(scale),
     .min = -100,
     .max = 100,
     .help = "strength of the adapter; 1 is as trained"},
};

static const srv_field rollback_rows[] = {
    {.name = "name",
     .type = SRV_FIELD_STR,
     .deflt = "the first model's",
     .offset = AT(name),
     .help = "the model; asked twice, the versions are changed back"},
};

static const srv_field unload_rows[] = {
    {.name = "name",
     .type = SRV_FIELD_STR,
     .offset = AT(name),
     .help = "the model; the only one can't be unloaded, but loads of new versions of it end"},
};

#define TABLE(rows) rows, sizeof rows / sizeof *rows

const srv_fields srv_load_fields = {
    "POST /admin/models/load",
    "Loads a model or an adapter. The answer comes once it is live, or could not be loaded: then "
    "what was live before stays.",
    TABLE(load_rows)};
const srv_fields srv_rollback_fields = {
    "POST /admin/models/rollback",
    "Loads what was live before the live version, also if the file's name has gone to another one.",
    TABLE(rollback_rows)};
const srv_fields srv_unload_fields = {"POST /admin/models/unload",
                                      "Takes a model off, and ends loads of that name, the one "
                                      "under way too. Requests under way end as they would.",
                                      TABLE(unload_rows)};

/* ---- who may ---- */

/* True for a name of this very machine, as it stands in Host and Origin. */
static bool is_loopback_name(const char *host)
{
    size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    return (n == 9 && strncasecmp(host, "localhost", n) == 0) ||
           (n == 9 && strncmp(host, "127.0.0.1", n) == 0) ||
           (n == 5 && strncmp(host, "[::1]", n) == 0);
}

/* A page may ask only if it is this server's own under a name of this machine: a page of elsewhere
 * can have its own name lead here. */
static bool is_own_page(const srv_head *h)
{
    const char *origin = srv_head_find(h, "origin"), *host = srv_head_find(h, "host");
    const char *name = origin ? strstr(origin, "://") : NULL;
    if (!origin) return true;
    return name && host && strcasecmp(name + 3, host) == 0 && is_loopback_name(host);
}

/* True when a proxy says that it passes the request on for somebody else. */
static bool is_passed_on(const srv_head *h)
{
    static const char *const by[] = {"forwarded", "x-forwarded-for", "x-real-ip", "via"};
    for (size_t i = 0; i < sizeof by / sizeof *by; i++)
        if (srv_head_find(h, by[i])) return true;
    return false;
}

sk_status srv_admin_check(const srv_api *api, srv_req *r, srv_fault *f)
{
    const srv_head *h = srv_req_head(r);
    if (api->keys) {
        if (srv_keys_row(api->keys, srv_req_mark_of(r)->key)->admin) return SK_OK;
        return srv_fail(f, SRV_NOT_ADMIN, NULL,
                        "this needs the key of an admin: stoke keys add FILE NAME --admin");
    }
    const char *peer = srv_req_peer(r);
    bool near = strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0 ||
                strncmp(peer, "::ffff:127.", 11) == 0;
    if (near && is_own_page(h) && !is_passed_on(h)) return SK_OK;
    return srv_fail(f, SRV_NOT_ADMIN, NULL,
                    "without keys only the server's own machine may do this, not through a proxy "
                    "and not from a page of elsewhere");
}

/* ---- what is told ---- */

static void add_text(sk_buf *b, const char *name, const char *s)
{
    sk_buf_addf(b, ",\"%s\":", name);
    if (s)
        sk_json_add_str(b, s, strlen(s));
    else
        sk_buf_adds(b, "null");
}

/* A version's object, without its end. */
static void begin_version(const srv_version *v, sk_buf *b)
{
    sk_buf_adds(b, "{\"name\":");
    sk_json_add_str(b, v->name, strlen(v->name));
    sk_buf_addf(b, ",\"version\":%u,\"created\":%" PRId64, v->number, v->created);
    add_text(b, "model", v->source.path);
    add_text(b, "lora", v->source.lora);
}

/* GET /admin/models */
void srv_get_admin_models(srv_api *api, srv_req *r)
{
    sk_buf b = SK_BUF_INIT;
    const char *sep = "";
    sk_buf_adds(&b, "{\"data\":[");
    for (const srv_version *v = srv_roster_versions(api->roster); v; v = v->next) {
        const srv_model *m = srv_roster_model(api->roster, v->name);
        sk_buf_adds(&b, sep);
        begin_version(v, &b);
        sk_buf_addf(&b, ",\"live\":%s,\"requests\":%zu,\"previous\":", v->live ? "true" : "false",
                    v->users - v->live);
        if (v->live && m->previous.path)
            sk_json_add_str(&b, m->previous.path, strlen(m->previous.path));
        else
            sk_buf_adds(&b, "null");
        sk_buf_addc(&b, '}');
        sep = ",";
    }
    sk_buf_addf(&b, "],\"loading\":%s}\n", srv_keeper_is_busy(api->keeper) ? "true" : "false");
    srv_req_header(r, "Cache-Control", "no-store");
    srv_api_reply(r, 200, "application/json", &b);
}

void srv_version_metrics(const srv_api *api, sk_buf *out)
{
    sk_buf_adds(out, "# HELP stoke_model_version_info versions that answer: live ones, and those "
                     "that only end their requests\n"
                     "# TYPE stoke_model_version_info gauge\n");
    for (const srv_version *v = srv_roster_versions(api->roster); v; v = v->next)
        sk_buf_addf(out, "stoke_model_version_info{model=\"%s\",version=\"%u\",live=\"%d\"} 1\n",
                    v->name, v->number, v->live);
}

/* ---- orders ---- */

/* A request that waits for an order. */
typedef struct admin_ask {
    srv_req *req; /* NULL: the client is gone, which stops nothing */
    uint64_t began_us;
} admin_ask;

static void on_news(void *arg, srv_req *r, srv_req_news news)
{
    admin_ask *a = arg;
    (void)r;
    if (news == SRV_REQ_GONE) a->req = NULL;
}

/* Why an order was not taken, or failed. */
static void refuse(srv_req *r, const sk_err *e, bool tried)
{
    srv_fault f = {0};
    srv_code code = SRV_LOAD_FAILED;
    if (e->status == SK_E_NOMEM) code = SRV_NO_ROOM;
    if (e->status == SK_E_STOPPED) code = SRV_DRAINING;
    if (!tried && e->status == SK_E_BUSY) code = SRV_OVERLOADED;
    if (!tried && e->status == SK_E_NOTFOUND) code = SRV_NO_MODEL;
    if (!tried && (e->status == SK_E_INVALID || e->status == SK_E_INUSE)) code = SRV_BAD_VALUE;
    if (code == SRV_OVERLOADED || code == SRV_DRAINING) f.retry_s = 5;
    (void)srv_fail(&f, code, code == SRV_BAD_VALUE || code == SRV_NO_MODEL ? "name" : NULL, "%s",
                   e->text);
    srv_reply_fault(r, &f);
}

/* What came of an order. */
static void on_done(void *arg, const srv_version *v, const sk_err *e)
{
    admin_ask *a = arg;
    srv_req *r = a->req;
    sk_buf b = SK_BUF_INIT;
    if (r) srv_req_watch(r, NULL, NULL);
    if (r && v) {
        begin_version(v, &b);
        sk_buf_addf(&b, ",\"seconds\":%.3f}\n", (double)(sk_now_us() - a->began_us) / 1e6);
        srv_api_reply(r, 200, "application/json", &b);
    } else if (r) {
        refuse(r, e, true);
    }
    sk_free(a);
}

/* Reads a body, whose strings are the root's; to be freed with body_fini. */
static sk_status read_body(srv_api *api, srv_req *r, const srv_fields *t, admin_body *b,
                           srv_fault *f)
{
    size_t n;
    const char *body = srv_req_body(r, &n);
    *b = (admin_body){.scale = 1};
    return srv_fields_read(t, body, n, api->strict, b, &b->root, &b->unknown, f);
}

static void body_fini(admin_body *b)
{
    json_decref(b->root);
    sk_buf_fini(&b->unknown);
}

/* Orders what the body says; rollback has a name only. */
static void give_order(srv_api *api, srv_req *r, const admin_body *b, bool rollback)
{
    const srv_version *first = srv_roster_find(api->roster, NULL);
    const srv_load l = {b->name, b->model, b->lora, b->scale};
    sk_err e = SK_ERR_INIT;
    admin_ask *a = sk_calloc(SK_MEM_REQUEST, 1, sizeof *a);
    if (!a) {
        (void)sk_fail(&e, SK_E_NOMEM, "no memory for the request");
        refuse(r, &e, false);
        return;
    }
    *a = (admin_ask){r, sk_now_us()};
    srv_req_watch(r, on_news, a);
    sk_status st;
    if (rollback)
        st = srv_keeper_rollback(api->keeper,
                                 b->name ? b->name
                                 : first ? first->name
                                         : "",
                                 on_done, a, &e);
    else
        st = srv_keeper_load(api->keeper, &l, on_done, a, &e);
    if (!st) return; /* and a may be gone already */
    srv_req_watch(r, NULL, NULL);
    sk_free(a);
    refuse(r, &e, false);
}

static void post(srv_api *api, srv_req *r, const srv_fields *t, bool rollback)
{
    admin_body b;
    srv_fault f = {0};
    sk_status st = read_body(api, r, t, &b, &f);
    if (!st && !rollback && !b.model && !b.lora)
        st = srv_fail(&f, SRV_MISSING, "model", "give 'model', 'lora' or both");
    if (st)
        srv_reply_fault(r, &f);
    else
        give_order(api, r, &b, rollback);
    body_fini(&b);
}

/* POST /admin/models/load */
void srv_post_load(srv_api *api, srv_req *r)
{
    post(api, r, &srv_load_fields, false);
}

/* POST /admin/models/rollback */
void srv_post_rollback(srv_api *api, srv_req *r)
{
    post(api, r, &srv_rollback_fields, true);
}

/* POST /admin/models/unload */
void srv_post_unload(srv_api *api, srv_req *r)
{
    admin_body b;
    srv_fault f = {0};
    sk_err e = SK_ERR_INIT;
    sk_buf out = SK_BUF_INIT;
    srv_unloaded u;
    sk_status st = read_body(api, r, &srv_unload_fields, &b, &f);
    if (st) {
        srv_reply_fault(r, &f);
    } else if (srv_keeper_unload(api->keeper, b.name, &u, &e)) {
        refuse(r, &e, false);
    } else {
        sk_buf_adds(&out, "{\"name\":");
        sk_json_add_str(&out, b.name, strlen(b.name));
        sk_buf_addf(&out, ",\"unloaded\":%s,\"loads_called_off\":%zu}\n",
                    u.model ? "true" : "false", u.loads);
        srv_api_reply(r, 200, "application/json", &out);
    }
    body_fini(&b);
}
