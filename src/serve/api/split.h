/* split.h - takes what a model writes apart: text, reasoning, calls of tools.
 *
 * Reasoning stands between <think> and </think> at the beginning (or from the beginning on, where
 * the prompt ends in <think>).  Calls are written as the model's template has them:
 *
 *     SRV_CALLS_TAGS     <tool_call>{"name": "f", "arguments": {..}}</tool_call>      Hermes, Qwen
 *                        <function=f>{..}</function>, or <parameter=a>v</parameter> inside
 *     SRV_CALLS_BRACKET  [TOOL_CALLS][{"name": "f", "arguments": {..}}, ..], or
 *                        [TOOL_CALLS]f[ARGS]{..}                                      Mistral
 *     SRV_CALLS_BARE     {"name": "f", "parameters": {..}} as the whole answer, more after ';'; may
 *                        begin with <|python_tag|>                                    Llama 3
 *     SRV_CALLS_HARMONY  <|channel|>commentary to=functions.f <|constrain|>json<|message|>{..};
 *                        reasoning in the channel analysis, the answer in final, each behind such
 *                        a head, ended by <|end|>, the next headed by <|start|>assistant  gpt-oss
 *
 * Nothing is handed out that may still become a marker.  What begins like a call and is none is
 * text.  Blanks around markers are dropped.
 */
#ifndef SRV_API_SPLIT_H
#define SRV_API_SPLIT_H

#include "serve/api/callscan.h"

#include <stdint.h>

typedef enum srv_calls {
    SRV_CALLS_NONE,
    SRV_CALLS_TAGS,
    SRV_CALLS_BRACKET,
    SRV_CALLS_BARE,
    SRV_CALLS_HARMONY
} srv_calls;

/* A text under way.  Set the first group; the rest starts as 0. */
typedef struct srv_split {
    srv_part_fn fn;
    void *arg;
    srv_calls calls;
    bool reasoning; /* look for <think>, tell the channel analysis from text */
    bool no_calls;  /* SRV_CALLS_HARMONY: what is addressed to functions is text */
    bool in_reason; /* the text begins inside it */
    bool one_call;  /* calls after the first are dropped */
    bool mid;       /* the text goes on from one that was begun */
    int state;
    bool in_list;
    srv_part part; /* of the channel under way */
    sk_buf held;   /* bytes that wait */
    sk_buf raw;    /* of the call under way, until its name is known */
    srv_callscan scan;
    size_t n_calls;
    uint64_t n_in, reason_end; /* bytes taken; of them, the end of the reasoning */
} srv_split;

/* Takes the next n bytes; whole characters, though any bytes do no harm. */
void srv_split_feed(srv_split *s, const char *p, size_t n);

/* The text is over: hands out what was held back. */
void srv_split_end(srv_split *s);

/* True when everything had memory. */
bool srv_split_ok(const srv_split *s);

/* Frees what is held. */
void srv_split_fini(srv_split *s);

#endif
