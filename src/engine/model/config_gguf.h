/* config_gguf.h - a model's shape as keys of a GGUF file, in both directions. */
#ifndef ENG_MODEL_CONFIG_GGUF_H
#define ENG_MODEL_CONFIG_GGUF_H

#include "engine/format/gguf.h"
#include "engine/model/config.h"

/* Reads and checks the shape.  n_vocab and tied come from the tensors, all else from the keys.
 * SK_E_UNSUPPORTED names an architecture, or a key that would change the results and that this
 * build does not understand; SK_E_FORMAT names a key that is missing or out of bounds. */
sk_status eng_config_read(const eng_gguf *g, eng_config *out, sk_err *e);

/* Adds the keys eng_config_read reads to a file being written (general.architecture and
 * general.name among them), so that other programs read the model too. */
void eng_config_put(const eng_config *cfg, eng_gguf_writer *w);

#endif
