/* mpi.h - several processes as one run: Open MPI, loaded when a process was started by it.
 *
 * The program neither needs MPI to be built nor to run: libmpi.so.40 (Open MPI 4 and 5, one binary
 * interface) is opened when `mpirun` or `srun` started this process as one of several.  Only
 * point-to-point transfers are used; what is added up, and in which order, is the caller's
 * business. One thread at a time.
 */
#ifndef SK_BASE_MPI_H
#define SK_BASE_MPI_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sk_mpi sk_mpi;

/* Whether this process is one of several that were started together. */
bool sk_mpi_started(void);

/* Joins the others.  SK_E_UNSUPPORTED where the library can't be loaded, or for more than 512
 * processes. */
sk_status sk_mpi_open(sk_mpi **out, sk_err *e);

/* Leaves.  all_well: every process comes here, and they part in order; otherwise this one just
 * goes, and mpirun ends the others.  NULL is allowed. */
void sk_mpi_close(sk_mpi *m, bool all_well);

/* The run is over for all of them: every later transfer fails at once. */
void sk_mpi_give_up(sk_mpi *m);
bool sk_mpi_gave_up(const sk_mpi *m);

/* Number of this process and of all; 0 and 1 for NULL. */
size_t sk_mpi_rank(const sk_mpi *m);
size_t sk_mpi_size(const sk_mpi *m);

/* How many of them are on this machine. */
size_t sk_mpi_local(const sk_mpi *m);

/* One transfer of n bytes: p is sent to `peer`, or filled with what it sends. */
typedef struct sk_mpi_part {
    void *p;
    size_t n, peer;
    bool send;
} sk_mpi_part;

/* All the transfers at once; the peers must call with the matching ones.  Between two processes
 * transfers match in order.  SK_E_REQUEUE, with a sentence that names it, when a process is gone,
 * or when nothing came for `seconds` (0: no bound). */
sk_status sk_mpi_exchange(sk_mpi *m, const sk_mpi_part *part, size_t n, unsigned seconds,
                          sk_err *e);

/* all[size][n]: row `rank` is this process's, the others are filled with theirs. */
sk_status sk_mpi_allgather(sk_mpi *m, void *all, size_t n, unsigned seconds, sk_err *e);

#endif
