/* config.h - what a model computes, as data.
 *
 * There is one decoder.  Architectures differ by the switches here, not by copies of the code: a
 * file of family_NAME.c sets them for the architectures it knows, config_gguf.c fills in the sizes
 * and factors that a model file tells.
 *
 * In every field below `tied`, 0 means "not there" or "the usual", so that a plain llama is the
 * shape and little else.
 */
#ifndef ENG_MODEL_CONFIG_H
#define ENG_MODEL_CONFIG_H

#include "base/status.h"
#include "engine/kernel/kernel.h"
#include "engine/model/param.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENG_MAX_LAYERS 1024

/* A set of layers, a bit each. */
typedef struct eng_layer_set {
    uint64_t word[ENG_MAX_LAYERS / 64];
} eng_layer_set;

typedef enum eng_norm_kind {
    ENG_NORM_RMS,  /* x / rms(x) */
    ENG_NORM_LAYER /* (x - mean) / standard deviation */
} eng_norm_kind;

/* Where the norms of a block stand, f being attention or feed-forward:
 *   PRE  x + f(norm(x));   POST  x + norm(f(x));   BOTH  x + norm'(f(norm(x)));
 *   SUM  norm(x + f(x)), and no norm after the last layer */
typedef enum eng_norm_place {
    ENG_PLACE_PRE,  /* llama, qwen, gpt2 */
    ENG_PLACE_POST, /* olmo2 */
    ENG_PLACE_BOTH, /* gemma2, glm4 */
    ENG_PLACE_SUM   /* bert */
} eng_norm_place;

/* Norms of q and k before RoPE. */
typedef enum eng_qk_norm {
    ENG_QK_NONE, /* none */
    ENG_QK_HEAD, /* each head by itself, all with the same weights [head_dim] */
    ENG_QK_EACH, /* each head by itself, with weights of its own [heads, head_dim] */
    ENG_QK_ROW   /* one norm over all heads together [heads * head_dim] */
} eng_qk_norm;

/* How a router's outputs become the weights of experts (ggml's numbers). */
typedef enum eng_gating {
    ENG_GATE_SOFTMAX = 1, /* softmax over all experts, then choose */
    ENG_GATE_SIGMOID = 2, /* each expert by itself (DeepSeek V3) */
    ENG_GATE_CHOSEN = 3   /* choose, then softmax over the chosen */
} eng_gating;

