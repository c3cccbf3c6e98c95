/* shadow.h - a session that no one sees: a few fixed prompts are answered, greedily, to see whether
 * a model can be let out.
 *
 * Prompts go through the model's chat template where it has one.  An answer is endless where its
 * last ENG_SHADOW_TAIL tokens are the same ENG_SHADOW_CYCLE tokens or fewer over and over.
 */
#ifndef ENG_EVAL_SHADOW_H
#define ENG_EVAL_SHADOW_H

#include "engine/engine.h"

enum { ENG_SHADOW_TOKENS = 96, ENG_SHADOW_TAIL = 48, ENG_SHADOW_CYCLE = 16 };

/* What came of it. */
typedef struct eng_shadow {
    size_t asked;          /* prompts; those longer than the context are left out */
    size_t empty, endless; /* answers without a byte; that repeat themselves without end */
    size_t ended;          /* by an end token, before ENG_SHADOW_TOKENS */
    bool finite;           /* all logits were; the first that is not ends it */
} eng_shadow;

/* True if the n tokens end in one cycle after the other. */
bool eng_shadow_is_endless(const int32_t *id, size_t n);

/* Runs the prompts; `stop` (NULL: never) is asked before every step: true ends it with
 * SK_E_STOPPED. */
sk_status eng_shadow_run(eng_exec *x, const eng_model *m, bool (*stop)(void *arg), void *arg,
                         eng_shadow *out, sk_err *e);

#endif
