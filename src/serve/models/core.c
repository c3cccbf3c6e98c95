/* core.c - opens and closes cores; has adapters that nobody uses closed. */
#include "serve/models/core.h"

#include "base/mem.h"

#include <assert.h>

/* The source moves into the core at once, so that from here on srv_core_close() gives everything
 * back on every way out. */
sk_status srv_core_open(const srv_engine *eng, void (*close)(void *self), void *self,
                        const srv_sched_opts *so, srv_source *source, srv_core **out, sk_err *e)
{
    srv_core *c = sk_calloc(SK_MEM_REQUEST, 1, sizeof *c);
    if (!c) {
        if (close) close(self);
        srv_source_close(source);
        return sk_fail(e, SK_E_NOMEM, "no memory for a model");
    }
    c->eng = eng;
    c->close = close;
    c->self = self;
    c->source = *source;
    *source = (srv_source){.path = NULL};
    srv_syntax_init(&c->syntax);
    c->rules = srv_rules_new(eng);
    sk_status st = c->rules ? srv_sched_open(eng, so, &c->sched, e)
                            : sk_fail(e, SK_E_NOMEM, "no memory for a model");
    if (st)
        srv_core_close(c);
    else
        *out = c;
    return st;
}

void srv_core_close(srv_core *c)
{
    if (!c) return;
    assert(!c->users && !c->mail);
    srv_sched_close(c->sched);
    srv_rules_free(c->rules);
    srv_syntax_fini(&c->syntax);
    for (srv_adapter *a = c->adapters, *next; a; a = next) {
        next = a->next;
        c->eng->adapter_close(c->eng->self, a->lora);
        sk_free(a);
    }
    if (c->close) c->close(c->self);
    srv_source_close(&c->source);
    sk_free(c);
}

srv_adapter *srv_core_add(srv_core *c, eng_lora *l)
{
    srv_adapter *a = sk_calloc(SK_MEM_REQUEST, 1, sizeof *a);
    if (!a) {
        c->eng->adapter_close(c->eng->self, l);
        return NULL;
    }
    *a = (srv_adapter){.next = c->adapters, .lora = l};
    c->adapters = a;
    return a;
}

/* ---- closing adapters while the engine runs ---- */

/* The engine's cache knows sequences by their adapter, so that it must forget them before, which
 * is for its own thread: a task. */
typedef struct sweep {
    srv_owner owner;
    srv_job *job;
    srv_core *core;
    srv_adapter *adapters; /* taken out of the core's list */
} sweep;

/* Engine thread. */
static sk_status run_sweep(srv_job *j, const srv_between *b, sk_err *e)
{
    sweep *s = j->owner;
    (void)b;
    (void)e;
    for (srv_adapter *a = s->adapters, *next; a; a = next) {
        next = a->next;
        s->core->eng->adapter_close(s->core->eng->self, a->lora);
        sk_free(a);
    }
    s->adapters = NULL;
    return SK_OK;
}

/* I/O thread: its only mail.  Where it did not come to run the adapters go with the core. */
static void sweep_mail(srv_owner *o, srv_job *j, const srv_mail *m)
{
    sweep *s = (sweep *)(void *)o;
    assert(m->finish && s->job == j);
    (void)m;
    for (srv_adapter *a = s->adapters, *next; a; a = next) {
        next = a->next;
        a->next = s->core->adapters;
        s->core->adapters = a;
    }
    srv_job_free(j);
    sk_free(s);
}

/* Takes all adapters that nobody uses out of the list for the engine thread to close (run_sweep).
 * Without memory for that they stay, marked as unused, until the next removal. */
void srv_core_remove(srv_core *c, srv_adapter *a)
{
    a->unused = true;
    sweep *s = sk_calloc(SK_MEM_REQUEST, 1, sizeof *s);
    srv_job *j = s ? srv_job_new() : NULL;
    if (!j) {
        sk_free(s);
        return;
    }
    *s = (sweep){.owner = {sweep_mail}, .job = j, .core = c};
    j->owner = s;
    j->task = run_sweep;
    srv_adapter *all = c->adapters, *kept = NULL;
    for (srv_adapter *p = all, *next; p; p = next) {
        srv_adapter **to = p->unused ? &s->adapters : &kept;
        next = p->next;
        p->next = *to;
        *to = p;
    }
    c->adapters = kept;
    if (srv_sched_submit(c->sched, j))
        sweep_mail(&s->owner, j, &(srv_mail){.finish = SRV_FIN_STOP});
}
