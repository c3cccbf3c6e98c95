/* mpi.c - the few calls of Open MPI's binary interface that are used, by dlopen.
 *
 * Handles are pointers to objects the library exports (ompi_mpi_comm_world ...), constants are
 * those of its mpi.h; both are the same from version 1.7 on.
 */
#include "base/mpi.h"

#include "base/clock.h"
#include "base/mem.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    PARTS = 1 << 30,     /* bytes of one message: counts are ints */
    REQUESTS = 1024,     /* messages of one exchange */
    MOST = REQUESTS / 2, /* processes: everybody tells everybody at once */
    YIELD_US = 20000,    /* a wait gives the core away at once, but looks again at once */
    SLEEP_US = 200,      /* after that it sleeps between looks */
    LOOK_US = 100000,    /* and looks whether the others live */
};

typedef struct mpi_obj *mpi_obj; /* any handle */

/* Which process a peer is. */
typedef struct peer {
    char host[64];
    int64_t pid;
} peer;

struct sk_mpi {
    void *lib;
    mpi_obj world, byte;
    int rank, size;
    bool over;   /* sk_mpi_give_up */
    peer *peers; /* [size] */
    int (*init)(int *, char ***);
    int (*finalize)(void);
    int (*comm_rank)(mpi_obj, int *);
    int (*comm_size)(mpi_obj, int *);
    int (*set_errhandler)(mpi_obj, mpi_obj);
    int (*isend)(const void *, int, mpi_obj, int, int, mpi_obj, mpi_obj *);
    int (*irecv)(void *, int, mpi_obj, int, int, mpi_obj, mpi_obj *);
    int (*testall)(int, mpi_obj *, int *, void *);
};

/* The variables that mpirun, and srun with PMIx, set. */
bool sk_mpi_started(void)
{
    const char *n = getenv("OMPI_COMM_WORLD_SIZE");
    if (!n && getenv("PMIX_RANK")) n = getenv("SLURM_NTASKS");
    return n && strtol(n, NULL, 10) > 1;
}

/* A symbol into whatever pointer; ISO C has no cast for functions. */
static bool symbol(void *lib, const char *name, void *to)
{
    void *p = dlsym(lib, name);
    memcpy(to, &p, sizeof p);
    return p != NULL;
}

/* All that is used. */
static bool load_symbols(sk_mpi *m, mpi_obj *errors_return)
{
    void *l = m->lib;
    return symbol(l, "ompi_mpi_comm_world", &m->world) && symbol(l, "ompi_mpi_byte", &m->byte) &&
           symbol(l, "ompi_mpi_errors_return", errors_return) && symbol(l, "MPI_Init", &m->init) &&
           symbol(l, "MPI_Finalize", &m->finalize) && symbol(l, "MPI_Comm_rank", &m->comm_rank) &&
           symbol(l, "MPI_Comm_size", &m->comm_size) &&
           symbol(l, "MPI_Comm_set_errhandler", &m->set_errhandler) &&
           symbol(l, "MPI_Isend", &m->isend) && symbol(l, "MPI_Irecv", &m->irecv) &&
           symbol(l, "MPI_Testall", &m->testall);
}

/* Everybody hears who the others are, so that a wait can look whether they live. */
static sk_status meet(sk_mpi *m, sk_err *e)
{
    m->peers = sk_calloc(SK_MEM_MISC, (size_t)m->size, sizeof *m->peers);
    if (!m->peers) return sk_fail(e, SK_E_NOMEM, "no memory for %d processes", m->size);
    assert(m->rank >= 0 && m->rank < m->size);
    peer *me = &m->peers[m->rank];
    (void)gethostname(me->host, sizeof me->host - 1);
    me->pid = getpid();
    return sk_mpi_allgather(m, m->peers, sizeof *me, 0, e);
}

/* The plugins of the library look up its symbols, so it is opened for all to see.  What MPI_Init
 * can't do it says itself and ends the process. */
sk_status sk_mpi_open(sk_mpi **out, sk_err *e)
{
    mpi_obj errors_return = NULL;
    sk_mpi *m = sk_calloc(SK_MEM_MISC, 1, sizeof *m);
    if (!m) return sk_fail(e, SK_E_NOMEM, "no memory for MPI");
    m->lib = dlopen("libmpi.so.40", RTLD_NOW | RTLD_GLOBAL);
    sk_status st = SK_OK;
    if (!m->lib || !load_symbols(m, &errors_return))
        st = sk_fail(e, SK_E_UNSUPPORTED,
                     "started as one of several processes, but Open MPI's library (libmpi.so.40) "
                     "can't be used: %s",
                     dlerror());
    if (!st && (m->init(NULL, NULL) || m->set_errhandler(m->world, errors_return) ||
                m->comm_rank(m->world, &m->rank) || m->comm_size(m->world, &m->size)))
        st = sk_fail(e, SK_E_IO, "MPI can't be started");
    if (!st && m->size > MOST)
        st = sk_fail(e, SK_E_UNSUPPORTED, "a run has %d processes at most, not %d", MOST, m->size);
    if (!st) st = meet(m, e);
    if (st) {
        sk_free(m->peers);
        sk_free(m);
        return st;
    }
    *out = m;
    return SK_OK;
}

