/* fz_hfconfig.c - any text as the config.json of a folder: keys or a refusal. */
#include "engine/hf/config.h"
#include "engine/hf/extra.h"
#include "tests/fuzz/promise.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sk_arena *mem = sk_arena_new(SK_MEM_MISC);
    eng_hf_in in = {0};
    eng_hf_extra extra[ENG_HF_EXTRA_MAX];
    size_t n = 0;
    if (mem && !eng_hf_config_read((const char *)data, size, mem, &in, NULL) &&
        !eng_hf_extra_make(&in, mem, extra, &n, NULL))
        must(n <= ENG_HF_EXTRA_MAX);
    json_decref(in.cfg);
    sk_arena_free(mem);
    return 0;
}
