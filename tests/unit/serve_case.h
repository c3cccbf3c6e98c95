/* serve_case.h - a whole server over a tiny model inside a test's process, and a client of it.
 *
 * The server runs on a thread of its own, through its door (serve.h).  The client speaks over a
 * socket and takes no memory through base/mem.h but for the answer's buffer, so that a planned
 * fault meets the server only.  No cmocka here: fuzz targets use it, too.
 */
#ifndef TESTS_UNIT_SERVE_CASE_H
#define TESTS_UNIT_SERVE_CASE_H

#include "base/buf.h"
#include "serve/serve.h"

#include <pthread.h>

typedef struct serve_case {
    srv_server *server;
    pthread_t thread;
    int port, stop[2]; /* stop: a pipe whose end stops the server */
    sk_status st;      /* of srv_run, once it has ended */
    char dir[64];      /* a folder of its own; below it: */
    char model[96];
} serve_case;

/* Room for an answer; no more of it is kept. */
#define SERVE_CASE_ANSWER ((size_t)1 << 20)

/* Options for a small server of one thread over a tiny model (llama's form, 2048 tokens of
 * context, ChatML), which is written into c->dir.  The caller may change them before
 * serve_case_open. */
void serve_case_init(serve_case *c, srv_opts *o);

/* Starts the server. */
sk_status serve_case_open(serve_case *c, const srv_opts *o, sk_err *e);

/* Has it end in order, waits for it; what srv_run said. */
sk_status serve_case_close(serve_case *c);

/* Removes the folder. */
void serve_case_fini(const serve_case *c);

/* A connection; -1 if there is none. */
int serve_case_connect(const serve_case *c);

/* Sends bytes; false if the server has gone. */
bool serve_case_send(int fd, const void *p, size_t n);

/* Reads up to the end of the connection into out [cap]; the number of bytes.  Closes fd without
 * leaving a trace in the kernel's tables. */
size_t serve_case_read(int fd, char *out, size_t cap);

/* One request on a connection of its own, which says that it is the last; the answer's bytes in
 * out [cap], with a NUL behind.  Its length, 0 without an answer. */
size_t serve_case_ask(const serve_case *c, const char *method, const char *path, const void *body,
                      size_t n, char *out, size_t cap);

#endif
