/* serve.h - the door of the server: open, run until asked to stop, close.
 *
 *     srv_opts o;
 *     srv_opts_default(&o);
 *     o.model = "model.gguf";
 *     o.stop_fd = cmd_stop_fd();
 *     srv_server *s;
 *     sk_status st = srv_open(&o, &s, &e);
 *     printf("listening on %s\n", srv_url(s));
 *     st = srv_run(s, &e);
 *     srv_close(s);
 *
 * Two threads: the caller of srv_run does all input and output, one more owns the engine.  SIGPIPE
 * must be ignored by the process.
 */
#ifndef SRV_SERVE_H
#define SRV_SERVE_H

#include "base/buf.h"
#include "base/status.h"
#include "serve/api/keyfile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct srv_server srv_server;

/* A model, or an adapter, beside the first model. */
typedef struct srv_another {
    const char *name; /* its id in the API; NULL: from the path */
    const char *path;
    bool adapter;
    const char *base; /* of an adapter: the id of its model, NULL: the first */
    double scale;     /* of an adapter */
} srv_another;

/* Where new versions of a model appear. */
typedef struct srv_watched {
    const char *name; /* NULL: the first model's */
    const char *path; /* a folder, or a file */
} srv_watched;

typedef struct srv_opts {
    const char *model; /* path of a GGUF, or of a Hugging Face folder: the first model */
    const char *lora;  /* adapter of the model, NULL: none */
    double lora_scale;
    const char *name;        /* the model's id in the API; NULL: from the path */
    const srv_another *also; /* [n_also] what is loaded besides */
    size_t n_also;
    const srv_watched *watch; /* [n_watch] */
    size_t n_watch;
    const char *chat_template;      /* a file to take instead of the model's own; NULL */
    const char *run;                /* folder of a training run to watch; NULL: none */
    const char *up;                 /* folder of the supervisor that runs this server; NULL */
    const char *tls_cert, *tls_key; /* PEM files; both NULL: no TLS */
    const char *keys;               /* file of keys (keyfile.h); NULL: anybody may ask */
    const char *share;      /* file by which trainers give way (base/share.h); NULL: none do */
    const char *access_log; /* a file to append to, "-": stderr; NULL: none */
    const char *cors;       /* origins whose pages may ask, commas between; NULL: none */
    const char *host;
    int64_t port;      /* 0: any free one */
    int64_t listen_fd; /* a socket that listens already, in place of host and port; 0: none */
    int64_t context, parallel, threads;      /* 0: the model's / - / all cores */
    int64_t kv_tokens, kv_bytes;             /* of the cache of all sequences; 0: what fits */
    const char *prefix_disk;                 /* folder for beginnings, NULL: none */
    int64_t prefix_disk_max;                 /* bytes of it */
    int64_t memory;                          /* bytes that all models may take; 0: all there is */
    int64_t max_queue, max_body, max_conns;  /* requests, bytes, connections */
    int64_t idle_s, head_s, body_s, stall_s; /* deadlines of a connection */
    int64_t ping_s, stuck_s, drain_s, buffer_kb; /* of a stream, the engine, shutdown */
    const char *kv_type;                         /* keys and values kept as: "f32", "f16", .. */
    bool strict;                                 /* unknown fields are refused */
    bool no_repack;                              /* weights are used as they lie in the file */
    bool pack_cache;                             /* packed weights are kept in a file */
    int stop_fd; /* readable once the server is to drain and end; -1: never */
    /* An eventfd that is readable when keys, certificate, access log and limits are to be read
     * again; -1: never.  The limits come from reread, which fills in *o as it is now; NULL: they
     * stay. */
    int reload_fd;
    sk_status (*reread)(void *arg, struct srv_opts *o, sk_err *e);
    void *reread_arg;
} srv_opts;

/* Fills in the defaults; model stays NULL. */
void srv_opts_default(srv_opts *o);

/* Binds the port, opens the model, starts the engine thread.  SK_E_INUSE: the port is taken (found
 * before the model is read); SK_E_STOPPED: stop_fd was readable before it was. */
sk_status srv_open(const srv_opts *o, srv_server **out, sk_err *e);

/* "http://HOST:PORT", borrowed. */
const char *srv_url(const srv_server *s);

/* Serves until stop_fd is readable, then drains: no new connections, waiting requests get 503,
 * running ones may finish for drain_s seconds, then streams end with an error event.  SK_OK after
 * an orderly end. */
sk_status srv_run(srv_server *s, sk_err *e);

/* Cuts what is left and frees the server; NULL is allowed. */
void srv_close(srv_server *s);

/* A page of documentation made from the server's tables: "api" or "metrics". */
sk_status srv_docs(const char *which, sk_buf *out, sk_err *e);

#endif
