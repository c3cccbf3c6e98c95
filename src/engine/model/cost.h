/* cost.h - what a token's step through a model multiplies and reads. */
#ifndef ENG_MODEL_COST_H
#define ENG_MODEL_COST_H

#include "engine/model/model.h"

/* Weights that a step of one token is multiplied with, and the bytes they have in memory: of the
 * layers (of experts only as many as a token uses) and of the output matrix. */
typedef struct eng_cost {
    uint64_t layer_weights, head_weights, layer_bytes, head_bytes;
} eng_cost;

/* What sets the speed of decoding: a token's step takes at least its bytes over the memory's
 * bandwidth. */
void eng_model_cost(const eng_model *m, eng_cost *out);

#endif
