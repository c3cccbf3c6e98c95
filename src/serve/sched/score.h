/* score.h - log-probabilities of a prompt's own tokens.
 *
 * A job that wants them (want_prompt) gets a record for each token of its prompt before those of
 * its answer.  The first token has nothing before it that could tell its probability: its record
 * says NAN.  The others are read off the rows of logits at the position before, so the prompt has
 * to be computed with all rows, and what the prefix cache knows of it is of no use.
 *
 * A row has a float for each token of the vocabulary; SRV_SCORE_BYTES bounds what a step makes of
 * them for prompts, whatever the number of jobs.  Records are mailed step by step, so that a long
 * prompt's are written by and by; SRV_SCORE_RECORDS bounds those of one job and step.  A reader who
 * is too slow for them has the prompt wait.
 */
#ifndef SRV_SCHED_SCORE_H
#define SRV_SCHED_SCORE_H

#include "serve/sched/engine.h"

/* Bytes of logits that a step makes for prompts, unless one row has more. */
#define SRV_SCORE_BYTES ((size_t)32 << 20)

/* Bytes of records that a step makes for one prompt: some milliseconds of writing JSON. */
#define SRV_SCORE_RECORDS ((size_t)64 << 10)

/* True while records of j's prompt are to be made. */
bool srv_score_left(const srv_job *j);

/* Rows of logits a step may make for prompts, at least 1. */
size_t srv_score_rows(const srv_engine *eng);

/* Tokens of j's prompt that may get their records in a step. */
size_t srv_score_most(const srv_job *j);

/* How many of j's n_seq tokens may be looked up in the cache, at least 1: what it gives, which is
 * less, then ends before the first row that is still wanted. */
size_t srv_score_known(const srv_job *j);

/* Makes the records that item it (ENG_WANT_ALL, of j) gives. */
sk_status srv_score_note(srv_job *j, const srv_engine *eng, const eng_step_item *it, sk_err *e);

#endif
