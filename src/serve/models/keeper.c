/* keeper.c - from an order to a version that is live, and from its last request to its end. */
#include "serve/models/keeper.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/sched/stats.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/* Orders that may wait. */
#define MAX_ORDERS 16u

struct srv_keeper {
    srv_keeper_opts o;
    srv_roster *roster;
    srv_loader *loader;
    struct event *loaded, *sweep;
    srv_order *first, *last; /* that wait */
    size_t n_orders;
    srv_order *now;      /* given to the loader */
    srv_core *retired;   /* nobody uses them, their schedulers may still have mail */
    bool closing, drain; /* the server ends; its models are drained */
};

/* ---- cores: their mail, and their end ---- */

static void on_mail(evutil_socket_t fd, short what, void *arg);

/* What an event of a core is told. */
typedef struct mailbox {
    srv_keeper *k;
    srv_core *core;
} mailbox;

/* Has the core's mail collected.  The box is freed with the event (drop_mail). */
static sk_status watch_mail(srv_keeper *k, srv_core *c, sk_err *e)
{
    mailbox *box = sk_calloc(SK_MEM_REQUEST, 1, sizeof *box);
    if (box) {
        *box = (mailbox){k, c};
        c->mail = event_new(k->o.base, srv_sched_fd(c->sched), EV_READ | EV_PERSIST, on_mail, box);
    }
    if (!c->mail) {
        sk_free(box);
        return sk_fail(e, SK_E_NOMEM, "no memory for the event loop");
    }
    (void)event_add(c->mail, NULL);
    return SK_OK;
}

static void drop_mail(srv_core *c)
{
    if (!c->mail) return;
    void *box = event_get_callback_arg(c->mail);
    event_free(c->mail);
    c->mail = NULL;
    sk_free(box);
}

static void on_mail(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    const mailbox *box = arg;
    box->k->o.collect(box->core->sched);
    if (box->k->retired) event_active(box->k->sweep, 0, 0);
}

/* Hands a core that has no jobs any more to the loader, which takes its time to close it. */
static void close_core(srv_keeper *k, srv_core *c)
{
    srv_order *o = srv_order_new(SRV_ORDER_CLOSE, "");
    drop_mail(c);
    if (o) o->core = c;
    if (o && !k->closing && srv_loader_give(k->loader, o)) return;
    srv_order_free(o);
    srv_core_close(c);
}

/* Closes the cores that nobody uses; in a turn of its own, since mail of theirs may be being read
 * when the last user goes. */
static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_keeper *k = arg;
    for (srv_core **at = &k->retired, *c; (c = *at);) {
        if (srv_sched_alive(c->sched)) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        c->next = NULL;
        close_core(k, c);
    }
}

/* The roster's: nobody uses c any more. */
static void retire(void *arg, srv_core *c)
{
    srv_keeper *k = arg;
    c->next = k->retired;
    k->retired = c;
    event_active(k->sweep, 0, 0);
}

/* Bytes of weights that lie in mapped files. */
static uint64_t mapped_bytes(const srv_keeper *k)
{
    uint64_t all = 0;
    for (const srv_core *c = srv_roster_cores(k->roster); c; c = c->next)
        all += c->mapped_bytes;
    for (const srv_core *c = k->retired; c; c = c->next)
        all += c->mapped_bytes;
    return all;
}

/* ---- going live ---- */

static void count(srv_keeper *k, bool ok)
{
    if (k->o.metrics) sk_metric_add(k->o.metrics, ok ? SRV_M_LOADS_OK : SRV_M_LOADS_FAILED, 1);
}

/* Makes an adapter's version live; the adapter is closed if it cannot be. */
static sk_status put_adapter(srv_keeper *k, const char *name, srv_core *c, eng_lora *l,
                             const srv_source *source, srv_version **v, sk_err *e)
{
    srv_adapter *a = srv_core_add(c, l);
    if (!a) return sk_fail(e, SK_E_NOMEM, "no memory for an adapter");
    sk_status st = srv_roster_put(k->roster, name, c, a, source, v, e);
    if (st) srv_core_remove(c, a);
    return st;
}

