/* pretrain.h - from text files to a model; its function, eng_train_run, is in engine.h. */
#ifndef ENG_TRAIN_PRETRAIN_H
#define ENG_TRAIN_PRETRAIN_H

#include "engine/engine.h"
#include "engine/model/layout.h"

#endif
