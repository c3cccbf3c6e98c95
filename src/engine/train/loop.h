/* loop.h - the training loop: steps, held-out loss, checkpoints, the finished model.  Pretraining
 * (pretrain.c) and fine-tuning (tune.c) prepare a job and hand it in.
 */
#ifndef ENG_TRAIN_LOOP_H
#define ENG_TRAIN_LOOP_H

#include "base/json.h"
#include "engine/engine.h"
#include "engine/format/gguf.h"
#include "engine/model/adapter.h"
#include "engine/model/layout.h"
#include "engine/train/dataset.h"
#include "engine/train/prefs.h"

typedef struct eng_loop_job {
    const char *stage;               /* "pretrain", "fine-tune" */
    const eng_train_opts *o;         /* complete: steps, shape and batch are set */
    const eng_config *cfg;           /* trainable */
    const eng_layout *layout;        /* of cfg */
    const eng_vocab *vocab;          /* goes into the model file */
    const eng_dataset *data, *valid; /* valid NULL: no held-out loss */
    const eng_gguf *from;            /* weights to begin with; NULL: drawn from the seed */
    const eng_frozen *frozen; /* an adapter is trained: layout is then the adapter's.  NULL: none */
    const eng_layout *base;   /* of cfg, where layout is not */
    eng_prefs *prefs, *valid_prefs; /* the pairs of data and valid; NULL: no preferences are learned
                                       from.  Their references are filled in by the loop */
    double alpha;                   /* of the adapter */
    json_t *meta;                   /* eng_trainstate_meta with all inputs */
    bool bf16;                      /* matrix products in bf16 */
} eng_loop_job;

/* Runs the job from its checkpoint in o->out, if there is one, to the end. */
sk_status eng_loop_run(eng_exec *x, const eng_loop_job *j, sk_err *e);

#endif
