/* plan.h - which tensors of a GGUF come out of a folder, and how each is made.
 *
 * Every tensor of the folder must have a place: one that no table knows would change the results if
 * it were left out.
 */
#ifndef ENG_HF_PLAN_H
#define ENG_HF_PLAN_H

#include "engine/hf/dir.h"
#include "engine/hf/form.h"

typedef struct eng_hf_tensor {
    char name[64]; /* in the GGUF */
    uint32_t type; /* of the GGUF tensor */
    uint32_t n_dims;
    uint64_t dim[4]; /* innermost first */
    uint64_t bytes;
    eng_hf_form form;          /* how it is made of src */
    eng_hf_shape from, to;     /* of the source, of the result */
    const eng_st_tensor **src; /* the folder's: one, one an expert, or blocks and scales */
    size_t n_src;
    const float *made; /* worked out from config.json instead; NULL else */
} eng_hf_tensor;

typedef struct eng_hf_plan {
    eng_hf_sizes sizes;    /* of heads, from config.json */
    eng_hf_tensor *tensor; /* embeddings, layers, rest; in the arena */
    size_t n;              /* of tensor */
} eng_hf_plan;

/* Plans the tensors of an open folder whose config.json was read into in. */
sk_status eng_hf_plan_make(const eng_hf_dir *d, const eng_hf_in *in, sk_arena *mem,
                           eng_hf_plan *out, sk_err *e);

/* The tensor's bytes where they lie in the folder as they will in the GGUF; NULL where they must be
 * fetched. */
const void *eng_hf_plan_view(const eng_hf_tensor *t);

/* Makes the tensor's bytes (t->bytes of them, any alignment) at dst. */
void eng_hf_plan_fetch(const eng_hf_plan *p, const eng_hf_tensor *t, void *dst);

#endif
