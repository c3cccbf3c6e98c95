/* verdict.h - from what was measured of two models to a check that passed or failed. */
#ifndef ENG_EVAL_VERDICT_H
#define ENG_EVAL_VERDICT_H

#include "engine/door/gate.h"
#include "engine/eval/paired.h"
#include "engine/eval/shadow.h"

/* Notes a check's outcome with its clause. */
void eng_verdict_set(eng_gate_check *c, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The answers to the fixed prompts: all logits finite; not most of them empty, nor endless, if the
 * live model gives fewer such. */
void eng_verdict_session(const eng_shadow *live, const eng_shadow *fresh, eng_gate_check *out);

/* What has to get better: lower by `margin` at least and by anything at all, and the interval of
 * the difference is below 0, so that chance alone promotes nothing.  Figures that are not finite
 * fail. */
void eng_verdict_better(const eng_paired *p, double margin, eng_gate_check *out);

/* What must not get worse: it has when it is higher by more than `worse` and the interval of the
 * difference is above 0.  `name` says of what. */
void eng_verdict_no_worse(const eng_paired *p, double worse, const char *name, eng_gate_check *out);

/* The suite: at most `slack` fewer right answers of n. */
void eng_verdict_answers(size_t live, size_t fresh, size_t n, size_t slack, eng_gate_check *out);

/* True if no check failed, and text was compared. */
bool eng_verdict_promotes(const eng_gate *g);

#endif
