/* family_qwen3.c - qwen3: llama with an RMSNorm over each head of q and k before RoPE.
 *
 * Its rows are stored as they were trained: RoPE turns the pairs (i, i + head_dim/2).
 */
#include "engine/model/family.h"

const eng_family eng_family_qwen3 = {"qwen3", ENG_ROPE_HALF, true};
