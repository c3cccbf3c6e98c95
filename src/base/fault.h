/* fault.h - planned misfortune, for the tests.
 *
 * SK_FAULT=alloc:N (or write:N, fsync:N, rename:N, kill:N, loss:N) makes the Nth call of that kind
 * fail, or kill the process with SIGKILL at the Nth write-side call (kill).  "alloc:N+" fails it
 * and every later one.  Without the variable a check is one relaxed load.
 */
#ifndef SK_BASE_FAULT_H
#define SK_BASE_FAULT_H

#include <stdbool.h>

typedef enum sk_fault_kind {
    SK_FAULT_ALLOC,
    SK_FAULT_WRITE,
    SK_FAULT_FSYNC,
    SK_FAULT_RENAME,
    SK_FAULT_KILL,
    SK_FAULT_LOSS, /* the loss of a training step comes out as NaN */
    SK_FAULT_N
} sk_fault_kind;

/* True when this call is to fail. */
bool sk_fault(sk_fault_kind kind);

/* Plans a fault from inside a test: the Nth next call of kind (0: none), and all later ones if
 * `on`. */
void sk_fault_plan(sk_fault_kind kind, unsigned long nth, bool on);

/* Calls of kind counted since the last plan. */
unsigned long sk_fault_count(sk_fault_kind kind);

#endif
