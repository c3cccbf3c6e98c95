/* message.h - the custom readers of fields: conversations, prompts, stop sequences. */
#ifndef SRV_API_MESSAGE_H
#define SRV_API_MESSAGE_H

#include "serve/api/params.h"

/* Each reads a JSON value into the srv_params at `into`; see srv_field.read. */
sk_status srv_read_messages(json_t *v, void *into, srv_fault *f);

/* A text, a list of one text, or a list of token ids; several prompts are SRV_UNSUPPORTED. */
sk_status srv_read_prompt(json_t *v, void *into, srv_fault *f);

/* A text or a list of texts, within the bounds of base/stops.h. */
sk_status srv_read_stop(json_t *v, void *into, srv_fault *f);

/* A whole number of any sign: its 64 bits are the seed. */
sk_status srv_read_seed(json_t *v, void *into, srv_fault *f);

/* {"42": -1.5}, keys being token ids as JSON can only have them. */
sk_status srv_read_logit_bias(json_t *v, void *into, srv_fault *f);

/* {"include_usage": true}. */
sk_status srv_read_stream_options(json_t *v, void *into, srv_fault *f);

#endif
