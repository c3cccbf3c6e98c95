/* corpus.h - text files to documents, documents to one stream of tokens. */
#ifndef ENG_TRAIN_CORPUS_H
#define ENG_TRAIN_CORPUS_H

#include "base/buf.h"
#include "base/status.h"
#include "engine/kernel/exec.h"
#include "engine/token/vocab.h"

#define ENG_CORPUS_SEPARATOR "<|endoftext|>"

/* Appends the files (plain or zstd, "-" = stdin) to text; a line ENG_CORPUS_SEPARATOR is put
 * between files.  No text at all is SK_E_INVALID. */
sk_status eng_corpus_load(const char *const *path, size_t n_paths, sk_buf *text, sk_err *e);

/* The same; start[n_paths]: where each file begins in text. */
sk_status eng_corpus_load_files(const char *const *path, size_t n_paths, sk_buf *text,
                                size_t *start, sk_err *e);

/* Encodes the documents, with x's workers: separator id, document, separator id, document, ...,
 * separator id.  The result depends on the text only. */
sk_status eng_corpus_encode(eng_exec *x, const eng_vocab *v, const char *text, size_t n,
                            eng_ids *out, sk_err *e);

/* The id that stands between documents: <|endoftext|>, else the model's EOS; -1 if it has none. */
int32_t eng_corpus_separator(const eng_vocab *v);

#endif
