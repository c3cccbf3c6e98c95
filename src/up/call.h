/* call.h - one request to our server over loopback, without waiting for it. */
#ifndef UP_CALL_H
#define UP_CALL_H

#include "base/buf.h"
#include "base/status.h"
#include "up/listen.h"

#include <stdint.h>

typedef struct up_call {
    int fd;            /* -1: none is under way */
    uint64_t until_us; /* sk_now_us at which it is given up */
    sk_buf out, in;
    size_t sent;
} up_call;

#define UP_CALL_NONE                                                                               \
    {                                                                                              \
        -1, 0, SK_BUF_INIT, SK_BUF_INIT, 0                                                         \
    }

/* Begins METHOD PATH with a body of JSON (NULL: none) and a key (NULL: none).  c must be idle. */
sk_status up_call_begin(up_call *c, const up_listen *to, const char *method, const char *path,
                        const char *body, const char *key, uint64_t timeout_us, sk_err *e);

/* What poll should wait for. */
short up_call_events(const up_call *c);

/* Goes on as far as it can.  True at its end: *status is HTTP's, 0 if there was no answer; the body
 * is c->in, from *body on, until up_call_end. */
bool up_call_step(up_call *c, int *status, const char **body);

/* Gives it up or ends it; an idle one is allowed. */
void up_call_end(up_call *c);

#endif
