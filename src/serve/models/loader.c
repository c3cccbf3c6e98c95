/* loader.c - carries out the orders. */
#include "serve/models/loader.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/queue.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>

struct srv_loader {
    srv_opener how;
    sk_queue *in, *out; /* orders */
    pthread_t thread;
    bool started;
};

/* ---- orders ---- */

srv_order *srv_order_new(srv_order_kind kind, const char *name)
{
    srv_order *o = sk_calloc(SK_MEM_REQUEST, 1, sizeof *o);
    if (!o) return NULL;
    o->kind = kind;
    snprintf(o->name, sizeof o->name, "%s", name);
    return o;
}

void srv_order_free(srv_order *o)
{
    if (!o) return;
    for (size_t i = 0; i < o->n_along; i++)
        srv_source_close(&o->along[i].source);
    sk_free(o->along);
    srv_source_close(&o->source);
    sk_free(o);
}

/* ---- the thread ---- */

static sk_status open_adapter(srv_core *c, const srv_source *s, eng_lora **out, sk_err *e)
{
    char buf[SRV_SOURCE_FD_NAME];
    return c->eng->adapter_open(c->eng->self, srv_source_path(s, true, buf), s->scale, out, e);
}

/* All adapters of a core that is new, or an error that names the one that does not fit. */
static sk_status open_along(srv_order *o, srv_core *c, sk_err *e)
{
    for (size_t i = 0; i < o->n_along; i++) {
        srv_along *a = &o->along[i];
        sk_err why = SK_ERR_INIT;
        sk_status st = open_adapter(c, &a->source, &a->lora, &why);
        if (!st) continue;
        while (i--) {
            c->eng->adapter_close(c->eng->self, o->along[i].lora);
            o->along[i].lora = NULL;
        }
        return sk_fail(e, st, "the adapter %s does not go with it: %s", a->name, why.text);
    }
    return SK_OK;
}

static sk_status open_model(srv_loader *l, srv_order *o, sk_err *e)
{
    srv_core *c = NULL;
    const srv_opening what = {.source = &o->source,
                              .name = o->name,
                              .mapped = o->mapped,
                              .aside = true,
                              .stop = &o->stop};
    sk_status st = l->how.open(l->how.arg, &what, &c, e);
    if (st) return st;
    st = open_along(o, c, e);
    if (st)
        srv_core_close(c);
    else
        o->core = c;
    return st;
}

static void carry_out(srv_loader *l, srv_order *o)
{
    uint64_t began = sk_now_us();
    o->err = (sk_err)SK_ERR_INIT;
    if (o->kind == SRV_ORDER_MODEL)
        o->st = open_model(l, o, &o->err);
    else if (o->kind == SRV_ORDER_ADAPTER)
        o->st = open_adapter(o->core, &o->source, &o->lora, &o->err);
    else
        srv_core_close(o->core);
    o->us = sk_now_us() - began;
}

static void *loader_main(void *arg)
{
    srv_loader *l = arg;
    for (srv_order *o; (o = sk_queue_pop(l->in, true));) {
        carry_out(l, o);
        if (o->kind == SRV_ORDER_CLOSE) {
            srv_order_free(o); /* of no interest to anybody */
            continue;
        }
        bool ok = sk_queue_push(l->out, o);
        assert(ok && "one order at a time comes back");
        (void)ok;
    }
    return NULL;
}

/* ---- the other side ---- */

/* A thread that did not start is not joined: l->started says so to srv_loader_close(). */
sk_status srv_loader_open(const srv_opener *how, srv_loader **out, sk_err *e)
{
    srv_loader *l = sk_calloc(SK_MEM_REQUEST, 1, sizeof *l);
    if (!l) return sk_fail(e, SK_E_NOMEM, "no memory for the loader");
    l->how = *how;
    sk_status st = sk_queue_open(0, &l->in, e);
    if (!st) st = sk_queue_open(0, &l->out, e);
    /* the queue gets its memory now, so that an order that was carried out always comes back */
    if (!st && !sk_queue_push(l->out, l)) st = sk_fail(e, SK_E_NOMEM, "no memory for the loader");
    if (!st) (void)sk_queue_pop(l->out, false);
    if (!st) {
        int err = pthread_create(&l->thread, NULL, loader_main, l);
        if (err) st = sk_fail_errno(e, err, "cannot start the loader's thread");
        l->started = !err;
    }
    if (st)
        srv_loader_close(l);
    else
        *out = l;
    return st;
}

void srv_loader_finish(srv_loader *l)
{
    if (!l->started) return;
    sk_queue_shut(l->in);
    (void)pthread_join(l->thread, NULL);
    l->started = false;
}

void srv_loader_close(srv_loader *l)
{
    if (!l) return;
    srv_loader_finish(l);
    if (l->in) sk_queue_close(l->in);
    if (l->out) sk_queue_close(l->out);
    sk_free(l);
}

bool srv_loader_give(srv_loader *l, srv_order *o)
{
    return sk_queue_push(l->in, o);
}

srv_order *srv_loader_take(srv_loader *l)
{
    return sk_queue_pop(l->out, false);
}

int srv_loader_fd(srv_loader *l)
{
    return sk_queue_fd(l->out);
}
