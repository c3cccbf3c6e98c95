/* roster.h - which models there are, and which version of each answers.
 *
 * A name stands for one version at a time, the live one.  A request takes the version that is live
 * when it comes and keeps it to its end; a version that is live no more ends with its last request,
 * and a core with its last version.  All on the I/O thread.
 */
#ifndef SRV_MODELS_ROSTER_H
#define SRV_MODELS_ROSTER_H

#include "serve/models/core.h"

#define SRV_MODEL_NAME 128u

typedef struct srv_roster srv_roster;

/* What a name stands for at a time. */
typedef struct srv_version {
    char name[SRV_MODEL_NAME];
    uint32_t number; /* from 1, by name */
    int64_t created; /* unix time it went live */
    size_t users;    /* requests that have it, and one while it is live */
    bool live;
    srv_core *core;
    srv_adapter *adapter; /* NULL: the core's own, if it has one */
    srv_source source;    /* what it was loaded from, for a rollback */
    /* the core's, which most users of a version want */
    const srv_engine *eng;
    srv_sched *sched;
    srv_rules *rules;
    srv_syntax *syntax;
    srv_roster *roster;
    struct srv_version *next; /* the roster's */
} srv_version;

/* A name. */
typedef struct srv_model {
    char name[SRV_MODEL_NAME];
    srv_version *live;   /* NULL: unloaded */
    srv_source previous; /* what was live before; path NULL: nothing */
    uint32_t n_versions;
    struct srv_model *next;
} srv_model;

/* Told of a core that nobody uses any more: to be closed, on whatever thread.  It may have jobs of
 * its own under way: srv_core.mail is still there. */
typedef void (*srv_retire_fn)(void *arg, srv_core *c);

/* Empty; NULL without memory. */
srv_roster *srv_roster_new(srv_retire_fn retire, void *arg);

/* Frees what is left, cores included: no request may have a version any more. */
void srv_roster_free(srv_roster *r);

/* Makes a version of `name` live over core, which may be of a version that is there already.  The
 * source is copied.  Whatever was live before gives way, and its source is kept for a rollback.  On
 * failure (SK_E_NOMEM) nothing has changed and core is the caller's. */
sk_status srv_roster_put(srv_roster *r, const char *name, srv_core *core, srv_adapter *adapter,
                         const srv_source *source, srv_version **out, sk_err *e);

/* Takes a name off: new requests for it are refused, those under way go on. */
void srv_roster_remove(srv_roster *r, const char *name);

/* The live version of a name, borrowed; NULL: the first that was loaded.  NULL if there is none. */
srv_version *srv_roster_find(const srv_roster *r, const char *name);

/* The name's row, also if it is unloaded; NULL if it was never loaded. */
srv_model *srv_roster_model(const srv_roster *r, const char *name);

/* The rows, in the order they were first loaded. */
srv_model *srv_roster_first(const srv_roster *r);

/* Names that have a live version. */
size_t srv_roster_count(const srv_roster *r);

/* All versions that are not at their end, newest first, linked by next. */
srv_version *srv_roster_versions(const srv_roster *r);

/* All cores in use, linked by next, those that only end their requests included. */
srv_core *srv_roster_cores(const srv_roster *r);

/* The versions that are live at a moment, each with one more user: a request that came then may be
 * told apart by its model's name on another thread, which reads only what never changes of them. */
typedef struct srv_live {
    srv_version **v; /* [n] in the order of the names' rows */
    size_t n;
    srv_version *few[4];
} srv_live;

/* SK_E_NOMEM leaves it empty. */
sk_status srv_live_take(srv_live *l, const srv_roster *r);

/* Lets go of them. */
void srv_live_put(srv_live *l);

/* The one of a name, borrowed; NULL: the first.  NULL if there is none.  Any thread. */
srv_version *srv_live_find(const srv_live *l, const char *name);

/* One more user of v. */
srv_version *srv_version_take(srv_version *v);

/* One less; NULL is allowed. */
void srv_version_put(srv_version *v);

/* Keeps a core of the roster open for an order that loads for it. */
void srv_core_hold(srv_core *c);

/* Lets go of it, and retires it if nobody else has it. */
void srv_roster_let_go(srv_roster *r, srv_core *c);

#endif
