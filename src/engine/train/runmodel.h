/* runmodel.h - the weights in a run's folder as a model: the finished one, or those of a
 * checkpoint, put together with shape.gguf, which says what the model is without its weights.
 */
#ifndef ENG_TRAIN_RUNMODEL_H
#define ENG_TRAIN_RUNMODEL_H

#include "base/status.h"

#include <stdbool.h>

struct eng_config;
struct eng_gguf;
struct eng_layout;
struct eng_vocab;

/* Which weights of a run. */
typedef enum eng_run_pick {
    ENG_PICK_AUTO, /* those of model.gguf when the run is done, else of the last checkpoint */
    ENG_PICK_LAST, /* of the last checkpoint, in F32 */
    ENG_PICK_BEST, /* of the checkpoint with the lowest held-out loss */
    ENG_PICK_EMA   /* their running average, where the run kept one */
} eng_run_pick;

/* True when path is the folder of a training run. */
bool eng_run_is_folder(const char *path);

/* Opens them as a GGUF, which the caller closes: model.gguf itself, or one put together in memory
 * from shape.gguf's keys and the checkpoint's parameters, which stay mapped.  The run may go on
 * meanwhile.  SK_E_NOTFOUND says what the folder lacks; SK_E_FORMAT: shape.gguf does not fit the
 * checkpoint; SK_E_UNSUPPORTED for a checkpoint that holds no whole model (an adapter). */
sk_status eng_run_model_open(const char *dir, eng_run_pick pick, struct eng_gguf **out, sk_err *e);

/* Writes shape.gguf, once, before the first step: the keys of the model that the run makes (from:
 * the one it began with, NULL: none), and where in the flat array of parameters its tensors are
 * (docs/format/training.md).  All arguments are borrowed. */
sk_status eng_run_shape_save(const char *path, const struct eng_config *cfg,
                             const struct eng_layout *l, const struct eng_vocab *v,
                             const struct eng_gguf *from, sk_err *e);

#endif
