/* baton.h - whose turn it is to compute, where several models share the machine's cores.
 *
 * Every model has a scheduler with an engine thread of its own, and every engine computes with all
 * cores.  If two computed at once, each run of the worker pool would wait for a worker that the
 * other one's had pushed off its core, hundreds of times a step; so a step has the machine for
 * itself.  Who waits gets the baton in the order in which they asked: between two steps of a model
 * there is no more than one of each other.
 */
#ifndef SRV_SCHED_BATON_H
#define SRV_SCHED_BATON_H

#include <stddef.h>

typedef struct srv_baton srv_baton;

/* NULL without memory. */
srv_baton *srv_baton_new(void);

/* NULL is allowed.  Nobody may hold it or wait for it. */
void srv_baton_free(srv_baton *b);

/* Waits for the baton; any thread.  b NULL: nothing is shared, and nothing is waited for. */
void srv_baton_take(srv_baton *b);

/* Passes it on to the one that has waited for longest. */
void srv_baton_pass(srv_baton *b);

/* How many wait for it now. */
size_t srv_baton_waiting(srv_baton *b);

#endif