/* The adapters that came along with a new version of their base. */
static void put_along(srv_keeper *k, srv_order *o)
{
    for (size_t i = 0; i < o->n_along; i++) {
        sk_err e = SK_ERR_INIT;
        srv_version *v = NULL;
        srv_along *a = &o->along[i];
        srv_source s = {.path = NULL};
        sk_status st = srv_source_copy(&o->source, &s, &e);
        if (!st) srv_source_set_lora(&s, &a->source);
        if (!st)
            st = put_adapter(k, a->name, o->core, a->lora, &s, &v, &e);
        else
            (void)srv_core_add(o->core, a->lora);
        srv_source_close(&s);
        if (st)
            sk_log(SK_LOG_ERROR, "model %s stays on the version before: %s", a->name, e.text);
        else
            sk_log(SK_LOG_INFO, "model %s: version %u is live, with %s", v->name, v->number,
                   o->name);
    }
}

/* Makes what an order has opened live; closes it if that fails. */
static sk_status put(srv_keeper *k, srv_order *o, srv_version **v, sk_err *e)
{
    srv_core *c = o->core;
    assert(c);
    if (o->kind == SRV_ORDER_ADAPTER) return put_adapter(k, o->name, c, o->lora, &o->source, v, e);
    sk_status st = watch_mail(k, c, e);
    if (!st && k->drain) srv_sched_drain(c->sched, false);
    if (!st) st = srv_roster_put(k->roster, o->name, c, NULL, &o->source, v, e);
    if (!st) put_along(k, o);
    for (size_t i = 0; st && i < o->n_along; i++)
        (void)srv_core_add(c, o->along[i].lora); /* so that they are closed with it */
    if (st) close_core(k, c);
    return st;
}

/* Tells everybody what came of an order. */
static void tell(srv_keeper *k, srv_order *o, const srv_version *v)
{
    count(k, v != NULL);
    if (v)
        sk_log(SK_LOG_INFO, "model %s: version %u is live after %.2f s, from %s%s%s", v->name,
               v->number, (double)o->us / 1e6, v->source.path, v->source.lora ? " with " : "",
               v->source.lora ? v->source.lora : "");
    else
        sk_log(SK_LOG_WARN, "model %s stays as it is: %s", o->name, o->err.text);
    if (o->done) o->done(o->arg, v, &o->err);
}

/* ---- orders ---- */

/* The adapters of a name's live version that stand on the same core under names of their own. */
static sk_status take_along(srv_keeper *k, srv_order *o, sk_err *e)
{
    const srv_version *v = srv_roster_find(k->roster, o->name);
    size_t n = 0;
    if (!v || v->adapter) return SK_OK;
    for (const srv_model *m = srv_roster_first(k->roster); m; m = m->next)
        n += m->live && m->live->adapter && m->live->core == v->core;
    o->along = sk_calloc(SK_MEM_REQUEST, n ? n : 1, sizeof *o->along);
    if (!o->along) return sk_fail(e, SK_E_NOMEM, "no memory for an order");
    for (const srv_model *m = srv_roster_first(k->roster); m; m = m->next) {
        if (!m->live || !m->live->adapter || m->live->core != v->core) continue;
        srv_along *a = &o->along[o->n_along];
        sk_status st = srv_source_copy(&m->live->source, &a->source, e);
        if (st) return st;
        memcpy(a->name, m->name, sizeof a->name);
        o->n_along++;
    }
    return SK_OK;
}

/* An order for an adapter needs only that if its base is in use; else it is one for a model. */
static void choose_kind(srv_keeper *k, srv_order *o)
{
    if (!o->source.lora) return;
    for (srv_core *c = srv_roster_cores(k->roster); c; c = c->next) {
        if (c->source.lora || !srv_source_same_model(&c->source, &o->source)) continue;
        o->kind = SRV_ORDER_ADAPTER;
        o->core = c;
        srv_core_hold(c);
        return;
    }
}

static void start_next(srv_keeper *k);

/* What an order has opened is not wanted any more. */
static void drop_opened(srv_keeper *k, srv_order *o)
{
    if (o->kind == SRV_ORDER_ADAPTER) {
        srv_adapter *a = srv_core_add(o->core, o->lora);
        if (a && !k->closing) srv_core_remove(o->core, a);
        return;
    }
    for (size_t i = 0; i < o->n_along; i++)
        (void)srv_core_add(o->core, o->along[i].lora);
    close_core(k, o->core);
    o->core = NULL;
}

