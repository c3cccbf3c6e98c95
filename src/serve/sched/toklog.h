/* toklog.h - what is told of each token of an answer besides its text: its id, how many bytes of
 * the text it makes, its log-probability and the likeliest others.
 *
 * Records stand one after another in a byte buffer, since that is what mail can carry from the
 * engine thread to the I/O thread.  Log-probabilities are the model's own: natural logarithms at
 * temperature 1, before penalties, biases and masks.
 */
#ifndef SRV_SCHED_TOKLOG_H
#define SRV_SCHED_TOKLOG_H

#include "base/buf.h"
#include "engine/engine.h"

/* Most alternatives a token may have: OpenAI's bound of top_logprobs. */
#define SRV_MAX_TOP 20u

/* One token. */
typedef struct srv_tok {
    int32_t id;
    uint32_t n_bytes; /* of the answer's text, held-back ones included */
    uint32_t n_top;
    double logprob; /* 0 where none was asked for, NAN where there can be none */
    eng_logprob top[SRV_MAX_TOP];
} srv_tok;

/* Appends a record. */
void srv_toklog_add(sk_buf *log, const srv_tok *t);

/* Reads the record at *at and moves on; false at the end. */
bool srv_toklog_next(const sk_buf *log, size_t *at, srv_tok *out);

#endif
