/* decoder.h - one step of the decoder: tokens of several sequences through all layers.
 *
 * The decoder keeps keys and values where it is told (eng_kv_seq of kernel/kvmem.h); who owns them
 * is the cache's business (infer/kv.h).
 */
#ifndef ENG_MODEL_DECODER_H
#define ENG_MODEL_DECODER_H

#include "engine/kernel/kvmem.h"
#include "engine/model/model.h"

/* A piece of one sequence: n tokens at positions pos .. pos + n - 1.  Logits are wanted of its last
 * n_out tokens. */
typedef struct eng_seq {
    eng_kv_seq kv;        /* the slot's memory */
    size_t pos, n, n_out; /* n_out is at most n */
    const int32_t *ids;   /* [n] */
    const eng_lora *lora; /* adapter, NULL: none */
} eng_seq;

typedef struct eng_decoder eng_decoder;

/* Scratch for steps of up to max_rows tokens in up to max_seqs pieces, positions below n_ctx. */
sk_status eng_decoder_open(eng_exec *x, const eng_model *m, size_t max_rows, size_t max_seqs,
                           size_t n_ctx, eng_decoder **out, sk_err *e);

/* Frees the scratch; NULL is allowed. */
void eng_decoder_close(eng_decoder *d);

/* Makes room for adapters of that rank; steps with none larger allocate nothing. */
sk_status eng_decoder_reserve(eng_decoder *d, size_t rank, sk_err *e);

/* Runs the pieces through the model: writes their keys and values, and of the wanted tokens, in the
 * order of the pieces, logits [sum of n_out, n_vocab] and hidden, the last norm's output
 * [sum of n_out, n_embd]; either may be NULL.  Allocates nothing and cannot fail: ids, positions
 * and sizes have been checked by the caller. */
void eng_decoder_step(eng_decoder *d, const eng_seq *seq, size_t n_seq, float *logits,
                      float *hidden);

#endif
