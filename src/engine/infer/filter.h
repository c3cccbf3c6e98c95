/* filter.h - the samplers that leave out tokens: each takes a list of candidates and shortens it.
 *
 * Definitions are llama.cpp's; probabilities are those of the softmax over the candidates still in
 * the list, at temperature 1.  A list is in the order of ids or in falling order; sums run in the
 * order in which the text below says it, in double.
 */
#ifndef ENG_INFER_FILTER_H
#define ENG_INFER_FILTER_H

#include "engine/infer/rank.h"

/* Candidates under way; never empty. */
typedef struct eng_cands {
    eng_cand *v;       /* shortened in place */
    size_t n;          /* at least 1 */
    bool falling;      /* in falling order; else in the order of ids */
    eng_cand *scratch; /* [n], NULL: none; sorting long lists is slow then */
} eng_cands;

/* Brings the list into falling order, or into the order of ids. */
void eng_cands_fall(eng_cands *c);

/* Into the order of ids, which is the order the draw needs. */
void eng_cands_rise(eng_cands *c);

/* Locally typical sampling (Meister et al. 2022): keeps the tokens whose surprise -ln p is nearest
 * to the entropy (the likelier first among equals), as few as have more than p together.  score
 * [c->n] is scratch. */
void eng_filter_typical(eng_cands *c, double p, double *score);

/* Nucleus: keeps the likeliest, as few as reach p together. */
void eng_filter_top_p(eng_cands *c, double p);

/* Without a list: the k likeliest of the whole vocabulary into c->v [r->n]. */
void eng_filter_top_k_all(const eng_rank *r, size_t k, eng_cands *c);

/* The same for the nucleus of the whole vocabulary. */
void eng_filter_top_p_all(const eng_rank *r, double p, eng_cands *c);

/* Keeps the tokens at least p times as likely as the likeliest. */
void eng_filter_min_p(eng_cands *c, double p);

/* The logit that min-p asks for. */
double eng_filter_min_p_least(double best, double p);

/* Exclude top choices: of the tokens with probability `threshold` or more only the least likely
 * stays, if there are two or more. */
void eng_filter_xtc(eng_cands *c, double threshold);

#endif
