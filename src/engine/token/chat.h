/* chat.h - messages to token ids, as fine-tuning has them.
 *
 * Renders the ChatML form (<|im_start|>role\ncontent<|im_end|>\n) with the loss marks.  The markers
 * are put in as ids; the text of messages is encoded without reading special tokens, so a user
 * cannot forge a turn.  Inference renders by the model's own template (model/prompt.h), which for
 * ChatML gives the same ids.
 */
#ifndef ENG_TOKEN_CHAT_H
#define ENG_TOKEN_CHAT_H

#include "base/status.h"
#include "engine/token/vocab.h"

typedef struct eng_chat_msg {
    const char *role; /* "system", "user", "assistant" */
    const char *text;
    size_t n; /* bytes of text */
} eng_chat_msg;

/* ChatML as a Jinja template, what our own models carry. */
extern const char eng_chat_template_chatml[];

/* Appends the ids of the conversation; with `prompt` also the opening of the assistant's turn.
 * `loss` (may be NULL, a parallel array that grows with the ids) gets 1 for each token of an
 * assistant's answer and its end marker, 0 elsewhere. */
sk_status eng_chat_render(const eng_vocab *v, const eng_chat_msg *msg, size_t n_msg, bool prompt,
                          eng_ids *out, eng_ids *loss, sk_err *e);

#endif
