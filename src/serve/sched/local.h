/* local.h - the engine of this process, as the scheduler sees it. */
#ifndef SRV_SCHED_LOCAL_H
#define SRV_SCHED_LOCAL_H

#include "serve/sched/engine.h"

typedef struct srv_local srv_local;

typedef struct srv_local_opts {
    const char *path; /* GGUF or Hugging Face folder */
    const char *lora; /* adapter of every answer that asks for no other, NULL: none */
    double lora_scale;
    const char *chat_template; /* a file instead of the model's own, NULL: none */
    const char *name;          /* the model's id; NULL: from the file */
    size_t n_ctx;              /* 0: the model's */
    size_t n_slots, n_threads; /* n_threads 0: all cores */
    size_t max_step;
    eng_dtype kv_type;          /* keys and values are kept as this */
    size_t kv_tokens, kv_bytes; /* of the cache of all sequences; both 0: what fits */
    const char *prefix_disk;    /* eng_session_opts */
    uint64_t prefix_disk_most;
    bool no_repack, pack_cache; /* eng_model_opts */
    bool aside;                 /* others answer meanwhile: read by a thread of low priority */
    eng_between_fn between;     /* asked while it is read (eng_exec_between), NULL: nobody */
    void *between_arg;
    uint64_t memory; /* bytes that all of the server may take, 0: what the system lets */
    uint64_t mapped; /* of weights in use that no allocation counts */
} srv_local_opts;

/* Bytes there is room for now: what the system, the control group and o->memory allow, without what
 * is held. */
uint64_t srv_local_room(const srv_local_opts *o);

/* Opens model, session and sampler.  SK_E_INVALID when n_ctx is over the model's, SK_E_NOMEM where
 * the cache that was asked for does not fit beside what is held, SK_E_STOPPED. */
sk_status srv_local_open(const srv_local_opts *o, srv_local **out, sk_err *e);

/* Closes session and model; NULL is allowed.  No job may be under way. */
void srv_local_close(srv_local *l);

/* Runs one token through the model: what cannot do that must not go live.  As the engine thread
 * would, with nobody else using l; `between` as above. */
sk_status srv_local_try(srv_local *l, eng_between_fn between, void *arg, sk_err *e);

/* Borrowed, as long as l. */
const srv_engine *srv_local_engine(const srv_local *l);

/* What the model says of itself, for /v1/models and the log. */
const eng_model_info *srv_local_info(const srv_local *l);

#endif
