/* ranks.h - one training run in several processes.
 *
 * The rows of a step are cut into lanes.  A lane's gradient is summed by itself, micro-batch after
 * micro-batch; the step's is lane 0 + lane 1 + ..., in this order, element by element.  So what a
 * step computes depends on the number of lanes, which is a setting of the run, and not on how many
 * processes share them.  Lane i belongs to process i mod size.
 *
 * Each process owns a range of whole parameters: it sums their gradients, holds their moments, and
 * updates them (ZeRO stage 1); then all get all parameters.
 *
 * A NULL eng_ranks is a run of one process: every call is then empty or the plain operation.
 */
#ifndef ENG_TRAIN_RANKS_H
#define ENG_TRAIN_RANKS_H

#include "base/mpi.h"
#include "engine/engine.h"
#include "engine/model/layout.h"
#include "engine/train/optim.h"
#include "engine/train/trainstate.h"

typedef struct eng_ranks eng_ranks;

/* ---- before the run ---- */

/* True in the process that writes files and tells events: the only one, or the first. */
bool eng_ranks_first(const eng_train_opts *o);

/* Everybody gives its status.  The first failure of any is everybody's: others than those that
 * failed get its status and a sentence that names the process. */
sk_status eng_ranks_agree(const eng_train_opts *o, sk_status mine, sk_err *e);

/* A yes or no of process 0 to all. */
sk_status eng_ranks_tell(const eng_train_opts *o, bool *yes, sk_err *e);

/* Refuses processes that read other data or have other settings than process 0. */
sk_status eng_ranks_same(const eng_train_opts *o, json_t *meta, sk_err *e);

/* Sets o->lanes where it is 0: what the checkpoint in the folder has, else one a process. */
sk_status eng_ranks_lanes(eng_train_opts *o, sk_err *e);

/* ---- the run ---- */

/* For o->mpi (NULL: *out is NULL).  layout and optim must outlive it. */
sk_status eng_ranks_open(eng_exec *x, const eng_train_opts *o, const eng_layout *layout,
                         const eng_optim *optim, size_t v_floats, eng_ranks **out, sk_err *e);

/* Frees it; NULL is allowed. */
void eng_ranks_close(eng_ranks *r);

/* Number of this process, and of all. */
size_t eng_ranks_rank(const eng_ranks *r);
size_t eng_ranks_size(const eng_ranks *r);

/* The parameters [*first, *end) of the layout that process `rank` owns. */
void eng_ranks_owns(const eng_ranks *r, size_t rank, size_t *first, size_t *end);

/* What the processes have to say before a step; each is true if it is in any of them. */
typedef struct eng_vote {
    bool stop, save;
} eng_vote;
sk_status eng_ranks_vote(eng_ranks *r, eng_vote *v, sk_status mine, sk_err *e);

/* After round `round` of the lanes: g [n_floats] is this process's lane (if it has one in this
 * round), and is spoilt.  After the last round g holds the step's gradient of what is owned. */
sk_status eng_ranks_reduce(eng_ranks *r, size_t round, size_t lanes, float *g, sk_err *e);

/* all[n]: numbers [i*part, ..) of which process (i mod size) knows part i, to everybody. */
sk_status eng_ranks_share(eng_ranks *r, double *all, size_t n, size_t part, sk_err *e);

/* The sum of squares of the whole gradient g[n], the same number as eng_par_sumsq's. */
sk_status eng_ranks_sumsq(eng_ranks *r, eng_exec *x, float *g, size_t n, double *out, sk_err *e);

/* The optimiser's step: everybody updates what it owns, then all have all parameters. */
sk_status eng_ranks_optim(eng_ranks *r, eng_optim *op, const eng_update *u, eng_trainstate *s,
                          const float *g, sk_err *e);

/* to[i] += from[i], on all threads: the sum of two lanes in one process. */
void eng_ranks_add(eng_exec *x, float *to, const float *from, size_t n);

/* Gives the memory of moments that others own back to the system; they read as zeros then. */
void eng_ranks_release(const eng_ranks *r, eng_trainstate *s);

/* The moments to process 0, for a checkpoint. */
sk_status eng_ranks_collect(eng_ranks *r, eng_trainstate *s, sk_err *e);

/* The state of process 0 to all, after it was read. */
sk_status eng_ranks_spread(eng_ranks *r, eng_trainstate *s, sk_err *e);

#endif
