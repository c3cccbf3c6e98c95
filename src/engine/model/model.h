/* model.h - an open model: config, tokenizer, weights packed for the kernels.
 *
 * The public face (eng_model_open and its kind) is in engine.h; this header is for the rooms above
 * it inside the engine.  Immutable once open.
 */
#ifndef ENG_MODEL_MODEL_H
#define ENG_MODEL_MODEL_H

#include "engine/engine.h"
#include "engine/format/gguf.h"
#include "engine/kernel/wmat.h"
#include "engine/model/layout.h"
#include "engine/model/prompt.h"

/* Weights and bias of a norm; NULL: ones, zeros. */
typedef struct eng_norm {
    const float *w, *b; /* as long as what is normed: a row of the stream, a head, all heads */
} eng_norm;

/* y = W x + b; b may be NULL. */
typedef struct eng_linear {
    eng_wmat *w;    /* [n outputs, k inputs] as the file has it, packed for the kernels */
    const float *b; /* [n outputs] */
} eng_linear;

/* Experts of a layer.  Matrices of an expert that read the same input are one, as in eng_layer.  Of
 * n_expert the router picks cfg.n_expert_used a token; those of all tokens of a step are computed
 * expert by expert (dec_moe.c). */
typedef struct eng_moe {
    eng_linear router;        /* n = n_expert */
    const float *choice_bias; /* [n_expert] added to a router's outputs for the choice alone */
    eng_linear *gate_up;      /* [n_expert], n = 2 * n_ff_exp */
    eng_linear *down;         /* [n_expert] */
    eng_linear sh_gate_up;    /* the shared expert's, n = 2 * n_ff_shared; w is NULL without one */
    eng_linear sh_down;
    eng_wmat *sh_router; /* n = 1: the shared expert is weighted by its sigmoid */
} eng_moe;

/* Latent attention of a layer (DeepSeek-V2, section 2.1): keys and values are kept as one vector of
 * kv_lora elements and a rotated part that all heads share.  nope: what is not rotated of a head.
 */
typedef struct eng_mla {
    eng_wmat *in; /* q (or q_a) and kv_a side by side */
    eng_norm q_a_norm, kv_a_norm;
    eng_wmat *q_b;         /* from q_a to q; NULL where q is made at once */
    eng_wmat *kv_b;        /* whole form: n = n_head * (nope + v) */
    eng_wmat **k_b, **v_b; /* [n_head] split form: nope to latent, latent to v */
} eng_mla;

/* One layer.  Matrices that read the same input are one: q, k, v and gate, up side by side. */
typedef struct eng_layer {
    /* [n_embd].  Where norms are of sums, attn_norm is one more of attention's (or absent). */
    eng_norm attn_norm, attn_post_norm, ffn_norm, ffn_post_norm;
    eng_norm q_norm, k_norm; /* as eng_qk_norm says; w is NULL without */
    eng_linear qkv;          /* n = (n_head + n_kv_head) * head_dim + n_kv_head * head_dim_v */
    eng_linear o, gate_up, down;
    const float *sinks; /* [n_head] or NULL */
    eng_mla *mla;       /* NULL without latent attention */
    eng_moe *moe;       /* NULL in layers without experts */
} eng_layer;

struct eng_model {
    eng_config cfg;
    eng_layout layout;
    sk_arena *arena; /* layout, layers, norms, biases */
    eng_gguf *gguf;
    eng_vocab *vocab; /* NULL if the file's tokenizer is one this build lacks: */
    sk_err vocab_err; /* then this says which */
    eng_dtype dtype;  /* of most bytes of the file's matrices */
    eng_dtype embd_type, pos_type;
    const void *embd;       /* [n_vocab, n_embd] in the file's mapping */
    const void *pos;        /* [n_ctx, n_embd] learned positions, there too; or NULL */
    const float *type_embd; /* [n_types, n_embd], of which only the first is used; or NULL */
    eng_norm embd_norm;
    const float *rope_factors; /* [n_rot / 2] or NULL */
    eng_layer *layer;          /* [n_layer] */
    eng_wspace packs;          /* of all matrices */
    struct eng_packfile *kept; /* the file they are or will be in, NULL: none (packs.h) */
    eng_norm out_norm;
    eng_linear head;   /* none in an encoder */
    eng_prompt prompt; /* the chat template */
};

/* eng_model_open over n bytes in memory, which must outlive the model (tests, fuzzing). */
sk_status eng_model_open_bytes(eng_exec *x, const void *p, size_t n, eng_model **out, sk_err *e);

/* True when a file that the model computes from was cut short, so that what comes out is not what
 * the model says.  It stays true. */
bool eng_model_torn(const eng_model *m);

#endif
