/* core.h - a model file that is open, and the thread that computes with it.
 *
 * What the handlers ask of a model is here: its engine's table, its scheduler, the grammars that
 * were compiled for its vocabulary, the syntax of its template.  One core may stand behind several
 * names, which differ by their adapters.
 *
 * A core is opened on any thread and then is the I/O thread's, until nobody uses it; closing it,
 * which gives a lot of memory back, is for any thread again.
 */
#ifndef SRV_MODELS_CORE_H
#define SRV_MODELS_CORE_H

#include "serve/api/rules.h"
#include "serve/api/syntax.h"
#include "serve/models/source.h"
#include "serve/sched/sched.h"

/* An adapter that is open for a core. */
typedef struct srv_adapter {
    struct srv_adapter *next;
    eng_lora *lora;
    bool unused; /* no version has it any more */
} srv_adapter;

typedef struct srv_core {
    const srv_engine *eng;
    eng_model_info info; /* arch and dtype are the engine's; zeros in tests */
    srv_sched *sched;
    srv_rules *rules;
    srv_syntax syntax;
    srv_source source;     /* its files, the adapter of all its answers included */
    srv_adapter *adapters; /* all that are open */
    size_t users;          /* versions that stand on it, and orders that load for it */
    struct event *mail;    /* the I/O thread's, freed before it is closed; NULL: none */
    uint64_t mapped_bytes; /* of weights used where they lie in a file: no allocation counts them */
    void (*close)(void *self); /* of the engine, NULL: it is borrowed */
    void *self;
    struct srv_core *next; /* the roster's */
} srv_core;

/* Starts a scheduler over eng; with close(self) the engine goes when the core does, also where
 * opening fails.  The source is taken likewise. */
sk_status srv_core_open(const srv_engine *eng, void (*close)(void *self), void *self,
                        const srv_sched_opts *so, srv_source *source, srv_core **out, sk_err *e);

/* Ends the scheduler's thread and frees all; NULL is allowed.  No job may be under way. */
void srv_core_close(srv_core *c);

/* Takes an adapter that was opened for c (srv_engine.adapter_open); it is closed with c at the
 * latest.  NULL without memory: then it is closed at once. */
srv_adapter *srv_core_add(srv_core *c, eng_lora *l);

/* Nobody uses a any more.  It is closed by the engine thread soon, or with the core. */
void srv_core_remove(srv_core *c, srv_adapter *a);

#endif
