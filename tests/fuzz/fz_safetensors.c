/* fz_safetensors.c - any bytes as a safetensors file: no crash, and every tensor lies inside. */
#include "engine/format/safetensors.h"
#include "tests/fuzz/promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eng_st *s = NULL;
    fuzz_watch_begin();
    sk_status st = eng_st_open_bytes(data, size, &s, NULL);
    fuzz_watch_end(size, FUZZ_JSON_TIMES * size);
    if (st) return 0;
    for (size_t i = 0; i < eng_st_n(s); i++) {
        const eng_st_tensor *t = eng_st_at(s, i);
        const uint8_t *p = t->data;
        must(p >= data && t->bytes <= size && (size_t)(p - data) <= size - t->bytes);
        must(eng_st_find(s, t->name) == t);
    }
    eng_st_close(s);
    return 0;
}
