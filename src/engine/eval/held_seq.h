/* held_seq.h - held-out documents as they lie in memory.  Private to held_read.c and held.c. */
#ifndef ENG_EVAL_HELD_SEQ_H
#define ENG_EVAL_HELD_SEQ_H

#include "engine/eval/held.h"

/* Tokens [at, at + n) of the common arrays: all but the last are stepped. */
typedef struct eng_held_seq {
    size_t doc, at, n;
} eng_held_seq;

struct eng_held {
    size_t n_ctx;
    eng_ids ids, loss; /* loss: 1 for a token that is scored, unless it is its sequence's first */
    eng_held_seq *seq; /* [n_seq] in the order of the documents */
    size_t n_seq;
    eng_held_doc *doc; /* [n_doc] tokens and bytes; nats is 0 */
    size_t n_doc;
    uint64_t tokens; /* to be stepped */
};

#endif
