/* answers.h - what the targets of grammars have in common: a grammar and, behind the first NUL,
 * bytes that are tried as an answer. */
#ifndef TESTS_FUZZ_ANSWERS_H
#define TESTS_FUZZ_ANSWERS_H

#include "base/json.h"
#include "engine/grammar/grammar.h"
#include "engine/token/bpe_train.h"
#include "tests/fuzz/promise.h"

#include <stdint.h>
#include <string.h>

/* Bytes of the notebook, bytes of text that are read, expressions and edges of what is compiled. */
enum { ANSWERS_NOTES = 1 << 22, ANSWERS_TEXT = 1 << 16, ANSWERS_NODES = 20000 };

/* Bytes a grammar may hold, and ask for at once.  They are not a multiple of its text, since a few
 * bytes say "up to 4,000 of these"; they are one of the nodes it may have, beside the notebook. */
#define ANSWERS_HELD ((size_t)4 * ANSWERS_NOTES + (size_t)1024 * ANSWERS_NODES)
#define ANSWERS_LARGEST ((size_t)2 * ANSWERS_NOTES + (size_t)256 * ANSWERS_NODES)

/* A small vocabulary and its tree, made once. */
static inline const eng_tokentrie *answers_trie(void)
{
    static eng_vocab *v;
    static eng_tokentrie *t;
    static const char text[] =
        "{\"name\": \"abc\", \"list\": [1, 2, 3], \"name\": {\"a\": true}} \"abc\" 12 12";
    eng_bpe_opts o = {.n_vocab = 262};
    if (!v) must(eng_bpe_train(text, sizeof(text) - 1, &o, &v, NULL) == SK_OK);
    if (!t) must(eng_tokentrie_new(v, &t, NULL) == SK_OK);
    return t;
}

/* The mask and a try of the token agree, for some tokens. */
static inline void answers_check(eng_matcher *m, const uint64_t *mask, uint8_t at)
{
    sk_err e = SK_ERR_INIT;
    for (int32_t id = at % 5; id < 262; id += 5) {
        size_t taken = 0;
        if (eng_matcher_check(m, &id, 1, &taken, &e)) return;
        must((taken == 1) == (mask[id >> 6] >> (id & 63) & 1));
    }
}

/* Opens a grammar with fn and walks the answer; every failure has a sentence. */
static inline void answers_try(const uint8_t *data, size_t size,
                               sk_status (*fn)(const eng_tokentrie *, const char *, size_t,
                                               const eng_grammar_opts *, eng_grammar **, sk_err *))
{
    const char *p = (const char *)data, *nul = memchr(p, 0, size);
    size_t n = nul ? (size_t)(nul - p) : size, left = nul ? size - n - 1 : 0;
    eng_grammar_opts o = {
        .max_text = ANSWERS_TEXT, .max_memory = ANSWERS_NOTES, .max_nodes = ANSWERS_NODES};
    eng_grammar *g = NULL;
    eng_matcher *m = NULL;
    uint64_t mask[8] = {0};
    sk_err e = SK_ERR_INIT;
    const eng_tokentrie *t = answers_trie();
    fuzz_watch_begin();
    if (fn(t, p, n, &o, &g, &e)) {
        fuzz_watch_within(size, ANSWERS_LARGEST, ANSWERS_HELD);
        must(e.status != SK_OK && e.text[0]);
        return;
    }
    must(eng_matcher_new(g, &m, &e) == SK_OK);
    for (size_t i = 0; i < left && i < 200; i++) {
        if (eng_matcher_mask(m, mask, &e)) break;
        answers_check(m, mask, (uint8_t)i);
        if (eng_matcher_accept_bytes(m, nul + 1 + i, 1, &e)) break;
    }
    must(e.status == SK_OK || e.text[0]);
    eng_matcher_free(m);
    fuzz_watch_within(size, ANSWERS_LARGEST, ANSWERS_HELD);
    eng_grammar_close(g);
}

#endif
