/* extra.h - tensors of a GGUF that a folder keeps as numbers in config.json: factors of RoPE. */
#ifndef ENG_HF_EXTRA_H
#define ENG_HF_EXTRA_H

#include "engine/hf/config.h"

enum { ENG_HF_EXTRA_MAX = 2 };

typedef struct eng_hf_extra {
    const char *name;  /* of the GGUF tensor, static storage */
    const float *data; /* n floats in the arena */
    size_t n;          /* half the rotated elements of a head */
} eng_hf_extra;

/* rope_freqs.weight for llama3's scaling; rope_factors_long and _short for longrope.  *n of them,
 * at most ENG_HF_EXTRA_MAX. */
sk_status eng_hf_extra_make(const eng_hf_in *in, sk_arena *mem, eng_hf_extra *out, size_t *n,
                            sk_err *e);

#endif
