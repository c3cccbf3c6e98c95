/* fz_safetensors.c - any bytes as a safetensors file: no crash, and every tensor lies inside. */
#include "engine/format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eng_st *s = NULL;
    if (eng_st_open_bytes(data, size, &s, NULL)) return 0;
    for (size_t i = 0; i < eng_st_n(s); i++) {
        const eng_st_tensor *t = eng_st_at(s, i);
        const uint8_t *p = t->data;
        if (p < data || t->bytes > size || (size_t)(p - data) > size - t->bytes) __builtin_trap();
        if (eng_st_find(s, t->name) != t) __builtin_trap();
    }
    eng_st_close(s);
    return 0;
}
