/* earlier.c - loads the version that is asked for, and lets it go. */
#include "serve/api/earlier.h"

#include "base/mem.h"
#include "serve/api/up.h"
#include "serve/models/keeper.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How often it is looked whether it is in use, and looks without until it goes. */
enum { LOOK_S = 30, IDLE_MOST = 20, PATH_MOST = 4096 };

bool srv_earlier_name(const char *name, char model[SRV_MODEL_NAME], uint32_t *version)
{
    const char *at = strrchr(name, '@');
    size_t n = at ? (size_t)(at - name) : 0, digits = at ? strspn(at + 1, "0123456789") : 0;
    if (!n || n >= SRV_MODEL_NAME || !digits || digits > 9 || at[1 + digits] || at[1] == '0')
        return false;
    memcpy(model, name, n);
    model[n] = 0;
    *version = (uint32_t)strtoul(at + 1, NULL, 10);
    return true;
}

/* ---- its end ---- */

static void let_go(srv_api *api)
{
    srv_unloaded u;
    srv_earlier *e = &api->earlier;
    if (e->name[0]) (void)srv_keeper_unload(api->keeper, e->name, &u, NULL);
    e->name[0] = 0;
    e->loading = e->failed = false;
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_api *api = arg;
    srv_earlier *e = &api->earlier;
    const srv_version *v = srv_roster_find(api->roster, e->name[0] ? e->name : " ");
    e->idle = e->loading || (v && v->users > 1) ? 0 : e->idle + 1; /* one user: that it is live */
    if (e->idle >= IDLE_MOST) let_go(api);
    if (!e->name[0]) (void)event_del(e->timer);
}

static void watch(srv_api *api)
{
    const struct timeval every = {LOOK_S, 0};
    srv_earlier *e = &api->earlier;
    e->idle = 0;
    if (!e->timer) e->timer = event_new(api->base, -1, EV_PERSIST, on_look, api);
    if (e->timer) (void)event_add(e->timer, &every); /* without memory it stays loaded */
}

void srv_earlier_close(srv_api *api)
{
    if (api->earlier.timer) event_free(api->earlier.timer);
    api->earlier.timer = NULL;
}

/* ---- its beginning ---- */

static void say_failed(const sk_err *e, srv_fault *f)
{
    srv_code code = e->status == SK_E_NOMEM     ? SRV_NO_ROOM
                    : e->status == SK_E_STOPPED ? SRV_DRAINING
                    : e->status == SK_E_BUSY    ? SRV_OVERLOADED
                                                : SRV_LOAD_FAILED;
    *f = (srv_fault){.retry_s = code == SRV_OVERLOADED || code == SRV_DRAINING ? 5 : 0};
    (void)srv_fail(f, code, "model", "%s", e->text);
}

static void say_loading(const char *name, srv_fault *f)
{
    *f = (srv_fault){.retry_s = 1};
    (void)srv_fail(f, SRV_LOADING, "model", "%.100s is being loaded; ask again in a second", name);
}

/* A load under way. */
typedef struct order {
    srv_api *api;
    char name[SRV_MODEL_NAME];
} order;

/* It is live, or was called off, or could not be loaded; by now another one may be wanted. */
static void on_loaded(void *arg, const srv_version *v, const sk_err *e)
{
    order *o = arg;
    srv_earlier *x = &o->api->earlier;
    if (x->loading && strcmp(o->name, x->name) == 0) {
        x->loading = false;
        x->failed = !v;
        if (!v) say_failed(e, &x->why);
    }
    sk_free(o);
}

/* In place of the one there was. */
static void load(srv_api *api, const char *name, const char *path, srv_fault *f)
{
    sk_err e = SK_ERR_INIT;
    srv_earlier *x = &api->earlier;
    const srv_load l = {.name = name, .path = path};
    order *o = sk_calloc(SK_MEM_REQUEST, 1, sizeof *o);
    if (!o) {
        *f = (srv_fault){.retry_s = 1};
        (void)srv_fail(f, SRV_NO_MEMORY, NULL, "no memory for an order");
        return;
    }
    let_go(api);
    o->api = api;
    (void)snprintf(o->name, sizeof o->name, "%s", name);
    (void)snprintf(x->name, sizeof x->name, "%s", name);
    x->loading = true;
    if (srv_keeper_load(api->keeper, &l, on_loaded, o, &e)) {
        sk_free(o);
        x->name[0] = 0;
        x->loading = false;
        say_failed(&e, f);
        return;
    }
    watch(api);
    say_loading(name, f);
}

/* What is told of a failure is told once: the next one who asks has it tried again. */
void srv_earlier_ask(srv_api *api, const char *name, srv_fault *f)
{
    char model[SRV_MODEL_NAME], path[PATH_MOST];
    uint32_t version;
    srv_earlier *x = &api->earlier;
    if (!api->up || !api->keeper || strlen(name) >= SRV_MODEL_NAME ||
        !srv_earlier_name(name, model, &version) || !srv_roster_find(api->roster, model))
        return;
    if (strcmp(x->name, name) == 0 && x->failed) {
        *f = x->why;
        x->name[0] = 0;
        x->failed = false;
    } else if (strcmp(x->name, name) == 0 && (x->loading || srv_roster_find(api->roster, name))) {
        say_loading(name, f);
    } else if (srv_up_version(api->up, version, path, sizeof path)) {
        load(api, name, path, f);
    } else {
        *f = (srv_fault){.retry_s = 0};
        (void)srv_fail(f, SRV_NO_MODEL, "model", "version %u of %.100s is not kept", version,
                       model);
    }
}
