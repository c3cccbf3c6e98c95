/* dataset.h - what a training run reads: rows of n_ctx tokens with their targets.
 *
 * A dataset is built once, from text (corpus.h), from conversations (chatset.h) or over the shards
 * of a data set (engine/data/stream.h), and is immutable from then on.  Which rows a step takes is
 * a pure function of (seed, step), so a resumed run needs no reader state.
 */
#ifndef ENG_TRAIN_DATASET_H
#define ENG_TRAIN_DATASET_H

#include "base/status.h"
#include "engine/data/stream.h"
#include "engine/token/vocab.h"

#include <stddef.h>
#include <stdint.h>

typedef struct eng_dataset {
    size_t n_ctx, n_rows; /* tokens of a row; rows */
    int32_t *ids;         /* [n_rows, n_ctx] */
    int32_t *target;      /* [n_rows, n_ctx] the token that follows; -1: no loss there */
    int32_t *first; /* [n_rows, n_ctx] where the token's document begins in its row; NULL: at 0 */
    uint32_t crc;   /* of all of the above: a resumed run must read the same */
    eng_stream *stream; /* rows are cut from it when they are asked for, and the arrays above are
                           NULL; NULL: rows lie in memory */
    struct eng_origin *origin; /* the documents in the rows (origin.h); NULL: not known, or the
                                  stream's */
} eng_dataset;

/* Room for the rows, targets all -1, ids all `fill`; `masked` asks for `first`, where each token
 * then stands alone. */
sk_status eng_dataset_init(eng_dataset *d, size_t n_rows, size_t n_ctx, int32_t fill, bool masked,
                           sk_err *e);

/* Frees the rows; d may be all zeros. */
void eng_dataset_fini(eng_dataset *d);

/* The rows of a stream of at least 2 tokens, which d takes over; cut as eng_dataset_of_stream does,
 * filled up with the stream's separator. */
void eng_dataset_of_shards(eng_stream *s, size_t n_ctx, eng_dataset *out);

/* Copies one row into ids and target [n_ctx] each, and into first where d has it. */
void eng_dataset_row(const eng_dataset *d, size_t row, int32_t *ids, int32_t *target,
                     int32_t *first);

/* Computes crc when all rows are filled. */
void eng_dataset_seal(eng_dataset *d);

/* The row that stands at place `index` of the run: every epoch visits all rows once, in an order of
 * its own. */
size_t eng_dataset_pick(const eng_dataset *d, uint64_t seed, uint64_t index);

/* Tokens with a target in rows [first, first + n), and the bytes of text these targets stand for
 * (special tokens have none). */
void eng_dataset_count(const eng_dataset *d, const eng_vocab *v, size_t first, size_t n,
                       uint64_t *targets, uint64_t *bytes);

/* Cuts a stream of n tokens (n >= 2) into rows: each token but the first is the target of the one
 * before it.  The end of the last row is filled up with `fill` and has no targets. */
sk_status eng_dataset_of_stream(const int32_t *stream, size_t n, size_t n_ctx, int32_t fill,
                                eng_dataset *out, sk_err *e);

#endif
