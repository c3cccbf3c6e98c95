/* adapter.h - LoRA adapters of Hugging Face's PEFT, read as the adapter of a GGUF. */
#ifndef ENG_HF_ADAPTER_H
#define ENG_HF_ADAPTER_H

#include "engine/hf/form.h"

/* True when path is a folder with an adapter_config.json. */
bool eng_hf_is_adapter(const char *path);

/* The adapter as an open GGUF (general.type "adapter", tensors NAME.lora_a and NAME.lora_b) for a
 * base model of the architecture arch with heads of those sizes.  SK_E_UNSUPPORTED names what it
 * does that this build does not (DoRA, biases, whole modules, parts of fused matrices). */
sk_status eng_hf_adapter_open(const char *path, const char *arch, const eng_hf_sizes *z,
                              eng_gguf **out, sk_err *e);

#endif
