/* lease.h - who may write into a run's folder: a number that only grows.
 *
 * The lock of the folder (rundir.h) keeps two trainers apart on one machine.  It does not hold
 * where a machine was paused, or a network file system lost the lock: there a second trainer may
 * have taken over while the first believes it still owns the folder.  So each trainer takes the
 * next epoch, while it holds the lock, and looks before every rename whether the epoch is still its
 * own.
 */
#ifndef ENG_TRAIN_LEASE_H
#define ENG_TRAIN_LEASE_H

#include "base/status.h"

#include <stdint.h>

typedef struct eng_lease {
    char path[4096];
    uint64_t epoch;
} eng_lease;

/* Takes the next epoch of folder `dir`, whose lock the caller holds: DIR/lease then names it, this
 * host and this process. */
sk_status eng_lease_take(const char *dir, eng_lease *out, sk_err *e);

/* SK_E_INUSE when a later epoch stands in the file: the sentence names who holds it.  Called from
 * any thread. */
sk_status eng_lease_check(const eng_lease *l, sk_err *e);

/* Renames the finished file `from` to `to`, if the lease still holds; else removes it. */
sk_status eng_lease_rename(const eng_lease *l, const char *from, const char *to, sk_err *e);

#endif
