/* chatform.h - conversations to token ids with loss marks, in the form the model itself is asked
 * in.
 *
 * A model is tuned with the chat template that its file carries: with another, what it has learned
 * would not be asked for.  Our own models carry ChatML, which token/chat.h renders.
 */
#ifndef ENG_MODEL_CHATFORM_H
#define ENG_MODEL_CHATFORM_H

#include "engine/token/chat.h"
#include "engine/token/vocab.h"

typedef struct eng_chatform eng_chatform;

/* The form that the model's chat template gives (eng_vocab_chat_template; NULL or empty: ChatML).
 * v must outlive it.  SK_E_FORMAT, SK_E_UNSUPPORTED: the template can't be used. */
sk_status eng_chatform_open(const eng_vocab *v, const char *text, eng_chatform **out, sk_err *e);

/* NULL is allowed. */
void eng_chatform_close(eng_chatform *f);

/* As eng_chat_render: appends the ids of the conversation, with `prompt` the opening of an answer
 * too, and to `loss` 1 for each token of an answer and the mark that ends it, 0 elsewhere.
 * SK_E_INVALID where the template refuses the conversation, SK_E_UNSUPPORTED where it writes an
 * answer in another way than its prompts lead to.  On failure both arrays are as they were. */
sk_status eng_chatform_render(const eng_chatform *f, const eng_chat_msg *msg, size_t n_msg,
                              bool prompt, eng_ids *out, eng_ids *loss, sk_err *e);

#endif
