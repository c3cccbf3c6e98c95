/* control.h - the socket by which people ask a supervisor: a line of JSON each way
 * (docs/format/up.md). */
#ifndef UP_CONTROL_H
#define UP_CONTROL_H

#include "up/dir.h"

/* Listens at DIR/control.sock, which only the owner may use. */
sk_status up_control_open(const up_dir *d, int *fd, sk_err *e);

/* Closes it and removes the name. */
void up_control_close(const up_dir *d, int fd);

/* Takes one request, if there is one: answer(arg, line, out) writes the answer.  A client that says
 * nothing is waited for a fifth of a second. */
void up_control_serve(int fd, void (*answer)(void *arg, const char *line, sk_buf *out), void *arg);

/* The client's side: sends a line to the supervisor of DIR, reads the answer.  SK_E_NOTFOUND: none
 * runs there. */
sk_status up_control_ask(const up_dir *d, const char *line, sk_buf *answer, sk_err *e);

#endif
