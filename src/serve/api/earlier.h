/* earlier.h - versions that the supervisor of this server keeps, asked for by name: MODEL@VERSION.
 *
 * One that is not loaded is loaded when it is asked for, one at a time beside what is live: whoever
 * asked is told to ask again in a second, or why it can't be.  It goes again when another one is
 * asked for, or nobody has for ten minutes.  All on the I/O thread.
 */
#ifndef SRV_API_EARLIER_H
#define SRV_API_EARLIER_H

#include "serve/http/fault.h"
#include "serve/models/roster.h"

struct event;
struct srv_api;

/* The one; it begins as zeros. */
typedef struct srv_earlier {
    char name[SRV_MODEL_NAME]; /* "": none */
    bool loading, failed;
    srv_fault why;       /* with failed */
    unsigned idle;       /* looks in a row at which nobody used it */
    struct event *timer; /* NULL: not made yet */
} srv_earlier;

/* A request was refused with f, since no model has this name: where it is MODEL@VERSION of a model
 * that is live and of a version that is kept, f says instead how that stands. */
void srv_earlier_ask(struct srv_api *api, const char *name, srv_fault *f);

/* Takes "MODEL@VERSION" apart; false for anything else. */
bool srv_earlier_name(const char *name, char model[SRV_MODEL_NAME], uint32_t *version);

/* Ends looking; the keeper is closed, or closes soon. */
void srv_earlier_close(struct srv_api *api);

#endif
