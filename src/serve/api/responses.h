/* responses.h - OpenAI's responses: what the endpoint and its form share. */
#ifndef SRV_API_RESPONSES_H
#define SRV_API_RESPONSES_H

#include "serve/api/ask.h"
#include "serve/api/store.h"

/* One item of an answer's output. */
typedef struct srv_item {
    srv_part part; /* TEXT: a message, REASON, CALL */
    bool done;
    size_t call;
    sk_buf text; /* or a call's arguments */
    sk_buf name; /* a call's */
} srv_item;

/* What an ask of this form has besides; freed with it. */
typedef struct srv_response {
    json_t *messages; /* the conversation up to the answer, without instructions; NULL: not kept */
    json_t *input;    /* the request's items, to be kept with it */
    sk_buf echo;      /* members of the answer that repeat the request */
    sk_buf error;     /* what went wrong, as JSON; empty: nothing */
    uint64_t seq;     /* of the next event */
    srv_item *item;   /* [cap], n in use */
    size_t n, cap;
    bool oom;
} srv_response;

/* A response to be filled in; NULL without memory. */
srv_response *srv_response_new(void);

/* NULL is allowed. */
void srv_response_free(srv_response *x);

extern const srv_form srv_form_responses;

#endif
