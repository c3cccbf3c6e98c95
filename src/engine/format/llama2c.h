/* llama2c.h - checkpoints of llama2.c (Andrej Karpathy's), turned into GGUF.
 *
 * Layout (export.py, version 0): seven int32 (dim, hidden_dim, n_layers, n_heads, n_kv_heads,
 * vocab_size, seq_len; a negative vocab_size means an output matrix of its own), then float32
 * matrices, each over all layers.  The tokenizer file: int32 longest token, then for each token a
 * float32 score, an int32 length and its bytes.
 */
#ifndef ENG_FORMAT_LLAMA2C_H
#define ENG_FORMAT_LLAMA2C_H

#include "base/status.h"

#include <stdbool.h>

/* True when the file begins like such a checkpoint and has the size its header asks for. */
bool eng_llama2c_is(const char *path);

/* Writes the checkpoint at path with the tokenizer file as a llama GGUF at dst, all in F32. */
sk_status eng_llama2c_to_gguf(const char *path, const char *tokenizer, const char *dst, sk_err *e);

#endif
