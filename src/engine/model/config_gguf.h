/* config_gguf.h - a model's shape and switches as keys of a GGUF file, in both directions. */
#ifndef ENG_MODEL_CONFIG_GGUF_H
#define ENG_MODEL_CONFIG_GGUF_H

#include "engine/format/gguf.h"
#include "engine/model/config.h"

/* Reads and checks what a model computes.  n_vocab, tied and the optional parameters come from the
 * tensors there are, all else from the keys.  SK_E_UNSUPPORTED names an architecture, or a key that
 * would change the results and that this build does not understand; SK_E_FORMAT names a key that is
 * missing or out of bounds. */
sk_status eng_config_read(const eng_gguf *g, eng_config *out, sk_err *e);

/* Adds the keys eng_config_read reads to a file being written (general.architecture and
 * general.name among them), so that other programs read the model too.  For what training makes:
 * llama and qwen3 without further switches. */
void eng_config_put(const eng_config *cfg, eng_gguf_writer *w);

/* The number under "ARCH.suffix", of any numeric or boolean type; false if there is none. */
bool eng_config_number(const eng_gguf *g, const eng_config *cfg, const char *suffix, double *out);

/* For families with windows in some layers: the period (eng_layer_add_period) is the file's
 * attention.sliding_window_pattern, or else this one; SK_E_FORMAT for a list of another length. */
sk_status eng_config_windows(const eng_gguf *g, eng_config *cfg, uint32_t period, sk_err *e);

#endif
