/* syntax.h - how the model's template writes tools and calls, found by rendering a conversation
 * with one, and what follows for prompts and answers.
 *
 * Models whose template knows no tools get them in words (Hermes' form) in the system message;
 * calls and what they gave are then text of the messages.
 */
#ifndef SRV_API_SYNTAX_H
#define SRV_API_SYNTAX_H

#include "serve/api/params.h"
#include "serve/api/split.h"

#include <pthread.h>

typedef struct srv_syntax {
    pthread_mutex_t lock;
    bool known;                   /* found out; nothing changes any more */
    bool own_tools;               /* the template shows tools */
    bool own_calls;               /* ... and calls */
    srv_calls calls;              /* how */
    bool named;                   /* a call begins with its function's name, its arguments follow */
    bool thinks;                  /* the model may reason first: <think>, or channels */
    int32_t shown[SRV_MAX_SHOWN]; /* control tokens that answers must show */
    size_t n_shown;
} srv_syntax;

/* Before anything else; and when nobody asks any more. */
void srv_syntax_init(srv_syntax *s);
void srv_syntax_fini(srv_syntax *s);

/* Finds out, once; only want of memory is a failure, and the next request tries again.  Any thread;
 * what else is here may be asked, by any thread, once this was SK_OK. */
sk_status srv_syntax_find(srv_syntax *s, const srv_engine *eng, srv_fault *f);

/* Puts the request's tools into its variables, or into its messages. */
sk_status srv_syntax_prompt(const srv_syntax *s, srv_params *p, srv_fault *f);

/* Appends the beginning of an answer that is to be a call; of function `name`, NULL: of whichever
 * its JSON names. */
void srv_syntax_lead(const srv_syntax *s, const char *name, sk_buf *out);

/* Appends the ids of that beginning. */
sk_status srv_syntax_add_lead(const srv_syntax *s, const srv_engine *eng, const char *name,
                              eng_ids *ids, srv_fault *f);

/* True when a prompt ends inside <think>. */
bool srv_syntax_in_reason(const srv_engine *eng, const eng_ids *prompt);

#endif
