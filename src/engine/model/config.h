/* config.h - a model's shape, and the flat list of its parameters.
 *
 * One decoder is described by data: switches here, not copies of the code.  Families (llama, qwen3)
 * map GGUF names and set the switches in family_NAME.c.
 */
#ifndef ENG_MODEL_CONFIG_H
#define ENG_MODEL_CONFIG_H

#include "base/mem.h"
#include "base/status.h"
#include "engine/kernel/kernel.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct eng_config {
    char arch[32]; /* GGUF's general.architecture: "llama", "qwen3" */
    char name[64]; /* general.name */
    uint32_t n_vocab, n_ctx, n_embd, n_layer, n_head, n_kv_head, head_dim, n_ff;
    float rms_eps, rope_theta;
    eng_rope_form rope_form;
    bool qk_norm; /* RMSNorm over each head of q and k before RoPE (qwen3) */
    bool tied;    /* output matrix = token embedding */
} eng_config;

/* Sets the family's switches (rope form, qk_norm) for cfg->arch; SK_E_UNSUPPORTED names an unknown
 * one. */
sk_status eng_config_family(eng_config *cfg, sk_err *e);

/* Checks every bound and relation (heads divide, head_dim even, sizes that fit in memory, ...); the
 * sentence names the flag or key to change. */
sk_status eng_config_check(const eng_config *cfg, sk_err *e);

/* What a parameter is, so that code finds it without its name. */
typedef enum eng_param_kind {
    ENG_P_EMBD,      /* token_embd.weight          [n_vocab, n_embd] */
    ENG_P_ATTN_NORM, /* blk.N.attn_norm.weight     [n_embd] */
    ENG_P_Q,         /* blk.N.attn_q.weight        [n_head * head_dim, n_embd] */
    ENG_P_K,         /* blk.N.attn_k.weight        [n_kv_head * head_dim, n_embd] */
    ENG_P_V,         /* blk.N.attn_v.weight        [n_kv_head * head_dim, n_embd] */
    ENG_P_Q_NORM,    /* blk.N.attn_q_norm.weight   [head_dim]  (qk_norm) */
    ENG_P_K_NORM,    /* blk.N.attn_k_norm.weight   [head_dim]  (qk_norm) */
    ENG_P_O,         /* blk.N.attn_output.weight   [n_embd, n_head * head_dim] */
    ENG_P_FFN_NORM,  /* blk.N.ffn_norm.weight      [n_embd] */
    ENG_P_GATE,      /* blk.N.ffn_gate.weight      [n_ff, n_embd] */
    ENG_P_UP,        /* blk.N.ffn_up.weight        [n_ff, n_embd] */
    ENG_P_DOWN,      /* blk.N.ffn_down.weight      [n_embd, n_ff] */
    ENG_P_OUT_NORM,  /* output_norm.weight         [n_embd] */
    ENG_P_HEAD,      /* output.weight              [n_vocab, n_embd]  (not tied) */
    ENG_P_N
} eng_param_kind;

typedef struct eng_param {
    char name[64]; /* GGUF tensor name */
    eng_param_kind kind;
    uint32_t layer;
    size_t rows, cols; /* rows outermost; a vector has rows = 1 */
    size_t offset;     /* in a flat float array of all parameters; a multiple of 16 */
    bool is_matrix;    /* gets weight decay */
} eng_param;

/* All parameters of cfg in file order. */
typedef struct eng_layout {
    eng_param *param;
    size_t n_params;
    size_t n_floats;  /* length of the flat array, padding included */
    size_t n_weights; /* parameters proper */
} eng_layout;

/* Builds the list in arena a. */
sk_status eng_layout_build(const eng_config *cfg, sk_arena *a, eng_layout *out, sk_err *e);

/* Index of a parameter; ENG_P_EMBD, OUT_NORM, HEAD ignore layer.  SIZE_MAX if cfg has none. */
size_t eng_layout_find(const eng_layout *l, eng_param_kind kind, uint32_t layer);

/* Cosines and sines of RoPE for positions [0, n_pos): cos[p * head_dim/2 + i] of p *
 * theta^(-2i/head_dim), computed in double. */
void eng_rope_table(const eng_config *cfg, size_t n_pos, float *cos_out, float *sin_out);

#endif
