/* pretrain.h - from text files to a model; its function, eng_train_run, is in engine.h. */
#ifndef ENG_TRAIN_PRETRAIN_H
#define ENG_TRAIN_PRETRAIN_H

#include "engine/engine.h"
#include "engine/model/layout.h"

/* The shape the flags ask for, held against the bounds before any file is read.  SK_E_INVALID
 * names the flag. */
sk_status eng_train_shape(const eng_train_opts *o, eng_config *out, sk_err *e);

#endif
