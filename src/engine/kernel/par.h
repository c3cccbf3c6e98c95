/* par.h - the other slots over many rows, split across the workers of an eng_exec.
 *
 * Work is cut into pieces whose size depends on the shape only; sums over rows (weight gradients of
 * norms) are made per piece and added in piece order.  So results are equal for every number of
 * threads.
 */
#ifndef ENG_KERNEL_PAR_H
#define ENG_KERNEL_PAR_H

#include "engine/kernel/exec.h"
#include "engine/kernel/kernel.h"

/* Rows a piece covers in the row-wise operations below. */
#define ENG_PAR_ROWS 32

/* Calls fn(arg, first_row, n_rows, worker) for pieces of `rows` rows (ENG_PAR_ROWS if 0). */
void eng_par_rows(eng_exec *x, size_t n_rows, size_t rows,
                  void (*fn)(void *arg, size_t first, size_t n, size_t worker), void *arg);

/* Calls fn(arg, first, n, worker) for pieces of at most `piece` of the things 0..n_all - 1.  Each
 * worker begins in a stretch of its own and takes its pieces in ascending order, so that what they
 * read from memory is one stream a worker; who is done helps the others.  Which worker gets a piece
 * is left to chance: results must not depend on it. */
void eng_par_stretches(eng_exec *x, size_t n_all, size_t piece,
                       void (*fn)(void *arg, size_t first, size_t n, size_t worker), void *arg);

/* One (sequence, head) pair of attention each; fwd items may have different lengths (continuous
 * batching).  Long items are split by query blocks.  The caller must have reserved
 * eng_attn_scratch_bytes(head_dim). */
void eng_par_attn_fwd(eng_exec *x, const eng_attn_fwd *items, size_t n_items);

/* Backward: items [n_groups][group]; items of a group share dk and dv and run in order on one
 * worker. */
void eng_par_attn_bwd(eng_exec *x, const eng_attn_bwd *items, size_t n_groups, size_t group);

/* AdamW and the sum of squares over a flat array, in fixed pieces of 64 Ki elements. */
void eng_par_adamw(eng_exec *x, float *p, const float *g, float *m, float *v, size_t n,
                   const eng_adamw *o);

/* v[0..n) = 0. */
void eng_par_clear(eng_exec *x, float *v, size_t n);

/* Elements of such a piece. */
#define ENG_PAR_FLAT ((size_t)1 << 16)

/* The sums of squares of pieces [first, first + count) of v[0..n) into sum[count]. */
void eng_par_sumsq_pieces(eng_exec *x, const float *v, size_t n, size_t first, size_t count,
                          double *sum);

/* The sum of the pieces' sums in ascending order, in double: one number for every count of
 * threads. */
double eng_par_sumsq(eng_exec *x, const float *v, size_t n);

#endif
