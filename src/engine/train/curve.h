/* curve.h - what a run has to show for itself: one point a step, as a checkpoint section, as
 * log.jsonl and as a picture. */
#ifndef ENG_TRAIN_CURVE_H
#define ENG_TRAIN_CURVE_H

#include "base/buf.h"
#include "base/status.h"

#include <stddef.h>

/* One step; NaN where nothing was measured.  Doubles only, so that a section of points is the same
 * everywhere.  Step 0 has no loss, only held-out figures. */
typedef struct eng_point {
    double step, tokens, loss, lr, grad_norm, val_loss,
        bits_per_byte; /* tokens since step 0; losses in nats a token */
} eng_point;

typedef struct eng_curve {
    eng_point *point;
    size_t n, cap;
} eng_curve;

/* Room for n points in all, so that adding cannot fail. */
sk_status eng_curve_init(eng_curve *c, size_t n, sk_err *e);

/* Frees the points; c is then empty. */
void eng_curve_fini(eng_curve *c);

/* There must be room: eng_curve_init was told of every step. */
void eng_curve_add(eng_curve *c, const eng_point *p);

/* One JSON object a line: {"event":"step",..} and {"event":"eval",..}. */
void eng_curve_log(const eng_curve *c, sk_buf *out);

/* Loss and held-out loss over steps. */
void eng_curve_svg(const eng_curve *c, const char *title, sk_buf *out);

#endif
