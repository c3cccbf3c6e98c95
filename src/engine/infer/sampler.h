/* sampler.h - what a sampler holds: scratch, so that a choice allocates nothing. */
#ifndef ENG_INFER_SAMPLER_H
#define ENG_INFER_SAMPLER_H

#include "engine/engine.h"
#include "engine/infer/filter.h"

struct eng_sampler {
    size_t n_vocab;   /* logits of a choice */
    float *logits;    /* [n_vocab] the changed ones, where something changes them */
    float *block_max; /* [ENG_RANK_BLOCKS(n_vocab)] */
    eng_cand *cand;   /* [n_vocab] */
    eng_cand *spare;  /* [n_vocab] for sorting */
    double *weight;   /* [n_vocab] */
    uint32_t *count;  /* [n_vocab] zero between uses */
    uint32_t *z;      /* [n_z] of DRY, as long as the longest window so far */
    size_t n_z;
};

#endif
