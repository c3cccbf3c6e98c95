/* up.h - the door of the supervisor: one machine that answers with the live version of a model
 * while it trains the next one.
 *
 *     up_opts o;
 *     up_opts_default(&o);
 *     o.dir = "up"; o.model = "model.gguf"; o.stop_fd = ..;
 *     up_super *u;
 *     sk_status st = up_open(&o, &u, &e);
 *     if (!st) st = up_run(u, &e);
 *     up_close(u);
 *
 * Server, trainer and gate are processes of their own (proc.h); what is done when, and why, is
 * decided by house.h alone.  One thread.  SIGPIPE must be ignored by the process.
 */
#ifndef UP_UP_H
#define UP_UP_H

#include "base/buf.h"
#include "base/opt.h"
#include "base/status.h"
#include "up/picture.h"
#include "up/round.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct up_super up_super;

typedef struct up_opts {
    const char *dir;   /* what is kept, and where it is gone on from (docs/format/up.md) */
    const char *model; /* the model to begin with, the first time: absolute, a GGUF or a folder */
    const char *name;  /* of the model in the API */
    const char *host;
    int64_t port;
    sk_opt_list serve; /* further words for the server */
    up_learn learn;
    bool train;       /* false: serve only */
    double floor;     /* part of the time of answering that is training's all the same */
    int64_t train_by; /* unix seconds by which a round should be done; 0: none */
    int64_t keep;     /* versions that stay */
    double price;     /* of an hour; 0: not given */
    const char *currency;
    const char *admin_key; /* of the server's --keys; NULL: it has none */
    uint64_t seed;         /* of waits */
    int stop_fd;           /* readable once all is to end; -1: never */
    /* Told each decision, in words for a person; url once the server is ready first. */
    void (*say)(void *arg, const char *text);
    void *arg;
} up_opts;

/* Fills in the defaults. */
void up_opts_default(up_opts *o);

/* Takes the folder, finds what an earlier supervisor left running, binds the port.  SK_E_INUSE:
 * another supervisor has the folder, or a program the port. */
sk_status up_open(const up_opts *o, up_super **out, sk_err *e);

/* Where the server listens, borrowed. */
const char *up_url(const up_super *u);

/* Until it is asked to stop; SK_OK once all processes have ended. */
sk_status up_run(up_super *u, sk_err *e);

/* Lets go of everything; processes that run go on.  NULL is allowed. */
void up_close(up_super *u);

/* ---- the client's side ---- */

/* Asks the supervisor of a folder: a line of JSON each way.  SK_E_NOTFOUND: none runs there. */
sk_status up_ask(const char *dir, const char *line, sk_buf *answer, sk_err *e);

/* What state.json says, for a person. */
sk_status up_describe(const char *state, size_t n, sk_buf *out, sk_err *e);

#endif
