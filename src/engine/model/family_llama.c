/* family_llama.c - llama: RMSNorm, RoPE, grouped-query attention, SwiGLU.
 *
 * GGUF stores its q and k rows permuted so that RoPE turns neighbours: element pairs (2i, 2i + 1).
 */
#include "engine/model/family.h"

const eng_family eng_family_llama = {"llama", ENG_ROPE_PAIRS, false};
