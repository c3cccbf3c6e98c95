/* messages.h - Anthropic's API: its tables, its form of answers and refusals. */
#ifndef SRV_API_MESSAGES_H
#define SRV_API_MESSAGES_H

#include "serve/api/ask.h"

extern const srv_form srv_form_messages;

/* {"type": "error", "error": {"type", "message"}}; fits srv_form.fault_json. */
void srv_messages_fault(const srv_fault *f, sk_buf *out);

#endif
