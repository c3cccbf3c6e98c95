/* dpo.h - learning from preferences (Rafailov et al. 2023, equation 7).
 *
 * With l the log-likelihood of an answer under the model, r that under the model the run began
 * with, the loss of a pair is -log sigmoid(m), m = beta ((l - r) of the chosen answer - (l - r) of
 * the rejected one).  r does not change, so it is worked out once and kept in DIR/reference.stk.
 */
#ifndef ENG_TRAIN_DPO_H
#define ENG_TRAIN_DPO_H

#include "engine/model/train_pass.h"
#include "engine/train/prefs.h"

#define ENG_DPO_MAX_ROWS 4096 /* of a micro-batch */

/* Sums over pairs, four numbers of eight bytes; divided by n they are the means that are told. */
typedef struct eng_dpo_sum {
    double loss;    /* nats */
    double margin;  /* m / beta: by how many nats more the model favours the chosen answers now */
    uint64_t right; /* pairs with m > 0: ranked as the data ranks them */
    uint64_t n;     /* pairs */
} eng_dpo_sum;

/* A micro-batch of rows of a dataset.  All is borrowed. */
typedef struct eng_dpo_batch {
    const eng_prefs *prefs; /* of the dataset; their ref is filled in but for eng_dpo_refer */
    const size_t *row;      /* [batch->rows] their numbers in the dataset */
    const eng_batch *batch; /* targets are the answers' tokens, first the pairs' starts */
    size_t n_ctx;           /* tokens of a row */
    double beta;            /* how firmly to stay by the model the run began with, > 0 */
    float *weight;          /* [rows * n_ctx] scratch: of each token in the gradient */
} eng_dpo_batch;

/* Adds to sum, writes the loss of each row's pairs to row_nats[rows], and with grads (NULL: none)
 * adds the gradient of scale * (sum of losses). */
void eng_dpo_run(eng_pass *p, const eng_dpo_batch *d, float scale, float *grads, double *row_nats,
                 eng_dpo_sum *sum);

/* Fills ref of the pairs of the batch's rows from the pass as it is: the log-likelihoods (nats) of
 * both answers under the parameters that were loaded last.  prefs is d->prefs, to be written to. */
void eng_dpo_refer(eng_pass *p, const eng_dpo_batch *d, eng_prefs *prefs);

/* Writes and reads the references of both sets (valid may be empty) as a container of ckpt.h: they
 * cost a pass over all pairs, and a run that goes on needs those of its beginning.  Reading
 * compares crc, those of the two sets: SK_E_INVALID if the file is of others; else what ckpt.h
 * gives. */
sk_status eng_dpo_save(const char *path, const eng_prefs *data, const eng_prefs *valid,
                       const uint32_t crc[2], sk_err *e);
sk_status eng_dpo_load(const char *path, eng_prefs *data, eng_prefs *valid, const uint32_t crc[2],
                       sk_err *e);

#endif
