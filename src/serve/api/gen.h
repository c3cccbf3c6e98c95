/* gen.h - from what a request asks for to jobs under way; shared by all endpoints that generate. */
#ifndef SRV_API_GEN_H
#define SRV_API_GEN_H

#include "serve/api/ask.h"
#include "serve/api/params.h"
#include "serve/api/prep.h"

/* A request to such an endpoint, before its jobs are submitted.  The endpoint's own struct begins
 * with it; what follows has the parameters. */
typedef struct srv_gen {
    srv_prep prep;
    srv_params *p;  /* until it is cleared */
    srv_ask *ask;   /* its version is borrowed from prep.live; NULL: not made, or submitted */
    sk_buf unknown; /* names of fields that had no bearing */
} srv_gen;

/* Refuses what is known to be refused before any work is done for it: draining, a full queue. */
sk_status srv_gen_ready(srv_api *api, srv_fault *f);

/* Begins a request if srv_gen_ready has nothing against it. */
void srv_gen_begin(srv_api *api, srv_req *r, const srv_prep_kind *kind);

/* Makes the jobs of g->p.  Any thread. */
sk_status srv_gen_make(srv_gen *g, const srv_form *form, srv_fault *f);

/* Parts of a srv_prep_kind: whether p asks for something that takes long to make; submits the jobs;
 * frees what is left. */
bool srv_gen_is_long(const srv_prep *p);
sk_status srv_gen_done(srv_prep *p, srv_req *r, srv_fault *f);
void srv_gen_fini(srv_prep *p);

#endif
