/* hf_vocab.h - what the targets of Hugging Face's tokenizer files do with what they have read. */
#ifndef TESTS_FUZZ_HF_VOCAB_H
#define TESTS_FUZZ_HF_VOCAB_H

#include "engine/format/gguf_build.h"
#include "engine/token/vocab.h"

/* A few texts that reach all kinds of token. */
static inline void hf_vocab_encode(const eng_vocab *v)
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

/* The rest of the way: the keys of a GGUF that w holds, a vocabulary, texts.  st says whether there
 * are any; w is gone after it. */
static inline void hf_vocab_try(sk_status st, eng_gguf_writer *w)
{
    eng_gguf *g = NULL;
    eng_vocab *v = NULL;
    if (st) {
        eng_gguf_abort(w);
        return;
    }
    if (!eng_gguf_build_open(w, &g, NULL) && !eng_vocab_from_gguf(g, &v, NULL)) hf_vocab_encode(v);
    eng_vocab_close(v);
    eng_gguf_close(g);
}

#endif
