/* status.h - the one error style of the house.
 *
 * A function that can fail returns an sk_status (SK_OK is 0) and takes an optional sk_err *e as its
 * last argument.  Whoever decides the error writes the sentence into e; callers may only prefix it
 * (sk_while).  Out parameters are set only on success; e is untouched on success.
 *
 * One row of SK_STATUS_TABLE is the single definition of a status: its code, its text, the HTTP
 * status and the exit code it turns into.  Rows are grouped by what the caller has to do next.
 */
#ifndef SK_BASE_STATUS_H
#define SK_BASE_STATUS_H

#include <stdarg.h>
#include <stddef.h>

/*        name         text                                 HTTP  exit
 * retry the same call later */
#define SK_STATUS_TABLE(ROW)                                                                       \
    ROW(SK_OK, "ok", 200, 0)                                                                       \
    /* retry later: nothing is wrong with the request */                                           \
    ROW(SK_E_AGAIN, "try again later", 503, 75)                                                    \
    ROW(SK_E_BUSY, "too busy", 429, 75)                                                            \
    ROW(SK_E_NOMEM, "out of memory", 503, 71)                                                      \
    /* mend the request: it can never succeed as it is */                                          \
    ROW(SK_E_USAGE, "wrong usage", 400, 2)                                                         \
    ROW(SK_E_INVALID, "invalid request", 400, 2)                                                   \
    ROW(SK_E_TOOBIG, "too large", 413, 2)                                                          \
    ROW(SK_E_NOTFOUND, "not found", 404, 66)                                                       \
    ROW(SK_E_UNSUPPORTED, "not supported", 501, 69)                                                \
    /* the file is bad: replace it */                                                              \
    ROW(SK_E_FORMAT, "malformed data", 422, 65)                                                    \
    ROW(SK_E_CORRUPT, "damaged data", 422, 65)                                                     \
    /* the surroundings refuse: free space, rights, port */                                        \
    ROW(SK_E_IO, "input/output error", 500, 74)                                                    \
    ROW(SK_E_NOSPACE, "no space left", 507, 73)                                                    \
    ROW(SK_E_PERM, "permission denied", 500, 77)                                                   \
    ROW(SK_E_INUSE, "already in use", 500, 73)                                                     \
    /* stopped on purpose: what was done so far is kept */                                         \
    ROW(SK_E_STOPPED, "stopped", 503, 130)                                                         \
    ROW(SK_E_REQUEUE, "stopped, to be started again", 503, 85)                                     \
    /* judged, and found not good enough to take the place of what is there */                     \
    ROW(SK_E_KEEP, "not better: what is there stays", 409, 10)                                     \
    /* a bug in stoke: give up, report */                                                          \
    ROW(SK_E_INTERNAL, "internal error", 500, 70)

#define SK_STATUS_ENUM(name, text, http, exit) name,
typedef enum sk_status { SK_STATUS_TABLE(SK_STATUS_ENUM) SK_STATUS_N } sk_status;
#undef SK_STATUS_ENUM

/* One sentence for a person, in the caller's storage.  Start it with SK_ERR_INIT. */
typedef struct sk_err {
    sk_status status;
    char text[512];
} sk_err;

#define SK_ERR_INIT                                                                                \
    {                                                                                              \
        SK_OK, ""                                                                                  \
    }

/* Short text of a status, static storage. */
const char *sk_status_text(sk_status st);

/* HTTP status code that answers a request which failed with st. */
int sk_status_http(sk_status st);

/* Process exit code for st (sysexits.h values where one fits; 0 for SK_OK). */
int sk_status_exit(sk_status st);

/* Status that fits an errno value (ENOSPC -> SK_E_NOSPACE, ENOENT -> SK_E_NOTFOUND, ...). */
sk_status sk_status_of_errno(int err);

/* Writes the sentence into e (may be NULL) and returns st, so that a caller can `return
 * sk_fail(..)`. A text too long for e is cut and ends in "...". */
sk_status sk_fail(sk_err *e, sk_status st, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Like sk_fail with the status and the text of errno value err appended as ": reason". */
sk_status sk_fail_errno(sk_err *e, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Prefixes e's sentence with "what: " (e may be NULL) and returns e's status (SK_E_INTERNAL if
 * NULL). */
sk_status sk_while(sk_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
