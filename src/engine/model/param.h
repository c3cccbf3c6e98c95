/* param.h - the kinds of parameters a decoder may have: one row of one table each.
 *
 * Everything about a parameter is in its row: the name of its tensor, where it stands, its shape as
 * names of dimensions that layout.c works out from a config, and whether it is a matrix.  A bias is
 * a parameter like the others.  Which of them a model has is in eng_config.has; the names are those
 * of GGUF files (ggml's docs/gguf.md and llama.cpp's tensor names).
 */
#ifndef ENG_MODEL_PARAM_H
#define ENG_MODEL_PARAM_H

/* Where a parameter stands, in the order of the list: before the layers, in each layer, in layers
 * with a plain feed-forward part, in layers with experts, after the layers. */
typedef enum eng_place { ENG_AT_TOP, ENG_AT_LAYER, ENG_AT_DENSE, ENG_AT_MOE, ENG_AT_END } eng_place;

/* A matrix gets weight decay and may be stored in any type; a vector (norm, bias) is read as
 * floats.
 */
typedef enum eng_sort { ENG_VECTOR, ENG_MATRIX } eng_sort;

/* Dimensions of shapes. */
typedef enum eng_dim {
    ENG_D_1,
    ENG_D_VOCAB,
    ENG_D_CTX,
    ENG_D_TYPES, /* token types */
    ENG_D_EMBD,
    ENG_D_HEADS,   /* query heads */
    ENG_D_Q,       /* query heads * head size */
    ENG_D_K,       /* kv heads * head size */
    ENG_D_V,       /* kv heads * size of a value */
    ENG_D_QKV,     /* the three above together */
    ENG_D_ATT,     /* what attention gives: query heads * size of a value */
    ENG_D_QN_ROWS, /* norms of q and k: see eng_qk_norm */
    ENG_D_QN_COLS,
    ENG_D_KN_ROWS,
    ENG_D_KN_COLS,
    ENG_D_ROT2,    /* angles: half the rotated elements of a head */
    ENG_D_FF,      /* feed-forward width */
    ENG_D_UP,      /* the same, twice where gate and up are one matrix */
    ENG_D_EXPERTS, /* number of experts */
    ENG_D_FF_EXP,  /* width of an expert */
    ENG_D_FF_EXP2, /* twice that */
    ENG_D_FF_SH,   /* width of the shared expert */
    ENG_D_Q_LORA,  /* latent attention: rank of q, */
    ENG_D_KV_LORA, /* rank of k and v, */
    ENG_D_KV_A,    /* the latter with the rotated part of k, */
    ENG_D_Q_MLA,   /* heads * full size of a query, */
    ENG_D_NOPE,    /* the part of a query that is not rotated, */
    ENG_D_V_MLA,   /* size of a value of a head, */
    ENG_D_KV_B     /* heads * (NOPE + V_MLA) */
} eng_dim;

/* X(kind, name, place, outer, rows, cols, sort): tensor [outer, rows, cols], cols innermost.  The
 * order of rows is the order of the list of parameters, and so of training's flat arrays. */
