/* kept.c - responses that were kept or are made in the background: GET, DELETE and cancel of
 * /v1/responses/ID, and the items of its request. */
#include "serve/api/behind.h"
#include "serve/api/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BELOW "/v1/responses/"
#define ITEMS "/input_items"
#define CANCEL "/cancel"

/* Items a page of a list has, unless asked otherwise, and at most. */
enum { USUAL = 20, MOST = 100 };

/* What the query of a list asks for. */
typedef struct list_opts {
    size_t limit;
    bool oldest_first, stream;
    int64_t starting_after; /* of a stream: the number of an event, -1: from the first on */
    char after[128];
} list_opts;

/* The value of `name` in a query, cut to cap - 1 bytes; false if it is not there.  Names and values
 * of this API need no percent signs. */
static bool query_value(const char *query, const char *name, char *out, size_t cap)
{
    size_t n = strlen(name);
    for (const char *p = query; p && *p; p = strchr(p, '&'), p = p ? p + 1 : p) {
        if (strncmp(p, name, n) != 0 || p[n] != '=') continue;
        size_t len = strcspn(p + n + 1, "&");
        snprintf(out, cap, "%.*s", (int)(len < cap ? len : cap - 1), p + n + 1);
        return true;
    }
    return false;
}

/* What the query asks of a kept answer (its stream, from which event on) or of a list (how many, in
 * which order, behind which). Names that are not known are passed over. */
static sk_status read_query(const char *query, list_opts *o, srv_fault *f)
{
    char v[32], *end = v;
    *o = (list_opts){.limit = USUAL, .starting_after = -1};
    o->stream = query_value(query, "stream", v, sizeof v) && strcmp(v, "true") == 0;
    if (query_value(query, "starting_after", v, sizeof v)) {
        long n = strtol(v, &end, 10);
        if (!*v || *end || n < 0)
            return srv_fail(f, SRV_BAD_VALUE, "starting_after",
                            "'starting_after' must be the number of an event");
        o->starting_after = n;
    }
    if (query_value(query, "limit", v, sizeof v)) {
        long n = strtol(v, &end, 10);
        if (!*v || *end || n < 1 || n > MOST)
            return srv_fail(f, SRV_BAD_VALUE, "limit", "'limit' must be between 1 and %d",
                            (int)MOST);
        o->limit = (size_t)n;
    }
    if (query_value(query, "order", v, sizeof v)) {
        o->oldest_first = strcmp(v, "asc") == 0;
        if (!o->oldest_first && strcmp(v, "desc") != 0)
            return srv_fail(f, SRV_BAD_VALUE, "order", "'order' must be asc or desc");
    }
    (void)query_value(query, "after", o->after, sizeof o->after);
    return SK_OK;
}

static int append(const char *s, size_t n, void *out)
{
    sk_buf_add(out, s, n);
    return 0;
}

/* The id of item i: its own, or one made of the response's. */
static void item_id(const json_t *item, const char *id, size_t i, char *out, size_t cap)
{
    const char *own = json_string_value(json_object_get(item, "id"));
    if (own)
        snprintf(out, cap, "%s", own);
    else
        snprintf(out, cap, "in_%s_%zu", id, i);
}

/* An item with its id, and its type where it had none. */
static void add_item(const json_t *item, const char *id, sk_buf *out)
{
    json_t *v = json_copy((json_t *)(uintptr_t)item);
    bool ok = v && json_object_set_new(v, "id", json_string(id)) == 0;
    if (ok && !json_object_get(v, "type"))
        ok = json_object_set_new(v, "type", json_string("message")) == 0;
    if (!ok || json_dump_callback(v, append, out, JSON_COMPACT)) out->oom = true;
    json_decref(v);
}

/* The items of a request as a page of a list. */
static void add_items(const srv_kept *k, const char *id, const list_opts *o, sk_buf *out)
{
    char name[160], first[160] = "", last[160] = "";
    size_t all = json_array_size(k->input), n = 0, i = 0;
    bool begun = !o->after[0];
    sk_buf_adds(out, "{\"object\":\"list\",\"data\":[");
    for (; i < all && n < o->limit; i++) {
        size_t at = o->oldest_first ? i : all - 1 - i;
        const json_t *item = json_array_get(k->input, at);
        item_id(item, id, at, name, sizeof name);
        if (!begun) {
            begun = strcmp(name, o->after) == 0;
            continue;
        }
        if (n++) sk_buf_addc(out, ',');
        add_item(item, name, out);
        snprintf(last, sizeof last, "%s", name);
        if (n == 1) snprintf(first, sizeof first, "%s", name);
    }
    sk_buf_adds(out, "],\"first_id\":");
    sk_json_add_str(out, first, strlen(first));
    sk_buf_adds(out, ",\"last_id\":");
    sk_json_add_str(out, last, strlen(last));
    sk_buf_addf(out, ",\"has_more\":%s}\n", i < all ? "true" : "false");
}

static sk_status no_path(const srv_req *r, srv_fault *f)
{
    return srv_fail(f, SRV_NO_PATH, NULL, "nothing is at %.200s", srv_req_head(r)->path);
}

