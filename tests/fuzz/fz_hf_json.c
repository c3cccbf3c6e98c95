/* fz_hf_json.c - any bytes as a tokenizer.json: refused, or a vocabulary that encodes. */
#include "engine/token/hf_read.h"
#include "tests/fuzz/hf_vocab.h"
#include "tests/fuzz/promise.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A vocabulary may leave 4096 ids out (hf_read.c): each gets a name and its places in the tables.
 */
enum { FOR_GAPS = 4096 * 256 };

/* The whole way of a tokenizer.json: its JSON, the keys of a GGUF, a vocabulary, texts. */
static void read_and_encode(const char *text, size_t size)
{
    eng_hf_read r;
    eng_gguf_writer *w = NULL;
    if (eng_hf_read_init(&r, 0, NULL)) return;
    sk_status st = eng_gguf_build(&w, NULL);
    if (!st) st = eng_hf_read_json(&r, text, size);
    if (!st) st = eng_hf_read_put(&r, w);
    eng_hf_read_fini(&r);
    hf_vocab_try(st, w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_watch_begin();
    read_and_encode((const char *)data, size);
    fuzz_watch_end(size, FUZZ_JSON_TIMES * size + FOR_GAPS);
    return 0;
}