#define ENG_PARAM_TABLE(X)                                                                         \
    X(EMBD, "token_embd.weight", TOP, 1, VOCAB, EMBD, MATRIX)                                      \
    X(EMBD_NORM, "token_embd_norm.weight", TOP, 1, 1, EMBD, VECTOR)                                \
    X(EMBD_NORM_BIAS, "token_embd_norm.bias", TOP, 1, 1, EMBD, VECTOR)                             \
    X(POS_EMBD, "position_embd.weight", TOP, 1, CTX, EMBD, MATRIX)                                 \
    X(TYPE_EMBD, "token_types.weight", TOP, 1, TYPES, EMBD, MATRIX)                                \
    X(ROPE_FREQS, "rope_freqs.weight", TOP, 1, 1, ROT2, VECTOR)                                    \
    X(ROPE_LONG, "rope_factors_long.weight", TOP, 1, 1, ROT2, VECTOR)                              \
    X(ROPE_SHORT, "rope_factors_short.weight", TOP, 1, 1, ROT2, VECTOR)                            \
    X(ATTN_NORM, "attn_norm.weight", LAYER, 1, 1, EMBD, VECTOR)                                    \
    X(ATTN_NORM_BIAS, "attn_norm.bias", LAYER, 1, 1, EMBD, VECTOR)                                 \
    X(ATTN_NORM_2, "attn_norm_2.weight", LAYER, 1, 1, EMBD, VECTOR)                                \
    X(ATTN_NORM_2_BIAS, "attn_norm_2.bias", LAYER, 1, 1, EMBD, VECTOR)                             \
    X(QKV, "attn_qkv.weight", LAYER, 1, QKV, EMBD, MATRIX)                                         \
    X(QKV_BIAS, "attn_qkv.bias", LAYER, 1, 1, QKV, VECTOR)                                         \
    X(Q, "attn_q.weight", LAYER, 1, Q, EMBD, MATRIX)                                               \
    X(Q_BIAS, "attn_q.bias", LAYER, 1, 1, Q, VECTOR)                                               \
    X(K, "attn_k.weight", LAYER, 1, K, EMBD, MATRIX)                                               \
    X(K_BIAS, "attn_k.bias", LAYER, 1, 1, K, VECTOR)                                               \
    X(V, "attn_v.weight", LAYER, 1, V, EMBD, MATRIX)                                               \
    X(V_BIAS, "attn_v.bias", LAYER, 1, 1, V, VECTOR)                                               \
    X(Q_NORM, "attn_q_norm.weight", LAYER, 1, QN_ROWS, QN_COLS, VECTOR)                            \
    X(Q_NORM_BIAS, "attn_q_norm.bias", LAYER, 1, QN_ROWS, QN_COLS, VECTOR)                         \
    X(K_NORM, "attn_k_norm.weight", LAYER, 1, KN_ROWS, KN_COLS, VECTOR)                            \
    X(K_NORM_BIAS, "attn_k_norm.bias", LAYER, 1, KN_ROWS, KN_COLS, VECTOR)                         \
    X(SINKS, "attn_sinks.weight", LAYER, 1, 1, HEADS, VECTOR)                                      \
    X(MLA_Q, "attn_q.weight", LAYER, 1, Q_MLA, EMBD, MATRIX)                                       \
    X(MLA_Q_A, "attn_q_a.weight", LAYER, 1, Q_LORA, EMBD, MATRIX)                                  \
    X(MLA_Q_A_NORM, "attn_q_a_norm.weight", LAYER, 1, 1, Q_LORA, VECTOR)                           \
    X(MLA_Q_B, "attn_q_b.weight", LAYER, 1, Q_MLA, Q_LORA, MATRIX)                                 \
    X(MLA_KV_A, "attn_kv_a_mqa.weight", LAYER, 1, KV_A, EMBD, MATRIX)                              \
    X(MLA_KV_A_NORM, "attn_kv_a_norm.weight", LAYER, 1, 1, KV_LORA, VECTOR)                        \
    X(MLA_KV_B, "attn_kv_b.weight", LAYER, 1, KV_B, KV_LORA, MATRIX)                               \
    X(MLA_K_B, "attn_k_b.weight", LAYER, HEADS, KV_LORA, NOPE, MATRIX)                             \
    X(MLA_V_B, "attn_v_b.weight", LAYER, HEADS, V_MLA, KV_LORA, MATRIX)                            \
    X(O, "attn_output.weight", LAYER, 1, EMBD, ATT, MATRIX)                                        \
    X(O_BIAS, "attn_output.bias", LAYER, 1, 1, EMBD, VECTOR)                                       \
    X(ATTN_POST_NORM, "post_attention_norm.weight", LAYER, 1, 1, EMBD, VECTOR)                     \
    X(ATTN_POST_NORM_BIAS, "post_attention_norm.bias", LAYER, 1, 1, EMBD, VECTOR)                  \
    X(FFN_NORM, "ffn_norm.weight", LAYER, 1, 1, EMBD, VECTOR)                                      \
    X(FFN_NORM_BIAS, "ffn_norm.bias", LAYER, 1, 1, EMBD, VECTOR)                                   \
    X(GATE, "ffn_gate.weight", DENSE, 1, FF, EMBD, MATRIX)                                         \
    X(GATE_BIAS, "ffn_gate.bias", DENSE, 1, 1, FF, VECTOR)                                         \
    X(UP, "ffn_up.weight", DENSE, 1, UP, EMBD, MATRIX)                                             \
    X(UP_BIAS, "ffn_up.bias", DENSE, 1, 1, UP, VECTOR)                                             \
    X(DOWN, "ffn_down.weight", DENSE, 1, EMBD, FF, MATRIX)                                         \
    X(DOWN_BIAS, "ffn_down.bias", DENSE, 1, 1, EMBD, VECTOR)                                       \
    X(ROUTER, "ffn_gate_inp.weight", MOE, 1, EXPERTS, EMBD, MATRIX)                                \
    X(ROUTER_BIAS, "ffn_gate_inp.bias", MOE, 1, 1, EXPERTS, VECTOR)                                \
    X(CHOICE_BIAS, "exp_probs_b.bias", MOE, 1, 1, EXPERTS, VECTOR)                                 \
    X(EXP_GATE, "ffn_gate_exps.weight", MOE, EXPERTS, FF_EXP, EMBD, MATRIX)                        \
    X(EXP_GATE_BIAS, "ffn_gate_exps.bias", MOE, 1, EXPERTS, FF_EXP, VECTOR)                        \
    X(EXP_UP, "ffn_up_exps.weight", MOE, EXPERTS, FF_EXP, EMBD, MATRIX)                            \
    X(EXP_UP_BIAS, "ffn_up_exps.bias", MOE, 1, EXPERTS, FF_EXP, VECTOR)                            \
    X(EXP_GATE_UP, "ffn_gate_up_exps.weight", MOE, EXPERTS, FF_EXP2, EMBD, MATRIX)                 \
    X(EXP_DOWN, "ffn_down_exps.weight", MOE, EXPERTS, EMBD, FF_EXP, MATRIX)                        \
    X(EXP_DOWN_BIAS, "ffn_down_exps.bias", MOE, 1, EXPERTS, EMBD, VECTOR)                          \
    X(SH_ROUTER, "ffn_gate_inp_shexp.weight", MOE, 1, 1, EMBD, MATRIX)                             \
    X(SH_GATE, "ffn_gate_shexp.weight", MOE, 1, FF_SH, EMBD, MATRIX)                               \
    X(SH_UP, "ffn_up_shexp.weight", MOE, 1, FF_SH, EMBD, MATRIX)                                   \
    X(SH_DOWN, "ffn_down_shexp.weight", MOE, 1, EMBD, FF_SH, MATRIX)                               \
    X(FFN_POST_NORM, "post_ffw_norm.weight", LAYER, 1, 1, EMBD, VECTOR)                            \
    X(FFN_POST_NORM_BIAS, "post_ffw_norm.bias", LAYER, 1, 1, EMBD, VECTOR)                         \
    X(OUT_NORM, "output_norm.weight", END, 1, 1, EMBD, VECTOR)                                     \
    X(OUT_NORM_BIAS, "output_norm.bias", END, 1, 1, EMBD, VECTOR)                                  \
    X(HEAD, "output.weight", END, 1, VOCAB, EMBD, MATRIX)                                          \
    X(HEAD_BIAS, "output.bias", END, 1, 1, VOCAB, VECTOR)

/* What a parameter is, so that code finds it without its name. */
#define ENG_PARAM_ENUM(id, name, place, outer, rows, cols, sort) ENG_P_##id,
typedef enum eng_param_kind { ENG_PARAM_TABLE(ENG_PARAM_ENUM) ENG_P_N } eng_param_kind;
#undef ENG_PARAM_ENUM

#endif
