/* score.h - from the log-likelihoods of options to shares of right items.
 *
 * The log-likelihood of an option is the sum over its scored tokens, in their order, in double; of
 * equal ones the first option counts.  Three ways of choosing: the sum (lm-evaluation-harness's
 * acc), the sum over the bytes of the option (its acc_norm, which divides by characters), and the
 * mean over the tokens from where the options differ (CORE).
 */
#ifndef ENG_EVAL_SCORE_H
#define ENG_EVAL_SCORE_H

#include "engine/eval/prompt.h"
#include "engine/infer/nll.h"

/* What became of an item. */
typedef struct eng_score {
    bool tried; /* false: left out, too long */
    bool right, right_byte, right_token;
    double chance;
    double nll; /* of the right option, in nats, with its bytes */
    size_t bytes;
} eng_score;

/* Scores an item of options; tok [ids.n] is parallel to the prompt's ids.  False if a
 * log-likelihood isn't finite. */
bool eng_score_options(const eng_suite *s, const eng_suite_item *it, const eng_prompt *p,
                       const eng_nll *tok, eng_score *out);

/* Scores the text that was written for an ANSWER, for a REPLY (SK_E_NOMEM). */
void eng_score_answer(const eng_suite_item *it, const char *text, eng_score *out);
sk_status eng_score_reply(const eng_suite_item *it, const char *text, eng_score *out, sk_err *e);

/* Appends the item's JSON object:
 *   {"line":3,"right":true,"gold":1,"options":[{"ids":[..],"first":9,"core":9,"bytes":5,
 *    "loglikelihood":-3.5,"greedy":false},..]}
 * or, with `text`, that of an ANSWER: {"line":3,"right":true,"ids":[..],"text":"..","number":7},
 * of a REPLY without "number" */
void eng_score_line(const eng_suite_item *it, const eng_prompt *p, const eng_nll *tok,
                    const eng_score *sc, sk_buf *out);
void eng_score_answer_line(const eng_suite_item *it, const eng_prompt *p, const char *text,
                           const eng_score *sc, sk_buf *out);

/* Sums up n items, in their order; n_long and shares of *out are set, tokens is left. */
void eng_score_sum(eng_suite_kind kind, const eng_score *sc, size_t n, eng_eval *out);

#endif
