/* answer.h - the JSON of generated answers: whole, or chunk by chunk. */
#ifndef SRV_API_ANSWER_H
#define SRV_API_ANSWER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What all the JSON of one answer has in common. */
typedef struct srv_answer {
    bool chat, has_usage; /* has_usage: every chunk has a `usage`, null but in the last */
    const char *id, *model;
    int64_t created;
} srv_answer;

typedef struct srv_usage {
    size_t n_prompt, n_cached, n_out;
} srv_usage;

/* Appends a chunk with text and/or a finish reason (NULL: goes on).  A chat's first chunk has the
 * role. */
void srv_answer_chunk(const srv_answer *a, bool first, const char *text, size_t n,
                      const char *finish, sk_buf *out);

/* Appends the chunk of a stream that has the counts and no choice. */
void srv_answer_usage(const srv_answer *a, const srv_usage *u, sk_buf *out);

/* Appends the whole answer. */
void srv_answer_whole(const srv_answer *a, const char *text, size_t n, const char *finish,
                      const srv_usage *u, sk_buf *out);

/* Appends one server-sent event with the data in `json`. */
void srv_sse_event(const sk_buf *json, sk_buf *out);

#endif
