/* guard.h - steps that would spoil a run: found, named, skipped, or gone back on.
 *
 * A step is bad when its loss or its gradient's norm is not finite, and it is a spike when one of
 * them stands out from the last ENG_GUARD_WINDOW good steps by more standard deviations than asked
 * for (llm.c's rule).  What is done by rule, so that a resumed run does the same:
 *
 *   skip       the update is left out; the step counts, its batch is not read again
 *   roll back  ENG_GUARD_SKIPS skips within ENG_GUARD_SPAN steps: the newest checkpoint that was
 * due (one made for a signal or a stop is none, a run left alone does not have it) is loaded, the
 * batches since are passed over, and the learning rate is halved from there on stop
 * ENG_GUARD_ROLLBACKS such returns did not help
 *
 * A loss that rises slowly (trend.h) leads back in the same way, with no step skipped before.
 *
 * The state is part of the checkpoint: plain numbers, no pointers.
 */
#ifndef ENG_TRAIN_GUARD_H
#define ENG_TRAIN_GUARD_H

#include "base/buf.h"
#include "base/status.h"
#include "engine/engine.h"

#include <stdint.h>

enum {
    ENG_GUARD_WINDOW =
        128, /* good steps looked back on; no spike is seen before there are as many */
    ENG_GUARD_SKIPS = 3,
    ENG_GUARD_SPAN = 64,
    ENG_GUARD_ROLLBACKS = 3,
    ENG_GUARD_EVENTS = 64, /* remembered, the newest */
    ENG_GUARD_ROWS = 8     /* of a batch, named */
};

struct eng_dataset;

/* What happened at a step.  Without rows it is a rise of the loss: loss is then the mean of the
 * last steps, z_loss by how many standard errors it stands above the lowest one, which is in
 * grad_norm, and rows[0] the step of that. */
typedef struct eng_guard_event {
    uint64_t step, batch; /* of the step; its batch's number in the data */
    double loss, grad_norm, z_loss,
        z_norm;      /* z: standard deviations above the mean, NaN: unknown */
    uint64_t to;     /* rolled back to this step; UINT64_MAX: skipped */
    double lr_scale; /* from there on */
    uint64_t n_rows,
        rows[ENG_GUARD_ROWS]; /* rows of the batch; those of them with the highest losses */
} eng_guard_event;

typedef struct eng_guard {
    /* As of the step: goes back with it. */
    double loss[ENG_GUARD_WINDOW],
        norm[ENG_GUARD_WINDOW];       /* of good steps, number i at i % WINDOW */
    uint64_t seen, skipped;           /* good steps; updates left out */
    uint64_t recent[ENG_GUARD_SKIPS]; /* the last skips: 1 + their step, number i at i % SKIPS */
    uint64_t base;                    /* step of the checkpoint to go back to */
    /* Of the whole run. */
    uint64_t shift, rollbacks; /* batches passed over; returns so far */
    double lr_scale;           /* of every rate */
    uint64_t n_events;
    eng_guard_event event[ENG_GUARD_EVENTS]; /* number i at i % EVENTS */
} eng_guard;

typedef enum eng_verdict {
    ENG_STEP_GOOD,
    ENG_STEP_SKIP,
    ENG_STEP_ROLLBACK,
    ENG_STEP_STOP
} eng_verdict;

/* At the beginning of a run. */
void eng_guard_init(eng_guard *g);

/* Judges step number `step` (counted from 0) by loss and norm, and takes note: of a good step for
 * the window, of a skip for the rule; *z_loss, *z_norm as in the event. */
eng_verdict eng_guard_judge(eng_guard *g, const eng_train_opts *o, uint64_t step, double loss,
                            double grad_norm, double *z_loss, double *z_norm);

/* What is done about a rise of the loss; ENG_STEP_SKIP: it is told, and the step is as good as any.
 */
eng_verdict eng_guard_rise(const eng_guard *g, const eng_train_opts *o);

/* The step behind which a trend counts: the last one gone back to, or a rise that was told. */
uint64_t eng_guard_since(const eng_guard *g);

/* Adds an event, over the oldest when there are too many. */
void eng_guard_add(eng_guard *g, const eng_guard_event *ev);

/* After a checkpoint was loaded into *g: takes over from `before`, the state until then, what is of
 * the whole run; counts the return from `step` to `to` and lowers the rate. */
void eng_guard_returned(eng_guard *g, const eng_guard *before, uint64_t step, uint64_t to);

/* SK_E_FORMAT if g, read from a file, can't be one of ours. */
sk_status eng_guard_check(const eng_guard *g, sk_err *e);

/* The events, one JSON object a line: {"event":"skip",..}, {"event":"rollback",..} and
 * {"event":"rise",..}.  d (NULL: not known) says where the rows are from (origin.h). */
void eng_guard_log(const eng_guard *g, const struct eng_dataset *d, sk_buf *out);

/* One event as a sentence. */
void eng_guard_text(const eng_guard_event *ev, const struct eng_dataset *d, sk_buf *out);

#endif
