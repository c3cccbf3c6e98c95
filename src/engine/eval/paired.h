/* paired.h - two models on the same documents: how much better one is, and how surely.
 *
 * Bits per byte are sum(bits) / sum(bytes) over the documents, so the difference is a ratio of two
 * sums; its standard error is the ratio estimator's (Cochran, Sampling Techniques, 3rd ed., 6.4):
 *
 *     d  = sum(b_i - a_i) / sum(w_i)
 *     se = sqrt(n / (n - 1) sum((b_i - a_i - d w_i)^2)) / sum(w_i)
 *
 * with bits a_i, b_i and bytes w_i of document i.  That a document is hard is in both models alike
 * and falls out of it, which is why a difference far below the spread of documents can be told. The
 * interval is d +- t se with Student's t for n - 1 degrees of freedom.
 */
#ifndef ENG_EVAL_PAIRED_H
#define ENG_EVAL_PAIRED_H

#include "engine/eval/held.h"

/* Fewer documents say nothing about their spread. */
#define ENG_PAIRED_LEAST 10

typedef struct eng_paired {
    double live, fresh;     /* bits per byte */
    double diff, low, high; /* fresh - live, and its 95 % interval */
    size_t n;               /* documents */
} eng_paired;

/* Compares n documents that both models were measured on.  False (out untouched) with fewer than
 * ENG_PAIRED_LEAST of them or without a byte; figures that are not finite make all of *out so. */
bool eng_paired_compare(const eng_held_doc *live, const eng_held_doc *fresh, size_t n,
                        eng_paired *out);

#endif