typedef struct eng_config {
    char arch[32]; /* GGUF's general.architecture: "llama", "qwen3" */
    char name[64]; /* general.name */
    uint32_t n_vocab, n_ctx, n_embd, n_layer, n_head, n_kv_head, head_dim, n_ff;
    float rms_eps;    /* of all norms, whatever their kind */
    float rope_theta; /* base of RoPE's angles */
    bool tied;        /* output matrix = token embedding */

    /* norms and residual */
    eng_norm_kind norm;   /* (first of the switches: eng_config_family) */
    eng_norm_place place; /* where the norms of a block stand */
    eng_qk_norm qk_norm;  /* over what part of q and k */
    bool parallel;        /* x + attention(norm(x)) + ffn(norm'(x)); without a norm' of its own the
                             feed-forward block reads the attention's */

    /* positions */
    eng_rope_form rope_form; /* which elements of a head are turned together */
    bool no_rope;            /* in no layer: positions are learned, or ALiBi's */
    eng_layer_set nope;      /* layers that do not rotate */
    uint32_t n_rot;          /* elements of a head that are rotated; 0: all */
    float rope_theta_local;  /* base in windowed layers; 0: rope_theta */
    bool local_unscaled;     /* windowed layers ignore all RoPE scaling */
    float rope_factor;       /* scaling: positions are divided by this; 0: not scaled */
    float rope_alpha;        /* NTK-aware scaling of the base; 0: none */
    bool rope_yarn;          /* YaRN: high frequencies are not scaled, magnitudes are */
    uint32_t n_ctx_orig;     /* context before scaling; 0: n_ctx */
    float rope_attn_factor;  /* factor of cosines and sines; 0: 1 */
    float yarn_log_mul;      /* DeepSeek's mscale_all_dim; 0: none */
    float alibi_max;         /* largest bias of ALiBi; 0: no ALiBi */

    /* attention */
    bool encoder;        /* every token sees all of its text; there is no head: a text is one step,
                            and vectors come out */
    uint32_t head_dim_v; /* size of a value; 0: head_dim */
    float attn_scale;    /* of scores; 0: 1 / sqrt(head_dim) */
    float attn_softcap;  /* scores s become cap tanh(s / cap); 0: they stay */
    float clamp_kqv;     /* q, k, v are held within +-this; 0: not */
    uint32_t window;     /* tokens a windowed layer sees, the own one counted */
    eng_layer_set local; /* the windowed layers */
    /* latent attention (DeepSeek): with kv_lora set, head_dim and head_dim_v are what the cache
     * holds (absorbed form, one kv head: kv_lora + n_rot and kv_lora), these what a head has */
    uint32_t q_lora, kv_lora, head_dim_mla, head_dim_v_mla;

    /* feed-forward */
    eng_act act;     /* with a gate: act(gate) * up */
    bool fused_gate; /* ffn_up holds gate and up, one below the other */
    uint32_t n_expert, n_expert_used, n_ff_exp, n_ff_shared, n_expert_shared;
    uint32_t n_dense_lead; /* the first layers have no experts */
    uint32_t moe_step;     /* layer i has experts if (i + 1) % moe_step = 0; 0: every layer */
    uint32_t n_group, n_group_used; /* experts are chosen from the best groups */
    eng_gating gating;              /* how the router's outputs become weights */
    bool expert_norm;               /* weights of the chosen are made to sum to 1 */
    float expert_scale;             /* then multiplied by this; 0: 1 */

    /* scales */
    float embd_scale, residual_scale, logit_scale; /* factors; 0: 1 */
    float logit_softcap;                           /* 0: none */

    uint32_t n_nextn; /* layers behind the last that guess further tokens: left in the file */

    /* embeddings */
    uint32_t n_types; /* rows of token_types, of which the first is added to every token */
    uint32_t pooling; /* 0: unsaid, 1: mean, 2: first token, 3: last token, 4: a ranking's score */

    bool has[ENG_P_N]; /* parameters there are; HEAD follows `tied`.  In layers of their place */
} eng_config;

/* Sets of layers. */
bool eng_layer_in(const eng_layer_set *s, uint32_t layer);

/* layer is below ENG_MAX_LAYERS. */
void eng_layer_add(eng_layer_set *s, uint32_t layer);

/* Adds every layer i with i % period < period - 1 (period 0: all; 1: none): the windows of gemma2
 * (2), gemma3 (6), cohere2 (4). */
void eng_layer_add_period(eng_layer_set *s, uint32_t n_layer, uint32_t period);

/* Fields with their defaults filled in. */
uint32_t eng_config_n_rot(const eng_config *c);
uint32_t eng_config_head_dim_v(const eng_config *c); /* of the cache */
uint32_t eng_config_att_dim(const eng_config *c);    /* of a head of what attention gives */
/* What scores are multiplied by; of latent attention with YaRN's correction in it (DeepSeek's
 * mscale). */
float eng_config_attn_scale(const eng_config *c);

/* True for layers whose feed-forward part is experts. */
bool eng_config_is_moe(const eng_config *c, uint32_t layer);

/* False for layers that know positions by other means, or not at all. */
bool eng_config_rotates(const eng_config *c, uint32_t layer);

/* True for layers that see a window only. */
bool eng_config_is_local(const eng_config *c, uint32_t layer);

/* Absorbed latent attention: keys and values are one row of the cache. */
bool eng_config_absorbed(const eng_config *c);

/* Blocks read a norm of the residual stream (else the stream itself). */
bool eng_config_norms_input(const eng_config *c);

/* Sets the switches of cfg->arch and leaves the shape (all up to `tied`) as it is;
 * SK_E_UNSUPPORTED names an architecture that is not known, and those that are. */
sk_status eng_config_family(eng_config *cfg, sk_err *e);

/* Checks every bound and relation (heads divide, head_dim even, sizes that fit in memory, ...); the
 * sentence names the flag or key to change. */
sk_status eng_config_check(const eng_config *cfg, sk_err *e);

#endif
