/* pretrain.h - eng_train_run (engine.h): from text files to a model. */
#ifndef ENG_TRAIN_PRETRAIN_H
#define ENG_TRAIN_PRETRAIN_H

#include "engine/engine.h"
#include "engine/model/layout.h"

/* The shape of the model that o asks for, checked; SK_E_INVALID names the flag. */
sk_status eng_pretrain_config(const eng_train_opts *o, eng_config *out, sk_err *e);

#endif
