/* export.h - parameters to a model file, and back. */
#ifndef ENG_TRAIN_EXPORT_H
#define ENG_TRAIN_EXPORT_H

#include "base/status.h"
#include "engine/format/gguf.h"
#include "engine/model/layout.h"
#include "engine/tensor/dtype.h"
#include "engine/token/vocab.h"

/* The keys of such a model: those of `from`, the model training began with, under the config's
 * name; without one those of the config and the vocabulary. */
sk_status eng_export_keys(eng_gguf_writer *w, const eng_config *cfg, const eng_vocab *v,
                          const eng_gguf *from, eng_dtype dtype, sk_err *e);

/* Writes a model as GGUF, atomically: matrices in dtype, norms in F32.  With `from` (NULL: none),
 * the file the weights began in, its keys and chat template go along. */
sk_status eng_export_gguf(const char *path, const eng_config *cfg, const eng_layout *l,
                          const eng_vocab *v, const eng_gguf *from, const float *params,
                          eng_dtype dtype, sk_err *e);

/* Fills params (all of the flat array) from the tensors of g, which must be those of l, in any type
 * this build reads. */
sk_status eng_import_gguf(const eng_gguf *g, const eng_layout *l, float *params, sk_err *e);

#endif