/* The library stays loaded: its threads may be at work until the process ends. */
void sk_mpi_close(sk_mpi *m, bool all_well)
{
    if (!m) return;
    if (all_well) (void)m->finalize();
    sk_free(m->peers);
    sk_free(m);
}

void sk_mpi_give_up(sk_mpi *m)
{
    if (m) m->over = true;
}

bool sk_mpi_gave_up(const sk_mpi *m)
{
    return m && m->over;
}

size_t sk_mpi_rank(const sk_mpi *m)
{
    return m ? (size_t)m->rank : 0;
}

size_t sk_mpi_size(const sk_mpi *m)
{
    return m ? (size_t)m->size : 1;
}

/* By the names of the hosts. */
size_t sk_mpi_local(const sk_mpi *m)
{
    size_t n = 0;
    for (int i = 0; m && i < m->size; i++)
        n += strcmp(m->peers[i].host, m->peers[m->rank].host) == 0;
    return m ? n : 1;
}

/* Names a process of this machine that is gone. */
static sk_status look_for_the_dead(const sk_mpi *m, sk_err *e)
{
    for (int i = 0; i < m->size; i++) {
        const peer *p = &m->peers[i];
        if (p->pid <= 0 || strcmp(p->host, m->peers[m->rank].host) != 0) continue;
        if (kill((pid_t)p->pid, 0) != 0 && errno == ESRCH)
            return sk_fail(
                e, SK_E_REQUEUE,
                "process %d of %d (%lld) is gone; the last checkpoint is kept: go on from "
                "it with --resume, with as many processes as you like",
                i, m->size, (long long)p->pid);
    }
    return SK_OK;
}

/* Waits for all requests.  The core is given away while nothing comes, since the others may need
 * it. */
static sk_status wait_all(sk_mpi *m, int n, mpi_obj *req, unsigned seconds, sk_err *e)
{
    uint64_t start = sk_now_us(), looked = start;
    assert(n > 0 && n <= REQUESTS);
    for (;;) {
        int done = 0;
        if (m->testall(n, req, &done, NULL))
            return sk_fail(e, SK_E_REQUEUE,
                           "the other processes can't be reached any more; go on from the last "
                           "checkpoint with --resume");
        if (done) return SK_OK;
        uint64_t now = sk_now_us();
        if (now - start < YIELD_US) {
            (void)sched_yield();
            continue;
        }
        const struct timespec nap = {.tv_nsec = SLEEP_US * 1000};
        (void)nanosleep(&nap, NULL);
        if (now - looked < LOOK_US) continue;
        looked = now;
        sk_status st = look_for_the_dead(m, e);
        if (st) return st;
        if (seconds && now - start > (uint64_t)seconds * 1000000)
            return sk_fail(e, SK_E_REQUEUE,
                           "another process has been silent for %u seconds; go on from the last "
                           "checkpoint with --resume",
                           seconds);
    }
}

/* Starts one message. */
static int start(sk_mpi *m, const sk_mpi_part *q, size_t at, size_t n, mpi_obj *req)
{
    char *p = (char *)q->p + at;
    assert(n && n <= PARTS && n <= q->n - at);
    return q->send ? m->isend(p, (int)n, m->byte, (int)q->peer, 1, m->world, req)
                   : m->irecv(p, (int)n, m->byte, (int)q->peer, 1, m->world, req);
}

/* Long transfers go as several messages, which arrive in order. */
sk_status sk_mpi_exchange(sk_mpi *m, const sk_mpi_part *part, size_t n, unsigned seconds, sk_err *e)
{
    mpi_obj req[REQUESTS];
    int k = 0;
    if (m->over) return sk_fail(e, SK_E_REQUEUE, "the run has ended in another process");
    for (size_t i = 0; i < n; i++)
        for (size_t at = 0; at < part[i].n; at += PARTS) {
            size_t left = part[i].n - at;
            assert(k < REQUESTS && part[i].peer < (size_t)m->size);
            if (start(m, &part[i], at, left < PARTS ? left : PARTS, &req[k++]))
                return sk_fail(e, SK_E_REQUEUE,
                               "process %zu can't be reached; go on from the last "
                               "checkpoint with --resume",
                               part[i].peer);
        }
    return k ? wait_all(m, k, req, seconds, e) : SK_OK;
}

/* All pairs at once; few processes, so no tree. */
sk_status sk_mpi_allgather(sk_mpi *m, void *all, size_t n, unsigned seconds, sk_err *e)
{
    sk_mpi_part part[REQUESTS];
    size_t k = 0;
    if (sk_mpi_size(m) == 1) return SK_OK;
    char *row = all;
    for (size_t i = 0; i < (size_t)m->size; i++) {
        if (i == (size_t)m->rank) continue;
        assert(k + 2 <= REQUESTS);
        part[k++] = (sk_mpi_part){row + n * (size_t)m->rank, n, i, true};
        part[k++] = (sk_mpi_part){row + n * i, n, i, false};
    }
    return sk_mpi_exchange(m, part, k, seconds, e);
}
