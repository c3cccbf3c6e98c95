/* kvshape.h - what each layer of a model leaves in the cache of keys and values. */
#ifndef ENG_MODEL_KVSHAPE_H
#define ENG_MODEL_KVSHAPE_H

#include "engine/kernel/kvmem.h"
#include "engine/model/config.h"

/* Kv heads of a layer, and the floats of a key and of a value. */
eng_kv_shape eng_config_kv(const eng_config *cfg, uint32_t layer);

#endif
