/* store.h - responses that can be asked for again and gone on from, in memory: the newest ones,
 * within bounds.  A restart forgets them.  All but srv_store_messages is the I/O thread's; what is
 * kept is never changed. */
#ifndef SRV_API_STORE_H
#define SRV_API_STORE_H

#include "base/buf.h"
#include "base/json.h"

#include <stdint.h>

typedef struct srv_store srv_store;

/* What is kept of a response. */
typedef struct srv_kept {
    json_t *messages; /* the conversation with the answer, an array of messages */
    json_t *input;    /* the request's items, an array */
    const char *body; /* the response as JSON, n_body bytes */
    size_t n_body;
    bool background;      /* it was made in the background */
    const sk_buf *events; /* its stream, the store's; NULL: none is kept */
} srv_kept;

/* An empty store of at most n responses and about max_bytes of text; NULL without memory. */
srv_store *srv_store_new(size_t n, size_t max_bytes);

/* NULL is allowed. */
void srv_store_free(srv_store *s);

/* Keeps a response (of the values references are taken, of the body a copy) under an id of up to 79
 * bytes for the key that made it.  Older ones make room; what is too large by itself, or for which
 * there is no memory, is not kept. */
void srv_store_put(srv_store *s, const char *id, uint32_t key, const srv_kept *k);

/* Has the events of a response's stream kept with it, if it is kept and there is room: moves them.
 */
void srv_store_events(srv_store *s, const char *id, uint32_t key, sk_buf *log);

/* The response of an id, if that key made it: borrowed until the next call; false if it is not
 * there. */
bool srv_store_get(const srv_store *s, const char *id, uint32_t key, srv_kept *out);

/* The conversation of such a response, as a new reference; NULL if it is not there.  Any thread. */
json_t *srv_store_messages(srv_store *s, const char *id, uint32_t key);

/* Forgets it; false if it is not there. */
bool srv_store_drop(srv_store *s, const char *id, uint32_t key);

#endif
