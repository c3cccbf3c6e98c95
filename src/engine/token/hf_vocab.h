/* hf_vocab.h - the tokenizer of a Hugging Face folder: into a GGUF, and out of a vocabulary.
 *
 * docs/format/tokenizer.md says which forms of tokenizer.json are known.
 */
#ifndef ENG_TOKEN_HF_VOCAB_H
#define ENG_TOKEN_HF_VOCAB_H

#include "base/status.h"
#include "engine/token/vocab.h"

#include <stddef.h>

struct eng_gguf_writer;

/* Puts the tokenizer.ggml.* keys and tokenizer.chat_template for the folder's tokenizer.model
 * (SentencePiece) or tokenizer.json, with what tokenizer_config.json, generation_config.json,
 * config.json and chat_template.jinja say, into w.  n_vocab is the rows of the model's embedding:
 * ids without a token become unused ones; 0 if it is not known.  SK_E_NOTFOUND when there is
 * neither file, SK_E_UNSUPPORTED names what is not known, SK_E_FORMAT what is damaged; w is then as
 * it was.
 */
sk_status eng_hf_vocab_put(const char *folder, struct eng_gguf_writer *w, size_t n_vocab,
                           sk_err *e);

/* Writes tokenizer.json alone to the file at path; errors as below. */
sk_status eng_hf_vocab_write_file(const eng_vocab *v, const char *path, sk_err *e);

/* Writes tokenizer.json and tokenizer_config.json (chat template included) into the folder.
 * SK_E_UNSUPPORTED for a vocabulary that has no such form. */
sk_status eng_hf_vocab_write(const eng_vocab *v, const char *folder, sk_err *e);

#endif
