/* keyfile.h - the file of API keys: who may ask, and how much.
 *
 * JSON Lines, one key a line, in the order they were made:
 *
 *     {"id":"key_3fa1b2c4","name":"alice","sha256":"..","rpm":60,"tpm":20000,"running":4,
 *      "priority":0,"created":1764230000,"revoked":0,"admin":1}
 *
 * A key itself is not kept: sha256 is its SHA-256 (FIPS 180-4) in hexadecimal.  Keys have 256
 * random bits, so that a plain hash is enough.  rpm and tpm are requests and tokens a minute,
 * running is requests at once, 0 means no limit; revoked is the time it was revoked, 0 while it is
 * good; admin is 1 for keys that may load and unload models, and left out for the others.
 *
 * What keys have used is in FILE.usage, one line for each finished request: "ID REQUESTS PROMPT
 * CACHED OUT", in tokens, added up line by line.  The server appends to it and rewrites it as one
 * line a key when it starts; a line without its end (a machine that lost power) does not count.
 */
#ifndef SRV_API_KEYFILE_H
#define SRV_API_KEYFILE_H

#include "base/buf.h"
#include "base/sha256.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

#define SRV_KEY_ID 16u
#define SRV_KEY_NAME 64u

/* What a key has used, in requests and tokens. */
typedef struct srv_key_usage {
    uint64_t requests, prompt, cached, out;
} srv_key_usage;

/* A key as the file has it. */
typedef struct srv_key_row {
    char id[SRV_KEY_ID], name[SRV_KEY_NAME];
    uint8_t hash[SK_SHA256_BYTES];
    int64_t rpm, tpm, running, priority, created, revoked, admin;
    srv_key_usage used;
} srv_key_row;

/* All keys; free with srv_keyfile_fini. */
typedef struct srv_keyfile {
    srv_key_row *row; /* [n] */
    size_t n, cap;
} srv_keyfile;

/* Reads path, and path.usage into the rows' `used` if it is there.  A file that is not there is
 * SK_E_NOTFOUND; one that is damaged is SK_E_INVALID with the line. */
sk_status srv_keyfile_read(const char *path, srv_keyfile *out, sk_err *e);

/* Frees the rows. */
void srv_keyfile_fini(srv_keyfile *k);

/* Makes a key and appends it to the file, which is made if missing.  Of `like` name, rpm, tpm,
 * running, priority and admin count; the key itself is appended to `secret`: it can't be had again.
 * SK_E_INVALID for a name that is too long or not printable ASCII, SK_E_INUSE when it is taken by a
 * good key. */
sk_status srv_keyfile_add(const char *path, const srv_key_row *like, sk_buf *secret, sk_err *e);

/* Revokes the key of that id or name; SK_E_NOTFOUND if there is no good one. */
sk_status srv_keyfile_revoke(const char *path, const char *which, sk_err *e);

/* Parses path.usage's text into the rows; lines of ids that are not there are passed over. */
void srv_keyfile_usage(srv_keyfile *k, const char *text, size_t n);

/* Bytes of the longest line of usage, with a NUL. */
#define SRV_KEYFILE_LINE 104u

/* A line of usage, with its end; its length.  It needs no memory, so that no request goes
 * uncounted. */
size_t srv_keyfile_line(const char *id, const srv_key_usage *u, char out[SRV_KEYFILE_LINE]);

/* The keys as a JSON array, without hashes. */
void srv_keyfile_json(const srv_keyfile *k, sk_buf *out);

#endif
