/* hf.h - the door of Hugging Face folders: one read as if it were a GGUF, one written from a GGUF.
 *
 * A folder has config.json, safetensors and a tokenizer; docs/format/huggingface.md lists the
 * architectures.  Tensors keep their type, but that vectors become F32 as in any GGUF.
 */
#ifndef ENG_HF_HF_H
#define ENG_HF_HF_H

#include "engine/format/gguf.h"

#include <stdbool.h>

/* True when path is a folder with a config.json. */
bool eng_hf_is_folder(const char *path);

/* Called between tensors with the bytes done and to do; returning false stops with SK_E_STOPPED.
 * NULL is allowed where one is asked for. */
typedef bool (*eng_hf_progress)(void *arg, uint64_t done, uint64_t total);

/* The folder as an open GGUF.  Tensors that lie in the folder as they lie in a GGUF are views of
 * its files, the others copies in memory. */
sk_status eng_hf_open(const char *path, eng_gguf **out, sk_err *e);

/* Another element type for matrices, F32, F16 or BF16; or the one they have. */
enum { ENG_HF_KEEP = -1 };

/* Writes the folder as a GGUF file, one tensor in memory at a time, its matrices as `type`. */
sk_status eng_hf_to_gguf(const char *path, const char *dst, int type, eng_hf_progress fn, void *arg,
                         sk_err *e);

/* Writes g as a folder (made if it is missing): config.json,
 * generation_config.json, model.safetensors, tokenizer files; all tensors as `type`.
 * SK_E_UNSUPPORTED names an architecture that cannot be written, or a tensor of a quantised type
 * (safetensors has none: name a type). */
sk_status eng_hf_from_gguf(const eng_gguf *g, const char *folder, int type, eng_hf_progress fn,
                           void *arg, sk_err *e);

#endif
