/* lp.h - the JSON of log-probabilities, in OpenAI's two forms.
 *
 * Both are written from records of tokens (sched/toklog.h).  A token's text is its bytes, with
 * U+FFFD for what is no UTF-8; `bytes` has them as they are.  A log-probability of minus infinity
 * is -9999, as OpenAI has it, since JSON has no other.
 */
#ifndef SRV_API_LP_H
#define SRV_API_LP_H

#include "serve/sched/engine.h"
#include "serve/sched/toklog.h"

/* Appends {"content":[..],"refusal":null} of the records log[from .. to). */
void srv_lp_chat(const srv_engine *eng, const sk_buf *log, size_t from, size_t to, sk_buf *out);

/* Appends {"tokens","token_logprobs","top_logprobs","text_offset"} of the same; *at is the offset
 * of the first token in characters and moves on (below 0 it is given as 0).  A token without a
 * log-probability, as the first of a prompt, has null for it and for its alternatives. */
void srv_lp_text(const srv_engine *eng, const sk_buf *log, size_t from, size_t to, int64_t *at,
                 sk_buf *out);

#endif
