/* lora.h - low-rank adapters: what the decoder adds to a product for the sequences that use one.
 *
 * An adapted matrix computes W x + s B (A x) with A [rank, n_in] and B [n_out, rank] (Hu et al.
 * 2021).  The base weights stay as they are, so sequences with different adapters share a step, and
 * a quantised base loses nothing.  Opening and closing are in engine.h.
 */
#ifndef ENG_MODEL_LORA_H
#define ENG_MODEL_LORA_H

#include "engine/model/model.h"

/* Largest rank of any of its pairs: floats of scratch a row needs. */
size_t eng_lora_rank(const eng_lora *l);

/* Adds to y [n, ..] what the adapter says of the matrix w for the rows x [n, ..] (strides in
 * floats); nothing if it does not touch w.  scratch: n * eng_lora_rank(l) floats.  A row depends on
 * that row of x only. */
void eng_lora_add(const eng_lora *l, eng_exec *x, const eng_linear *w, size_t n, const float *in,
                  size_t ldx, float *y, size_t ldy, float *scratch);

/* True when the adapter was opened for this very model. */
bool eng_lora_fits(const eng_lora *l, const eng_model *m);

#endif
