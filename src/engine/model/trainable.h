/* trainable.h - which models training computes. */
#ifndef ENG_MODEL_TRAINABLE_H
#define ENG_MODEL_TRAINABLE_H

#include "engine/model/config.h"

/* Whether the training pass computes this config.  SK_E_UNSUPPORTED names the first switch or
 * parameter that it does not know. */
sk_status eng_config_trainable(const eng_config *cfg, sk_err *e);

/* Sets the switches of a new model of cfg->arch, whose shape is set: those of its family, the
 * parameters that its files always have, the usual epsilon of its norms; gpt2 gets as many kv heads
 * as heads.  SK_E_UNSUPPORTED names
 * the architectures that can be begun: those whose files hold nothing that a config does not. */
sk_status eng_config_fresh(eng_config *cfg, sk_err *e);

#endif
