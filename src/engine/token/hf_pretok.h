/* hf_pretok.h - the pre-tokenizers of tokenizer.json files and their names in GGUF files.
 *
 * A tokenizer.json spells its patterns out; a GGUF names them.  One table goes both ways: by the
 * content of the patterns, never by a hash of what they do.
 */
#ifndef ENG_TOKEN_HF_PRETOK_H
#define ENG_TOKEN_HF_PRETOK_H

#include "base/buf.h"
#include "base/status.h"
#include "engine/token/jtree.h"

#include <stdbool.h>

/* True when a pre-tokenizer, or one in its sequence, is of that type. */
bool eng_hf_pretok_has(const eng_jnode *pre, const char *type);

/* The name for a byte-level pre-tokenizer whose model takes whole tokens before merging, or not
 * (ignore_merges); static storage.  SK_E_UNSUPPORTED names the part that is not known. */
sk_status eng_hf_pretok_name(const eng_jnode *pre, bool whole, const char **name, sk_err *e);

/* Appends the JSON of the pre-tokenizer that a GGUF calls `name`; false when the table lacks it. */
bool eng_hf_pretok_write(const char *name, sk_buf *out);

#endif
