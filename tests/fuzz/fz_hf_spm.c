/* fz_hf_spm.c - any bytes as a tokenizer.model: refused, or a vocabulary that encodes. */
#include "engine/token/hf_read.h"
#include "tests/fuzz/hf_vocab.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    eng_hf_read r;
    eng_gguf_writer *w = NULL;
    if (eng_hf_read_init(&r, 0, NULL)) return 0;
    sk_status st = eng_gguf_build(&w, NULL);
    if (!st) st = eng_hf_read_spm(&r, (const char *)data, size);
    if (!st) st = eng_hf_read_lay_out(&r);
    if (!st) st = eng_hf_read_put(&r, w);
    eng_hf_read_fini(&r);
    hf_vocab_try(st, w);
    return 0;
}
