/* fz_encode.c - any bytes as text: encoded and decoded they are the same bytes, with every
 * pre-tokenizer, also by a vocabulary that was trained on those very bytes. */
#include "engine/token/bpe_train.h"
#include "engine/token/document.h"
#include "tests/fuzz/promise.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT                                                                                       \
    "the ship lay at the quay and the stokers shovelled coal; the ship's engine wasn't running\n"  \
    "for (int i = 0; i < 100; i++) { total += table[i]; }\n\n\n    1234567890 12 123\r\n\r\n"      \
    "\xe8\x88\xb9\xe3\x81\xaf\xe5\xb2\xb8\xe8\x88\xb9\xe3\x81\xaf <|im_end|> <|im_end|>\n"

/* Twice, so that every pair in it occurs twice. */
static const char corpus[] = TEXT TEXT;

static const char *const names[] = {
    "qwen2",        "gpt-2",          "llama-bpe",  "qwen35",     "starcoder",
    "deepseek-llm", "deepseek-coder", "falcon",     "default",    "deepseek-v3",
    "gpt-4o",       "tekken",         "kimi-k2",    "youtu",      "superbpe",
    "tiny_aya",     "afmoe",          "bailingmoe", "seed-coder", "exaone-moe",
    "laguna",       "jais-2",         "bloom",      "viking",     "chameleon"};
enum { N_NAMES = sizeof names / sizeof names[0] };

/* Trains; NULL when the text does not allow that many merges. */
static eng_vocab *train(const char *text, size_t n, size_t n_vocab, const char *pretok)
{
    eng_vocab *v = NULL;
    sk_err e = SK_ERR_INIT;
    eng_bpe_opts o = {.n_vocab = n_vocab, .pretok = pretok};
    sk_status st = eng_bpe_train(text, n, &o, &v, &e);
    must(st == SK_OK || st == SK_E_INVALID);
    must((st == SK_OK) == (v != NULL));
    return v;
}

/* There and back, special tokens read or not. */
static void round_trip(const eng_vocab *v, const char *text, size_t size, unsigned flags)
{
    eng_ids ids = {NULL, 0, 0};
    must(eng_vocab_encode(v, text, size, flags, &ids, NULL) == SK_OK);
    must(ids.n <= size);
    size_t at = 0;
    for (size_t i = 0; i < ids.n; i++) {
        size_t n;
        const char *p = eng_vocab_piece(v, ids.id[i], flags & ENG_TOK_SPECIAL, &n);
        must(n > 0 && n <= size - at && memcmp(p, text + at, n) == 0);
        at += n;
    }
    must(at == size);
    eng_ids_fini(&ids);
}

/* Documents lie in the text, in order. */
static void documents(const char *text, size_t size)
{
    const char *doc, *last = text;
    size_t pos = 0, len;
    while (eng_document_next(text, size, &pos, &doc, &len)) {
        must(doc >= last && len > 0 && doc + len <= text + size && pos <= size);
        last = doc + len;
    }
    must(pos == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static eng_vocab *fixed[N_NAMES]; /* the fuzzer is one thread */
    if (!size) return 0;
    size_t k = data[0] % N_NAMES;
    const char *text = (const char *)data + 1;
    size--;
    if (!fixed[k]) fixed[k] = train(corpus, sizeof corpus - 1, 290, names[k]);
    must(fixed[k]);
    round_trip(fixed[k], text, size, 0);
    round_trip(fixed[k], text, size, ENG_TOK_SPECIAL);
    documents(text, size);
    eng_vocab *own = train(text, size, 259 + data[0] / 16, names[k]);
    if (own) round_trip(own, text, size, 0);
    eng_vocab_close(own);
    return 0;
}
