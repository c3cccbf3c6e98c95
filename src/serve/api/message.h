/* message.h - the custom readers of fields: conversations, prompts, stop sequences. */
#ifndef SRV_API_MESSAGE_H
#define SRV_API_MESSAGE_H

#include "serve/api/params.h"

/* Each reads a JSON value into the srv_params at `into`; see srv_field.read. */

/* The conversation, into p->messages in the one form chat templates know: roles system, user,
 * assistant, tool; content a string; tool_calls with arguments as objects. */
sk_status srv_read_messages(json_t *v, void *into, srv_fault *f);

/* A text, a list of token ids, or a list of either. */
sk_status srv_read_prompt(json_t *v, void *into, srv_fault *f);

/* The same, as `tokens`. */
sk_status srv_read_token_ids(json_t *v, void *into, srv_fault *f);

/* The same for a field of another name. */
sk_status srv_read_prompts(json_t *v, const char *field, srv_params *p, srv_fault *f);

/* A text or a list of texts, within the bounds of base/stops.h. */
sk_status srv_read_stop(json_t *v, void *into, srv_fault *f);
sk_status srv_read_stop_sequences(json_t *v, void *into, srv_fault *f);

/* A whole number of any sign: its 64 bits are the seed. */
sk_status srv_read_seed(json_t *v, void *into, srv_fault *f);

/* {"42": -1.5}, keys being token ids as JSON can only have them. */
sk_status srv_read_logit_bias(json_t *v, void *into, srv_fault *f);

/* {"include_usage": true}. */
sk_status srv_read_stream_options(json_t *v, void *into, srv_fault *f);

/* Further variables of the chat template: an object. */
sk_status srv_read_template_vars(json_t *v, void *into, srv_fault *f);

/* A word that the template gets as reasoning_effort. */
sk_status srv_read_effort(json_t *v, void *into, srv_fault *f);

/* Whether the template opens an answer. */
sk_status srv_read_generation_prompt(json_t *v, void *into, srv_fault *f);

/* auto or none: where reasoning goes. */
sk_status srv_read_reasoning_format(json_t *v, void *into, srv_fault *f);

/* Puts a variable into p->vars; takes the reference to value (NULL: no memory). */
sk_status srv_set_var(srv_params *p, const char *name, json_t *value, srv_fault *f);

/* Appends a message of a role and a text, in the form of srv_read_messages; used by the readers of
 * other APIs. */
sk_status srv_add_message(srv_params *p, json_t *msg, srv_fault *f);

#endif
