/* trainstate.h - all that a training run carries from step to step, and its checkpoint.
 *
 * A checkpoint holds the parameters, the optimiser's moments, the curve, the step, and the settings
 * and inputs the run was started with.  The reader of the data needs no state (dataset.h).
 */
#ifndef ENG_TRAIN_TRAINSTATE_H
#define ENG_TRAIN_TRAINSTATE_H

#include "base/buf.h"
#include "base/json.h"
#include "base/status.h"
#include "engine/engine.h"
#include "engine/format/ckpt.h"
#include "engine/train/curve.h"
#include "engine/train/guard.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct eng_trainstate {
    size_t n_floats, v_floats; /* lengths of the flat arrays */
    float *param, *m, *v;      /* [n_floats], [n_floats], [v_floats] (optim.h) */
    float *ema;                /* [n_floats] running mean of the parameters; NULL: none is kept */
    uint64_t step;             /* steps done */
    eng_guard guard;
    eng_curve curve;                /* a point a step */
    const struct eng_dataset *data; /* borrowed: names the rows of events in the log; NULL: none */
    char cpu[16]; /* level of the kernels the checkpoint was made with, "" before the first */
} eng_trainstate;

/* Allocates, cleared; `steps` is the length of the run. */
sk_status eng_trainstate_init(eng_trainstate *s, size_t n_floats, size_t v_floats, uint64_t steps,
                              sk_err *e);

/* Makes room for the mean, cleared. */
sk_status eng_trainstate_add_ema(eng_trainstate *s, sk_err *e);

/* Frees the arrays and the curve; s is then all zeros. */
void eng_trainstate_fini(eng_trainstate *s);

/* What a checkpoint of a state consists of.  Parameters and moments are the state's own arrays. */
#define ENG_IMAGE_MAX 32
typedef struct eng_image {
    eng_ckpt_section sec[ENG_IMAGE_MAX]; /* [n] */
    size_t n;
    uint64_t step;
    double val_loss;  /* held-out loss at that step, NaN if it was not measured */
    sk_buf meta, log; /* the section; log.jsonl */
    eng_point *curve; /* a copy: points are added while it is written */
    eng_guard *guard; /* a copy */
} eng_image;

/* Describes the state as it is now; `meta` (eng_trainstate_meta) says what the run is. */
sk_status eng_image_init(eng_image *im, const eng_trainstate *s, json_t *meta, sk_err *e);

/* Frees what is the image's own. */
void eng_image_fini(eng_image *im);

/* Writes the checkpoint.  `meta` (eng_trainstate_meta) says what the run is. */
sk_status eng_trainstate_save(const eng_trainstate *s, const char *path, json_t *meta, sk_err *e);

/* Reads the checkpoint into s, if it belongs to the run that meta describes: SK_E_INVALID names the
 * flag or input that differs. */
sk_status eng_trainstate_load(eng_trainstate *s, const char *path, json_t *meta, sk_err *e);

/* What decides the result of a run: {"stage","settings":{flag: value},"inputs":{name: number}}; a
 * new reference, NULL without memory.  Inputs are added with eng_trainstate_input. */
json_t *eng_trainstate_meta(const char *stage, const eng_train_opts *o, bool bf16);

/* Adds an input's number (a checksum, a count) to meta; false without memory. */
bool eng_trainstate_input(json_t *meta, const char *name, uint64_t value);

/* The step of the checkpoint at path, whatever run it is of. */
sk_status eng_trainstate_step(const char *path, uint64_t *step, sk_err *e);

/* Its number of lanes (ranks.h). */
sk_status eng_trainstate_lanes(const char *path, uint32_t *lanes, sk_err *e);

/* *done: the checkpoint at path is that of the last step of the run meta describes (its inputs are
 * not compared).  Errors as in load. */
sk_status eng_trainstate_is_done(const char *path, json_t *meta, uint64_t steps, bool *done,
                                 sk_err *e);

#endif