/* The id in a path; true: `tail` stands behind it. */
static bool take_id(const srv_req *r, const char *tail, char id[80])
{
    const char *name = srv_req_head(r)->path + strlen(BELOW);
    size_t n = strlen(name), m = strlen(tail);
    bool has = n > m && strcmp(name + n - m, tail) == 0;
    if (has) n -= m;
    snprintf(id, 80, "%.*s", (int)(n < 80 ? n : 79), name);
    return has;
}

/* The response that a path names, its id in `id`; *items: the path goes on to its items. */
static sk_status find(const srv_api *api, const srv_req *r, char id[80], bool *items, srv_kept *k,
                      srv_fault *f)
{
    *items = take_id(r, ITEMS, id);
    if (strchr(id, '/')) return no_path(r, f);
    if (srv_store_get(api->store, id, srv_req_mark_of(r)->key, k)) return SK_OK;
    return srv_fail(f, SRV_NO_RESPONSE, "response_id", "no response '%.80s' is kept here", id);
}

/* One that is under way: as it is, or its events. */
static void get_running(srv_ask *a, srv_req *r, const list_opts *o)
{
    srv_fault f = {0};
    sk_buf b = SK_BUF_INIT;
    if (!o->stream) {
        a->form->as_is(a, "in_progress", &b);
        srv_api_reply(r, 200, "application/json", &b);
        return;
    }
    sk_status st = a->stream ? srv_behind_follow(a->behind, r, o->starting_after, &f)
                             : srv_fail(&f, SRV_UNSUPPORTED, "stream",
                                        "the response was not asked for as a stream");
    if (st) srv_reply_fault(r, &f);
}

/* The events of one that was kept. */
static void get_events(const srv_kept *k, srv_req *r, int64_t after)
{
    srv_fault f = {0};
    if (!k->events) {
        (void)srv_fail(&f, SRV_UNSUPPORTED, "stream",
                       "only the stream of a response that was made in the background is kept, and "
                       "not all of a very long one");
        srv_reply_fault(r, &f);
        return;
    }
    size_t at = srv_behind_skip(k->events, after);
    srv_stream_begin(r, 200, "text/event-stream; charset=utf-8");
    srv_stream_write(r, k->events->p + at, k->events->len - at);
    srv_stream_end(r);
}

/* GET /v1/responses/ID and /v1/responses/ID/input_items */
void srv_get_response(srv_api *api, srv_req *r)
{
    srv_fault f = {0};
    srv_kept k = {0};
    list_opts o = {0};
    char id[80];
    bool items = take_id(r, ITEMS, id);
    sk_buf b = SK_BUF_INIT;
    srv_ask *a = items ? NULL : srv_behind_find(api, id, srv_req_mark_of(r)->key);
    sk_status st = a ? SK_OK : find(api, r, id, &items, &k, &f);
    if (!st) st = read_query(srv_req_head(r)->query, &o, &f);
    if (st) {
        srv_reply_fault(r, &f);
    } else if (a) {
        get_running(a, r, &o);
    } else if (o.stream && !items) {
        get_events(&k, r, o.starting_after);
    } else {
        if (items)
            add_items(&k, id, &o, &b);
        else
            sk_buf_add(&b, k.body, k.n_body);
        if (!items) sk_buf_addc(&b, '\n');
        srv_api_reply(r, 200, "application/json", &b);
    }
}

/* POST /v1/responses/ID/cancel: asked again it says the same. */
void srv_cancel_response(srv_api *api, srv_req *r)
{
    srv_fault f = {0};
    srv_kept k = {0};
    char id[80];
    sk_buf b = SK_BUF_INIT;
    sk_status st = take_id(r, CANCEL, id) && !strchr(id, '/') ? SK_OK : no_path(r, &f);
    uint32_t key = srv_req_mark_of(r)->key;
    srv_ask *a = st ? NULL : srv_behind_find(api, id, key);
    if (!st && !a && !srv_store_get(api->store, id, key, &k))
        st = srv_fail(&f, SRV_NO_RESPONSE, "response_id", "no response '%.80s' is kept here", id);
    if (!st && !a && !k.background)
        st = srv_fail(&f, SRV_UNSUPPORTED, "response_id",
                      "only a response that is made in the background can be cancelled");
    if (st) {
        srv_reply_fault(r, &f);
        return;
    }
    if (a) {
        a->form->as_is(a, "cancelled", &b);
        srv_ask_cancel(a);
    } else {
        sk_buf_add(&b, k.body, k.n_body);
        sk_buf_addc(&b, '\n');
    }
    srv_api_reply(r, 200, "application/json", &b);
}

/* DELETE /v1/responses/ID */
void srv_delete_response(srv_api *api, srv_req *r)
{
    srv_fault f = {0};
    srv_kept k = {0};
    char id[80];
    bool items;
    sk_buf b = SK_BUF_INIT;
    sk_status st = find(api, r, id, &items, &k, &f);
    if (!st && items) st = srv_fail(&f, SRV_NO_PATH, NULL, "the items of a response go with it");
    if (st) {
        srv_reply_fault(r, &f);
        return;
    }
    (void)srv_store_drop(api->store, id, srv_req_mark_of(r)->key);
    sk_buf_adds(&b, "{\"id\":");
    sk_json_add_str(&b, id, strlen(id));
    sk_buf_adds(&b, ",\"object\":\"response\",\"deleted\":true}\n");
    srv_api_reply(r, 200, "application/json", &b);
}