/* True for an order that is to come to nothing, though it may have been carried out; o->st and
 * o->err say so then. */
static bool is_called_off(const srv_keeper *k, srv_order *o)
{
    if (o->cancelled)
        o->st = sk_fail(&o->err, SK_E_NOTFOUND, "%s was unloaded before it was loaded", o->name);
    else if (k->closing || o->st == SK_E_STOPPED)
        o->st = sk_fail(&o->err, SK_E_STOPPED, "the server is shutting down");
    return o->cancelled || k->closing || o->st == SK_E_STOPPED;
}

/* The end of an order, good or bad. */
static void finish(srv_keeper *k, srv_order *o)
{
    srv_core *held = o->kind == SRV_ORDER_ADAPTER ? o->core : NULL;
    srv_version *v = NULL;
    bool opened = !o->st;
    if (is_called_off(k, o)) {
        if (opened) drop_opened(k, o);
    } else if (opened) {
        o->st = put(k, o, &v, &o->err);
    }
    tell(k, o, v);
    if (held) srv_roster_let_go(k->roster, held);
    srv_order_free(o);
}

/* Gives the loader the next order, seen in the light of what is loaded by now. */
static void start_next(srv_keeper *k)
{
    while (!k->now && k->first) {
        srv_order *o = k->first;
        k->first = o->next;
        if (!k->first) k->last = NULL;
        k->n_orders--;
        choose_kind(k, o);
        o->mapped = mapped_bytes(k);
        sk_err e = SK_ERR_INIT;
        sk_status st = o->kind == SRV_ORDER_MODEL ? take_along(k, o, &e) : SK_OK;
        if (!st && (k->closing || k->drain))
            st = sk_fail(&e, SK_E_STOPPED, "the server is shutting down");
        if (!st && !srv_loader_give(k->loader, o))
            st = sk_fail(&e, SK_E_NOMEM, "no memory for an order");
        if (!st) {
            k->now = o; /* the loader's from here on */
            continue;
        }
        o->st = st;
        o->err = e;
        finish(k, o);
    }
}

/* The loader has carried an order out. */
static void on_loaded(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    srv_keeper *k = arg;
    for (srv_order *o; (o = srv_loader_take(k->loader));) {
        assert(o == k->now);
        k->now = NULL;
        finish(k, o);
    }
    start_next(k);
}

/* Puts an order into the line. */
static void line_up(srv_keeper *k, srv_order *o, srv_loaded_fn done, void *arg)
{
    o->done = done;
    o->arg = arg;
    if (k->last)
        k->last->next = o;
    else
        k->first = o;
    k->last = o;
    k->n_orders++;
    start_next(k);
}

/* A new order, if one may come. */
static sk_status new_order(srv_keeper *k, const char *name, srv_order **out, sk_err *e)
{
    if (k->closing || k->drain) return sk_fail(e, SK_E_STOPPED, "the server is shutting down");
    if (k->n_orders == MAX_ORDERS)
        return sk_fail(e, SK_E_BUSY, "%u loads wait already", MAX_ORDERS);
    if (!*name || strlen(name) >= SRV_MODEL_NAME)
        return sk_fail(e, SK_E_INVALID, "a model's name must have 1 to %u bytes",
                       SRV_MODEL_NAME - 1);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f || strchr("%?#\"\\", *c))
            return sk_fail(e, SK_E_INVALID,
                           "a model's name is part of a path: letters, digits and . _ - / : + do");
    *out = srv_order_new(SRV_ORDER_MODEL, name);
    return *out ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for an order");
}

/* Only finds out what is to be read; the loader reads it, order after order.  An adapter alone is
 * read over the files of the first model. */
