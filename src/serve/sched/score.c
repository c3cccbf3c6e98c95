/* score.c - reads the log-probabilities of prompts off the steps that compute them. */
#include "serve/sched/score.h"

#include <stddef.h>

bool srv_score_left(const srv_job *j)
{
    return j->want_prompt && j->n_scored < j->prompt.n;
}

size_t srv_score_rows(const srv_engine *eng)
{
    size_t n = SRV_SCORE_BYTES / (eng->n_vocab * sizeof(float));
    return n ? n : 1;
}

size_t srv_score_most(const srv_job *j)
{
    return SRV_SCORE_RECORDS / (offsetof(srv_tok, top) + j->n_top * sizeof(eng_logprob));
}

size_t srv_score_known(const srv_job *j)
{
    if (!srv_score_left(j)) return j->n_seq;
    return j->n_scored ? j->n_scored : 1;
}

/* A job that gave way computes rows anew whose records were made: those are passed over. */
sk_status srv_score_note(srv_job *j, const srv_engine *eng, const eng_step_item *it, sk_err *e)
{
    sk_status st = j->n_scored ? SK_OK : srv_job_note(j, eng, j->seq[0], 0, NULL, e);
    if (!st && !j->n_scored) j->n_scored = 1;
    for (size_t i = 0; i < it->n && !st; i++) {
        size_t at = it->pos + i + 1; /* the token that this row tells the probability of */
        if (at != j->n_scored || at >= j->prompt.n) continue;
        st = srv_job_note(j, eng, j->seq[at], 0, it->logits + i * eng->n_vocab, e);
        j->n_scored++;
    }
    return st;
}
