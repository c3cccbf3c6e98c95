/* dir.h - an open Hugging Face folder: its config.json and all tensors of its safetensors files. */
#ifndef ENG_HF_DIR_H
#define ENG_HF_DIR_H

#include "base/buf.h"
#include "engine/format/safetensors.h"

typedef struct eng_hf_dir {
    char *path;    /* the folder */
    sk_buf config; /* the text of config.json */
    eng_st **file; /* [n_files], open until the folder is closed */
    size_t n_files;
} eng_hf_dir;

/* What a GGUF calls its tokenizer (tokenizer.ggml.model) when it has none. */
#define ENG_HF_NO_VOCAB "no_vocab"

/* True when there is a file of that name in the folder. */
bool eng_hf_dir_has(const char *path, const char *name);

/* Opens every safetensors file that model.safetensors.index.json names, or model.safetensors.
 * SK_E_NOTFOUND says which file is missing. */
sk_status eng_hf_dir_open(const char *path, eng_hf_dir **out, sk_err *e);

/* Guards against files that are cut short while they are in use (sk_map_watch), or ends that; and
 * whether that has happened to one. */
void eng_hf_dir_watch(const eng_hf_dir *d, bool on);
bool eng_hf_dir_torn(const eng_hf_dir *d);

/* Closes all; NULL is allowed. */
void eng_hf_dir_close(eng_hf_dir *d);

/* Tensors over all files: how many, one of them, one by name (NULL if there is none). */
size_t eng_hf_dir_n(const eng_hf_dir *d);

/* In the order of the files, within a file of the names. */
const eng_st_tensor *eng_hf_dir_at(const eng_hf_dir *d, size_t i);

/* Looked for in one file after the other. */
const eng_st_tensor *eng_hf_dir_find(const eng_hf_dir *d, const char *name);

#endif
