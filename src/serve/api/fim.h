/* fim.h - fill in the middle: a prompt with a suffix, for models that were trained on such. */
#ifndef SRV_API_FIM_H
#define SRV_API_FIM_H

#include "serve/http/fault.h"
#include "serve/sched/engine.h"

/* Appends the ids of text before and after a gap, with the model's markers between, so that what
 * the model says next belongs into the gap.  SRV_UNSUPPORTED where it has no such markers. */
sk_status srv_fim_encode(const srv_engine *eng, const char *before, size_t n_before,
                         const char *after, size_t n_after, eng_ids *ids, srv_fault *f);

#endif
