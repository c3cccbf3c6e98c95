/* fz_hf_json.c - any bytes as a tokenizer.json: refused, or a vocabulary that encodes. */
#include "engine/format/gguf_build.h"
#include "engine/token/hf_read.h"
#include "tests/fuzz/promise.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A vocabulary may leave 4096 ids out (hf_read.c): each gets a name and its places in the tables.
 */
enum { FOR_GAPS = 4096 * 256 };

/* A few texts that reach all kinds of token. */
static void encode(const eng_vocab *v)
{
    static const char text[] = "The cat's  \xe2\x96\x81 12345 <s></s>\n\n\xc3\xa9 \xff a b ab";
    for (unsigned flags = 0; flags < 4; flags++) {
        eng_ids ids = {NULL, 0, 0};
        sk_buf back = SK_BUF_INIT;
        if (!eng_vocab_encode(v, text, sizeof text - 1, flags, &ids, NULL))
            (void)eng_vocab_decode(v, ids.id, ids.n, true, &back, NULL);
        sk_buf_fini(&back);
        eng_ids_fini(&ids);
    }
}

/* The whole way of a tokenizer.json: its JSON, the keys of a GGUF, a vocabulary, texts. */
static void read_and_encode(const char *text, size_t size)
{
    eng_hf_read r;
    eng_gguf_writer *w = NULL;
    eng_gguf *g = NULL;
    eng_vocab *v = NULL;
    if (eng_hf_read_init(&r, 0, NULL)) return;
    sk_status st = eng_gguf_build(&w, NULL);
    if (!st) st = eng_hf_read_json(&r, text, size);
    if (!st) st = eng_hf_read_put(&r, w);
    eng_hf_read_fini(&r);
    if (st) {
        eng_gguf_abort(w);
        return;
    }
    if (!eng_gguf_build_open(w, &g, NULL) && !eng_vocab_from_gguf(g, &v, NULL)) encode(v);
    eng_vocab_close(v);
    eng_gguf_close(g);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_watch_begin();
    read_and_encode((const char *)data, size);
    fuzz_watch_end(size, FUZZ_JSON_TIMES * size + FOR_GAPS);
    return 0;
}
