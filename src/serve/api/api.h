/* api.h - the endpoints: which handler answers which path. */
#ifndef SRV_API_API_H
#define SRV_API_API_H

#include "base/share.h"
#include "serve/api/earlier.h"
#include "serve/http/http.h"
#include "serve/models/roster.h"

struct srv_page;
struct srv_hands;
struct srv_behind;

/* What handlers work with; filled by serve.c, on the I/O thread.  Other threads touch only what is
 * said to be for them. */
typedef struct srv_api {
    struct event_base *base;
    struct srv_hands *hands;   /* who prepares requests; NULL: the I/O thread does all */
    srv_roster *roster;        /* the models */
    struct srv_keeper *keeper; /* who changes them */
    srv_http *http;
    sk_metrics *metrics;
    struct srv_page *page;
    unsigned ping_ms;  /* a stream's longest silence */
    unsigned stuck_ms; /* a step longer than this makes /health say so */
    bool strict, draining;
    eng_runlog *run; /* the training run that is watched, NULL: none */
    const char *run_dir;
    char *run_up;          /* its name where it is the supervisor's (run.c); NULL: it is not */
    struct srv_up *up;     /* the supervisor that runs this server, NULL: none */
    srv_earlier earlier;   /* a version of the supervisor's that is loaded beside the live one */
    sk_share *share;       /* with trainers, NULL: none is */
    struct srv_keys *keys; /* who may ask, NULL: anybody */
    struct srv_access *access; /* the access log, NULL: none */
    struct srv_store *store;   /* conversations to go on from; any thread's (store.h) */
    struct srv_behind *behind; /* responses under way that nobody need wait for */
    const char *cors;          /* origins whose pages may ask, NULL: none */
} srv_api;

/* Answers a request: finds the endpoint, or 404, 405.  Fits srv_http_opts.handle. */
void srv_api_handle(void *arg, srv_req *r);

/* Counts and logs a finished request.  Fits srv_http_opts.done. */
void srv_api_done(void *arg, const srv_req *r, int status);

/* docs/api.md, from the tables. */
void srv_api_markdown(sk_buf *out);

/* Appends the same as OpenAPI 3.1. */
void srv_openapi_json(sk_buf *out);

struct srv_fields;

/* One endpoint. */
typedef struct srv_route {
    const char *method, *path; /* a path that ends in '/' + '*' stands for all below it */
    void (*handle)(srv_api *api, srv_req *r);
    const char *help;
    const struct srv_fields *body;                  /* what its body may have, NULL: it has none */
    bool streams;                                   /* its answer may be a stream of events */
    bool open;                                      /* needs no key */
    const char *type;                               /* of its answer; NULL: application/json */
    void (*fault)(const srv_fault *f, sk_buf *out); /* refusals; NULL: OpenAI's form */
    bool admin;                                     /* for admins only */
} srv_route;

/* The table of endpoints. */
const srv_route *srv_api_routes(size_t *n);

/* SRV_NO_MODEL: there are n live ones, the first of which is `first` (NULL: none), and `name` is
 * not among them. */
sk_status srv_api_no_model(const char *name, const char *first, size_t n, srv_fault *f);

/* Answers with b, which is freed; 503 where it had no memory. */
void srv_api_reply(srv_req *r, int status, const char *type, sk_buf *b);

/* Handlers, one group a file. */
void srv_get_models(srv_api *api, srv_req *r);       /* info.c */
void srv_get_model(srv_api *api, srv_req *r);        /* info.c */
void srv_get_health(srv_api *api, srv_req *r);       /* info.c */
void srv_get_live(srv_api *api, srv_req *r);         /* info.c */
void srv_get_metrics(srv_api *api, srv_req *r);      /* info.c */
void srv_get_version(srv_api *api, srv_req *r);      /* info.c */
void srv_get_usage(srv_api *api, srv_req *r);        /* info.c */
void srv_get_run(srv_api *api, srv_req *r);          /* run.c */
void srv_get_up(srv_api *api, srv_req *r);           /* up.c */
void srv_post_up(srv_api *api, srv_req *r);          /* up_order.c */
void srv_get_admin_models(srv_api *api, srv_req *r); /* admin.c */
void srv_post_load(srv_api *api, srv_req *r);        /* admin.c */
void srv_post_rollback(srv_api *api, srv_req *r);    /* admin.c */
void srv_post_unload(srv_api *api, srv_req *r);      /* admin.c */
void srv_get_openapi(srv_api *api, srv_req *r);      /* openapi.c */
void srv_post_embed(srv_api *api, srv_req *r);       /* embed.c */
void srv_post_tokenize(srv_api *api, srv_req *r);    /* tokens.c */
void srv_post_detokenize(srv_api *api, srv_req *r);  /* tokens.c */
void srv_post_template(srv_api *api, srv_req *r);    /* tokens.c */
void srv_post_responses(srv_api *api, srv_req *r);   /* responses.c */
void srv_get_response(srv_api *api, srv_req *r);     /* kept.c */
void srv_delete_response(srv_api *api, srv_req *r);  /* kept.c */
void srv_cancel_response(srv_api *api, srv_req *r);  /* kept.c */
void srv_post_messages(srv_api *api, srv_req *r);    /* messages.c */
void srv_post_count(srv_api *api, srv_req *r);       /* messages.c */
void srv_post_chat(srv_api *api, srv_req *r);        /* gen.c */
void srv_post_complete(srv_api *api, srv_req *r);    /* gen.c */

/* Whether r may change the models: the key of an admin, or without keys a request that comes from
 * this very machine, neither through a proxy nor from a page of elsewhere.  SRV_NOT_ADMIN. */
sk_status srv_admin_check(const srv_api *api, srv_req *r, srv_fault *f);

/* Appends the metrics that say which versions there are (admin.c). */
void srv_version_metrics(const srv_api *api, sk_buf *out);

/* Appends what trainers and this server make of the file they share, if they do (info.c), and those
 * metrics as rows of a table of docs/metrics.md. */
void srv_share_metrics(const srv_api *api, sk_buf *out);
void srv_share_markdown(sk_buf *out);

/* Lets go of the run that is watched (run.c). */
void srv_run_close(srv_api *api);

/* Appends the metrics of the run that is watched, if there is one (run.c). */
void srv_run_metrics(srv_api *api, sk_buf *out);

/* Takes a scheduler's mail and writes it to the clients; call when srv_sched_fd is readable. */
void srv_gen_collect(srv_sched *s);

#endif
