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

/* What matrices of a layer read; those of one input see the same rows. */
typedef enum eng_input {
    ENG_IN_QKV,      /* q, k, v */
    ENG_IN_O,        /* attention's output matrix */
    ENG_IN_UP,       /* gate and up */
    ENG_IN_DOWN,     /* down */
    ENG_IN_EXP_UP,   /* the same of an expert, */
    ENG_IN_EXP_DOWN, /* .. */
    ENG_IN_SH_UP,    /* and of the shared expert */
    ENG_IN_SH_DOWN,
    ENG_IN_N
} eng_input;

/* Is shown the rows [n_rows, ldx] that go into matrices of a layer (of an expert; else 0), before
 * they do.  Latent attention shows nothing. */
typedef struct eng_watch {
    void (*see)(void *arg, eng_input in, uint32_t layer, size_t expert, const float *x, size_t ldx,
                size_t n_rows);
    void *arg;
} eng_watch;

typedef struct eng_decoder eng_decoder;

/* Scratch for steps of up to max_rows tokens in up to max_seqs pieces, positions below n_ctx. */
sk_status eng_decoder_open(eng_exec *x, const eng_model *m, size_t max_rows, size_t max_seqs,
                           size_t n_ctx, eng_decoder **out, sk_err *e);

/* Frees the scratch; NULL is allowed. */
void eng_decoder_close(eng_decoder *d);

/* Makes room for adapters of that rank; steps with none larger allocate nothing. */
sk_status eng_decoder_reserve(eng_decoder *d, size_t rank, sk_err *e);

/* Shows the rows of steps to come to w; its see is NULL to end that. */
void eng_decoder_watch(eng_decoder *d, const eng_watch *w);

/* Runs the pieces through the model: writes their keys and values, and of the wanted tokens, in the
 * order of the pieces, logits [sum of n_out, n_vocab] and hidden, the last norm's output
 * [sum of n_out, n_embd]; either may be NULL.  Allocates nothing and cannot fail: ids, positions
 * and sizes have been checked by the caller. */
void eng_decoder_step(eng_decoder *d, const eng_seq *seq, size_t n_seq, float *logits,
                      float *hidden);

#endif
