/* mirostat.h - mirostat 2 (Basu et al. 2021, algorithm 2): leaves out what surprises more than mu
 * bits, and steers mu so that choices surprise by tau on average. */
#ifndef ENG_INFER_MIROSTAT_H
#define ENG_INFER_MIROSTAT_H

#include "engine/infer/sampler.h"

/* Collects the candidates whose surprise at o's temperature is at most mu = 2 tau + st->drift into
 * s->cand in the order of ids, the best at least; returns their number. */
size_t eng_mirostat_cut(eng_sampler *s, const eng_rank *r, const eng_sample_opts *o,
                        const eng_sample_state *st);

/* After a choice of probability `share` among those kept: mu -= eta (-log2(share) - tau). */
void eng_mirostat_learn(eng_sample_state *st, const eng_sample_opts *o, double share);

#endif
