/* dry.h - DRY ("don't repeat yourself"): a penalty that grows with the length of the repetition
 * that a token would continue (p-e-w, 2024; definitions as in llama.cpp).
 *
 * Of the last n tokens, let a repetition be an earlier place whose tokens up to there are the same
 * as the last ones, over a length L; the token that came after it then would make it longer.  Such
 * a token loses multiplier * base^(L - allowed_length) if L is at least allowed_length.  A sequence
 * breaker bounds L: nothing at or before the last one counts.  Breakers themselves are not
 * penalised.
 */
#ifndef ENG_INFER_DRY_H
#define ENG_INFER_DRY_H

#include "engine/engine.h"

/* Most bytes of a breaker that count, and most tokens of its tail. */
#define ENG_DRY_BYTES ((size_t)40)
#define ENG_DRY_TAIL ((size_t)20)

/* A breaker as tokens: `head`, then the n of `tail`. */
typedef struct eng_dry_entry {
    int32_t head; /* the token that ends in the breaker's first bytes */
    uint32_t n;   /* tokens of tail that must follow */
    int32_t tail[ENG_DRY_TAIL];
} eng_dry_entry;

struct eng_dry_breakers {
    eng_dry_entry *entry; /* [n], heads rising */
    size_t n, cap;        /* entries, and room */
};

/* True if o asks for it. */
bool eng_dry_on(const eng_sample_opts *o);

/* Lowers the logits of the tokens that would continue repetitions of the n last ids.  length
 * [n_vocab] is zero before and after; z [n of the window] is scratch. */
void eng_dry_apply(float *x, size_t n_vocab, const eng_sample_opts *o, const int32_t *ids, size_t n,
                   uint32_t *length, uint32_t *z);

#endif
