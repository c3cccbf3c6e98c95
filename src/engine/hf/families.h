/* families.h - every family, once.  A new one is a row here and its tables in a fam_*.c. */
#ifndef ENG_HF_FAMILIES_H
#define ENG_HF_FAMILIES_H

#include "engine/hf/family.h"

#define ENG_HF_FAMILIES(ROW)                                                                       \
    ROW(eng_hf_llama)                                                                              \
    ROW(eng_hf_mistral)                                                                            \
    ROW(eng_hf_mixtral)                                                                            \
    ROW(eng_hf_smollm3)                                                                            \
    ROW(eng_hf_granite)                                                                            \
    ROW(eng_hf_granitemoe)                                                                         \
    ROW(eng_hf_minicpm)                                                                            \
    ROW(eng_hf_internlm2)                                                                          \
    ROW(eng_hf_olmo)                                                                               \
    ROW(eng_hf_olmo2)                                                                              \
    ROW(eng_hf_olmo3)                                                                              \
    ROW(eng_hf_olmoe)                                                                              \
    ROW(eng_hf_exaone4)                                                                            \
    ROW(eng_hf_ernie)                                                                              \
    ROW(eng_hf_ernie_moe)                                                                          \
    ROW(eng_hf_qwen2)                                                                              \
    ROW(eng_hf_qwen3)                                                                              \
    ROW(eng_hf_qwen2moe)                                                                           \
    ROW(eng_hf_qwen3moe)                                                                           \
    ROW(eng_hf_seed)                                                                               \
    ROW(eng_hf_glm4)                                                                               \
    ROW(eng_hf_gemma)                                                                              \
    ROW(eng_hf_gemma2)                                                                             \
    ROW(eng_hf_gemma3)                                                                             \
    ROW(eng_hf_gpt2)                                                                               \
    ROW(eng_hf_starcoder)                                                                          \
    ROW(eng_hf_starcoder2)                                                                         \
    ROW(eng_hf_neox)                                                                               \
    ROW(eng_hf_bloom)                                                                              \
    ROW(eng_hf_mpt)                                                                                \
    ROW(eng_hf_falcon)                                                                             \
    ROW(eng_hf_stablelm)                                                                           \
    ROW(eng_hf_nemotron)                                                                           \
    ROW(eng_hf_phi2)                                                                               \
    ROW(eng_hf_phi3)                                                                               \
    ROW(eng_hf_command_r)                                                                          \
    ROW(eng_hf_cohere2)                                                                            \
    ROW(eng_hf_deepseek)                                                                           \
    ROW(eng_hf_gpt_oss)

#define ENG_HF_DECLARE(name) extern const eng_hf_family name;
ENG_HF_FAMILIES(ENG_HF_DECLARE)
#undef ENG_HF_DECLARE

#endif
