/* message.h - the custom readers of fields: conversations, prompts, stop sequences. */
#ifndef SRV_API_MESSAGE_H
#define SRV_API_MESSAGE_H

#include "serve/api/params.h"

/* Each reads a JSON value into the srv_params at `into`; see srv_field.read. */
sk_status srv_read_messages(json_t *v, void *into, srv_fault *f);
sk_status srv_read_prompt(json_t *v, void *into, srv_fault *f);
sk_status srv_read_stop(json_t *v, void *into, srv_fault *f);
sk_status srv_read_seed(json_t *v, void *into, srv_fault *f);
sk_status srv_read_logit_bias(json_t *v, void *into, srv_fault *f);
sk_status srv_read_stream_options(json_t *v, void *into, srv_fault *f);

#endif
