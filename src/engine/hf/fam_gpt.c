/* fam_gpt.c - the line of GPT-2: LayerNorm with biases, fused q, k, v, no gate. */
#include "engine/hf/config.h"
#include "engine/hf/families.h"
#include "engine/hf/names.h"

#define B "blk.#."

/* ---- gpt2, starcoder ---- */

#define H "transformer.h.#."
#define GPT2_NAMES(matrix)                                                                         \
    {"transformer.wte.weight", "token_embd.weight", ENG_HF_SAME},                                  \
        {"transformer.wpe.weight", "position_embd.weight", ENG_HF_SAME},                           \
        {"transformer.ln_f.weight", "output_norm.weight", ENG_HF_SAME},                            \
        {"transformer.ln_f.bias", "output_norm.bias", ENG_HF_SAME},                                \
        {"lm_head.weight", "output.weight", ENG_HF_SAME}, {H "attn.bias", NULL, ENG_HF_SKIP},      \
        {H "attn.masked_bias", NULL, ENG_HF_SKIP},                                                 \
        {H "ln_1.weight", B "attn_norm.weight", ENG_HF_SAME},                                      \
        {H "ln_1.bias", B "attn_norm.bias", ENG_HF_SAME},                                          \
        {H "ln_2.weight", B "ffn_norm.weight", ENG_HF_SAME},                                       \
        {H "ln_2.bias", B "ffn_norm.bias", ENG_HF_SAME},                                           \
        {H "attn.c_attn.weight", B "attn_qkv.weight", (matrix)},                                   \
        {H "attn.c_attn.bias", B "attn_qkv.bias", ENG_HF_SAME},                                    \
        {H "attn.c_proj.weight", B "attn_output.weight", (matrix)},                                \
        {H "attn.c_proj.bias", B "attn_output.bias", ENG_HF_SAME},                                 \
        {H "mlp.c_fc.weight", B "ffn_up.weight", (matrix)},                                        \
        {H "mlp.c_fc.bias", B "ffn_up.bias", ENG_HF_SAME},                                         \
        {H "mlp.c_proj.weight", B "ffn_down.weight", (matrix)},                                    \
        {H "mlp.c_proj.bias", B "ffn_down.bias", ENG_HF_SAME},                                     \
    {                                                                                              \
        NULL, NULL, ENG_HF_SAME                                                                    \
    }

static const eng_hf_name gpt2_list[] = {GPT2_NAMES(ENG_HF_TRANSPOSE)};
static const eng_hf_name starcoder_list[] = {GPT2_NAMES(ENG_HF_SAME)};
static const eng_hf_name *const gpt2_names[] = {gpt2_list, NULL};
static const eng_hf_name *const starcoder_names[] = {starcoder_list, NULL};

/* The feed-forward is four times as wide where n_inner does not say otherwise. */
static sk_status read_wide(eng_hf_in *in, sk_err *e)
{
    double v = 0;
    (void)e;
    if (!eng_hf_num(in, "n_inner|intermediate_size|ffn_dim", &v))
        eng_hf_put_int(in, "feed_forward_length", 4 * in->n_embd);
    return SK_OK;
}

static sk_status read_starcoder(eng_hf_in *in, sk_err *e)
{
    if (!json_is_true(json_object_get(in->cfg, "multi_query")))
        return sk_fail(e, SK_E_UNSUPPORTED, "gpt_bigcode without multi_query is not supported");
    eng_hf_put_int(in, "attention.head_count_kv", 1);
    return read_wide(in, e);
}

static const char *const gpt2_classes[] = {"GPT2LMHeadModel", NULL};
const eng_hf_family eng_hf_gpt2 = {"gpt2", gpt2_classes, "gpt2", gpt2_names, NULL, read_wide, NULL};

static const char *const starcoder_classes[] = {"GPTBigCodeForCausalLM", NULL};
const eng_hf_family eng_hf_starcoder = {
    "starcoder", starcoder_classes, "gpt_bigcode", starcoder_names, NULL, read_starcoder, NULL};

