/* rank.h - the order of tokens by their logits, without sorting the vocabulary.
 *
 * A token ranks above another if its logit is larger, or the same with a smaller id: a total order,
 * so every outcome is one.  Logits that are not finite are no candidates.  The maxima of blocks of
 * ENG_RANK_BLOCK logits let every later walk skip the blocks that hold nothing of interest; with a
 * vocabulary of 256 k that is nearly all of them.
 */
#ifndef ENG_INFER_RANK_H
#define ENG_INFER_RANK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENG_RANK_BLOCK ((size_t)64)

/* Blocks of n logits. */
#define ENG_RANK_BLOCKS(n) (((n) + ENG_RANK_BLOCK - 1) / ENG_RANK_BLOCK)

typedef struct eng_cand {
    float logit; /* finite */
    int32_t id;  /* below n_vocab */
} eng_cand;

/* Logits and the maxima of their blocks. */
typedef struct eng_rank {
    const float *x;   /* [n] */
    size_t n;         /* at most INT32_MAX */
    float *block_max; /* [ENG_RANK_BLOCKS(n)]; -INFINITY where nothing is finite */
    eng_cand best;    /* the highest; id -1 if none is finite */
} eng_rank;

/* True if a ranks above b. */
static inline bool eng_cand_above(eng_cand a, eng_cand b)
{
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
}

/* Fills block_max and best from x. */
void eng_rank_scan(eng_rank *r);

/* The k highest into out [k], in falling order; returns how many there are (fewer than k if fewer
 * are finite).  O(n / 64 + k log k) and a little for typical logits. */
size_t eng_rank_top(const eng_rank *r, size_t k, eng_cand *out);

/* All with logits of at least `least` into out [n], in the order of ids; returns their number. */
size_t eng_rank_from(const eng_rank *r, double least, eng_cand *out);

/* Sum of e^(x - best) over all finite logits, eight partial sums in a fixed order. */
double eng_rank_mass(const eng_rank *r);

/* Sort v[0..n) from the order of ids into falling order, and from any into the order of ids.  With
 * scratch [n] (NULL: there is none) long lists take linear time.  (From another order into falling
 * order is right too, but slower.) */
void eng_cands_by_rank(eng_cand *v, size_t n, eng_cand *scratch);

/* A list that rises already is left as it is. */
void eng_cands_by_id(eng_cand *v, size_t n, eng_cand *scratch);

#endif
