/* prompt.h - a model's chat template: compiled when the model is opened, rendered to token ids. */
#ifndef ENG_MODEL_PROMPT_H
#define ENG_MODEL_PROMPT_H

#include "engine/jinja/jinja.h"
#include "engine/token/vocab.h"

/* A template and why it can't be used, if so. */
typedef struct eng_prompt {
    eng_jinja *template; /* NULL: none */
    sk_err why;          /* status SK_OK: it can */
} eng_prompt;

/* Compiles text[0..n) and tries it on a short conversation.  Without text (n = 0): ChatML, if the
 * vocabulary has its markers.  A template that can't be used is no failure, out then says why. */
sk_status eng_prompt_open(const eng_vocab *v, const char *text, size_t n, eng_prompt *out,
                          sk_err *e);

/* Frees the template; p may be all zeros. */
void eng_prompt_close(eng_prompt *p);

struct eng_chat_opts;

/* Renders messages (an array, or msg where it is NULL) to text, and text to ids.  o may be NULL. */
sk_status eng_prompt_text(const eng_prompt *p, const eng_vocab *v, json_t *messages,
                          const eng_chat_msg *msg, size_t n_msg, const struct eng_chat_opts *o,
                          eng_jinja_text *out, sk_err *e);

/* Special tokens are read in the template's own spans only, so nothing a message says becomes a
 * marker. */
sk_status eng_prompt_ids(const eng_vocab *v, const eng_jinja_text *text, eng_ids *out, sk_err *e);

#endif
