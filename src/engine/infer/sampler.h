/* sampler.h - what a sampler holds: scratch, so that a choice allocates nothing. */
#ifndef ENG_INFER_SAMPLER_H
#define ENG_INFER_SAMPLER_H

#include "engine/engine.h"
#include "engine/infer/filter.h"

struct eng_sampler {
    size_t n_vocab;
    float *logits;    /* [n_vocab] the changed ones, where something changes them */
    float *block_max; /* [ENG_RANK_BLOCKS(n_vocab)] */
    eng_cand *cand;   /* [n_vocab] */
    eng_cand *spare;  /* [n_vocab] for sorting */
    double *weight;   /* [n_vocab] */
    uint32_t *count;  /* [n_vocab] zero between uses */
    uint32_t *z;      /* [n_z] of DRY, as long as the longest window so far */
    size_t n_z;
};

/* Draws from v[0..n), in the order of ids, at the temperature with the uniform number of (seed,
 * position).  best: the highest logit among them.  *share: the probability of what was drawn. */
int32_t eng_sample_draw(eng_sampler *s, const eng_cand *v, size_t n, eng_cand best,
                        const eng_sample_opts *o, uint64_t pos, double *share);

#endif
