/* answer.h - the JSON of generated answers in OpenAI's two older forms, chat.completion and
 * text_completion: whole, or chunk by chunk.
 *
 * Writers append to a buffer, one object from its head to its close; what stands between is said
 * beside each function.
 */
#ifndef SRV_API_ANSWER_H
#define SRV_API_ANSWER_H

#include "base/buf.h"
#include "serve/api/turn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all the JSON of one answer has in common. */
typedef struct srv_answer {
    bool chat, has_usage; /* has_usage: every chunk has a `usage`, null but in the last */
    const char *id, *model;
    int64_t created;
} srv_answer;

/* Counts of tokens; of n_out n_reason were reasoning. */
typedef struct srv_usage {
    size_t n_prompt, n_cached, n_out, n_reason;
} srv_usage;

/* Appends what all chunks of a stream begin with, made once since a chunk is made for each token.
 */
void srv_answer_head(const srv_answer *a, sk_buf *out);

/* Begins a chunk of choice `index`, with the head above: then comes a delta (chat) or a text, then
 * the close. */
void srv_answer_chunk(const sk_buf *head, size_t index, sk_buf *out);

/* A chat's delta with bytes of a part; id is the call's where one begins.  `first`: with the role.
 */
void srv_answer_delta(bool first, srv_part part, size_t call, const char *id, const char *p,
                      size_t n, sk_buf *out);

/* A delta with nothing but, if first, the role and an empty content. */
void srv_answer_delta_none(bool first, sk_buf *out);

/* A text completion's text. */
void srv_answer_text(const char *p, size_t n, sk_buf *out);

/* Closes a chunk: lp is the JSON of its log-probabilities (empty or NULL: null), finish NULL where
 * the choice goes on. */
void srv_answer_close(const srv_answer *a, const sk_buf *lp, const char *finish, sk_buf *out);

/* Appends the chunk of a stream that has the counts and no choice. */
void srv_answer_usage(const srv_answer *a, const srv_usage *u, sk_buf *out);

/* Begins a whole answer; then come its choices, then srv_answer_end. */
void srv_answer_begin(const srv_answer *a, sk_buf *out);

/* One choice; id_stem is what its ids of calls begin with (srv_call_id). */
void srv_answer_choice(const srv_answer *a, size_t index, const srv_turn *t, const char *id_stem,
                       const sk_buf *lp, const char *finish, sk_buf *out);

/* Ends a whole answer. */
void srv_answer_end(const srv_usage *u, sk_buf *out);

/* Appends the id of a call: stem is the request's, unique with choice and call. */
void srv_call_id(const char *stem, size_t choice, size_t call, sk_buf *out);

/* Appends one server-sent event with the data in `json`; name NULL: without an event line. */
void srv_sse_event(const char *name, const sk_buf *json, sk_buf *out);

#endif
