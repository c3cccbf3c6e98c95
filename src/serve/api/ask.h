/* ask.h - a request for answers on its way through the server.
 *
 * A srv_ask is the I/O thread's half of a request's jobs: one choice a job.  It lives from the
 * submission of its jobs to the last mail of the last one; its client may be gone before (req is
 * NULL then).  The head of a stream is sent with the first text or ping, so an error before that
 * has its own status.
 *
 * What the JSON looks like is a form's business: OpenAI's chats and completions, its responses,
 * Anthropic's messages.
 */
#ifndef SRV_API_ASK_H
#define SRV_API_ASK_H

#include "serve/api/answer.h"
#include "serve/api/api.h"
#include "serve/api/split.h"
#include "serve/sched/hands.h"

typedef struct srv_ask srv_ask;

/* One answer. */
typedef struct srv_choice {
    srv_owner owner;
    srv_ask *ask;
    srv_job *job; /* NULL: its last mail came */
    size_t index;
    srv_finish fin;
    bool opened, first_of_prompt; /* opened: something of it was streamed */
    srv_usage usage;
    srv_split split;
    srv_turn turn; /* what was made so far, for whole answers */
    bool stopped;  /* by a stop sequence, one of these */
    sk_stops stops;
    srv_part open_part; /* the form's: what its open block is of; blocks begun */
    size_t n_items;
    size_t n_calls, n_done;         /* calls begun; complete */
    uint64_t made_bytes;            /* of tokens made, for the count of reasoning tokens */
    sk_buf toks;                    /* records of tokens */
    size_t tok_sent, tok_seen;      /* offsets: told to the client, their text has come */
    uint64_t text_bytes, tok_bytes; /* of text that came, of tokens seen */
    int64_t lp_at; /* characters before the next record, in the older form; below 0: a blank that
                      the tokenizer put in front */
    sk_buf echo;   /* the prompt's text, which waits for its records */
    size_t n_echo; /* that come first: one for each of its tokens */
    size_t n_seen; /* of those that came */
    size_t n_recs; /* that came, of prompt and answer */
    double lp_sum; /* of the answer's tokens */
} srv_choice;

/* How answers look.  All but `whole` append events to a->sse. */
typedef struct srv_form {
    const char *stem; /* what ids begin with */
    bool always;      /* parts and finishes are told of whole answers, too; no turn is kept */
    bool aside;       /* `whole` touches nothing but the ask: any thread may call it */
    void (*open)(srv_ask *a);
    void (*part)(srv_choice *c, srv_part part, size_t call, const char *p, size_t n);
    void (*finish)(srv_choice *c);                       /* c->fin is set */
    void (*end)(srv_ask *a);                             /* all have finished */
    void (*whole)(srv_ask *a);                           /* into a->json, from the turns */
    void (*fault)(srv_ask *a, const srv_fault *f);       /* within a stream */
    void (*fault_json)(const srv_fault *f, sk_buf *out); /* the body of a refusal */
    /* For what may go on without a client, else NULL: the answer as it is now; and has it kept as
     * that, f saying what went wrong (NULL: nothing). */
    void (*as_is)(const srv_ask *a, const char *status, sk_buf *out);
    void (*lost)(srv_ask *a, const char *status, const srv_fault *f);
    void (*fini)(srv_ask *a); /* frees a->extra; NULL: none */
} srv_form;

struct srv_ask {
    srv_api *api;
    srv_version *on;           /* the version that answers, to the end */
    srv_req *req;              /* NULL: the client is gone, or has its answer */
    struct srv_behind *behind; /* it goes on without a client; NULL: it ends when that goes */
    const srv_form *form;
    struct event *ping; /* streams only */
    bool stream, begun, opened, include_usage, want_lp;
    char id[80];
    srv_answer answer;
    void *extra;               /* the form's */
    uint32_t key;              /* whose it is */
    uint64_t taken;            /* tokens taken off its limit */
    uint64_t at_us;            /* when the request came */
    bool settled;              /* its usage is noted */
    bool writing;              /* a whole answer is with the hands */
    srv_chore chore;           /* ... as this */
    struct srv_rule_ref *rule; /* the grammar its answers follow, NULL: none */
    size_t width, keep;        /* answers made to a prompt; of them the best are given */
    sk_buf json, sse;
    sk_buf head;         /* what each chunk begins with (srv_answer_head), once there was one */
    size_t n, n_live;    /* choices; those with a job */
    srv_choice choice[]; /* [n] */
};

extern const srv_form srv_form_chat, srv_form_text;

/* The request `id` to v with n choices, each with a job that is to be filled in; NULL with f
 * filled.  Any thread, which may then fill it; v is only borrowed until somebody takes it for the
 * ask (srv_version_take) on the I/O thread, to which all the rest belongs. */
srv_ask *srv_ask_new(srv_api *api, srv_version *v, const char *id, const srv_form *form, size_t n,
                     bool stream, srv_fault *f);

/* Frees one whose jobs are not submitted, or have all come back; its version has a user less. */
void srv_ask_free(srv_ask *a);

/* Hands its jobs to the scheduler; r is the ask's from then on.  Otherwise f says why not, and the
 * ask is gone (later, where some jobs were submitted). */
sk_status srv_ask_submit(srv_ask *a, srv_req *r, srv_fault *f);

/* Gives bytes of an answer to the client, or keeps them for later; fits srv_part_fn with a
 * srv_choice. */
void srv_ask_part(void *choice, srv_part part, size_t call, const char *p, size_t n);

/* Ends what is made in the background (a->behind), which is kept as far as it came. */
void srv_ask_cancel(srv_ask *a);

/* Says in the head of r's answer which version makes it. */
void srv_ask_version(const srv_version *v, srv_req *r);

/* Sends the events in a->sse. */
void srv_ask_flush(srv_ask *a);

/* Counts over all choices; a prompt counts once. */
srv_usage srv_ask_usage(const srv_ask *a);

/* The mean log-probability of a choice's tokens, where they have any; minus infinity for none. */
double srv_choice_mean(const srv_choice *c);

/* Takes what the ask may come to off its key's limits. */
sk_status srv_ask_take(srv_ask *a, srv_req *r, srv_fault *f);

/* 429 with the time after which the backlog should have a place. */
sk_status srv_ask_overloaded(const srv_sched *s, srv_fault *f);

#endif
