/* keys.h - keys in a running server: whose a request is, whether it may come now, what it used.
 *
 * The file (keyfile.h) is read again when it changes, within a second.  A key that was taken out of
 * it or revoked is refused from then on; requests under way end as they would.
 *
 * Limits are buckets that fill evenly up to a minute's worth.  A request takes one request and all
 * tokens it could come to (prompt and longest answer) before any work is done for it, and gives
 * back what it did not use when it ends: many at once can't overdraw a key.  A request that could
 * come to more than a minute's worth waits for a full bucket.  Besides, a key may have only so many
 * requests under way.
 *
 * Usage is appended to the file before the end of an answer is sent, so that what a client saw the
 * end of is counted even if the server is killed in that moment.  All on the I/O thread.
 */
#ifndef SRV_API_KEYS_H
#define SRV_API_KEYS_H

#include "serve/api/keyfile.h"
#include "serve/http/http.h"

typedef struct srv_keys srv_keys;

/* Opens the file of keys and its usage, which this server alone may write: SK_E_INUSE if another
 * does. */
sk_status srv_keys_open(const char *path, srv_keys **out, sk_err *e);

/* NULL is allowed. */
void srv_keys_close(srv_keys *k);

/* Reads the file now.  On failure the keys stay as they were. */
sk_status srv_keys_reload(srv_keys *k, sk_err *e);

/* Finds the key of a request (Authorization: Bearer, or x-api-key); *key is its number, from 1.
 * SRV_NO_KEY otherwise. */
sk_status srv_keys_check(srv_keys *k, const srv_head *h, uint32_t *key, srv_fault *f);

/* Takes a request of at most `tokens` tokens off key's buckets; *taken is what was taken. SRV_RATE
 * with the time to wait.  Either way r gets the x-ratelimit headers. */
sk_status srv_keys_take(srv_keys *k, uint32_t key, uint64_t tokens, uint64_t *taken, srv_req *r,
                        srv_fault *f);

/* Gives back what was taken for a request that did not come to be. */
void srv_keys_give(srv_keys *k, uint32_t key, uint64_t taken);

/* A request has ended and used u (its `requests` being 1). */
void srv_keys_used(srv_keys *k, uint32_t key, uint64_t taken, const srv_key_usage *u);

/* Borrowed; valid until the next call here. */
const srv_key_row *srv_keys_row(const srv_keys *k, uint32_t key);

#endif
