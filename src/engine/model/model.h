/* model.h - an open model: shape, tokenizer, weights packed for the kernels.
 *
 * The public face (eng_model_open and its kind) is in engine.h; this header is for the rooms above
 * it inside the engine.  Immutable once open.
 */
#ifndef ENG_MODEL_MODEL_H
#define ENG_MODEL_MODEL_H

#include "engine/engine.h"
#include "engine/format/gguf.h"
#include "engine/kernel/gemm.h"
#include "engine/model/config.h"

/* One layer.  Matrices that read the same input are one pack: q, k, v and gate, up side by side. */
typedef struct eng_layer {
    const float *attn_norm, *ffn_norm; /* [n_embd] */
    const float *q_norm, *k_norm;      /* [head_dim], NULL without qk_norm */
    eng_bpack *qkv;                    /* n = (n_head + 2 n_kv_head) * head_dim */
    eng_bpack *o;
    eng_bpack *gate_up; /* n = 2 * n_ff */
    eng_bpack *down;
} eng_layer;

struct eng_model {
    eng_config cfg;
    eng_layout layout;
    sk_arena *arena; /* layout, layers, norms */
    eng_gguf *gguf;
    eng_vocab *vocab; /* NULL if the file's tokenizer is one this build lacks: */
    sk_err vocab_err; /* then this says which */
    eng_dtype dtype;  /* of the matrices in the file */
    eng_dtype embd_type;
    const void *embd; /* [n_vocab, n_embd] in the file's mapping */
    eng_layer *layer; /* [n_layer] */
    const float *out_norm;
    eng_bpack *head;
    bool has_chat;
};

/* eng_model_open over n bytes in memory, which must outlive the model (tests, fuzzing). */
sk_status eng_model_open_bytes(eng_exec *x, const void *p, size_t n, eng_model **out, sk_err *e);

#endif