static const eng_hf_name starcoder2_mlp[] = {
    {"model.layers.#.mlp.c_fc.weight", B "ffn_up.weight", ENG_HF_SAME},
    {"model.layers.#.mlp.c_fc.bias", B "ffn_up.bias", ENG_HF_SAME},
    {"model.layers.#.mlp.c_proj.weight", B "ffn_down.weight", ENG_HF_SAME},
    {"model.layers.#.mlp.c_proj.bias", B "ffn_down.bias", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const starcoder2_names[] = {eng_hf_ends, eng_hf_attn, starcoder2_mlp,
                                                      eng_hf_pre_norms, NULL};
static const char *const starcoder2_classes[] = {"Starcoder2ForCausalLM", NULL};
const eng_hf_family eng_hf_starcoder2 = {
    "starcoder2", starcoder2_classes, "starcoder2", starcoder2_names, NULL,
    NULL,         eng_hf_write_plain};

/* ---- gptneox ---- */

#define G "gpt_neox.layers.#."
static const eng_hf_name neox_list[] = {
    {"gpt_neox.embed_in.weight", "token_embd.weight", ENG_HF_SAME},
    {"gpt_neox.final_layer_norm.weight", "output_norm.weight", ENG_HF_SAME},
    {"gpt_neox.final_layer_norm.bias", "output_norm.bias", ENG_HF_SAME},
    {"embed_out.weight", "output.weight", ENG_HF_SAME},
    {G "attention.bias", NULL, ENG_HF_SKIP},
    {G "attention.masked_bias", NULL, ENG_HF_SKIP},
    {G "attention.rotary_emb.inv_freq", NULL, ENG_HF_SKIP},
    {G "input_layernorm.weight", B "attn_norm.weight", ENG_HF_SAME},
    {G "input_layernorm.bias", B "attn_norm.bias", ENG_HF_SAME},
    {G "post_attention_layernorm.weight", B "ffn_norm.weight", ENG_HF_SAME},
    {G "post_attention_layernorm.bias", B "ffn_norm.bias", ENG_HF_SAME},
    {G "attention.query_key_value.weight", B "attn_qkv.weight", ENG_HF_QKV_HEADS},
    {G "attention.query_key_value.bias", B "attn_qkv.bias", ENG_HF_QKV_HEADS},
    {G "attention.dense.weight", B "attn_output.weight", ENG_HF_SAME},
    {G "attention.dense.bias", B "attn_output.bias", ENG_HF_SAME},
    {G "mlp.dense_h_to_4h.weight", B "ffn_up.weight", ENG_HF_SAME},
    {G "mlp.dense_h_to_4h.bias", B "ffn_up.bias", ENG_HF_SAME},
    {G "mlp.dense_4h_to_h.weight", B "ffn_down.weight", ENG_HF_SAME},
    {G "mlp.dense_4h_to_h.bias", B "ffn_down.bias", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const neox_names[] = {neox_list, NULL};

static sk_status read_neox(eng_hf_in *in, sk_err *e)
{
    (void)e;
    eng_hf_put_n_rot(in, 1.0);
    eng_hf_put_bool(in, "use_parallel_residual",
                    !json_is_false(json_object_get(in->cfg, "use_parallel_residual")));
    return SK_OK;
}

static const char *const neox_classes[] = {"GPTNeoXForCausalLM", NULL};
const eng_hf_family eng_hf_neox = {"gptneox", neox_classes, "gpt_neox", neox_names,
                                   NULL,      read_neox,    NULL};

/* ---- bloom ---- */

#define BLOOM(p)                                                                                   \
    {p "word_embeddings.weight", "token_embd.weight", ENG_HF_SAME},                                \
        {p "word_embeddings_layernorm.weight", "token_embd_norm.weight", ENG_HF_SAME},             \
        {p "word_embeddings_layernorm.bias", "token_embd_norm.bias", ENG_HF_SAME},                 \
        {p "ln_f.weight", "output_norm.weight", ENG_HF_SAME},                                      \
        {p "ln_f.bias", "output_norm.bias", ENG_HF_SAME},                                          \
        {p "h.#.input_layernorm.weight", B "attn_norm.weight", ENG_HF_SAME},                       \
        {p "h.#.input_layernorm.bias", B "attn_norm.bias", ENG_HF_SAME},                           \
        {p "h.#.post_attention_layernorm.weight", B "ffn_norm.weight", ENG_HF_SAME},               \
        {p "h.#.post_attention_layernorm.bias", B "ffn_norm.bias", ENG_HF_SAME},                   \
        {p "h.#.self_attention.query_key_value.weight", B "attn_qkv.weight", ENG_HF_QKV_HEADS},    \
        {p "h.#.self_attention.query_key_value.bias", B "attn_qkv.bias", ENG_HF_QKV_HEADS},        \
        {p "h.#.self_attention.dense.weight", B "attn_output.weight", ENG_HF_SAME},                \
        {p "h.#.self_attention.dense.bias", B "attn_output.bias", ENG_HF_SAME},                    \
        {p "h.#.mlp.dense_h_to_4h.weight", B "ffn_up.weight", ENG_HF_SAME},                        \
        {p "h.#.mlp.dense_h_to_4h.bias", B "ffn_up.bias", ENG_HF_SAME},                            \
        {p "h.#.mlp.dense_4h_to_h.weight", B "ffn_down.weight", ENG_HF_SAME},                      \
    {                                                                                              \
        p "h.#.mlp.dense_4h_to_h.bias", B "ffn_down.bias", ENG_HF_SAME                             \
    }

static const eng_hf_name bloom_list[] = {
    BLOOM(""),
    BLOOM("transformer."),
    {"lm_head.weight", "output.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const bloom_names[] = {bloom_list, NULL};

static sk_status read_bloom(eng_hf_in *in, sk_err *e)
{
    double v = 0;
    if (!eng_hf_num(in, "seq_length", &v)) eng_hf_put_int(in, "context_length", in->n_embd);
    return read_wide(in, e);
}

static const char *const bloom_classes[] = {"BloomForCausalLM", "BloomModel", NULL};
const eng_hf_family eng_hf_bloom = {"bloom", bloom_classes, "bloom", bloom_names,
                                    NULL,    read_bloom,    NULL};

/* ---- mpt ---- */

#define M "transformer.blocks.#."
static const eng_hf_name mpt_list[] = {
    {"transformer.wte.weight", "token_embd.weight", ENG_HF_SAME},
    {"transformer.wpe.weight", "position_embd.weight", ENG_HF_SAME},
    {"transformer.norm_f.weight", "output_norm.weight", ENG_HF_SAME},
    {"transformer.norm_f.bias", "output_norm.bias", ENG_HF_SAME},
    {"lm_head.weight", "output.weight", ENG_HF_SAME},
    {M "norm_1.weight", B "attn_norm.weight", ENG_HF_SAME},
    {M "norm_1.bias", B "attn_norm.bias", ENG_HF_SAME},
    {M "norm_2.weight", B "ffn_norm.weight", ENG_HF_SAME},
    {M "norm_2.bias", B "ffn_norm.bias", ENG_HF_SAME},
    {M "attn.Wqkv.weight", B "attn_qkv.weight", ENG_HF_SAME},
    {M "attn.Wqkv.bias", B "attn_qkv.bias", ENG_HF_SAME},
    {M "attn.out_proj.weight", B "attn_output.weight", ENG_HF_SAME},
    {M "attn.out_proj.bias", B "attn_output.bias", ENG_HF_SAME},
    {M "attn.q_ln.weight", B "attn_q_norm.weight", ENG_HF_SAME},
    {M "attn.q_ln.bias", B "attn_q_norm.bias", ENG_HF_SAME},
    {M "attn.k_ln.weight", B "attn_k_norm.weight", ENG_HF_SAME},
    {M "attn.k_ln.bias", B "attn_k_norm.bias", ENG_HF_SAME},
    {M "ffn.up_proj.weight", B "ffn_up.weight", ENG_HF_SAME},
    {M "ffn.up_proj.bias", B "ffn_up.bias", ENG_HF_SAME},
    {M "ffn.down_proj.weight", B "ffn_down.weight", ENG_HF_SAME},
    {M "ffn.down_proj.bias", B "ffn_down.bias", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const mpt_names[] = {mpt_list, NULL};

/* Its attention has a dictionary of its own. */
static sk_status read_mpt(eng_hf_in *in, sk_err *e)
{
    json_t *attn = json_object_get(in->cfg, "attn_config");
    double v = 0;
    eng_hf_put_num(in, "attention.layer_norm_epsilon", 1e-5);
    if (eng_hf_num_in(attn, "kv_n_heads", &v)) eng_hf_put_int(in, "attention.head_count_kv", v);
    if (eng_hf_num_in(attn, "clip_qkv", &v)) eng_hf_put_num(in, "attention.clamp_kqv", v);
    bool alibi = json_is_true(json_object_get(attn, "alibi"));
    if (!eng_hf_num_in(attn, "alibi_bias_max", &v)) v = 8;
    eng_hf_put_num(in, "attention.max_alibi_bias", alibi ? v : 0);
    return read_wide(in, e);
}

static const char *const mpt_classes[] = {"MPTForCausalLM", "MptForCausalLM", NULL};
const eng_hf_family eng_hf_mpt = {"mpt", mpt_classes, "mpt", mpt_names, NULL, read_mpt, NULL};

/* ---- falcon ---- */

static const eng_hf_name falcon_list[] = {
    {"transformer.word_embeddings.weight", "token_embd.weight", ENG_HF_SAME},
    {"transformer.ln_f.weight", "output_norm.weight", ENG_HF_SAME},
    {"transformer.ln_f.bias", "output_norm.bias", ENG_HF_SAME},
    {"lm_head.weight", "output.weight", ENG_HF_SAME},
    {H "input_layernorm.weight", B "attn_norm.weight", ENG_HF_SAME},
    {H "input_layernorm.bias", B "attn_norm.bias", ENG_HF_SAME},
    {H "ln_attn.weight", B "attn_norm_2.weight", ENG_HF_SAME},
    {H "ln_attn.bias", B "attn_norm_2.bias", ENG_HF_SAME},
    {H "ln_mlp.weight", B "attn_norm.weight", ENG_HF_SAME},
    {H "ln_mlp.bias", B "attn_norm.bias", ENG_HF_SAME},
    {H "self_attention.query_key_value.weight", B "attn_qkv.weight", ENG_HF_QKV_GROUPS},
    {H "self_attention.dense.weight", B "attn_output.weight", ENG_HF_SAME},
    {H "mlp.dense_h_to_4h.weight", B "ffn_up.weight", ENG_HF_SAME},
    {H "mlp.dense_4h_to_h.weight", B "ffn_down.weight", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const falcon_names[] = {falcon_list, NULL};

static sk_status read_falcon(eng_hf_in *in, sk_err *e)
{
    double v = 0;
    if (json_is_true(json_object_get(in->cfg, "alibi")) ||
        json_is_false(json_object_get(in->cfg, "parallel_attn")))
        return sk_fail(e, SK_E_UNSUPPORTED,
                       "falcon with alibi or without parallel_attn is not "
                       "supported");
    if (!eng_hf_num(in, "num_kv_heads|n_head_kv", &v)) in->n_kv_head = 1;
    if (json_is_true(json_object_get(in->cfg, "multi_query")) &&
        !json_is_true(json_object_get(in->cfg, "new_decoder_architecture")))
        in->n_kv_head = 1;
    eng_hf_put_int(in, "attention.head_count_kv", in->n_kv_head);
    if (!eng_hf_num(in, "max_position_embeddings", &v)) eng_hf_put_int(in, "context_length", 2048);
    return read_wide(in, e);
}

static const char *const falcon_classes[] = {"FalconForCausalLM", "RWForCausalLM", NULL};
const eng_hf_family eng_hf_falcon = {"falcon", falcon_classes, "falcon", falcon_names,
                                     NULL,     read_falcon,    NULL};

/* ---- stablelm ---- */

static const eng_hf_name stablelm_norms[] = {
    {"model.layers.#.self_attn.q_layernorm.norms.@.weight", B "attn_q_norm.weight", ENG_HF_STACK},
    {"model.layers.#.self_attn.k_layernorm.norms.@.weight", B "attn_k_norm.weight", ENG_HF_STACK},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const stablelm_names[] = {eng_hf_ends,      eng_hf_attn,    eng_hf_mlp,
                                                    eng_hf_pre_norms, stablelm_norms, NULL};

static sk_status read_stablelm(eng_hf_in *in, sk_err *e)
{
    json_t *parallel = json_object_get(in->cfg, "use_parallel_residual");
    (void)e;
    eng_hf_put_n_rot(in, 0.25);
    eng_hf_put_bool(in, "use_parallel_residual", !parallel || json_is_true(parallel));
    return SK_OK;
}

static const char *const stablelm_classes[] = {"StableLmForCausalLM", "StableLMEpochForCausalLM",
                                               NULL};
const eng_hf_family eng_hf_stablelm = {"stablelm", stablelm_classes, "stablelm", stablelm_names,
                                       NULL,       read_stablelm,    NULL};

/* ---- nemotron ---- */

static const eng_hf_name nemotron_norms[] = {
    {"model.norm.weight", "output_norm.weight", ENG_HF_ADD_ONE},
    {"model.layers.#.input_layernorm.weight", B "attn_norm.weight", ENG_HF_ADD_ONE},
    {"model.layers.#.input_layernorm.bias", B "attn_norm.bias", ENG_HF_SAME},
    {"model.layers.#.post_attention_layernorm.weight", B "ffn_norm.weight", ENG_HF_ADD_ONE},
    {"model.layers.#.post_attention_layernorm.bias", B "ffn_norm.bias", ENG_HF_SAME},
    {NULL, NULL, ENG_HF_SAME},
};
static const eng_hf_name *const nemotron_names[] = {nemotron_norms, eng_hf_ends, eng_hf_attn,
                                                    eng_hf_mlp, NULL};

static sk_status read_nemotron(eng_hf_in *in, sk_err *e)
{
    double eps = 1e-5;
    (void)e;
    (void)eng_hf_num(in, "norm_eps", &eps);
    eng_hf_put_num(in, "attention.layer_norm_epsilon", eps);
    eng_hf_put_n_rot(in, 0.5);
    return SK_OK;
}

static const char *const nemotron_classes[] = {"NemotronForCausalLM", NULL};
const eng_hf_family eng_hf_nemotron = {"nemotron", nemotron_classes, "nemotron", nemotron_names,
                                       NULL,       read_nemotron,    NULL};
