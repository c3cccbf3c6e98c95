/* fixture_model.h - tiny models with random weights for tests.
 *
 * The weights are a pure function of the shape and the seed, so what another program computed from
 * such a file (tests/golden) stays true without the file.
 */
#ifndef TESTS_UNIT_FIXTURE_MODEL_H
#define TESTS_UNIT_FIXTURE_MODEL_H

#include "engine/format/gguf.h"
#include "engine/model/layout.h"

/* Tokens of the smallest vocabulary: 256 bytes, 8 merges, 3 special tokens. */
#define FIXTURE_VOCAB_MIN 267

/* A shape of `arch` to start from: vocabulary 288, context 96, dim 48, 2 layers, 4 heads of 16 over
 * 2 kv heads, ffn 80, tied. */
eng_config fixture_config(const char *arch);

/* The weights of one parameter [rows * cols]: norms near 1, matrices of variance 1 / cols. */
void fixture_param(const eng_param *p, uint64_t seed, float *out);

/* Adds the keys of a byte-level tokenizer of n tokens (>= FIXTURE_VOCAB_MIN): bytes first, then the
 * tokens of 8 merges, unused ones, and <|endoftext|>, <|im_start|>, <|im_end|> as the last three.
 */
void fixture_put_vocab(eng_gguf_writer *w, size_t n_vocab);

/* What is to be wrong with a file; a name that is NULL twists nothing. */
typedef struct fixture_twist {
    const char *skip;    /* a tensor left out */
    const char *shorten; /* a tensor with one row (a vector: one element) less */
    const char *poison;  /* a tensor whose middle element is `value` */
    float value;
    const char *extra;                /* a tensor no model has */
    void (*keys)(eng_gguf_writer *w); /* adds keys */
} fixture_twist;

/* Writes the model with a twist (NULL: none); matrices as `dtype`, norms as F32. */
sk_status fixture_model_write(const char *path, const eng_config *cfg, uint64_t seed,
                              eng_dtype dtype, sk_err *e);
sk_status fixture_model_twist(const char *path, const eng_config *cfg, uint64_t seed,
                              eng_dtype dtype, const fixture_twist *t, sk_err *e);

#endif
