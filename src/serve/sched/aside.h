/* aside.h - work that must not get in the way: run by a thread of low priority. */
#ifndef SRV_SCHED_ASIDE_H
#define SRV_SCHED_ASIDE_H

#include "base/status.h"

/* Runs fn(arg) on a thread that gives way to others and waits for its end.  The threads it starts
 * inherit that, so what is to compute at full priority is not started within. */
sk_status srv_aside_run(void (*fn)(void *arg), void *arg, sk_err *e);

#endif
