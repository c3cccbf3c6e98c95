/* up.h - what the page is shown of a supervisor: its folder, read as it is written, and its control
 * socket.  docs/format/up.md has the files.
 */
#ifndef SRV_API_UP_H
#define SRV_API_UP_H

#include "serve/api/api.h"

typedef struct srv_up srv_up;

/* Watches the folder of a supervisor, which has to be there; its files need not.  Nothing in it is
 * written to. */
sk_status srv_up_open(const char *dir, srv_up **out, sk_err *e);

/* Ends an order that is under way without an answer; NULL is allowed. */
void srv_up_close(srv_up *u);

/* Looks at state.json, if it has changed; *run_dir is the folder of the stage that trains ("": not
 * known), borrowed until the next call. */
void srv_up_look(srv_up *u, const char **run_dir);

/* Where the model of a version that the supervisor keeps lies, into path[n]; false if it keeps
 * none of that number. */
bool srv_up_version(srv_up *u, uint32_t version, char *path, size_t n);

/* The folder's descriptor. */
int srv_up_fd(const srv_up *u);

/* The place of the one order that may be under way (up_order.c): NULL, or what srv_up_close ends by
 * `end`. */
typedef struct srv_up_slot {
    void *order;
    void (*end)(void *order);
} srv_up_slot;
srv_up_slot *srv_up_slot_of(srv_up *u);

#endif
