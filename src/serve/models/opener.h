/* opener.h - opens models of the engine as cores: what srv_opener is in a server. */
#ifndef SRV_MODELS_OPENER_H
#define SRV_MODELS_OPENER_H

#include "serve/models/loader.h"
#include "serve/sched/local.h"

typedef struct srv_local_opener {
    srv_local_opts local; /* of all models; path, lora and name are each model's own */
    srv_sched_opts sched; /* the baton is shared by all */
    int stop_fd;          /* readable once the server is to end; -1: never */
} srv_local_opener;

/* Fits srv_opener.open, with arg a srv_local_opener.  Beside others it reads in turns
 * (sched/turns.h), and refuses before it reads what there is no room for; the model has then made
 * its first token.  SK_E_CORRUPT for a file that was written to meanwhile. */
sk_status srv_local_opener_open(void *arg, const srv_opening *o, srv_core **out, sk_err *e);

#endif
