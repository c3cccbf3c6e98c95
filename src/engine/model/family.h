/* family.h - the architectures this build knows.
 *
 * A family is data: switches, the parameters its files must and may have, the groups of keys it
 * understands, names that differ from the usual ones.  To add an architecture that needs no new
 * switch: a family_NAME.c and a row in the table below (docs/adding.md).
 */
#ifndef ENG_MODEL_FAMILY_H
#define ENG_MODEL_FAMILY_H

#include "engine/format/gguf.h"
#include "engine/model/config.h"

/* X(identifier, general.architecture) */
#define ENG_FAMILY_TABLE(X)                                                                        \
    X(llama, "llama")                                                                              \
    X(qwen2, "qwen2")                                                                              \
    X(qwen2moe, "qwen2moe")                                                                        \
    X(qwen3, "qwen3")                                                                              \
    X(qwen3moe, "qwen3moe")                                                                        \
    X(gemma, "gemma")                                                                              \
    X(gemma2, "gemma2")                                                                            \
    X(gemma3, "gemma3")                                                                            \
    X(phi2, "phi2")                                                                                \
    X(phi3, "phi3")                                                                                \
    X(gpt2, "gpt2")                                                                                \
    X(starcoder, "starcoder")                                                                      \
    X(starcoder2, "starcoder2")                                                                    \
    X(gptneox, "gptneox")                                                                          \
    X(bloom, "bloom")                                                                              \
    X(mpt, "mpt")                                                                                  \
    X(falcon, "falcon")                                                                            \
    X(stablelm, "stablelm")                                                                        \
    X(command_r, "command-r")                                                                      \
    X(cohere2, "cohere2")                                                                          \
    X(nemotron, "nemotron")                                                                        \
    X(olmo, "olmo")                                                                                \
    X(olmo2, "olmo2")                                                                              \
    X(olmoe, "olmoe")                                                                              \
    X(granite, "granite")                                                                          \
    X(granitemoe, "granitemoe")                                                                    \
    X(minicpm, "minicpm")                                                                          \
    X(internlm2, "internlm2")                                                                      \
    X(ernie4_5, "ernie4_5")                                                                        \
    X(ernie4_5_moe, "ernie4_5-moe")                                                                \
    X(seed_oss, "seed_oss")                                                                        \
    X(exaone4, "exaone4")                                                                          \
    X(glm4, "glm4")                                                                                \
    X(smollm3, "smollm3")                                                                          \
    X(deepseek2, "deepseek2")                                                                      \
    X(gpt_oss, "gpt-oss")                                                                          \
    X(bert, "bert")                                                                                \
    X(nomic_bert, "nomic-bert")                                                                    \
    X(jina_bert_v2, "jina-bert-v2")                                                                \
    X(jina_bert_v3, "jina-bert-v3")

/* Groups of keys of a model file that a family may understand (config_gguf.c has their names).  A
 * key of another group is refused unless its value says that nothing is to be done. */
enum {
    ENG_KEYS_SCALES = 1,     /* embedding, residual, logits */
    ENG_KEYS_ATTN_SCALE = 2, /* attention.scale */
    ENG_KEYS_SOFTCAP = 4,    /* of scores and of logits (gemma2) */
    ENG_KEYS_CLAMP = 8,      /* of q, k, v (mpt, olmo) */
    ENG_KEYS_ALIBI = 16,     /* largest bias */
    ENG_KEYS_WINDOW = 32,    /* and which layers have it */
    ENG_KEYS_MOE = 64,       /* number and width of experts */
    ENG_KEYS_GATING = 128,   /* how they are weighted and chosen */
    ENG_KEYS_SHARED = 256,   /* experts for every token */
    ENG_KEYS_LEAD = 512,     /* layers without experts */
    ENG_KEYS_MLA = 1024,     /* latent attention's ranks and sizes */
    ENG_KEYS_PARALLEL = 2048 /* attention and feed-forward side by side */
};

/* A parameter's name in this architecture's files. */
typedef struct eng_rename {
    eng_param_kind kind; /* ENG_P_* */
    const char *suffix;  /* NULL ends the list */
} eng_rename;

typedef struct eng_family {
    const char *arch;         /* general.architecture, also the prefix of its keys */
    eng_config base;          /* the switches; has[]: the parameters that must be there */
    bool may[ENG_P_N];        /* parameters that are taken if they are there */
    unsigned keys;            /* groups of keys, ENG_KEYS_* */
    const eng_rename *rename; /* NULL: the usual names */
    /* What no table says, after the keys have been read and before the parameters are looked for;
     * g is the file and never NULL.  NULL: nothing. */
    sk_status (*finish)(const eng_gguf *g, eng_config *c, sk_err *e);
} eng_family;

/* Groups of parameters, for `has` and `may`. */
#define ENG_HAS_NORMS [ENG_P_ATTN_NORM] = true, [ENG_P_FFN_NORM] = true, [ENG_P_OUT_NORM] = true
#define ENG_HAS_NORM_BIASES                                                                        \
    [ENG_P_ATTN_NORM_BIAS] = true, [ENG_P_FFN_NORM_BIAS] = true, [ENG_P_OUT_NORM_BIAS] = true
#define ENG_HAS_ATTN                                                                               \
    [ENG_P_EMBD] = true, [ENG_P_Q] = true, [ENG_P_K] = true, [ENG_P_V] = true, [ENG_P_O] = true
#define ENG_HAS_GLU [ENG_P_GATE] = true, [ENG_P_UP] = true, [ENG_P_DOWN] = true
#define ENG_HAS_MLP [ENG_P_UP] = true, [ENG_P_DOWN] = true
#define ENG_HAS_EXPERTS                                                                            \
    [ENG_P_ROUTER] = true, [ENG_P_EXP_GATE] = true, [ENG_P_EXP_UP] = true, [ENG_P_EXP_DOWN] = true
#define ENG_HAS_SHARED [ENG_P_SH_GATE] = true, [ENG_P_SH_UP] = true, [ENG_P_SH_DOWN] = true
#define ENG_HAS_QKV_BIASES [ENG_P_Q_BIAS] = true, [ENG_P_K_BIAS] = true, [ENG_P_V_BIAS] = true
#define ENG_HAS_MLP_BIASES [ENG_P_UP_BIAS] = true, [ENG_P_DOWN_BIAS] = true
#define ENG_MAY_QKV [ENG_P_QKV] = true, [ENG_P_QKV_BIAS] = true, ENG_HAS_QKV_BIASES

#define ENG_FAMILY_EXTERN(id, name) extern const eng_family eng_family_##id;
ENG_FAMILY_TABLE(ENG_FAMILY_EXTERN)
#undef ENG_FAMILY_EXTERN

/* The family of that name, static storage; NULL if there is none. */
const eng_family *eng_family_find(const char *arch);

/* Makes the parameters of experts, or of a shared expert, ones that must be there. */
void eng_family_need_experts(eng_config *c);

/* A shared expert computes for every token, beside those the router chooses. */
void eng_family_need_shared(eng_config *c);

/* Names of all families, ", " between. */
const char *eng_family_names(void);

#endif