sk_status srv_keeper_load(srv_keeper *k, const srv_load *l, srv_loaded_fn done, void *arg,
                          sk_err *e)
{
    const srv_version *first = srv_roster_find(k->roster, NULL);
    const char *name = l->name ? l->name : first ? first->name : "";
    const char *path = l->path;
    if (!path && !l->lora) return sk_fail(e, SK_E_INVALID, "what is to be loaded?");
    if (!path && !first) return sk_fail(e, SK_E_NOTFOUND, "no model is loaded");
    srv_order *o = NULL;
    sk_status st = new_order(k, name, &o, e);
    if (st) return st;
    if (path) {
        st = srv_source_open(path, l->lora, l->scale, &o->source, e);
    } else {
        srv_source lora = {.path = NULL};
        st = srv_source_open(l->lora, l->lora, l->scale, &lora, e);
        if (!st) st = srv_source_copy(&first->core->source, &o->source, e);
        if (!st) srv_source_set_lora(&o->source, &lora);
        srv_source_close(&lora);
    }
    if (st) {
        srv_order_free(o);
        return st;
    }
    line_up(k, o, done, arg);
    return SK_OK;
}

sk_status srv_keeper_rollback(srv_keeper *k, const char *name, srv_loaded_fn done, void *arg,
                              sk_err *e)
{
    const srv_model *m = srv_roster_model(k->roster, name);
    if (!m || !m->live) return sk_fail(e, SK_E_NOTFOUND, "model '%.100s' is not loaded", name);
    if (!m->previous.path)
        return sk_fail(e, SK_E_NOTFOUND, "model '%.100s' has had no version before", name);
    srv_order *o = NULL;
    sk_status st = new_order(k, name, &o, e);
    if (!st) st = srv_source_copy(&m->previous, &o->source, e);
    if (st) {
        srv_order_free(o);
        return st;
    }
    line_up(k, o, done, arg);
    return SK_OK;
}

/* Calls the orders for a name off; how many.  Those that wait end here, the one under way soon: it
 * looks at its mark all the time. */
static size_t call_off(srv_keeper *k, const char *name)
{
    size_t n = 0;
    srv_order *kept = NULL, *last = NULL, *off = NULL;
    for (srv_order *o = k->first, *next; o; o = next) {
        next = o->next;
        o->cancelled = strcmp(o->name, name) == 0;
        srv_order **to = o->cancelled ? &off : last ? &last->next : &kept;
        o->next = o->cancelled ? off : NULL;
        *to = o;
        if (!o->cancelled) last = o;
    }
    k->first = kept;
    k->last = last;
    for (srv_order *o = off, *next; o; o = next, n++) {
        next = o->next;
        k->n_orders--;
        o->st = SK_E_STOPPED;
        finish(k, o);
    }
    if (!k->now || k->now->cancelled || strcmp(k->now->name, name) != 0) return n;
    k->now->cancelled = true;
    atomic_store(&k->now->stop, true);
    return n + 1;
}

sk_status srv_keeper_unload(srv_keeper *k, const char *name, srv_unloaded *out, sk_err *e)
{
    const srv_model *m = srv_roster_model(k->roster, name);
    srv_unloaded u = {.loads = call_off(k, name)};
    if (u.loads) sk_log(SK_LOG_INFO, "model %s: %zu loads are called off", name, u.loads);
    if (m && m->live && srv_roster_count(k->roster) > 1) {
        u.model = true;
        sk_log(SK_LOG_INFO, "model %s is unloaded", name);
        srv_roster_remove(k->roster, name);
    }
    *out = u;
    if (u.model || u.loads) return SK_OK;
    if (!m || !m->live) return sk_fail(e, SK_E_NOTFOUND, "model '%.100s' is not loaded", name);
    return sk_fail(e, SK_E_INUSE, "'%.100s' is the only model; load another one first", name);
}

/* ---- the start ---- */

/* On this thread, since nobody is served yet: an error is then the program's. */
sk_status srv_keeper_begin(srv_keeper *k, const char *name, srv_source *source, sk_err *e)
{
    srv_version *v = NULL;
    srv_order *o = srv_order_new(SRV_ORDER_MODEL, name ? name : "");
    if (!o) {
        srv_source_close(source);
        return sk_fail(e, SK_E_NOMEM, "no memory for an order");
    }
    o->source = *source;
    *source = (srv_source){.path = NULL};
    const srv_opening what = {.source = &o->source, .name = name, .mapped = mapped_bytes(k)};
    sk_status st = k->o.how.open(k->o.how.arg, &what, &o->core, e);
    if (!st) memcpy(o->name, o->core->eng->model, strlen(o->core->eng->model) + 1);
    if (!st && srv_roster_find(k->roster, o->name)) {
        st = sk_fail(e, SK_E_USAGE, "two models are named %s; give one of them a name: NAME=PATH",
                     o->name);
        srv_core_close(o->core);
    }
    if (!st) st = put(k, o, &v, e);
    srv_order_free(o);
    return st;
}

