/* penalty.h - what changes single logits before anything is left out: mask, bias, penalties. */
#ifndef ENG_INFER_PENALTY_H
#define ENG_INFER_PENALTY_H

#include "engine/engine.h"

/* The last `last_n` (negative: all) of n ids; their number into *n. */
const int32_t *eng_penalty_window(const int32_t *ids, size_t *n, int64_t last_n);

/* Lowers x[id] by d >= 0, or raises it by -d; finite stays finite. */
void eng_penalty_lower(float *x, int32_t id, double d);

/* -INFINITY wherever the bit of `allowed` [ceil(n / 64)] is 0. */
void eng_penalty_mask(float *x, size_t n, const uint64_t *allowed);

/* Adds o's biases; ids outside the vocabulary are passed over. */
void eng_penalty_bias(float *x, size_t n_vocab, const eng_sample_opts *o);

/* True if o asks for a penalty on repeated tokens. */
bool eng_penalty_on(const eng_sample_opts *o);

/* Repetition (Keskar et al. 2019: a positive logit is divided, another multiplied), frequency and
 * presence penalties for the tokens among the last o->penalty_last_n of ids.  count [n_vocab] is
 * zero before and after; seen [n_vocab] is scratch. */
void eng_penalty_repeats(float *x, size_t n_vocab, const eng_sample_opts *o, const int32_t *ids,
                         size_t n, uint32_t *count, int32_t *seen);

#endif
