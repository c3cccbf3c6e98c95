/* tune.h - eng_tune_run (engine.h): from a model and conversations to a model that answers. */
#ifndef ENG_TRAIN_TUNE_H
#define ENG_TRAIN_TUNE_H

#include "engine/engine.h"

/* Steps that make `epochs` passes over n_rows rows of n_ctx tokens, at least one. */
uint64_t eng_tune_steps(const eng_train_opts *o, size_t n_rows, size_t n_ctx);

#endif
