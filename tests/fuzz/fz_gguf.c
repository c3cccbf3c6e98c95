/* fz_gguf.c - any bytes as a GGUF: no crash, and what opens can be asked everything; the tokenizer
 * in it likewise. */
#include "engine/format/gguf.h"

#include "base/mem.h"
#include "engine/token/vocab.h"
#include "tests/fuzz/promise.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Bytes held for a byte of a vocabulary, which is a few tables over its pieces. */
enum { VOCAB_TIMES = 64 };

/* Reads n bytes, so that a sanitizer sees whether they are there. */
static unsigned touch(const void *p, uint64_t n)
{
    unsigned sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += ((const uint8_t *)p)[i];
    return sum;
}

/* Every question about one key, by its name. */
static void ask_key(const eng_gguf *g, size_t i)
{
    sk_buf name = SK_BUF_INIT, text = SK_BUF_INIT;
    eng_str key = eng_gguf_key_at(g, i), s = {NULL, 0};
    uint64_t u;
    double f;
    bool b;
    int64_t v;
    size_t n = 0;
    sk_buf_add(&name, key.p, key.n);
    must(sk_buf_ok(&name) && strlen(name.p) == key.n);
    (void)eng_gguf_u64(g, name.p, &u, NULL);
    (void)eng_gguf_f64(g, name.p, &f, NULL);
    (void)eng_gguf_bool(g, name.p, &b, NULL);
    if (!eng_gguf_str(g, name.p, &s, NULL)) (void)touch(s.p, s.n);
    bool array = !eng_gguf_arr_len(g, name.p, &n, NULL);
    for (size_t k = 0; array && k <= n && k < 256; k++) {
        if (!eng_gguf_arr_str(g, name.p, k, &s, NULL)) (void)touch(s.p, s.n);
        must(eng_gguf_arr_i64(g, name.p, k, &v, NULL) || k < n);
        must(eng_gguf_arr_f64(g, name.p, k, &f, NULL) || k < n);
    }
    eng_gguf_key_text(g, i, &text);
    must(text.len > 0 && text.len < 4096);
    sk_buf_fini(&name);
    sk_buf_fini(&text);
}

/* A tokenizer out of hostile hands still encodes without harm, and to ids it has. */
static void ask_vocab(const eng_gguf *g)
{
    static const char text[] =
        "It's 12 <|im_end|> \xff\n\n  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    eng_vocab *v = NULL;
    if (eng_vocab_from_gguf(g, &v, NULL)) return;
    for (unsigned flags = 0; flags < 4; flags++) {
        eng_ids ids = {NULL, 0, 0};
        must(eng_vocab_encode(v, text, sizeof text - 1, flags, &ids, NULL) == SK_OK);
        for (size_t i = 0; i < ids.n; i++) {
            size_t n;
            const char *p = eng_vocab_piece(v, ids.id[i], true, &n);
            must(ids.id[i] >= 0 && (size_t)ids.id[i] < eng_vocab_size(v));
            (void)touch(p, n);
            (void)eng_vocab_is_end(v, ids.id[i]);
        }
        eng_ids_fini(&ids);
    }
    eng_vocab_close(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sk_err e = SK_ERR_INIT;
    eng_gguf *g = NULL;
    uint64_t before = sk_mem_bytes(SK_MEM_MISC);
    fuzz_watch_begin();
    if (eng_gguf_open_bytes(data, size, &g, &e)) {
        must(!g && e.status && e.text[0]);
        must(sk_mem_bytes(SK_MEM_MISC) == before);
        fuzz_watch_end(size, 5 * size / 2);
        return 0;
    }
    fuzz_watch_end(size, 5 * size / 2);
    for (size_t i = 0; i < eng_gguf_n_keys(g); i++)
        ask_key(g, i);
    for (size_t i = 0; i < eng_gguf_n_tensors(g); i++) {
        const eng_gguf_tensor *t = eng_gguf_tensor_at(g, i);
        (void)touch(t->data, t->bytes);
        (void)touch(t->name.p, t->name.n);
    }
    fuzz_watch_begin();
    ask_vocab(g);
    fuzz_watch_end(size, VOCAB_TIMES * size);
    eng_gguf_close(g);
    return 0;
}
