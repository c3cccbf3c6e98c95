/* gen.h - from what a request asks for to jobs under way; shared by all endpoints that generate. */
#ifndef SRV_API_GEN_H
#define SRV_API_GEN_H

#include "serve/api/ask.h"
#include "serve/api/params.h"

/* Refuses what is known to be refused before any work is done for it: draining, a full queue. */
sk_status srv_gen_ready(srv_api *api, srv_fault *f);

/* Makes p's jobs and submits them.  On SK_OK the request is taken; *out, if not NULL, is the ask,
 * valid until the next mail is collected. */
sk_status srv_gen_start(srv_api *api, srv_req *r, srv_params *p, const srv_form *form,
                        srv_ask **out, srv_fault *f);

#endif
