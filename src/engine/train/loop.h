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

/* What is to be trained on what.  All pointers are borrowed and must outlive the run; only the
 * references of prefs and valid_prefs are written to. */
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

/* Runs the job from its checkpoint in o->out, if there is one, to the end: o->steps steps, then
 * model.gguf (adapter.gguf).  Two calls with the same job, threads and stops aside, leave the same
 * bytes.  SK_E_STOPPED: o->stop said so, the checkpoint is written; SK_E_INUSE: another trainer has
 * the folder; SK_E_INVALID: other settings or data than the checkpoint's, or a run that diverged;
 * SK_E_NOMEM before the first step; what writing files may give.  Whatever is returned, the newest
 * whole checkpoint stays. */
sk_status eng_loop_run(eng_exec *x, const eng_loop_job *j, sk_err *e);

#endif