sk_status srv_keeper_begin_adapter(srv_keeper *k, const char *base, const char *name,
                                   const char *lora, double scale, sk_err *e)
{
    const srv_version *b = srv_roster_find(k->roster, base);
    srv_version *v = NULL;
    eng_lora *l = NULL;
    if (!b)
        return sk_fail(e, SK_E_USAGE, "the adapter %s is for %s, which is not loaded", name, base);
    if (srv_roster_find(k->roster, name))
        return sk_fail(e, SK_E_USAGE, "two models are named %s", name);
    srv_source s = {.path = NULL};
    sk_status st = srv_source_open(b->source.path, lora, scale, &s, e);
    if (!st) st = b->eng->adapter_open(b->eng->self, lora, scale, &l, e);
    if (!st) st = put_adapter(k, name, b->core, l, &s, &v, e);
    srv_source_close(&s);
    return st;
}

/* ---- open and close ---- */

/* The event that brings a loaded model back is added last, when nothing can fail any more. */
sk_status srv_keeper_open(const srv_keeper_opts *o, srv_keeper **out, sk_err *e)
{
    srv_keeper *k = sk_calloc(SK_MEM_REQUEST, 1, sizeof *k);
    if (!k) return sk_fail(e, SK_E_NOMEM, "no memory for the models");
    k->o = *o;
    k->roster = srv_roster_new(retire, k);
    k->sweep = event_new(o->base, -1, 0, on_sweep, k);
    sk_status st =
        k->roster && k->sweep ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for the models");
    if (!st) st = srv_loader_open(&o->how, &k->loader, e);
    if (!st) {
        k->loaded =
            event_new(o->base, srv_loader_fd(k->loader), EV_READ | EV_PERSIST, on_loaded, k);
        if (!k->loaded) st = sk_fail(e, SK_E_NOMEM, "no memory for the event loop");
    }
    if (st) {
        srv_keeper_close(k);
        return st;
    }
    (void)event_add(k->loaded, NULL);
    *out = k;
    return SK_OK;
}

/* The order matters: the loader ends first, so that no model comes after the roster went; orders
 * that it carried out or that wait are finished as refused, each with its answer. */
void srv_keeper_close(srv_keeper *k)
{
    if (!k) return;
    k->closing = true;
    if (k->now) atomic_store(&k->now->stop, true);
    if (k->loader) {
        srv_loader_finish(k->loader);
        for (srv_order *o; (o = srv_loader_take(k->loader));) {
            k->now = NULL;
            finish(k, o);
        }
        start_next(k); /* which refuses them */
    }
    srv_roster_free(k->roster);
    if (k->sweep) on_sweep(-1, 0, k);
    assert(!k->retired);
    if (k->loaded) event_free(k->loaded);
    if (k->sweep) event_free(k->sweep);
    srv_loader_close(k->loader);
    sk_free(k);
}

srv_roster *srv_keeper_roster(const srv_keeper *k)
{
    return k->roster;
}

bool srv_keeper_is_busy(const srv_keeper *k)
{
    return k->now || k->first;
}

size_t srv_keeper_alive(const srv_keeper *k)
{
    size_t n = 0;
    for (const srv_core *c = srv_roster_cores(k->roster); c; c = c->next)
        n += srv_sched_alive(c->sched);
    for (const srv_core *c = k->retired; c; c = c->next)
        n += srv_sched_alive(c->sched);
    return n;
}

void srv_keeper_drain(srv_keeper *k, bool all)
{
    k->drain = true;
    if (k->now) atomic_store(&k->now->stop, true);
    for (const srv_core *c = srv_roster_cores(k->roster); c; c = c->next)
        srv_sched_drain(c->sched, all);
    for (const srv_core *c = k->retired; c; c = c->next)
        srv_sched_drain(c->sched, all);
}
