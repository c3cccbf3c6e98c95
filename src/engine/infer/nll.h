/* nll.h - what rows of logits say of the tokens that followed them.
 *
 * -ln p of a token is ln(sum over ids of e^(logit - best)) + best - its logit, in double; the sum
 * runs in a fixed order (rank.h) over the finite logits.  Each row is reduced by itself, so results
 * don't depend on how many go together or on the number of threads.
 */
#ifndef ENG_INFER_NLL_H
#define ENG_INFER_NLL_H

#include "engine/infer/rank.h"
#include "engine/kernel/exec.h"

#include <stddef.h>
#include <stdint.h>

/* What is known of one token. */
typedef struct eng_nll {
    double nll; /* -ln of its probability; infinite where its logit is not finite */
    int32_t
        best; /* the likeliest token in its place, ties to the smaller id; -1 if none is finite */
} eng_nll;

/* A row to be reduced. */
typedef struct eng_nll_row {
    const float *logits; /* [n_vocab] */
    int32_t next;        /* the token that followed, below n_vocab; -1: only `best` is asked for */
    eng_nll *out;        /* nll is infinite where next is -1 */
} eng_nll_row;

/* Bytes of scratch for rows of n_vocab logits on x's threads. */
size_t eng_nll_scratch_bytes(const eng_exec *x, size_t n_vocab);

/* Reduces n rows on x's threads; rows write to places that differ. */
void eng_nll_rows(eng_exec *x, const eng_nll_row *row, size_t n, size_t n_vocab, float *scratch);

#endif
