/* talk.h - conversations as JSON has them: what training and evaluation read, a line each. */
#ifndef ENG_TOKEN_TALK_H
#define ENG_TOKEN_TALK_H

#include "base/json.h"
#include "base/status.h"
#include "engine/token/chat.h"

/* Most messages of a conversation. */
#define ENG_TALK_MESSAGES 1024

/* One message {"role":"system|user|assistant","content":".."}; the texts are borrowed from obj. */
sk_status eng_talk_message(json_t *obj, eng_chat_msg *out, sk_err *e);

/* The messages of {"messages":[..]}, in msg[ENG_TALK_MESSAGES], borrowed likewise.  One without a
 * message of the assistant is refused (SK_E_INVALID, as all that is no conversation): nothing can
 * be learned from it, or measured on it. */
sk_status eng_talk_read(json_t *obj, eng_chat_msg *msg, size_t *n, sk_err *e);

#endif
