/* extend.h - going on with a run for more steps than it was begun with.
 *
 * --steps, --warmup, --decay and --min-lr decide nothing but the rate of each step (eng_lr_at).  So
 * where the rates of all steps that were done are the same by the old figures and the new, what has
 * been done is what a run begun with the new ones would have done, to the bit, and it may go on as
 * one.  That is so in the level part of warm-up, level, decay.
 */
#ifndef ENG_TRAIN_EXTEND_H
#define ENG_TRAIN_EXTEND_H

#include "base/json.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

/* True for the settings that this file is about. */
bool eng_extend_is_schedule(const char *setting);

/* Settings of a checkpoint that stands at `step`, and of the run that is to go on from it, as
 * eng_trainstate_meta has them: SK_E_INVALID where a step that was done had another rate, or the
 * new run ends before it.  `path` is the checkpoint's, for the sentence. */
sk_status eng_extend_check(const char *path, const json_t *theirs, const json_t *ours,
                           uint64_t step, sk_err *e);

#endif
