/* prep.c - takes requests through their parts, here or on another thread. */
#include "serve/api/prep.h"

#include "base/mem.h"

#include <assert.h>
#include <event2/util.h>
#include <stdio.h>

/* Bytes of a body that is read at once: some tens of microseconds, a few milliseconds at worst. */
#define SHORT_BYTES 4096u

sk_status srv_prep_fields(const srv_prep *p, const srv_fields *t, void *into, json_t **root,
                          sk_buf *unknown, srv_fault *f)
{
    return srv_fields_read(t, p->body.len ? p->body.p : "", p->body.len, p->strict, into, root,
                           unknown, f);
}

sk_status srv_prep_model(srv_prep *p, const char *name, srv_version **out, srv_fault *f)
{
    srv_version *v = srv_live_find(&p->live, name), *first = srv_live_find(&p->live, NULL);
    if (!v && name) snprintf(p->asked, sizeof p->asked, "%s", name);
    if (!v) return srv_api_no_model(name, first ? first->name : NULL, p->live.n, f);
    *out = v;
    return SK_OK;
}

/* ---- any thread ---- */

/* One part.  What had no memory for a piece may have gone on without it. */
static void do_part(srv_prep *p, sk_status (*part)(srv_prep *p, srv_fault *f))
{
    unsigned long missed = sk_mem_missed();
    if (p->st) return;
    p->st = part(p, &p->fault);
    if (missed == sk_mem_missed()) return;
    p->fault = (srv_fault){.retry_s = 1};
    p->st = srv_fail(&p->fault, SRV_NO_MEMORY, NULL, "no memory for the request");
}

static void clear(srv_prep *p)
{
    p->kind->clear(p);
    sk_buf_fini(&p->body);
}

static void read_body(srv_prep *p)
{
    p->was_read = true;
    do_part(p, p->kind->read);
}

/* On a worker. */
static void work(srv_chore *c)
{
    srv_prep *p = (srv_prep *)(void *)c;
    if (!p->was_read) read_body(p);
    if (!atomic_load_explicit(&p->gone, memory_order_relaxed)) do_part(p, p->kind->make);
    clear(p);
}

/* ---- the I/O thread ---- */

/* A refusal in the endpoint's form. */
static void refuse(srv_req *r, const srv_prep_kind *k, const srv_fault *f)
{
    sk_buf b = SK_BUF_INIT;
    k->fault(f, &b);
    srv_reply_fault_as(r, f, &b);
    sk_buf_fini(&b);
}

/* The end of what was prepared: it is cleared already. */
static void finish(srv_prep *p)
{
    const srv_prep_kind *k = p->kind;
    srv_req *r = p->req;
    if (r) srv_req_watch(r, NULL, NULL);
    if (r && p->st && p->asked[0]) srv_earlier_ask(p->api, p->asked, &p->fault);
    if (r && !p->st && !k->done)
        srv_api_reply(r, 200, "application/json", &p->out);
    else if (r && (p->st || k->done(p, r, &p->fault)))
        refuse(r, k, &p->fault);
    if (k->fini) k->fini(p);
    sk_buf_fini(&p->out);
    srv_live_put(&p->live);
    sk_free(p);
}

static sk_status crowded(const srv_prep *p, srv_fault *f)
{
    f->retry_s = srv_hands_retry_s(p->api->hands);
    return srv_fail(f, SRV_CROWDED, NULL, "too many requests wait to be read; try again in %u s",
                    f->retry_s);
}

/* A chore is back. */
static void done(srv_chore *c, srv_chore_end how)
{
    srv_prep *p = (srv_prep *)(void *)c;
    if (how != SRV_CHORE_RAN) clear(p);
    if (how == SRV_CHORE_CROWDED) p->st = crowded(p, &p->fault);
    finish(p);
}

/* The client went away: what was not begun is forgotten at once. */
static void on_news(void *arg, srv_req *r, srv_req_news news)
{
    srv_prep *p = arg;
    (void)r;
    assert(news == SRV_REQ_GONE && "nothing was sent");
    (void)news;
    p->req = NULL;
    atomic_store_explicit(&p->gone, true, memory_order_relaxed);
    (void)srv_hands_drop(p->api->hands, &p->chore);
}

/* Sends what is left to be done to a worker. */
static void give(srv_prep *p)
{
    p->chore = (srv_chore){.work = work, .done = done, .key = p->key};
    srv_req_watch(p->req, on_news, p);
    if (srv_hands_give(p->api->hands, &p->chore)) return;
    p->st = crowded(p, &p->fault);
    clear(p);
    finish(p);
}

/* What is noted of a request before it is looked at. */
static srv_prep *make(srv_api *api, srv_req *r, const srv_prep_kind *kind)
{
    srv_prep *p = sk_calloc(SK_MEM_REQUEST, 1, kind->bytes);
    if (!p || srv_live_take(&p->live, api->roster)) {
        sk_free(p);
        return NULL;
    }
    p->kind = kind;
    p->api = api;
    p->req = r;
    p->strict = api->strict;
    p->key = srv_req_mark_of(r)->key;
    p->at_us = srv_req_mark_of(r)->at_us;
    evutil_secure_rng_get_bytes(&p->seed, sizeof p->seed);
    snprintf(p->id, sizeof p->id, "%s", srv_req_id(r));
    srv_req_take_body(r, &p->body);
    return p;
}

/* A short body is read at once, and its answer prepared on this thread unless its kind knows it to
 * be long; a long body is not even parsed here, lest the answers that stream meanwhile stand
 * still. */
void srv_prep_begin(srv_api *api, srv_req *r, const srv_prep_kind *kind)
{
    assert(kind->bytes >= sizeof(srv_prep));
    srv_prep *p = make(api, r, kind);
    if (!p) {
        srv_fault f = {.retry_s = 1};
        (void)srv_fail(&f, SRV_NO_MEMORY, NULL, "no memory for the request");
        refuse(r, kind, &f);
        return;
    }
    bool away = api->hands && p->body.len > SHORT_BYTES;
    if (!away) read_body(p);
    if (!p->st && !away && api->hands && kind->is_long) away = kind->is_long(p);
    if (away) {
        give(p);
        return;
    }
    do_part(p, kind->make);
    clear(p);
    finish(p);
}
