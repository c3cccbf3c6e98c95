/* roster.c - names, versions and who uses them. */
#include "serve/models/roster.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

struct srv_roster {
    srv_retire_fn retire;
    void *arg;
    srv_model *first;
    srv_version *versions; /* all, newest first */
    srv_core *cores;
    bool ending; /* what adapters there are go with their cores */
};

srv_roster *srv_roster_new(srv_retire_fn retire, void *arg)
{
    srv_roster *r = sk_calloc(SK_MEM_REQUEST, 1, sizeof *r);
    if (r) *r = (srv_roster){.retire = retire, .arg = arg};
    return r;
}

void srv_roster_free(srv_roster *r)
{
    if (!r) return;
    r->ending = true;
    for (srv_model *m = r->first, *next; m; m = next) {
        next = m->next;
        if (m->live) srv_version_put(m->live);
        srv_source_close(&m->previous);
        sk_free(m);
    }
    assert(!r->versions && !r->cores);
    sk_free(r);
}

/* ---- cores ---- */

void srv_core_hold(srv_core *c)
{
    c->users++;
}

void srv_roster_let_go(srv_roster *r, srv_core *c)
{
    assert(c->users);
    if (--c->users) return;
    srv_core **at = &r->cores;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->next = NULL;
    r->retire(r->arg, c);
}

srv_core *srv_roster_cores(const srv_roster *r)
{
    return r->cores;
}

/* One more user of a core, which may be new here. */
static void hold_core(srv_roster *r, srv_core *c)
{
    srv_core *known = r->cores;
    while (known && known != c)
        known = known->next;
    if (!known) {
        c->next = r->cores;
        r->cores = c;
    }
    c->users++;
}

/* ---- versions ---- */

srv_version *srv_version_take(srv_version *v)
{
    v->users++;
    return v;
}

void srv_version_put(srv_version *v)
{
    if (!v) return;
    assert(v->users);
    if (--v->users) return;
    srv_roster *r = v->roster;
    srv_version **at = &r->versions;
    while (*at != v)
        at = &(*at)->next;
    *at = v->next;
    sk_log(SK_LOG_INFO, "model %s: version %u has ended", v->name, v->number);
    if (v->adapter && v->core->users > 1 && !r->ending) srv_core_remove(v->core, v->adapter);
    srv_roster_let_go(r, v->core);
    srv_source_close(&v->source);
    sk_free(v);
}

/* The version is live no more. */
static void step_down(srv_version *v)
{
    assert(v->live);
    v->live = false;
    srv_version_put(v);
}

/* A version that is not live yet; it has one user. */
static srv_version *make(srv_roster *r, srv_model *m, srv_core *core, srv_adapter *adapter)
{
    srv_version *v = sk_calloc(SK_MEM_REQUEST, 1, sizeof *v);
    if (!v) return NULL;
    *v = (srv_version){.number = ++m->n_versions,
                       .created = sk_unix_s(),
                       .users = 1,
                       .live = true,
                       .core = core,
                       .adapter = adapter,
                       .eng = core->eng,
                       .sched = core->sched,
                       .rules = core->rules,
                       .syntax = &core->syntax,
                       .roster = r,
                       .next = r->versions};
    memcpy(v->name, m->name, sizeof v->name);
    r->versions = v;
    hold_core(r, core);
    return v;
}

/* ---- names ---- */

srv_model *srv_roster_model(const srv_roster *r, const char *name)
{
    srv_model *m = r->first;
    while (m && strcmp(m->name, name) != 0)
        m = m->next;
    return m;
}

/* The row of a name, new if need be; NULL without memory. */
static srv_model *row_of(srv_roster *r, const char *name)
{
    srv_model *m = srv_roster_model(r, name), **end = &r->first;
    if (m) return m;
    m = sk_calloc(SK_MEM_REQUEST, 1, sizeof *m);
    if (!m) return NULL;
    snprintf(m->name, sizeof m->name, "%s", name);
    while (*end)
        end = &(*end)->next;
    return *end = m;
}

/* All that needs memory comes before anything changes: on failure the old version is still live. */
sk_status srv_roster_put(srv_roster *r, const char *name, srv_core *core, srv_adapter *adapter,
                         const srv_source *source, srv_version **out, sk_err *e)
{
    srv_source mine = {.path = NULL}, before = {.path = NULL};
    srv_model *m = row_of(r, name);
    sk_status st = m ? SK_OK : sk_fail(e, SK_E_NOMEM, "no memory for a model's name");
    if (!st) st = srv_source_copy(source, &mine, e);
    if (!st && m->live) st = srv_source_copy(&m->live->source, &before, e);
    srv_version *v = st ? NULL : make(r, m, core, adapter);
    if (!st && !v) st = sk_fail(e, SK_E_NOMEM, "no memory for a version");
    if (st) {
        srv_source_close(&mine);
        srv_source_close(&before);
        return st;
    }
    v->source = mine;
    if (m->live) {
        srv_source_close(&m->previous);
        m->previous = before;
        step_down(m->live);
    }
    m->live = v;
    *out = v;
    return SK_OK;
}

void srv_roster_remove(srv_roster *r, const char *name)
{
    srv_model *m = srv_roster_model(r, name);
    if (!m || !m->live) return;
    step_down(m->live);
    m->live = NULL;
}

srv_version *srv_roster_find(const srv_roster *r, const char *name)
{
    for (srv_model *m = r->first; m; m = m->next)
        if (m->live && (!name || strcmp(m->name, name) == 0)) return m->live;
    return NULL;
}

srv_model *srv_roster_first(const srv_roster *r)
{
    return r->first;
}

size_t srv_roster_count(const srv_roster *r)
{
    size_t n = 0;
    for (const srv_model *m = r->first; m; m = m->next)
        n += m->live != NULL;
    return n;
}

/* ---- the live ones of a moment ---- */

sk_status srv_live_take(srv_live *l, const srv_roster *r)
{
    size_t n = srv_roster_count(r);
    *l = (srv_live){.v = l->few};
    if (n > sizeof l->few / sizeof *l->few) l->v = sk_calloc(SK_MEM_REQUEST, n, sizeof *l->v);
    if (!l->v) return SK_E_NOMEM;
    for (const srv_model *m = r->first; m; m = m->next)
        if (m->live) l->v[l->n++] = srv_version_take(m->live);
    return SK_OK;
}

void srv_live_put(srv_live *l)
{
    for (size_t i = 0; i < l->n; i++)
        srv_version_put(l->v[i]);
    if (l->v != l->few) sk_free(l->v);
    *l = (srv_live){.n = 0};
}

srv_version *srv_live_find(const srv_live *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (!name || strcmp(l->v[i]->name, name) == 0) return l->v[i];
    return NULL;
}

srv_version *srv_roster_versions(const srv_roster *r)
{
    return r->versions;
}
