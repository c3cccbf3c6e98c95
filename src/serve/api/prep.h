/* prep.h - a request between its arrival and its answer, or its jobs: its body is read and what it
 * asks for is made, by another thread where that may take long.
 *
 * Three parts, by who may do them.  read and make touch the srv_prep, what the api says is for any
 * thread, and the versions that were live when the request came, and no more; done is the I/O
 * thread's, with the connection, the keys and the schedulers.  A short body that asks for nothing
 * that takes long goes through all three at once on the I/O thread, since the way to another
 * thread and back would cost more; everything else makes that way (sched/hands.h).
 */
#ifndef SRV_API_PREP_H
#define SRV_API_PREP_H

#include "serve/api/api.h"
#include "serve/api/field.h"
#include "serve/sched/hands.h"

#include <stdatomic.h>

typedef struct srv_prep srv_prep;

/* What an endpoint does with a request.  A part that fails fills f. */
typedef struct srv_prep_kind {
    size_t bytes; /* of the struct that begins with the srv_prep; it starts as zeros */
    sk_status (*read)(srv_prep *p, srv_fault *f);
    bool (*is_long)(const srv_prep *p); /* what was read may take long to make; NULL: never */
    sk_status (*make)(srv_prep *p, srv_fault *f);
    /* Frees what only read and make needed, by whoever did the last part of them. */
    void (*clear)(srv_prep *p);
    /* Answers r, or keeps it; NULL: the answer is p->out. */
    sk_status (*done)(srv_prep *p, srv_req *r, srv_fault *f);
    void (*fini)(srv_prep *p);                      /* I/O thread; NULL: there is no more */
    void (*fault)(const srv_fault *f, sk_buf *out); /* the form of refusals */
} srv_prep_kind;

struct srv_prep {
    srv_chore chore;
    const srv_prep_kind *kind;
    srv_api *api;
    srv_req *req;     /* the I/O thread's; NULL: the client is gone */
    atomic_bool gone; /* the same, for any thread */
    srv_live live;    /* what was live when it came */
    sk_buf body, out;
    uint64_t at_us; /* when it came */
    uint64_t seed;  /* random, for a request that brings none */
    uint32_t key;   /* whose it is */
    bool strict, was_read;
    char id[40];                /* of the request */
    char asked[SRV_MODEL_NAME]; /* the model that it named and that there is not; "": none */
    sk_status st;
    srv_fault fault; /* with st */
};

/* Takes a request: it is answered, or refused, now or later. */
void srv_prep_begin(srv_api *api, srv_req *r, const srv_prep_kind *kind);

/* Reads p's body by a table (srv_fields_read). */
sk_status srv_prep_fields(const srv_prep *p, const srv_fields *t, void *into, json_t **root,
                          sk_buf *unknown, srv_fault *f);

/* The version that was live of the model that a request names, borrowed from p->live; the first if
 * it names none.  SRV_NO_MODEL. */
sk_status srv_prep_model(srv_prep *p, const char *name, srv_version **out, srv_fault *f);

#endif
