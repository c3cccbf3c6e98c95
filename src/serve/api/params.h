/* params.h - what a generation request asks for, read and checked.
 *
 * The tables of POST /v1/chat/completions and POST /v1/completions are here; other APIs fill the
 * same struct by tables of their own.
 */
#ifndef SRV_API_PARAMS_H
#define SRV_API_PARAMS_H

#include "base/mem.h"
#include "base/stops.h"
#include "serve/api/field.h"
#include "serve/sched/engine.h"

/* A prompt of a plain completion. */
typedef struct srv_prompt {
    const char *text; /* n bytes, in the body; NULL: ids count */
    size_t n;
    eng_ids ids;
} srv_prompt;

typedef enum srv_tool_choice {
    SRV_TOOLS_AUTO,
    SRV_TOOLS_NONE,
    SRV_TOOLS_REQUIRED,
    SRV_TOOLS_NAMED
} srv_tool_choice;

typedef struct srv_params {
    bool chat;         /* else a plain completion */
    const char *model; /* NULL: not given */
    eng_sample_opts sample;
    bool ignore_eos; /* only stop sequences and max_tokens end an answer */
    bool has_seed, stream, include_usage, has_stream_options, echo;
    bool logprobs;                             /* chat: give them */
    int64_t top_logprobs;                      /* chat: alternatives a token */
    int64_t n_logprobs;                        /* completion: the same; -1: none asked for */
    int64_t n, best_of;                        /* answers a prompt: given, made; 0: `n` */
    int64_t max_tokens, max_completion_tokens; /* -1: not given */
    int64_t priority;                          /* lower goes first */
    double deadline;                           /* seconds from its arrival; 0: none */
    sk_stops stops;
    json_t *messages; /* chat: as templates know them (message.h); owned */
    bool go_on;       /* chat: the last message, an assistant's, is gone on with */
    json_t *vars;     /* further variables of the template, NULL: none; owned */
    json_t *tools;    /* chat: {"type", "function": {"name", "description", "parameters"}}; owned */
    srv_tool_choice choice;
    const char *tool_name; /* the function that was named, in the body; NULL: none */
    bool parallel;         /* several calls in one answer */
    bool raw_reasoning;    /* reasoning stays in the text */
    srv_rule rule;         /* what the answer must look like, and the field that said so */
    const char *rule_field;
    sk_buf rule_text;
    srv_prompt *prompt; /* completion: [n_prompts], in mem */
    size_t n_prompts;
    const char *suffix; /* completion: what is to follow the answer; NULL or "": nothing */
    void *extra;        /* the form's (ask.h); set to NULL when an ask has taken it */
    sk_buf unknown;     /* names of fields that had no bearing */
    sk_arena *mem;
    json_t *root;
} srv_params;

extern const srv_fields srv_chat_fields, srv_completion_fields;

/* Most answers of one request, over all its prompts. */
#define SRV_MAX_CHOICES 128

/* Rows of the fields that say when a request is served, for each table over a struct that has a
 * srv_params; `at` gives the offset of its members. */
#define SRV_WHEN_ROWS(at)                                                                          \
    {.name = "priority",                                                                           \
     .type = SRV_FIELD_INT,                                                                        \
     .deflt = "0",                                                                                 \
     .offset = at(priority),                                                                       \
     .min = -1000,                                                                                 \
     .max = 1000,                                                                                  \
     .help = "requests of a lower value go first, as vLLM has it; added to what the key has, "     \
             "which it may only make worse"},                                                      \
    {                                                                                              \
        .name = "deadline", .type = SRV_FIELD_NUM, .deflt = "none", .offset = at(deadline),        \
        .min = 0.001, .max = 86400,                                                                \
        .help = "seconds after which the answer is of no use: it is then refused with 504 "        \
                "(`deadline_exceeded`), or its stream ends with that error"                        \
    }

/* Starts p with the defaults; to be freed with srv_params_fini whatever happens. */
sk_status srv_params_init(srv_params *p, srv_fault *f);

/* Reads a body; p is to be freed with srv_params_fini whatever happens. */
sk_status srv_params_read(srv_params *p, bool chat, const char *body, size_t n, bool strict,
                          srv_fault *f);

/* Refuses to go on with a message that is no text of an assistant. */
sk_status srv_check_go_on(const srv_params *p, srv_fault *f);

/* Checks that no row can make: between fields. */
sk_status srv_params_check(srv_params *p, srv_fault *f);

/* Frees what reading made. */
void srv_params_fini(srv_params *p);

/* Answers made to each prompt, of which `n` are given. */
size_t srv_params_width(const srv_params *p);

/* Prompts of the request: 1 for a conversation. */
size_t srv_params_prompts(const srv_params *p);

/* Turns prompt number `which` into ids and finds how many tokens may be made: what was asked for,
 * or what fits the context if nothing was.  SRV_TOO_LONG when it can never fit. */
sk_status srv_params_tokens(const srv_params *p, const srv_engine *eng, size_t which, eng_ids *ids,
                            size_t *n_max, srv_fault *f);

#endif
