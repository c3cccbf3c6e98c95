/* keeper.h - loads, swaps and ends models while requests go on.
 *
 * Orders to load are carried out one at a time by the loader's thread.  A version that was opened,
 * and has made a first token, goes live in one turn of the event loop: requests that came before
 * end on the version they began with, those that come after get the new one.  One that could not be
 * opened changes nothing.  All on the I/O thread.
 */
#ifndef SRV_MODELS_KEEPER_H
#define SRV_MODELS_KEEPER_H

#include "serve/models/loader.h"

#include <event2/event.h>

typedef struct srv_keeper srv_keeper;

typedef struct srv_keeper_opts {
    struct event_base *base;
    srv_opener how;
    void (*collect)(srv_sched *s); /* takes a scheduler's mail */
    sk_metrics *metrics;           /* counts loads; may be NULL */
} srv_keeper_opts;

/* Starts the loader; there are no models yet. */
sk_status srv_keeper_open(const srv_keeper_opts *o, srv_keeper **out, sk_err *e);

/* Ends the load under way, closes all models and frees the keeper; NULL is allowed.  No
 * request may be under way, and no job (srv_keeper_alive). */
void srv_keeper_close(srv_keeper *k);

/* The models, borrowed. */
srv_roster *srv_keeper_roster(const srv_keeper *k);

/* Before the loop runs: opens a model at once and makes it live; name NULL: that of its file.  The
 * source is taken, whatever comes. */
sk_status srv_keeper_begin(srv_keeper *k, const char *name, srv_source *source, sk_err *e);

/* The same with an adapter, for a model that is live under the name `base`. */
sk_status srv_keeper_begin_adapter(srv_keeper *k, const char *base, const char *name,
                                   const char *lora, double scale, sk_err *e);

/* What is to be loaded. */
typedef struct srv_load {
    const char *name; /* NULL: the first model's */
    const char *path; /* a GGUF or a folder; NULL with an adapter: the base that is live */
    const char *lora; /* NULL: none */
    double scale;
} srv_load;

/* Has it loaded and go live; done(arg, ..) is called once, perhaps before this returns, also if
 * the server ends before.
 * An adapter for a model whose file is in use shares its weights; the adapters of a model that is
 * loaded anew go along to the new version, or the load fails.  SK_E_BUSY: too many orders wait,
 * SK_E_NOTFOUND: there is no such base; done is not called then. */
sk_status srv_keeper_load(srv_keeper *k, const srv_load *l, srv_loaded_fn done, void *arg,
                          sk_err *e);

/* The same for what was live before the live version.  SK_E_NOTFOUND: nothing was. */
sk_status srv_keeper_rollback(srv_keeper *k, const char *name, srv_loaded_fn done, void *arg,
                              sk_err *e);

/* What an unloading came to. */
typedef struct srv_unloaded {
    bool model;   /* a live version was taken off */
    size_t loads; /* orders to load were called off, the one under way among them */
} srv_unloaded;

/* Takes a name off at once, and calls off what is being loaded or waits to be loaded for it: its
 * done is told of SK_E_NOTFOUND soon.  A live version that is the only one stays.  Where there is
 * nothing to do: SK_E_NOTFOUND, or SK_E_INUSE for the only one. */
sk_status srv_keeper_unload(srv_keeper *k, const char *name, srv_unloaded *out, sk_err *e);

/* True while an order is under way or waits. */
bool srv_keeper_is_busy(const srv_keeper *k);

/* Jobs whose last mail was not collected, of all models that are not closed. */
size_t srv_keeper_alive(const srv_keeper *k);

/* srv_sched_drain of all models, and of those still to come; the load under way and those that wait
 * are ended. */
void srv_keeper_drain(srv_keeper *k, bool all);

#endif
