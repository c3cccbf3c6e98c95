/* access.h - the access log: one JSON object a line for each request that has ended.
 *
 *     {"time":1764230000.123,"id":"..","client":"127.0.0.1","key":"key_3fa1b2c4","method":"POST",
 *      "path":"/v1/chat/completions","status":200,"ms":812.4,"prompt_tokens":20,"cached_tokens":0,
 *      "completion_tokens":31,"trace":"4bf9.."}
 *
 * Members that do not apply are left out.  A status of 499 means that the client went away first;
 * its counts may then be those so far.
 */
#ifndef SRV_API_ACCESS_H
#define SRV_API_ACCESS_H

#include "serve/http/http.h"

typedef struct srv_access srv_access;

/* Appends to path; "-" is stderr. */
sk_status srv_access_open(const char *path, srv_access **out, sk_err *e);

/* Opens the file anew, since the one it writes to may have been renamed.  On failure it goes on
 * with that one. */
sk_status srv_access_reopen(srv_access *a, const char *path, sk_err *e);

/* NULL is allowed. */
void srv_access_close(srv_access *a);

/* Writes the line of a request that ended with `status`; key is the id of its key, NULL: none.  A
 * pipe that nobody reads loses lines rather than holding the server up. */
void srv_access_line(srv_access *a, const srv_req *r, int status, const char *key);

/* The trace id (32 hexadecimal digits) in a traceparent of W3C's form, or NULL. */
const char *srv_trace_id(const srv_head *h);

#endif
