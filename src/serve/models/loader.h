/* loader.h - the thread that opens and closes models, so that neither the I/O thread nor an engine
 * thread waits for a disk.
 *
 * It carries orders out one after another.  An order is its maker's until it is given, the loader's
 * until it was taken back, then its maker's again.
 */
#ifndef SRV_MODELS_LOADER_H
#define SRV_MODELS_LOADER_H

#include "serve/models/roster.h"

/* What is to be opened. */
typedef struct srv_opening {
    const srv_source *source;
    const char *name;        /* NULL: that of its file */
    uint64_t mapped;         /* bytes of weights in use that no allocation counts */
    bool aside;              /* others answer meanwhile */
    const atomic_bool *stop; /* set once it is to end with SK_E_STOPPED; NULL: never */
} srv_opening;

/* How a model is opened; called on the loader's thread, and by srv_keeper_begin. */
typedef struct srv_opener {
    /* Opens, tries and starts it.  SK_E_NOMEM with what it needs and what there is; SK_E_STOPPED.
     */
    sk_status (*open)(void *arg, const srv_opening *o, srv_core **out, sk_err *e);
    void *arg;
} srv_opener;

/* An adapter that is opened for the core of an order, too. */
typedef struct srv_along {
    char name[SRV_MODEL_NAME];
    srv_source source;
    eng_lora *lora; /* out, until it is the core's */
} srv_along;

/* What came of an order that was given to the keeper; v is NULL if it failed. */
typedef void (*srv_loaded_fn)(void *arg, const srv_version *v, const sk_err *e);

typedef enum srv_order_kind {
    SRV_ORDER_MODEL,   /* open `source`, with all of `along` or not at all */
    SRV_ORDER_ADAPTER, /* open the adapter of `source` for `core` */
    SRV_ORDER_CLOSE    /* close `core` */
} srv_order_kind;

typedef struct srv_order {
    srv_order_kind kind;
    char name[SRV_MODEL_NAME];
    srv_source source;
    uint64_t mapped;
    srv_along *along; /* [n_along] */
    size_t n_along;
    srv_core *core; /* in, or out by kind */
    eng_lora *lora; /* out of SRV_ORDER_ADAPTER */
    sk_status st;   /* out, with err */
    sk_err err;
    uint64_t us;      /* it took */
    atomic_bool stop; /* it is to end early, set by its maker at any time */
    bool cancelled;   /* its maker's: because its name was unloaded */
    srv_loaded_fn done;
    void *arg;
    struct srv_order *next; /* the keeper's */
} srv_order;

/* An order of zeros but for its name; NULL without memory. */
srv_order *srv_order_new(srv_order_kind kind, const char *name);

/* Frees it, not what it opened. */
void srv_order_free(srv_order *o);

typedef struct srv_loader srv_loader;

/* Starts the thread. */
sk_status srv_loader_open(const srv_opener *how, srv_loader **out, sk_err *e);

/* Waits for the order under way and ends; orders not taken back are to be taken before. */
void srv_loader_close(srv_loader *l);

/* False without memory.  Of those that come back (all but SRV_ORDER_CLOSE) one may be under way at
 * a time. */
bool srv_loader_give(srv_loader *l, srv_order *o);

/* An order that is carried out; NULL if there is none. */
srv_order *srv_loader_take(srv_loader *l);

/* Readable while there is one. */
int srv_loader_fd(srv_loader *l);

/* No more orders: those given are still carried out, then the thread ends; returns when it has. */
void srv_loader_finish(srv_loader *l);

#endif
