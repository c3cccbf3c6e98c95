/* family.c - the list of families. */
#include "engine/hf/families.h"

#include <string.h>

static const eng_hf_family *const families[] = {
#define ROW(name) &name,
    ENG_HF_FAMILIES(ROW)
#undef ROW
};

enum { N = sizeof families / sizeof *families };

const eng_hf_family *eng_hf_family_of_class(const char *name)
{
    for (size_t i = 0; i < N; i++)
        for (const char *const *c = families[i]->classes; *c; c++)
            if (!strcmp(*c, name)) return families[i];
    return NULL;
}

/* Whether one of its names makes a stack of experts. */
static bool has_experts(const eng_hf_family *f)
{
    for (const eng_hf_name *const *list = f->names; *list; list++)
        for (const eng_hf_name *n = *list; n->hf; n++)
            if (n->gguf && strstr(n->gguf, "ffn_up_exps")) return true;
    return false;
}

const eng_hf_family *eng_hf_family_of_arch(const char *arch, bool experts)
{
    const eng_hf_family *best = NULL;
    for (size_t i = 0; i < N; i++) {
        const eng_hf_family *f = families[i];
        if (!strcmp(f->arch, arch) && has_experts(f) == experts &&
            (!best || (!best->write && f->write)))
            best = f;
    }
    return best;
}

const eng_hf_key eng_hf_common_keys[] = {
    {"max_position_embeddings|n_ctx|n_positions|max_seq_len|seq_length|max_length",
     "context_length", ENG_HF_INT},
    {"hidden_size|n_embd|n_embed|d_model", "embedding_length", ENG_HF_INT},
    {"num_hidden_layers|n_layer|n_layers|num_layers", "block_count", ENG_HF_INT},
    {"intermediate_size|n_inner|ffn_dim", "feed_forward_length", ENG_HF_INT},
    {"num_attention_heads|n_head|n_heads", "attention.head_count", ENG_HF_INT},
    {"num_key_value_heads|n_kv_heads|num_kv_heads|n_head_kv", "attention.head_count_kv",
     ENG_HF_INT},
    {"head_dim", "attention.key_length", ENG_HF_INT},
    {"head_dim", "attention.value_length", ENG_HF_INT},
    {"rms_norm_eps", "attention.layer_norm_rms_epsilon", ENG_HF_NUM},
    {"layer_norm_eps|layer_norm_epsilon|norm_epsilon", "attention.layer_norm_epsilon", ENG_HF_NUM},
    {"num_local_experts|num_experts|n_routed_experts|moe_num_experts", "expert_count", ENG_HF_INT},
    {"num_experts_per_tok|num_experts_per_token|moe_k", "expert_used_count", ENG_HF_INT},
    {"vocab_size", "vocab_size", ENG_HF_INT},
    {NULL, NULL, ENG_HF_INT},
};
