/* params.h - what a generation request asks for, read and checked.
 *
 * The tables of POST /v1/chat/completions and POST /v1/completions are here.
 */
#ifndef SRV_API_PARAMS_H
#define SRV_API_PARAMS_H

#include "base/mem.h"
#include "base/stops.h"
#include "serve/api/field.h"
#include "serve/sched/engine.h"

typedef struct srv_params {
    bool chat;         /* else a plain completion */
    const char *model; /* NULL: not given */
    eng_sample_opts sample;
    bool has_seed, stream, include_usage, has_stream_options, echo;
    int64_t max_tokens, max_completion_tokens; /* 0: not given */
    sk_stops stops;
    eng_chat_msg *msg; /* chat: [n_msg], in mem or the body */
    size_t n_msg;
    const char *prompt; /* completion: text, or NULL and ids */
    size_t prompt_len;
    eng_ids ids;
    sk_buf unknown; /* names of fields that had no bearing */
    sk_arena *mem;
    json_t *root;
} srv_params;

extern const srv_fields srv_chat_fields, srv_completion_fields;

/* Reads a body; p is to be freed with srv_params_fini whatever happens. */
sk_status srv_params_read(srv_params *p, bool chat, const char *body, size_t n, bool strict,
                          srv_fault *f);

/* Frees what reading made. */
void srv_params_fini(srv_params *p);

/* Turns the conversation or prompt into ids and finds how many tokens may be made: what was asked
 * for, or what fits the context if nothing was.  SRV_TOO_LONG when it can never fit. */
sk_status srv_params_tokens(const srv_params *p, const srv_engine *eng, eng_ids *ids, size_t *n_max,
                            srv_fault *f);

#endif
