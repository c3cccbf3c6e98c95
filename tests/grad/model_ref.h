/* model_ref.h - the decoder written down once more, in double and without any cleverness: what the
 * training pass is held against. */
#ifndef TESTS_GRAD_MODEL_REF_H
#define TESTS_GRAD_MODEL_REF_H

#include "engine/model/layout.h"

#include <stdint.h>

/* A batch of rows of n_ctx tokens as in engine/model/train_pass.h; first may be NULL. */
typedef struct ref_batch {
    const int32_t *ids, *target, *first;
    size_t rows, n_ctx;
} ref_batch;

/* Sum of -log p(target) over the targets of the batch; logits [rows * n_ctx, n_vocab] if not NULL.
 */
double ref_loss(const eng_config *cfg, const eng_layout *l, const double *params,
                const ref_batch *b, double *logits);

/* Draws weights that leave nothing small: matrices of deviation 0.3, vectors about 1.  Padding
 * stays as it is.  exact [n_floats] gets the same numbers in double. */
void ref_draw(const eng_layout *l, float *params, double *exact);

#endif
