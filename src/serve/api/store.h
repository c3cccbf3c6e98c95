/* store.h - conversations that a later request may go on from, in memory: the newest ones, within
 * bounds.  A restart forgets them. */
#ifndef SRV_API_STORE_H
#define SRV_API_STORE_H

#include "base/json.h"

#include <stdint.h>

typedef struct srv_store srv_store;

/* An empty store of at most n conversations and about max_bytes of text; NULL without memory. */
srv_store *srv_store_new(size_t n, size_t max_bytes);

/* NULL is allowed. */
void srv_store_free(srv_store *s);

/* Keeps a conversation (an array of messages; a reference is taken) under an id of up to 79 bytes
 * for the key that made it.  Older ones make room; what is too large by itself is not kept. */
void srv_store_put(srv_store *s, const char *id, uint32_t key, json_t *messages);

/* The conversation of an id, if that key made it; borrowed, NULL if it is not there. */
json_t *srv_store_get(const srv_store *s, const char *id, uint32_t key);

#endif
