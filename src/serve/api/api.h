/* api.h - the endpoints: which handler answers which path. */
#ifndef SRV_API_API_H
#define SRV_API_API_H

#include "serve/http/http.h"
#include "serve/sched/sched.h"

struct srv_page;

/* What handlers work with; filled by serve.c, on the I/O thread. */
typedef struct srv_api {
    struct event_base *base;
    const srv_engine *eng;
    srv_sched *sched;
    srv_http *http;
    sk_metrics *metrics;
    struct srv_page *page;
    int64_t started_s; /* unix time, `created` of the model */
    unsigned ping_ms;  /* a stream's longest silence */
    unsigned stuck_ms; /* a step longer than this makes /health say so */
    bool strict, draining;
    size_t n_params;
    const char *model_dtype, *model_arch;
    eng_runlog *run; /* the training run that is watched, NULL: none */
    const char *run_dir;
} srv_api;

/* Answers a request: finds the endpoint, or 404, 405.  Fits srv_http_opts.handle. */
void srv_api_handle(void *arg, srv_req *r);

/* Counts and logs a finished request.  Fits srv_http_opts.done. */
void srv_api_done(void *arg, const srv_req *r, int status);

/* docs/api.md, from the tables. */
void srv_api_markdown(sk_buf *out);

/* One endpoint. */
typedef struct srv_route {
    const char *method, *path; /* a path that ends in '/' + '*' stands for all below it */
    void (*handle)(srv_api *api, srv_req *r);
    const char *help;
} srv_route;

/* Handlers, one group a file. */
void srv_get_models(srv_api *api, srv_req *r);    /* info.c */
void srv_get_model(srv_api *api, srv_req *r);     /* info.c */
void srv_get_health(srv_api *api, srv_req *r);    /* info.c */
void srv_get_metrics(srv_api *api, srv_req *r);   /* info.c */
void srv_get_version(srv_api *api, srv_req *r);   /* info.c */
void srv_get_run(srv_api *api, srv_req *r);       /* run.c */
void srv_post_chat(srv_api *api, srv_req *r);     /* gen.c */
void srv_post_complete(srv_api *api, srv_req *r); /* gen.c */

/* Appends the metrics of the run that is watched, if there is one (run.c). */
void srv_run_metrics(srv_api *api, sk_buf *out);

/* Takes the scheduler's mail and writes it to the clients; call when srv_sched_fd is readable. */
void srv_gen_collect(srv_api *api);

#endif
