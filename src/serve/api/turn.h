/* turn.h - an assistant's turn, in the parts a client gets it in: text, reasoning, calls of tools.
 */
#ifndef SRV_API_TURN_H
#define SRV_API_TURN_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum srv_part {
    SRV_PART_TEXT,
    SRV_PART_REASON, /* what the model thought before it answered */
    SRV_PART_CALL,   /* a call begins: the bytes are the function's name, whole */
    SRV_PART_ARGS,   /* more of the arguments, JSON text, of the call that began last */
    SRV_PART_DONE    /* the call is complete; no bytes */
} srv_part;

/* Gets the next bytes of a part; `call` counts the calls of the turn, from 0. */
typedef void (*srv_part_fn)(void *arg, srv_part part, size_t call, const char *p, size_t n);

typedef struct srv_call {
    sk_buf name, args;
} srv_call;

/* A turn put together.  Starts as {0}; free with srv_turn_fini. */
typedef struct srv_turn {
    sk_buf text, reason;
    srv_call *call; /* [cap], n_calls in use */
    size_t n_calls, cap;
    bool oom;
} srv_turn;

/* Adds bytes of a part; failures are seen by srv_turn_ok. */
void srv_turn_add(srv_turn *t, srv_part part, const char *p, size_t n);

/* True when everything had memory. */
bool srv_turn_ok(const srv_turn *t);

/* Frees the texts. */
void srv_turn_fini(srv_turn *t);

#endif
